"""Counts and days as people type them and as Excel leaves them.

A count is a whole number: 19500, 19.500 (Vietnamese thousands), 19,500 (English ones), 19 500, 286.0 (a float Excel
wrote). What has decimals is refused, because 19.5 is what Excel makes of a typed 19.500 where its decimal sign is the
point. A day is day first: 30/7/2027; also a serial number, a month, a quarter, a year, a span, or 30/7 by itself.
"""

import calendar
import re
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from engine.content.activity_kinds import measure_named, quoted
from engine.content.words import BadValue
from engine.text.accents import fold

_NOTHING = frozenset({"", "-", "–", "—", "−", "x", "…", "..."})
_DIGITS = re.compile(r"\d{1,9}")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:([., '_])\d{3})(?:\1\d{3})?")
_ZERO_DECIMALS = re.compile(r"(\d{1,9}|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?:\.\d{3})+)[.,]0{1,2}")
_DECIMALS = re.compile(r"\d+[.,]\d+")
_MINUS = re.compile(r"[-–—−]\s*\d.*|\(\s*\d[\d., ]*\)")
_WITH_WORD = re.compile(r"([\d., '_]*\d)\s*([^\d\s].*)")
FIRST_YEAR, LAST_YEAR = 2000, 2100
_SERIALS = range(36526, 73415)  # Excel's days from 1/1/2000 to 31/12/2100
_EXCEL_ZERO = date(1899, 12, 30)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_LOCAL = re.compile(r"(?:ngay )?(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4}|\d{2})(?: \d{1,2}:\d{2}(?::\d{2})?)?")
_DAY_MONTH = re.compile(r"(?:ngay )?(\d{1,2})/(\d{1,2})")
_MONTH = re.compile(r"(?:thang )?(\d{1,2}) ?[/-] ?(\d{4})|thang (\d{1,2}) (?:nam )?(\d{4})")
_QUARTER = re.compile(r"(?:quy|q) ?(i{1,3}|iv|[1-4])(?: ?[/-] ?| nam | )(\d{4})")
_YEAR = re.compile(r"(?:nam )?(\d{4})")
_DAYS_OF_MONTH = re.compile(r"(?:ngay )?(\d{1,2}) ?- ?(\d{1,2})(/\d{1,2}(?:/\d{4})?)")
_JOINED = re.compile(r" den | to | ?- ?")
_QUARTERS = {"i": 1, "ii": 2, "iii": 3, "iv": 4}


class Days(NamedTuple):
    """The first and the last day of an activity, mostly one."""

    start: date
    end: date


@lru_cache(maxsize=8192)
def read_count(text: str, measure: str | None = None) -> int | None:
    """A whole number ≥ 0; None for an empty cell or a dash. The measure's own word may follow it ("300 người").

    Raises ``BadValue``: ``negative``, ``not-whole``, ``bad-count`` (of ``activities``).
    """
    if _DIGITS.fullmatch(text):
        return int(text)
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.lower() in _NOTHING:
        return None
    if _MINUS.fullmatch(plain):
        raise BadValue("activities.negative", text=quoted(text))
    if found := _ZERO_DECIMALS.fullmatch(plain):
        plain = found[1]
    if _DIGITS.fullmatch(plain) or _GROUPED.fullmatch(plain):
        return int(re.sub(r"\D", "", plain))
    if _DECIMALS.fullmatch(plain):
        whole, _, rest = plain.replace(",", ".").partition(".")
        if len(rest) < 3 and whole.strip("0"):
            raise BadValue("activities.not-whole-near", text=quoted(text), near=f"{whole}.{rest.ljust(3, '0')}")
        raise BadValue("activities.not-whole", text=quoted(text))
    if measure is not None and (found := _WITH_WORD.fullmatch(plain)) and measure_named(found[2]) == measure:
        return read_count(found[1].strip())
    raise BadValue("activities.bad-count", text=quoted(text))


def read_amount(text: str) -> tuple[int, str]:
    """(count, measure) of words like "300 người" or "3 cuộc", as ``loa activity add`` takes them."""
    found = _WITH_WORD.fullmatch(unicodedata.normalize("NFKC", text).strip())
    measure = measure_named(found[2]) if found else None
    count = read_count(found[1].strip()) if found else None
    if measure is None or count is None:
        raise BadValue("activities.bad-amount", text=quoted(text))
    return count, measure


def read_days(text: str, year_of: Callable[[int, int], int | None] = lambda day, month: None) -> Days:
    """The days ``text`` names. ``year_of`` gives the year of a day and month written without one, if it can be told.

    Raises ``BadValue``: ``bad-day``, ``no-such-day``, ``month-first``, ``no-year``, ``odd-year``, ``days-backwards``.
    """
    plain = re.sub(r"[‐‑‒–—−]", "-", fold(unicodedata.normalize("NFKC", text)))
    plain = plain.removeprefix("tu ").strip()
    days = _known(plain, text, year_of)
    if days is None:
        days = _span(plain, text, year_of)
    if days is None:
        raise BadValue("activities.bad-day", text=quoted(text))
    if not FIRST_YEAR <= days.start.year <= days.end.year <= LAST_YEAR:
        raise BadValue("activities.odd-year", text=quoted(text))
    return days


def _known(plain: str, text: str, year_of: Callable[[int, int], int | None]) -> Days | None:
    """One day, month, quarter or year."""
    if found := _LOCAL.fullmatch(plain):
        year = int(found[3]) if len(found[3]) == 4 else 2000 + int(found[3])
        return _one(year, int(found[2]), int(found[1]), text)
    if found := _ISO.fullmatch(plain):
        return _one(int(found[1]), int(found[2]), int(found[3]), text)
    if found := re.fullmatch(r"(\d{5})(?:\.0+)?", plain):
        return _serial(int(found[1]))
    if found := _DAY_MONTH.fullmatch(plain):
        day, month = int(found[1]), int(found[2])
        _one(2028, month, day, text)  # a leap year: 29/2 exists, 30/2 never does
        year_told = year_of(day, month)
        if year_told is None:
            raise BadValue("activities.no-year", text=quoted(text))
        return _one(year_told, month, day, text)
    if found := _QUARTER.fullmatch(plain):
        quarter = _QUARTERS.get(found[1]) or int(found[1])
        return Days(date(int(found[2]), quarter * 3 - 2, 1), _last_of_month(int(found[2]), quarter * 3))
    if found := _MONTH.fullmatch(plain):
        month, year = int(found[1] or found[3]), int(found[2] or found[4])
        if not 1 <= month <= 12:
            raise BadValue("activities.no-such-day", text=quoted(text))
        _sane(year, text)
        return Days(date(year, month, 1), _last_of_month(year, month))
    if found := _YEAR.fullmatch(plain):
        _sane(int(found[1]), text)
        return Days(date(int(found[1]), 1, 1), date(int(found[1]), 12, 31))
    return None


def _span(plain: str, text: str, year_of: Callable[[int, int], int | None]) -> Days | None:
    """``1/7 - 30/9/2027``, ``15-16/7/2027``, ``01/07/2027 đến 30/09/2027``."""
    if found := _DAYS_OF_MONTH.fullmatch(plain):
        parts = [found[1] + found[3], found[2] + found[3]]
    else:
        parts = [part.strip() for part in _JOINED.split(plain)]
    if len(parts) != 2 or not all(parts):
        return None
    last = _known(parts[1], text, year_of)
    if last is None:
        return None

    def year_before(day: int, month: int) -> int | None:
        year = last.end.year
        return year if (month, day) <= (last.end.month, last.end.day) else year - 1

    first = _known(parts[0], text, year_before)
    if first is None:
        return None
    if last.end < first.start:
        raise BadValue("activities.days-backwards", text=quoted(text))
    return Days(first.start, last.end)


def _one(year: int, month: int, day: int, text: str) -> Days:
    _sane(year, text)
    try:
        found = date(year, month, day)
    except ValueError:
        if month > 12 and 1 <= day <= 12:
            raise BadValue("activities.month-first", text=quoted(text)) from None
        raise BadValue("activities.no-such-day", text=quoted(text)) from None
    return Days(found, found)


def _serial(number: int) -> Days | None:
    if number not in _SERIALS:
        return None
    found = _EXCEL_ZERO + timedelta(days=number)
    return Days(found, found)


def _sane(year: int, text: str) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadValue("activities.odd-year", text=quoted(text))


def _last_of_month(year: int, month: int) -> date:
    return date(year, month, calendar.monthrange(year, month)[1])
