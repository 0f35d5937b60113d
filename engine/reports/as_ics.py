"""A campaign's calendar as an iCalendar file (RFC 5545) that Outlook, Google Calendar or Thunderbird subscribes to.

A subscriber recognises an event by its UID, which never changes: campaign, step and occurrence. Of two versions it
keeps the one with the higher SEQUENCE; ours is LAST-MODIFIED in seconds, so that it grows with every edit and every
decision, and stands still while nothing happens. The file leaves the office, so it holds counts, segments and cost,
and never a number, a name, an audience or a group.
"""

import math
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from icalendar import Calendar as File
from icalendar import Event, Timezone, TimezoneStandard, vText

from engine.clock import VIETNAM
from engine.i18n import language, number, sentence
from engine.reports.calendar import Calendar, Entry
from engine.reports.calendar_words import moment, state
from engine.status import RunStatus

REFRESH = timedelta(hours=1)  # how often a subscriber may look again
_MINUTE = timedelta(minutes=1)
_SEQUENCE_FROM = datetime(2020, 1, 1, tzinfo=UTC)  # SEQUENCE has 31 bits: enough until 2088
_TENTATIVE = frozenset({RunStatus.HELD, RunStatus.PAUSED})


def ics(calendar: Calendar, *, changed_at: datetime | None = None) -> bytes:
    """The file's bytes: UTF-8, CRLF, lines of at most 75 octets. ``changed_at``: when the officer's files last were.

    A run that waits for the end of quiet hours stands where it starts; one that takes seconds lasts a minute.
    """
    file = File()
    file.add("prodid", f"-//Loa//Loa {version('loa-engine')}//{language().upper()}")
    file.add("version", "2.0")
    file.add("calscale", "GREGORIAN")
    name = sentence("calendar.name", title=calendar.title)
    file.add("name", vText(name))  # the library escapes no comma in a plain text here
    file.add("x-wr-calname", vText(name))
    file.add("x-wr-timezone", vText(str(VIETNAM)))
    file.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    file.add("x-published-ttl", vText("PT1H"))
    file.add_component(_zone())
    for entry in calendar.entries:
        file.add_component(_event(calendar, entry, changed_at))
    return bytes(file.to_ical())


def uid(calendar: Calendar, entry: Entry) -> str:
    """The event's name for ever: ``lang-son-30-7.mo-dau.once@20.loa``; the province keeps two boards' apart."""
    return f"{calendar.campaign}.{entry.step}.{entry.occurrence}@{calendar.province}.loa"


def _zone() -> Timezone:
    """Asia/Ho_Chi_Minh since 1975: seven hours before Greenwich, winter and summer."""
    zone, standard = Timezone(), TimezoneStandard()
    zone.add("tzid", str(VIETNAM))
    standard.add("dtstart", datetime(1976, 1, 1))  # noqa: DTZ001 - RFC 5545 asks for local time here
    standard.add("tzoffsetfrom", timedelta(hours=7))
    standard.add("tzoffsetto", timedelta(hours=7))
    standard.add("tzname", "+07")
    zone.add_component(standard)
    return zone


def _event(calendar: Calendar, entry: Entry, changed_at: datetime | None) -> Event:
    event = Event()
    starts = (entry.starts or entry.due).astimezone(VIETNAM)
    minutes = max(1, math.ceil(entry.duration / _MINUTE))
    event.add("uid", uid(calendar, entry))
    event.add("dtstamp", calendar.as_of.astimezone(UTC))
    modified = _modified(calendar, entry, changed_at)
    event.add("last-modified", modified)
    event.add("sequence", max(0, (modified - _SEQUENCE_FROM) // timedelta(seconds=1)))
    event.add("dtstart", starts)
    event.add("dtend", starts + minutes * _MINUTE)
    event.add("summary", _summary(calendar, entry))
    event.add("description", _description(calendar, entry))
    event.add("status", _status(calendar, entry))
    event.add("transp", "TRANSPARENT")  # nobody is busy while the machine sends
    return event


def _modified(calendar: Calendar, entry: Entry, changed_at: datetime | None) -> datetime:
    known = [at for at in (calendar.decided_at, entry.ended_at, changed_at) if at is not None]
    return min(max(known, default=calendar.as_of), calendar.as_of).astimezone(UTC)


def _status(calendar: Calendar, entry: Entry) -> str:
    """CANCELLED hides an event in most calendars: only for what a person called off, or never comes any more."""
    if entry.is_planned:
        if calendar.standing == "cancelled":
            return "CANCELLED"
        return "TENTATIVE" if calendar.standing in ("paused", "not-approved") else "CONFIRMED"
    if entry.state in (RunStatus.CANCELLED, "passed"):
        return "CANCELLED"
    return "TENTATIVE" if entry.state in _TENTATIVE else "CONFIRMED"


def _summary(calendar: Calendar, entry: Entry) -> str:
    said = sentence("calendar.summary", step=entry.step, recipients=number(entry.recipients))
    if entry.is_planned:
        mark = f"mark-{calendar.standing}" if calendar.standing in ("cancelled", "paused", "not-approved") else None
    else:
        mark = {
            RunStatus.MISSED: "mark-missed",
            RunStatus.HELD: "mark-held",
            RunStatus.PAUSED: "mark-paused",
            RunStatus.CANCELLED: "mark-cancelled",
            "passed": "mark-passed",
        }.get(entry.state)
    return f"[{sentence(f'calendar.{mark}')}] {said}" if mark else said


def _description(calendar: Calendar, entry: Entry) -> str:
    figures = {
        "recipients": number(entry.recipients),
        "segments": number(entry.segments),
        "cost": number(entry.cost_vnd),
        "excluded": number(entry.excluded),
    }
    lines = [
        calendar.title,
        sentence("calendar.state", state=state(calendar, entry)),
        sentence("calendar.due", due=moment(entry.due)),
    ]
    if entry.waits and entry.starts is not None:
        lines.append(sentence("calendar.starts", starts=moment(entry.starts)))
    lines.append(sentence("calendar.expected" if entry.is_planned else "calendar.so-far", **figures))
    if entry.is_planned:
        lines.append(sentence("calendar.takes", duration=str(timedelta(seconds=round(entry.duration.total_seconds())))))
    lines.append(sentence("calendar.as-of", as_of=moment(calendar.as_of), campaign=calendar.campaign))
    return "\n".join(lines)
