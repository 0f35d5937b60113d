"""Values in plain English or Vietnamese forms, equal in meaning; each reader says what it did not understand.

Every reader takes the text as written and gives a typed value, or raises ``BadValue`` whose sentence shows the
text and good examples. The ``Annotated`` types at the end are what the models use; they also read back the form
they write to JSON (durations in whole seconds, shares in hundredths of a percent), so a snapshot round-trips.
"""

import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_validator

from engine.content.words import BadValue
from engine.text.accents import fold

WHOLE = 10_000  # hundredths of a percent in 100 %
LONGEST = timedelta(days=3660)
YEARS = range(1900, 2200)  # far enough from what a date can hold that no offset or validity leaves the calendar

_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
_DAY, _WEEK = timedelta(days=1), timedelta(weeks=1)
UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "giay"), _SECOND),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "phut"), _MINUTE),
    **dict.fromkeys(("h", "hour", "hours", "gio", "tieng"), _HOUR),
    **dict.fromkeys(("day", "days", "ngay"), _DAY),
    **dict.fromkeys(("week", "weeks", "tuan"), _WEEK),
}
_PART = re.compile(r"(\d{1,6}) ?([a-z]+)")
_JOINED = re.compile(r"\s*(?:,|and|va)?\s*")
_CAP = re.compile(r"(\d{1,4}) ?(?:tin|tin nhan|luot|messages?)? ?(?:per|in|trong|moi|/) ?(.+)")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_LOCAL_DATE = re.compile(r"(?:ngay )?(\d{1,2})/(\d{1,2})/(\d{4})")
_TIME = re.compile(r"(\d{1,2})(?::(\d{2})| ?(?:h|gio) ?(\d{2})?(?: ?phut)?)")
_MONEY = re.compile(r"\d+|\d{1,3}(?:_\d{3})+|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+")
_CURRENCY = re.compile(r" ?(?:vnd|dong|d)$")
_RATE = re.compile(r"(\d{1,6}) ?(?:tin|tin nhan|messages?)? ?(?:/|per|moi) ?([a-z]+)")
_PERCENTAGE = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?) ?%")


class Frozen(BaseModel):
    """The base of everything an officer writes and a snapshot keeps: unknown keys are errors, nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


def read_duration(text: str) -> timedelta:
    """``12 hours``, ``12 giờ``, ``90 phút``, ``1 hour 30 minutes``, ``3 ngày``, ``2 tuần``."""
    rest, total = fold(text), timedelta()
    if not rest or len(rest) > 100:  # reading on and on is quadratic
        raise BadValue("content.bad-duration", text=text)
    while rest:
        part = _PART.match(rest)
        if part is None or part[2] not in UNITS:
            raise BadValue("content.bad-duration", text=text)
        total += int(part[1]) * UNITS[part[2]]
        rest = rest[part.end() :]
        joined = _JOINED.match(rest)
        rest = rest[joined.end() :] if joined and joined.end() < len(rest) else rest
    if total > LONGEST:
        raise BadValue("content.duration-too-long", text=text)
    return total


def read_date(text: str) -> date:
    """``2027-07-01`` or ``01/07/2027`` (day first, as it is written here); a year that a campaign can mean."""
    plain = fold(text)
    if found := _ISO_DATE.fullmatch(plain):
        year, month, day = (int(part) for part in found.groups())
    elif found := _LOCAL_DATE.fullmatch(plain):
        day, month, year = (int(part) for part in found.groups())
    else:
        raise BadValue("content.bad-date", text=text)
    if year not in YEARS:
        raise BadValue("content.year-out-of-range", text=text, first=YEARS[0], last=YEARS[-1])
    try:
        return date(year, month, day)
    except ValueError:
        raise BadValue("content.no-such-date", text=text) from None


def read_time(text: str) -> time:
    """``08:30``, ``8:30``, ``8h30``, ``8 giờ 30``; from 00:00 to 23:59."""
    found = _TIME.fullmatch(fold(text))
    if found is None:
        raise BadValue("content.bad-time", text=text)
    hour, minute = int(found[1]), int(found[2] or found[3] or 0)
    if hour > 23 or minute > 59:
        raise BadValue("content.bad-time", text=text)
    return time(hour, minute)


def read_money(text: str) -> int:
    """Whole VND: ``60000000``, ``60_000_000``, ``60.000.000``, ``60,000,000``, with or without ``đồng``."""
    plain = _CURRENCY.sub("", fold(text).replace("₫", " d"))
    if not _MONEY.fullmatch(plain) or len(plain) > 20:
        raise BadValue("content.bad-money", text=text)
    return int(re.sub(r"\D", "", plain))


def read_rate(text: str) -> float:
    """Messages per second: ``20/s``, ``20 tin/giây``, ``600/phút``, ``600 per minute``, ``3600/giờ``."""
    found = _RATE.fullmatch(fold(text))
    unit = {"m": _MINUTE}.get(found[2], UNITS.get(found[2])) if found else None
    if found is None or unit is None or unit > _DAY:
        raise BadValue("content.bad-rate", text=text)
    rate = int(found[1]) / unit.total_seconds()
    if not rate:
        raise BadValue("content.bad-rate", text=text)
    return rate


def read_percentage(text: str) -> int:
    """A share in hundredths of a percent: ``50%`` → 5000, ``33,33 %`` → 3333. From above 0 to 100 %."""
    found = _PERCENTAGE.fullmatch(fold(text))
    share = int(Decimal(found[1].replace(",", ".")) * 100) if found else 0
    if not 0 < share <= WHOLE:
        raise BadValue("content.bad-percentage", text=text)
    return share


def read_number(text: str) -> int:
    """A whole number in digits only: ``10``. A separator is refused, since ``1.000`` may be one or a thousand."""
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 9):
        raise BadValue("content.bad-number", text=text)
    return int(plain)


class Cap(Frozen):
    """At most ``count`` messages to one person in any ``window``: ``3 per 7 days`` = ``3 tin trong 7 ngày``."""

    count: int
    window: "Duration"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _CAP.fullmatch(fold(value))
        if found is None or not int(found[1]):
            raise BadValue("content.bad-cap", text=value)
        window = found[2] if found[2][0].isdigit() else f"1 {found[2]}"
        try:
            length = read_duration(window)
        except BadValue:
            raise BadValue("content.bad-cap", text=value) from None
        if not length:
            raise BadValue("content.bad-cap", text=value)
        return {"count": int(found[1]), "window": length}


class QuietHours(Frozen):
    """Hours of the local day in which nobody is addressed: from ``start`` up to, not including, ``end``."""

    start: "TimeOfDay"
    end: "TimeOfDay"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = re.split(r"\s*(?:[-–—−]|\bđến\b|\bto\b)\s*", value.strip())
        try:
            start, end = (read_time(part) for part in parts)
        except ValueError:
            raise BadValue("content.bad-quiet-hours", text=value) from None
        if start == end:
            raise BadValue("content.bad-quiet-hours", text=value)
        return {"start": start, "end": end}

    def cover(self, at: time) -> bool:
        """Whether the local time ``at`` is quiet."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def cover_all_of(self, other: Self) -> bool:
        """Whether every minute that ``other`` keeps quiet is quiet here too."""
        later = minutes_between(self.start, other.start)
        return later + minutes_between(other.start, other.end) <= minutes_between(self.start, self.end)


def minutes_between(start: time, end: time) -> int:
    """From ``start`` on to the next ``end``."""
    return ((end.hour - start.hour) * 60 + end.minute - start.minute) % (24 * 60)


def _reading(reader: Any) -> BeforeValidator:
    """Texts go through ``reader``; values already typed (from a snapshot) pass."""
    return BeforeValidator(lambda value: reader(value) if isinstance(value, str) else value)


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        return read_duration(value)
    return timedelta(seconds=value) if isinstance(value, int) else value


def _text(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise BadValue("content.empty")
    return value.strip() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]  # one text may stand for a list of one
Duration = Annotated[
    timedelta,
    BeforeValidator(_seconds),
    PlainSerializer(lambda value: int(value.total_seconds()), return_type=int),
]
Date = Annotated[date, _reading(read_date)]
TimeOfDay = Annotated[
    time, _reading(read_time), PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str)
]
Money = Annotated[int, _reading(read_money)]
Rate = Annotated[float, _reading(read_rate)]
Percentage = Annotated[int, _reading(read_percentage)]
Number = Annotated[int, _reading(read_number)]

Cap.model_rebuild()
QuietHours.model_rebuild()
