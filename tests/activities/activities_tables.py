"""What stands in the small workspace of these tests."""

import unicodedata
from collections.abc import Callable
from datetime import date

from engine.content.activity_files import Activities

CAMPAIGN = "period: {from: 2027-07-01, to: 2027-09-30}\n"
TODAY = date(2027, 7, 20)
LANG_SON = "20"

Tables = Callable[..., Activities]


def windows_1258(text: str) -> bytes:
    """``text`` as an old Excel saves it: hats on the letters, tones behind them."""
    parts: list[str] = []
    for sign in unicodedata.normalize("NFD", text):
        if sign in "\u0300\u0301\u0309\u0303\u0323" or not unicodedata.combining(sign):
            parts.append(sign)
        else:
            letter = max(place for place, part in enumerate(parts) if not unicodedata.combining(part[0]))
            parts[letter] += sign
    return "".join(unicodedata.normalize("NFC", part) for part in parts).encode("cp1258")
