"""When people may be written to: quiet hours of the campaign, and the night for everyone.

Pure; instants are aware, hours are local. Claims stop a margin before quiet hours, and the vendor is told not to
try beyond their beginning, so that nothing rings at night.
"""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.content.campaign import NIGHT, Step
from engine.content.snapshot import Snapshot
from engine.content.values import QuietHours

MARGIN = timedelta(minutes=5)


class Window(NamedTuple):
    """A time in which a step may be sent. Claims are made until ``closes``; no vendor tries beyond ``until``.

    None: at any hour.
    """

    closes: datetime | None
    until: datetime | None


def first_claim(snapshot: Snapshot, step: Step, at: datetime) -> datetime | None:
    """When the first row of a run that opens at ``at`` may be claimed; None: never. The plan asks this."""
    if not step.rings:
        return at
    return claims_from(at, snapshot.campaign.limits.quiet_hours, snapshot.zone)


def window(snapshot: Snapshot, step: Step, now: datetime) -> Window | None:
    """The time around ``now`` in which the step may be sent; None while it must wait. The claim asks this.

    Hours bind what rings on a person's own phone: the campaign's quiet hours, and the night for everybody; the link
    to a loudspeaker's script too. The hours in which it is read are its own, and so are a post's.
    """
    if not step.rings:
        return Window(None, None)
    quiet = snapshot.campaign.limits.quiet_hours
    if not may_claim(now, quiet, snapshot.zone):
        return None
    until = closes_at(now, quiet, snapshot.zone)
    return Window(until - MARGIN, until)


def opens_at(now: datetime, quiet: QuietHours, zone: ZoneInfo) -> datetime:
    """``now`` when sending is allowed, else the next instant at which it is."""
    local = now.astimezone(zone)
    for _ in range(4):  # quiet hours and night may hand over to one another
        ends = [end for hours in (quiet, NIGHT) if (end := _ends(local, hours, zone)) is not None]
        if not ends:
            return local
        local = max(ends)
    return local


def closes_at(now: datetime, quiet: QuietHours, zone: ZoneInfo) -> datetime:
    """The next beginning of quiet hours or night; ``now`` itself within them."""
    local = now.astimezone(zone)
    if opens_at(now, quiet, zone) > local:
        return local
    starts = [_next(local, hours.start, zone) for hours in (quiet, NIGHT) if hours.start != hours.end]
    return min(starts)


def may_claim(now: datetime, quiet: QuietHours, zone: ZoneInfo) -> bool:
    """Whether rows may be claimed: not in quiet hours, nor in the margin before them."""
    return closes_at(now, quiet, zone) - now > MARGIN


def claims_from(now: datetime, quiet: QuietHours, zone: ZoneInfo) -> datetime | None:
    """``now`` when rows may be claimed, else the next instant at which they may.

    None where the campaign's quiet hours and the night leave no time between them.
    """
    local = now.astimezone(zone)
    for _ in range(6):
        local = opens_at(local, quiet, zone)
        if may_claim(local, quiet, zone):
            return local
        local = max(closes_at(local, quiet, zone), local)
    return None


def _ends(local: datetime, hours: QuietHours, zone: ZoneInfo) -> datetime | None:
    """The end of ``hours`` if ``local`` is within them."""
    if hours.start == hours.end:
        return None
    at = local.time()
    within = hours.start <= at < hours.end if hours.start < hours.end else (at >= hours.start or at < hours.end)
    return _next(local, hours.end, zone) if within else None


def _next(local: datetime, at: time, zone: ZoneInfo) -> datetime:
    def on(day: date) -> datetime:
        return datetime.combine(day, at, zone)

    today = on(local.date())
    return today if today > local else on(local.date() + timedelta(days=1))
