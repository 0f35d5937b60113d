"""The grammar of ``when``, ``from``, ``until``, ``except`` and ``anchor``, in English and in Vietnamese.

A text is read once, when the file is loaded, into a ``Day``, a ``Moment`` or a ``When`` that knows nothing of
language any more; ``engine.content.occurrences`` turns those into instants. Letters are compared without accents
and in any Unicode form, so ``hằng tuần``, ``hàng tuần`` and ``hang tuan`` are one.
"""

import re
from datetime import date, time, timedelta
from typing import Any, Literal, Self

from pydantic import model_validator

from engine.content.values import Duration, Frozen, TimeOfDay, read_date, read_time
from engine.content.words import BadValue
from engine.text.accents import fold

_DAY_MONTH = re.compile(r"(?:ngay )?(\d{1,2})/(\d{1,2})")
_AT = re.compile(r"^(?P<rest>.*?)(?: ?(?:vao luc|at|luc) ?| |t)(?P<at>\d{1,2}(?::\d{2}| ?(?:h|gio) ?(?:\d{2})?))$")
_ANCHOR = re.compile(
    r"(?:the )?(?:anchor|moc)(?: ?(?P<sign>[+-]|truoc|sau) ?(?P<count>\d{1,4}) ?(?P<unit>days?|ngay|weeks?|tuan))?"
)
_FROM_ANCHOR = re.compile(
    r"(?P<count>\d{1,4}) ?(?P<unit>days?|ngay|weeks?|tuan) (?P<sign>before|after|truoc|sau) (?:the )?(?:anchor|moc)"
)
_WEEKDAYS = {
    **dict.fromkeys(("monday", "thu hai", "thu 2"), 0),
    **dict.fromkeys(("tuesday", "thu ba", "thu 3"), 1),
    **dict.fromkeys(("wednesday", "thu tu", "thu 4"), 2),
    **dict.fromkeys(("thursday", "thu nam", "thu 5"), 3),
    **dict.fromkeys(("friday", "thu sau", "thu 6"), 4),
    **dict.fromkeys(("saturday", "thu bay", "thu 7"), 5),
    **dict.fromkeys(("sunday", "chu nhat"), 6),
}
_NAMES = "|".join(sorted(_WEEKDAYS, key=len, reverse=True))
_ON = rf"(?P<on>(?:{_NAMES})(?:(?: ?, ?| and | va )(?:{_NAMES}))*)"
_EACH = "(?:hang|moi)"  # hằng and hàng are one word here
_RECURRING = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("day", rf"every day|{_EACH} ngay"),
        ("day", r"every (?P<n>\d{1,3}) days|moi (?P<m>\d{1,3}) ngay|(?P<l>\d{1,3}) ngay mot lan"),
        ("week", rf"every {_ON}"),
        ("week", rf"every week on {_ON}"),
        ("week", rf"(?:vao )?{_ON} {_EACH} tuan"),
        ("week", rf"{_EACH} tuan(?: vao)? {_ON}"),
        ("week", rf"every (?P<n>\d{{1,2}}) weeks on {_ON}"),
        ("week", rf"(?:moi )?(?P<n>\d{{1,2}}) tuan(?: mot lan)?(?: vao)? {_ON}"),
        ("week", rf"(?:vao )?{_ON}(?: ,)? ?(?:moi (?P<n>\d{{1,2}}) tuan|(?P<m>\d{{1,2}}) tuan mot lan)"),
        ("month", r"every month on (?:the )?(?:day )?(?P<day>\d{1,2})(?:st|nd|rd|th)?"),
        ("month", r"every month on the (?P<last>last) day"),
        ("month", rf"ngay (?P<day>\d{{1,2}}) {_EACH} thang|{_EACH} thang(?: vao)? ngay (?P<day2>\d{{1,2}})"),
        ("month", rf"(?P<last>ngay cuoi)(?: cung)?(?: cua)? {_EACH} thang"),
        ("month", rf"{_EACH} thang(?: vao)? (?P<last>ngay cuoi)(?: cung)?"),
    )
)
LAST = 0  # the day of the month that stands for the last one


class Day(Frozen):
    """A day as written: a full date, or day and month whose one occurrence lies in the campaign's period."""

    text: str
    year: int | None = None
    month: int
    day: int

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return _day(value) if isinstance(value, str) else value

    def dates(self, start: date, end: date) -> list[date]:
        """Every date this may mean from ``start`` to ``end``, both included."""
        years = [self.year] if self.year else range(start.year, end.year + 1)
        found = []
        for year in years:
            try:
                meant = date(year, self.month, self.day)
            except ValueError:  # 29/2 in a common year
                continue
            if start <= meant <= end:
                found.append(meant)
        return found


class Moment(Frozen):
    """A day, by itself or counted from the campaign's anchor, with a time where one was given."""

    text: str
    day: Day | None = None  # None: the anchor
    offset: Duration = timedelta()  # whole days, from the anchor
    at: TimeOfDay | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return _moment(value) if isinstance(value, str) else value

    @property
    def from_anchor(self) -> bool:
        """Whether this needs the campaign to have an anchor."""
        return self.day is None


class Recurrence(Frozen):
    """Every ``every`` days or weeks, or every month, at one local time a day."""

    unit: Literal["day", "week", "month"]
    every: int = 1
    weekdays: tuple[int, ...] = ()  # Monday is 0; of unit week
    day: int | None = None  # of unit month: 1–31, or LAST
    at: TimeOfDay


class When(Frozen):
    """When a step is due: once (``moment``) or again and again (``recurrence``); one of the two."""

    text: str
    moment: Moment | None = None
    recurrence: Recurrence | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return _when(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.moment is None) == (self.recurrence is None):
            raise ValueError("a when is either once or recurring")
        return self

    @property
    def recurring(self) -> bool:
        """Whether the step is due again and again."""
        return self.recurrence is not None

    @property
    def at(self) -> time:
        """The local time of day at which the step is due."""
        timed = self.recurrence or self.moment
        assert timed is not None and timed.at is not None
        return timed.at


def _plain(text: str) -> str:
    """Folded, with every dash an ASCII hyphen."""
    return re.sub("[‐‑‒–—−]", "-", fold(text))


def _day(text: str) -> dict[str, Any]:
    found = _DAY_MONTH.fullmatch(_plain(text))
    if found is None:
        meant = read_date(text)
        return {"text": text, "year": meant.year, "month": meant.month, "day": meant.day}
    day, month = int(found[1]), int(found[2])
    try:
        date(2028, month, day)  # a leap year: 29/2 exists, 30/2 never does
    except ValueError:
        raise BadValue("content.no-such-date", text=text) from None
    return {"text": text, "month": month, "day": day}


def _split_time(plain: str, text: str) -> tuple[str, time | None]:
    found = _AT.match(plain)
    if found is None:
        return plain, None
    try:
        return found["rest"].strip(), read_time(found["at"])
    except BadValue:
        raise BadValue("content.bad-time", text=text) from None


def _moment(text: str) -> dict[str, Any]:
    rest, at = _split_time(_plain(text), text)
    if found := _ANCHOR.fullmatch(rest) or _FROM_ANCHOR.fullmatch(rest):
        days = int(found["count"] or 0) * (7 if (found["unit"] or "").startswith(("week", "tuan")) else 1)
        back = found["sign"] in ("-", "truoc", "before")
        return {"text": text, "offset": timedelta(days=-days if back else days), "at": at}
    if not (_DAY_MONTH.fullmatch(rest) or re.fullmatch(r"[\d/-]+|ngay [\d/]+", rest)):
        raise BadValue("content.bad-moment", text=text)
    return {"text": text, "day": {**_day(rest), "text": text}, "at": at}


def _when(text: str) -> dict[str, Any]:
    rest, at = _split_time(_plain(text), text)
    recurrence = _recurrence(rest, text)
    if recurrence is None:
        try:
            moment = _moment(text)
        except BadValue as error:
            if error.code == "bad-moment":
                raise BadValue("content.bad-when", text=text) from None
            raise
        if at is None:
            raise BadValue("content.when-without-time", text=text)
        return {"text": text, "moment": moment}
    if at is None:
        raise BadValue("content.when-without-time", text=text)
    return {"text": text, "recurrence": {**recurrence, "at": at}}


def _recurrence(rest: str, text: str) -> dict[str, Any] | None:
    for unit, pattern in _RECURRING:
        found = pattern.fullmatch(rest)
        if found is None:
            continue
        given = {name: value for name, value in found.groupdict().items() if value is not None}
        every = int(given.get("n") or given.get("m") or given.get("l") or 1)
        if not 1 <= every <= 366:
            raise BadValue("content.bad-when", text=text)
        if unit == "month":
            if "last" in given:
                return {"unit": "month", "day": LAST}
            day = int(given.get("day") or given["day2"])
            if not 1 <= day <= 31:
                raise BadValue("content.bad-month-day", text=text)
            return {"unit": "month", "day": day}
        days = re.findall(_NAMES, given["on"]) if unit == "week" else ()
        return {"unit": unit, "every": every, "weekdays": tuple(sorted({_WEEKDAYS[day] for day in days}))}
    return None
