"""How a written name of an area is read: type words, accents, spellings. Pure, and knows no areas.

A name is taken apart into letters (with the marks that make them other letters: ă â đ ê ô ơ ư) and the
tones of its syllables, so that "hoà" and "hòa" are one spelling, as are "Quí" and "Quý", NFD and NFC, upper
and lower case, "H'leo" and "H’Leo", "Phan Rang-Tháp Chàm" and "Phan Rang - Tháp Chàm".
"""

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from engine.areas.area import Level

TONES: Final = {"\u0300": 1, "\u0301": 2, "\u0309": 3, "\u0303": 4, "\u0323": 5}
HATS: Final = {"\u0302": "^", "\u0306": "(", "\u031b": "+"}
# đ has no decomposition; ð is what old keyboards and some PDF copies give for it.
BARRED: Final = {"đ": "d", "ð": "d"}
# All the apostrophes found in commune lists are left out; Ð is what some keyboards give for Đ.
_CLEANED: Final = str.maketrans("Ð", "Đ", "'’‘ʼ`´")
_DOTTED = re.compile(r"\b([tđd])\s*\.\s*([xptk])\b\s*\.?", re.IGNORECASE)  # T.X, T.P, T.T, Đ.K
_NUMBERED = re.compile(r"\b([pqf])\.?(\d{1,2})$", re.IGNORECASE)  # P4, Q.1
_ASIDE = re.compile(r"\(\s*(?:cũ|cu|mới|moi)\s*\)\s*$", re.IGNORECASE)  # "huyện Cao Lộc (cũ)"
_WORD = re.compile(r"[^\W_]+")
# y and i are written for each other at a syllable's end after a consonant (or qu): Mỹ, Mĩ; Quý, Quí.
_FINAL_Y = re.compile(r"(?<=[bcdghklmnpqrstvx])y$|(?<=qu)y$")
# One word of the Central Highlands, four spellings in official lists.
_DAK: Final = {"đak": "đăk", "đắk": "đăk", "đắc": "đăk"}

_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}

COMMUNE: Final[tuple[Level, ...]] = ("commune",)
DISTRICT: Final[tuple[Level, ...]] = ("district",)
# The type words, longest first where one begins another; the accented form first, then abbreviations.
TYPE_WORDS: Final[dict[str, tuple[str, tuple[Level, ...]]]] = {
    "thị trấn": ("Thị trấn", COMMUNE),
    "thành phố": ("Thành phố", ("province", "district")),
    "đặc khu": ("Đặc khu", COMMUNE),
    "thị xã": ("Thị xã", DISTRICT),
    "phường": ("Phường", COMMUNE),
    "huyện": ("Huyện", DISTRICT),
    "quận": ("Quận", DISTRICT),
    "tỉnh": ("Tỉnh", ("province",)),
    "xã": ("Xã", COMMUNE),
    "tt": ("Thị trấn", COMMUNE),
    "tp": ("Thành phố", ("province", "district")),
    "đk": ("Đặc khu", COMMUNE),
    "tx": ("Thị xã", DISTRICT),
    "p": ("Phường", COMMUNE),
    "f": ("Phường", COMMUNE),
    "h": ("Huyện", DISTRICT),
    "q": ("Quận", DISTRICT),
    "t": ("Tỉnh", ("province",)),
    "x": ("Xã", COMMUNE),
}
# Short names of provinces that everybody writes, as accentless keys.
SHORT_NAMES: Final = {"hcm": "hochiminh", "tphcm": "hochiminh", "hn": "hanoi", "brvt": "bariavungtau"}


class Syllable(NamedTuple):
    """One written syllable: base letters, the letters with hats, and the tone (0 level … 5 heavy)."""

    base: str
    hatted: str
    tone: int


class Fit(IntEnum):
    """How a written name fits an area's: every mark alike, some marks left out, or marks against each other."""

    EXACT = 0
    UNACCENTED = 1
    AGAINST = 2


class Spelling(NamedTuple):
    """A name taken apart. ``key`` is accentless and without spaces: what names are found by."""

    key: str
    hatted: str
    tones: tuple[int, ...]

    def fit(self, name: "Spelling") -> Fit:
        """How this written spelling fits the true ``name`` of the same key."""
        mine, theirs = self.tones, name.tones
        if len(mine) != len(theirs):  # "Axan" for "A Xan": compare only the tones that are written
            mine = tuple(tone for tone in mine if tone) or (0,)
            theirs = tuple(tone for tone in theirs if tone) or (0,)
        if self.hatted == name.hatted and mine == theirs:
            return Fit.EXACT
        pairs = zip(letters(self.hatted), letters(name.hatted), strict=True)
        if any(hat and hat != true for hat, true in pairs):
            return Fit.AGAINST
        if mine == (0,) or not any(mine):
            return Fit.UNACCENTED
        if len(mine) != len(theirs) or any(tone and tone != true for tone, true in zip(mine, theirs, strict=True)):
            return Fit.AGAINST
        return Fit.UNACCENTED


class Reading(NamedTuple):
    """One way to read a written name: its type word (if any), the levels that word allows, the rest."""

    type: str | None
    levels: tuple[Level, ...] | None
    spelling: Spelling


def letters(hatted: str) -> list[str]:
    """The hat of each letter of ``hatted`` (``a^b`` → ``["^", ""]``)."""
    hats: list[str] = []
    for sign in hatted:
        if sign in "^(+-":
            hats[-1] = sign
        else:
            hats.append("")
    return hats


@lru_cache(maxsize=8192)
def syllable(word: str) -> Syllable:
    """One lower-case word (NFC) taken apart; the few thousand syllables of the tables are kept."""
    word = word.lstrip("0") if word.isdigit() and word.strip("0") else _DAK.get(word, word)
    base: list[str] = []
    signs: list[str] = []
    tone = 0
    for sign in unicodedata.normalize("NFD", word):
        if sign in TONES:
            tone = TONES[sign]
        elif sign in HATS:
            signs[-1] += HATS[sign]
        elif sign in BARRED:
            base.append("d")
            signs.append("d-")
        elif not unicodedata.combining(sign):
            base.append(sign)
            signs.append(sign)
    plain = "".join(base)
    if _FINAL_Y.search(plain):
        plain, signs[-1] = plain[:-1] + "i", "i"
    return Syllable(plain, "".join(signs), tone)


def words_of(text: str) -> list[str]:
    """The lower-case words of a written name: NFC, no apostrophes, other punctuation as spaces."""
    text = unicodedata.normalize("NFC", text).translate(_CLEANED).strip()
    if "." in text or text[-1:].isdigit():
        text = _NUMBERED.sub(r"\1 \2", _DOTTED.sub(r"\1\2 ", text))
    return _WORD.findall(text.lower())


def spell(words: list[str]) -> Spelling:
    """The spelling of some words."""
    parts = [syllable(word) for word in words]
    return Spelling(
        "".join(part.base for part in parts),
        "".join(part.hatted for part in parts),
        tuple(part.tone for part in parts),
    )


def spell_proper(kind: str, words: list[str]) -> Spelling:
    """The spelling of a name without its type; "Phường IV" and "Phường 4" are one."""
    if kind == "Phường" and len(words) == 1 and words[0] in _ROMAN:
        words = [str(_ROMAN[words[0]])]
    return spell(words)


def is_accented(text: str) -> bool:
    """Whether whoever wrote this writes accents at all: only then does a missing accent mean something."""
    return not unicodedata.normalize("NFC", text).isascii()


def split_name(name: str) -> tuple[str, str]:
    """A full official name as (type, proper name): ``("Thị trấn", "Đồng Đăng")``."""
    first, _, rest = name.partition(" ")
    if first in _TYPES:
        return first, rest
    second, _, rest = rest.partition(" ")
    return f"{first} {second}", rest


_TYPES: Final = frozenset(kind for kind, _ in TYPE_WORDS.values())
_TYPE_SPELLINGS: Final = [
    (spell([*prefix.split()]), len(prefix.split()), kind, levels) for prefix, (kind, levels) in TYPE_WORDS.items()
]


def readings(text: str) -> list[Reading]:
    """All ways to read a written name; "xa dung" is the commune Dung or a place called Xa Dung.

    Empty when there is no letter or digit in it. A type word counts only where its accents agree: the
    "Xà" of "Xà Phiên" is no "xã".
    """
    words = words_of(_ASIDE.sub("", unicodedata.normalize("NFC", text)))
    if not words:
        return []
    found = [Reading(None, None, spell(words))]
    for prefix, length, kind, levels in _TYPE_SPELLINGS:
        if len(words) > length:
            written = spell(words[:length])
            if written.key == prefix.key and written.fit(prefix) is not Fit.AGAINST:
                found.append(Reading(kind, levels, spell_proper(kind, words[length:])))
                break
    return [
        reading._replace(spelling=spell([SHORT_NAMES[reading.spelling.key]]))
        if reading.spelling.key in SHORT_NAMES
        else reading
        for reading in found
    ]
