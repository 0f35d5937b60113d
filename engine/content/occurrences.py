"""From a step's ``when`` to the instants at which it is due.

APScheduler's triggers compute the days, on a plain UTC calendar, and the local time of day is joined to each day
afterwards: so a change to or from summer time in the workspace's zone neither moves a weekly step by an hour nor
doubles it. A month without the day asked for (31 in April, 30 in February) is skipped.

Where counting begins: ``every 3 days`` on the first day (``from``, or the period's first day); ``every 2 weeks`` with
the week, Monday to Sunday, of the first such weekday on or after that day, so that Monday and Thursday always fall in
the same weeks (an RFC 5545 rule with ``WKST=MO`` counts so too).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from engine.content.campaign import VALID_FOR, Campaign, Step
from engine.content.when import LAST, Day, Moment, Recurrence
from engine.errors import LoaError

ONCE = "once"
_NOON = time(12)


class Occurrence(NamedTuple):
    """One time a step is due. Instants are aware, in UTC.

    ``key`` is the local date (``2027-07-15``) for a recurring step, else ``once``, never the time: an edit of the
    time never opens the same run twice. ``missed_after``: not opened by then, the run is missed and shown;
    ``expires``: what was not handed over by then is expired.
    """

    key: str
    due: datetime
    missed_after: datetime
    expires: datetime


def occurrences(step: Step, campaign: Campaign, timezone: ZoneInfo) -> list[Occurrence]:
    """Every time ``step`` is due within the campaign's period, in order.

    Raises ``LoaError`` when a day cannot be settled: an anchor or a ``30/7`` with none or two dates in the period.
    """
    if step.when.recurrence is None:
        assert step.when.moment is not None
        day = date_of(step.when.moment, campaign)
        keys = [(ONCE, day)] if day in campaign.period else []
    else:
        keys = [(day.isoformat(), day) for day in recurring_days(step, campaign)]
    dues = [datetime.combine(day, step.when.at, timezone).astimezone(UTC) for _, day in keys]
    following = [*dues[1:], None]
    found = []
    for (key, _), due, after in zip(keys, dues, following, strict=False):
        if step.valid_for is not None:
            expires = due + step.valid_for
        else:
            expires = min(due + VALID_FOR, after) if after else due + VALID_FOR
        found.append(Occurrence(key, due, due + step.late, expires))
    return found


def date_of(moment: Moment, campaign: Campaign) -> date:
    """The date ``moment`` means in this campaign; a full date or an offset may lie outside the period.

    Raises ``LoaError``: ``content.no-anchor``, ``content.anchor-missing``, ``content.anchor-twice``,
    ``content.day-missing`` or ``content.day-twice``.
    """
    if moment.day is None:
        if campaign.anchor is None:
            raise LoaError("content.no-anchor", text=moment.text)
        return anchor_of(campaign, campaign.anchor) + moment.offset
    if moment.day.year is not None:
        return date(moment.day.year, moment.day.month, moment.day.day)
    return _the_one(moment.day, moment.text, campaign, "content.day-missing", "content.day-twice")


def anchor_of(campaign: Campaign, anchor: Day) -> date:
    """The anchor's one date in the period. Raises ``LoaError``: ``content.anchor-missing``, ``…-twice``."""
    return _the_one(anchor, anchor.text, campaign, "content.anchor-missing", "content.anchor-twice")


def _the_one(day: Day, text: str, campaign: Campaign, missing: str, twice: str) -> date:
    period = campaign.period
    dates = day.dates(period.start, period.end)
    if len(dates) == 1:
        return dates[0]
    choices = ", ".join(_said(one) for one in dates)
    raise LoaError(
        twice if dates else missing, text=text, start=_said(period.start), end=_said(period.end), choices=choices
    )


def span(step: Step, campaign: Campaign) -> tuple[date, date]:
    """The first and last day on which a recurring step may fall: its ``from``/``until`` within the period."""
    period = campaign.period
    first = max(period.start, date_of(step.start, campaign)) if step.start else period.start
    last = min(period.end, date_of(step.end, campaign)) if step.end else period.end
    return first, last


def recurring_days(step: Step, campaign: Campaign) -> Iterator[date]:
    """The local dates of a recurring step, ``except`` days left out."""
    assert step.when.recurrence is not None
    first, last = span(step, campaign)
    skipped = {date_of(moment, campaign) for moment in step.skipping}
    triggers = _triggers(step.when.recurrence, first)
    days = {day for trigger in triggers for day in _days(trigger, first, last)}
    yield from sorted(days - skipped)


def _triggers(recurrence: Recurrence, first: date) -> list[BaseTrigger]:
    # A cron trigger takes 40 µs a day and an interval 4, and a province may write two hundred daily steps.
    if recurrence.unit == "month":
        day = "last" if recurrence.day == LAST else recurrence.day
        return [CronTrigger(day=day, hour=_NOON.hour, timezone=UTC)]
    if recurrence.unit == "day":
        return [_interval(first, recurrence.every)]
    earliest = min(first + timedelta(days=(weekday - first.weekday()) % 7) for weekday in recurrence.weekdays)
    monday = earliest - timedelta(days=earliest.weekday())
    return [_interval(monday + timedelta(days=weekday), 7 * recurrence.every) for weekday in recurrence.weekdays]


def _interval(first: date, days: int) -> BaseTrigger:
    return IntervalTrigger(days=days, start_date=datetime.combine(first, _NOON, UTC), timezone=UTC)


def _days(trigger: BaseTrigger, first: date, last: date) -> Iterator[date]:
    begin, end = datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    fired = trigger.get_next_fire_time(None, begin)
    while fired is not None and fired <= end:
        if fired >= begin:
            yield fired.date()
        fired = trigger.get_next_fire_time(fired, fired + timedelta(seconds=1))


def _said(day: date) -> str:
    return f"{day:%d/%m/%Y}"
