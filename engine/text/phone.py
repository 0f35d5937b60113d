"""Vietnamese phone numbers as people and spreadsheets write them.

A contact is reached by SMS, so only mobile numbers pass: +84 and nine digits. What can be mended without a
guess is mended (spaces, a country code, Excel's lost zero, the 11-digit numbers changed in 2018); everything
else is refused with a reason that tells the officer what to look at. Which prefixes exist is never written
down here: the patterns are those of ``phonenumbers`` (Google's libphonenumber), which has the last word.

The prefix names the operator that first issued the number; numbers are portable since 2018.
"""

import re
import unicodedata
from dataclasses import dataclass, field

import phonenumbers

from engine.errors import LoaError

# The change of 15/9–14/11/2018: first three of ten digits → first two of nine.
# fmt: off
CHANGED_2018 = {
    "120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
    "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
    "162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38", "169": "39",
    "186": "56", "188": "58", "199": "59",
}
# fmt: on


def _library_pattern(kind: str) -> str:
    """The library's own pattern for national numbers of one kind in Vietnam."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("VN")
    return str(getattr(metadata, kind).national_number_pattern)


# Mobile patterns of the library hold numbers of machines (14x, 16x) too: people's begin with 3, 5, 7, 8, 9.
_MOBILE = rf"(?=[35789])(?:{_library_pattern('mobile')})"
_NATIONAL_MOBILE = re.compile(_MOBILE, re.ASCII)
_NATIONAL_LANDLINE = re.compile(_library_pattern("fixed_line"), re.ASCII)
# What nearly every row holds; 13,000 numbers/s go through the library, 600,000 through this.
_WELL_FORMED = re.compile(rf"(?:0084|\+?84|0)?({_MOBILE})", re.ASCII)
_E164 = re.compile(r"\+84[35789][0-9]{8}")

_SERVICE = re.compile(r"1[89]00[0-9]{4,6}")
# 02x with an old or new area code; 069 is the network of police and army, 067 internet telephony.
_FIXED = re.compile(r"2[0-9]{8,9}|6[79][0-9]{5,7}")
_SHORT = re.compile(r"1[0-9]{2,4}")
_HOTLINE_SHORT = re.compile(r"1[0-9]{2}|10[0-9]{2}")
_POLICE = re.compile(r"69[0-9]{6,7}")  # seven digits after 069 are usual; the library knows up to six

_FLOAT = re.compile(r"([1-9][0-9]{7,13})[.,]0{1,2}")  # Excel's number read as a float
_SCIENTIFIC = re.compile(r"\+?([1-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,2})")
_LABEL = re.compile(
    r"(?:số )?(?:sđt|sdt|đtdđ|dtdd|đt|dt|dđ|điện thoại|dien thoai|di động|di dong|số|tel|phone|mobile|zalo)"
    r"[ .:]*(?=[0-9(+])",
    re.IGNORECASE,
)
_ALLOWED = re.compile(r"[0-9 +().,/;|&_\n-]+")
_ALLOWED_AND_O = re.compile(r"[0-9 +().,/;|&_\noOОоΟο-]+")
_BETWEEN = re.compile(r"[/;,|&\n]| +- +| (?:và|va|hoặc|hoac|hay|or|and) ", re.IGNORECASE)
_SEVERAL = re.compile(r"(?:(?:0084|84|0)(?:[35789][0-9]{8}|1[0-9]{9}|2[0-9]{8,9})){2,}")


class PhoneError(LoaError):
    """A number that cannot be used, with the reason. Its sentence never repeats the number."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A Vietnamese mobile number. ``e164`` is ``+84`` and nine digits; it is never shown by ``repr``."""

    e164: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _E164.fullmatch(self.e164):
            raise ValueError("not a Vietnamese mobile number in E.164 form")

    @property
    def prefix(self) -> str:
        """The original operator's prefix as people here write it: ``091``."""
        return "0" + self.e164[3:5]


def parse(text: str) -> Phone:
    """The mobile number in ``text``, however it is written.

    Accepted: ``0…``, ``84…``, ``+84…``, ``0084…``, ``(+84) 0…``, nine digits (Excel dropped the zero),
    ``912345678.0``, scientific notation with every digit still in it, old 11-digit numbers (converted),
    full-width digits, spaces, dots, dashes, brackets, invisible characters, Excel's leading apostrophe, and a
    label before the number (``ĐT: …``).

    Raises ``PhoneError``: ``empty``, ``letters``, ``letter-zero``, ``two-numbers``, ``scientific``,
    ``landline``, ``service``, ``short-number``, ``foreign``, ``prefix``, ``too-short``, ``too-long``.
    """
    found = _WELL_FORMED.fullmatch(text)
    if found:
        return Phone("+84" + found[1])
    national = _national(_digits(_clean(text)))
    mobile = _NATIONAL_MOBILE.fullmatch(national)
    if not mobile and len(national) == 10 and national[:3] in CHANGED_2018:
        national = CHANGED_2018[national[:3]] + national[3:]
        mobile = _NATIONAL_MOBILE.fullmatch(national)
    if not mobile:
        raise _refusal(national)
    return Phone("+84" + national)


def parse_hotline(text: str) -> str:
    """The digits to dial at home for a number that a message tells people to call.

    Three digits beginning with 1 and ``10xx`` (provincial 1022), 1800 and 1900, landlines with their area
    code, ``069…`` of police and army, and mobiles. Raises ``PhoneError`` with ``hotline`` where ``text`` is
    none of them, else with the codes of ``parse``.
    """
    digits = _digits(_clean(text))
    if _HOTLINE_SHORT.fullmatch(digits):
        return digits
    national = _national(digits)
    if _SERVICE.fullmatch(national):
        return national
    if _NATIONAL_MOBILE.fullmatch(national) or _NATIONAL_LANDLINE.fullmatch(national):
        return "0" + national
    if _POLICE.fullmatch(national):
        return "0" + national
    raise PhoneError("text.hotline")


def mask(e164: str) -> str:
    """A number for display: ``+84••••••123``.

    Three digits are enough for an officer to compare with a list at hand; a thousand numbers of every prefix
    share them, so they name nobody without that list.
    """
    return f"{e164[:3]}••••••{e164[-3:]}"


def _cleaning() -> dict[int, str]:
    table = {full: chr(full - 0xFEE0) for full in range(0xFF01, 0xFF5F)}  # full-width forms of ASCII
    for ordinal in (*range(0x20), *range(0x7F, 0x3001), 0xFEFF):
        category = unicodedata.category(chr(ordinal))
        if category == "Zs" or chr(ordinal) in "\t\v\f":
            table[ordinal] = " "
        elif category in ("Cf", "Cc") and chr(ordinal) not in "\n\r":
            table[ordinal] = ""
        elif category == "Pd" or ordinal == 0x2212:
            table[ordinal] = "-"
    return table | {ord("\r"): "\n"}


_CLEANING = _cleaning()


def _clean(text: str) -> str:
    """``text`` in plain characters, without what is invisible, quotes around it and a label before it."""
    cleaned = unicodedata.normalize("NFC", text).translate(_CLEANING).strip(" \n'\"`‘’“”")
    return cleaned[found.end() :] if (found := _LABEL.match(cleaned)) else cleaned


def _digits(cleaned: str) -> str:
    """The digits of one number, after ``+`` if it is written with one. Raises ``PhoneError``."""
    if not cleaned:
        raise PhoneError("text.empty")
    if found := _FLOAT.fullmatch(cleaned):
        return found[1]
    if found := _SCIENTIFIC.fullmatch(cleaned):
        decimals = found[2] or ""
        if len(decimals) != int(found[3]):  # fewer: rounded on the screen, the rest is lost
            raise PhoneError("text.scientific")
        return found[1] + decimals
    pieces = [re.sub("[^0-9]", "", piece) for piece in _BETWEEN.split(cleaned)]
    pieces = [piece for piece in pieces if piece]
    digits = "".join(pieces)
    if _SEVERAL.fullmatch(digits) or (
        len(pieces) > 1 and pieces[0] not in ("84", "0084", "0") and max(map(len, pieces)) >= 9
    ):
        raise PhoneError("text.two-numbers")
    if not _ALLOWED.fullmatch(cleaned) or not digits:
        letter_zero = digits and _ALLOWED_AND_O.fullmatch(cleaned)
        raise PhoneError("text.letter-zero" if letter_zero else "text.letters")
    if "+" in cleaned.lstrip("( ")[1:]:
        raise PhoneError("text.letters")
    return "+" + digits if "+" in cleaned else digits


def _national(digits: str) -> str:
    """The national number (no trunk zero, no country code). Raises ``PhoneError`` (``foreign``)."""
    international = digits.startswith("+") and not digits.startswith("+0")
    digits = digits.lstrip("+")
    if digits.startswith("00") and not digits.startswith("000"):
        international, digits = True, digits[2:]
    if international and not digits.startswith("84"):
        raise PhoneError("text.foreign")
    if international or (digits.startswith("84") and len(digits) > 9):  # nine digits: 084… without its zero
        return digits[2:].removeprefix("0")
    return digits.removeprefix("0")


def _refusal(national: str) -> PhoneError:
    """Why a national number is no mobile number."""
    length = len(national)
    if _SERVICE.fullmatch(national):
        return PhoneError("text.service")
    if _SHORT.fullmatch(national):
        return PhoneError("text.short-number")
    if _FIXED.fullmatch(national):
        return PhoneError("text.landline")
    if length < 9:
        return PhoneError("text.too-short", digits=length)
    if length > 9 and not (length == 10 and national.startswith("1")):
        return PhoneError("text.too-long", digits=length)
    return PhoneError("text.prefix")
