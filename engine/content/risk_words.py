"""Words that would betray why somebody was chosen. Keys and titles stand on screens, in logs and in reports.

An audience is named after a place or an occupation, never after a risk: a person who gets a message may be watched.
"""

import re

from engine.text.accents import fold

# Written with accents they are compared with accents ("bảo hành", a guarantee, is not "bạo hành"), in an unaccented
# text without.
_VIETNAMESE = (
    "nạn nhân",
    "nguy cơ",
    "mại dâm",
    "bạo hành",
    "bạo lực",
    "xâm hại",
    "bị mua bán",
    "bị bán",
    "bị lừa",
    "ma túy",
    "nghiện",
    "nhiễm hiv",
    "dễ bị tổn thương",
    "yếu thế",
    "hoàn cảnh éo le",
    "lầm lỡ",
)
_ENGLISH = (
    "victims?",
    "at risk",
    "high risk",
    "risk",
    "traffick(?:ed|ing)",
    "prostitut(?:e|es|ion)",
    "sex work(?:er|ers)?",
    "abused?",
    "violence",
    "vulnerable",
    "survivors?",
    "addicts?",
    "hiv",
)
_ACCENTED = re.compile(rf"\b(?:{'|'.join(_VIETNAMESE)})\b")
_PLAIN = re.compile(rf"\b(?:{'|'.join((*map(fold, _VIETNAMESE), *_ENGLISH))})\b")
_SEPARATORS = re.compile(r"[-_.\s]+")


def risk_word(text: str) -> str | None:
    """The first word of ``text`` that hints at a risk group; None when there is none."""
    words = _SEPARATORS.sub(" ", text).casefold()
    found = (_PLAIN if fold(words) == words else _ACCENTED).search(words)
    return found[0] if found else None
