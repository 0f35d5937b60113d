"""What ``when``, ``from``, ``until``, ``except`` and ``anchor`` mean, whatever language they were written in.

A text is read once, when the file is loaded, into a ``Day``, a ``Moment`` or a ``When`` that knows nothing of
language any more (``engine.content.when_reading`` has the grammar); ``engine.content.occurrences`` turns those into
instants.
"""

from datetime import date, datetime, time, timedelta
from typing import Any, Literal, Self

from pydantic import model_validator

from engine.clock import VIETNAM, parse_instant
from engine.content import when_reading
from engine.content.values import Duration, Frozen, TimeOfDay
from engine.content.when_reading import LAST
from engine.content.words import BadValue
from engine.errors import LoaError

__all__ = ["LAST", "Day", "Moment", "Recurrence", "When", "read_instant"]


class Day(Frozen):
    """A day as written: a full date, or day and month whose one occurrence lies in the campaign's period."""

    text: str
    year: int | None = None
    month: int
    day: int

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return when_reading.read_day(value) if isinstance(value, str) else value

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
        return when_reading.read_moment(value) if isinstance(value, str) else value

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
        return when_reading.read_when(value) if isinstance(value, str) else value

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


def read_instant(text: str) -> datetime:
    """An instant as a person types it at a command: ISO, or a full date with a time as in a file.

    ``2027-07-16T08:30+07:00``, ``16/07/2027 08:30``, ``08:30 ngày 16/7/2027``, ``16/07/2027`` (its first minute).
    Vietnamese local time where no offset is given. Raises ``LoaError`` (``errors.bad-instant``).
    """
    try:
        return parse_instant(text)
    except LoaError:
        try:
            moment = Moment.model_validate(when_reading.read_moment(text))
        except BadValue:
            moment = None
        if moment is None or moment.day is None or moment.day.year is None:
            raise
    day = date(moment.day.year, moment.day.month, moment.day.day)
    return parse_instant(datetime.combine(day, moment.at or time(), VIETNAM).isoformat())
