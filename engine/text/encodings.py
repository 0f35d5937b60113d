"""In which encoding a table was saved: what Excel, an operator's export and an old PC leave behind."""

import codecs

from engine.errors import LoaError

# What UTF-8 gives for the Vietnamese letters of U+1E00…: read as Windows-1258 it would be "áº" and the like.
UTF8_SIGNS = (b"\xe1\xba", b"\xe1\xbb")
_LOOKED_AT = 4096  # bytes


def utf_16(start: bytes) -> str | None:
    """UTF-16 by its mark, else by the zero half of every ASCII character; None for anything else."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    low, high = start[::2].count(0), start[1::2].count(0)
    most = len(start) // 4
    # Not none in the other half: the grave tone by itself (U+0300, as macOS writes it) has a zero there.
    if high > most and high > 4 * low:
        return "utf-16-le"
    if low > most and low > 4 * high:
        return "utf-16-be"
    return None


def decode_table(data: bytes) -> tuple[str, str]:
    """(text without its mark, encoding) of a whole small table: UTF-8, UTF-16 or Windows-1258.

    Raises ``LoaError``: ``contacts.damaged-unicode``, ``contacts.not-a-table`` or ``contacts.encoding``.
    """
    encoding = utf_16(data[:_LOOKED_AT]) or "utf-8-sig"
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        if encoding != "utf-8-sig" or data.startswith(codecs.BOM_UTF8) or any(sign in data for sign in UTF8_SIGNS):
            raise LoaError("contacts.damaged-unicode") from None
        encoding = "cp1258"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise LoaError("contacts.encoding") from None
    if "\0" in text:
        raise LoaError("contacts.not-a-table")
    return text, encoding
