"""How many SMS parts a text makes, exactly as the network counts them.

Follows 3GPP TS 23.038 (6.2.1 default alphabet and 6.2.1.1 extension table; no national language tables:
operators here do not use them) and 3GPP TS 23.040 (9.2.3.24.1, concatenation with an 8-bit reference, whose
header takes 6 octets of the 140). A text all in the default alphabet is sent as GSM-7, in septets: 160 in one
part, 153 in each of several. Anything else is UCS-2, in UTF-16 units: 70 or 67. An extension character takes
two septets (escape and character), a character beyond the BMP two units, and neither pair may straddle two
parts: so parts are packed one after another, never divided.

Texts are put into NFC first: macOS and some keyboards write "ệ" as three characters where one is sent.
"""

import re
import unicodedata
from codecs import utf_16_le_decode, utf_16_le_encode
from typing import Literal, NamedTuple

Encoding = Literal["GSM-7", "UCS-2", "UTF-8"]  # the last one is an e-mail's: nobody counts its segments

# TS 23.038, 6.2.1. Place 0x1B is the escape to the extension table and stands for no character.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# TS 23.038, 6.2.1.1: form feed is its "page break".
EXTENSION = "\f^{}\\[~]|€"

GSM_ONE, GSM_EACH = 160, 153
UCS_ONE, UCS_EACH = 70, 67

_BASIC_ASCII = "".join(filter(str.isascii, BASIC)).encode()
_EXTENSION_ASCII = "".join(filter(str.isascii, EXTENSION)).encode()
_NOT_GSM = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
# Characters that take two units: an escape pair, a surrogate pair.
_EXTENDED = re.compile(f"[{re.escape(EXTENSION)}]")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")


class Counted(NamedTuple):
    """What a text costs. ``units`` are septets (GSM-7) or UTF-16 units (UCS-2), without concatenation headers.

    An empty text has 0 units and 0 segments: nothing would be sent, and nothing is paid for.
    """

    encoding: Encoding
    segments: int
    units: int


class _Undivided(dict[int, Counted]):
    """Units → Counted, for texts in which every character takes one unit; made once a length.

    A look-up is 50 ns, making a tuple with names 500 ns, which would be half of a count.
    """

    def __init__(self, encoding: Encoding, one: int, each: int) -> None:
        super().__init__()
        self._encoding, self._one, self._each = encoding, one, each

    def __missing__(self, units: int) -> Counted:
        segments = (1 if units else 0) if units <= self._one else -(-units // self._each)
        counted = Counted(self._encoding, segments, units)
        if units <= 4096:  # no vendor takes more than 1,600 characters: a hostile text must not fill memory
            self[units] = counted
        return counted


_GSM = _Undivided("GSM-7", GSM_ONE, GSM_EACH)
_UCS = _Undivided("UCS-2", UCS_ONE, UCS_EACH)


def as_sent(text: str) -> str:
    """``text`` as it goes out and is counted: in NFC, with surrogates that belong together joined.

    A surrogate left alone stays: it is one unit of UCS-2, and a phone shows a box for it.
    """
    try:
        utf_16_le_encode(text)
    except UnicodeEncodeError:
        text = utf_16_le_decode(utf_16_le_encode(text, "surrogatepass")[0], "surrogatepass", True)[0]
    return unicodedata.normalize("NFC", text)


def count(text: str) -> Counted:
    """Encoding, segments and units of ``text``.

    Never raises for any ``str``. More than 255 segments cannot be sent as one message (the part number is one
    octet); the count is still true, and limits are the caller's.
    """
    if text.isascii():  # `bytes.translate` deletes what is plain: what is left is small or nothing
        rest = text.encode().translate(None, _BASIC_ASCII)
        if not rest:
            return _GSM[len(text)]
        if rest.translate(None, _EXTENSION_ASCII):  # a backtick or a control character
            return _UCS[len(text)]
        return _pack(text, "GSM-7", len(text) + len(rest))
    text = unicodedata.normalize("NFC", text)
    if _NOT_GSM.search(text) is None:
        extended = len(_EXTENDED.findall(text))
        return _pack(text, "GSM-7", len(text) + extended) if extended else _GSM[len(text)]
    try:
        # The codec itself: `str.encode("utf-16-le")` looks it up first, 760 ns against 160.
        units = len(utf_16_le_encode(text)[0]) // 2
    except UnicodeEncodeError:  # a lone surrogate
        text = as_sent(text)
        units = len(utf_16_le_encode(text, "surrogatepass")[0]) // 2
    return _UCS[units] if units == len(text) else _pack(text, "UCS-2", units)


def split(text: str) -> list[str]:
    """The parts as each is sent, in order: joined they are ``as_sent(text)``; an empty text has none."""
    text = as_sent(text)
    if _NOT_GSM.search(text) is None:
        pair, one, each = _EXTENDED, GSM_ONE, GSM_EACH
    else:
        pair, one, each = _BEYOND_BMP, UCS_ONE, UCS_EACH
    widths = [2 if pair.match(character) else 1 for character in text]
    if sum(widths) <= one:
        return [text] if text else []
    parts, start, used = [], 0, 0
    for at, width in enumerate(widths):
        if used + width > each:
            parts.append(text[start:at])
            start, used = at, 0
        used += width
    return [*parts, text[start:]]


def outside_gsm(text: str) -> str:
    """The characters, each once and in order, that force ``text`` into UCS-2; empty for a GSM-7 text."""
    return "".join(dict.fromkeys(_NOT_GSM.findall(as_sent(text))))


def _pack(text: str, encoding: Encoding, units: int) -> Counted:
    """Count a text with pairs in it, looking only at the pairs.

    A pair whose first unit would be the last of a part moves on whole and leaves that place unused.
    """
    if encoding == "GSM-7":
        pair, one, each = _EXTENDED, GSM_ONE, GSM_EACH
    else:
        pair, one, each = _BEYOND_BMP, UCS_ONE, UCS_EACH
    if units <= one:
        return Counted(encoding, 1, units)
    unused = 0
    for before, found in enumerate(pair.finditer(text)):
        if (found.start() + before + unused) % each == each - 1:
            unused += 1
    return Counted(encoding, -(-(units + unused) // each), units)
