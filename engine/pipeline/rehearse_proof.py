"""The proof at a rehearsal's end: whether anybody got anything against a rule, told from the copy's rows alone.

It shares no code with the gates that are to prevent it: hours are looked at minute by minute, caps by a window over
each person's deliveries, "twice" in the vendor's ledger. What it finds is a fault of ours, not of the officer's, unless
the clock was set wrong on purpose.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.content.campaign import NIGHT
from engine.content.snapshot import Snapshot
from engine.content.values import QuietHours
from engine.pipeline.rehearse_figures import RunCourse, minute
from engine.status import Status
from engine.store import rehearsed
from engine.store.rehearsed import Handed, Movement

# Decree 91/2020/NĐ-CP for advertising: at most three in a day and a night, 07:00 to 22:00 (as the night is for all).
ADVERTISING_MOST, ADVERTISING_WINDOW = 3, timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that was broken, and for how many deliveries (or runs)."""

    rule: str
    count: int


def prove(
    connection: Connection,
    snapshot: Snapshot,
    courses: Mapping[int, RunCourse],
    movements: Sequence[Movement],
    found: Handed,
    handed: bytearray,
    since: datetime,
    spent_vnd: int = 0,
) -> list[Broken]:
    """Every rule broken in the runs of ``courses`` (by run id).

    ``found`` is what their rows tell by themselves, ``handed`` the vendor's ledger from ``since`` on, ``spent_vnd``
    what the campaign had cost before.
    """
    run_ids, limits = set(courses), snapshot.campaign.limits
    counts = {
        "quiet": count_within(movements, run_ids, (limits.quiet_hours,), snapshot.zone),
        "night": count_within(movements, run_ids, (NIGHT,), snapshot.zone),
    }
    if limits.per_person is not None:
        cap = limits.per_person
        counts["over_cap"] = rehearsed.over_cap(connection, run_ids, cap.count, cap.window)
    if snapshot.campaign.kind == "quang_cao":
        most = rehearsed.over_cap(connection, run_ids, ADVERTISING_MOST, ADVERTISING_WINDOW)
        counts["advertising_cap"] = most
    asks = {run_id for run_id, course in courses.items() if _asks_consent(snapshot, course.step)}
    counts["after_opt_out"], counts["after_the_end"] = found.after_opt_out, found.after_the_end
    counts["without_consent"] = rehearsed.handed(connection, asks).without_consent if found.without_consent else 0
    counts["doubled_run"] = len(rehearsed.doubled_occurrences(connection, snapshot.campaign.key))
    counts["twice"], counts["silent_loss"], counts["never_handed"] = _against_the_ledger(connection, handed, since)
    if limits.budget is not None:
        counts["over_budget"] = max(spent_vnd + sum(one.cost_vnd for one in courses.values()) - limits.budget, 0)
    return [Broken(rule, count) for rule, count in counts.items() if count]


def count_within(
    movements: Sequence[Movement],
    run_ids: Collection[int],
    hours: Sequence[QuietHours],
    zone: ZoneInfo,
    *,
    arrived: bool = False,
) -> int:
    """Deliveries handed over (or, with ``arrived``, delivered) in a minute that lies within any of ``hours``."""
    found = 0
    for moved in movements:
        at = moved.finished if arrived else moved.handed
        if moved.run_id in run_ids and at is not None and (not arrived or moved.status == Status.DELIVERED):
            local = minute(at).astimezone(zone).time()
            found += moved.deliveries if any(_within(local, one) for one in hours) else 0
    return found


def _within(local: time, hours: QuietHours) -> bool:
    if hours.start < hours.end:
        return hours.start <= local < hours.end
    return hours.start != hours.end and not hours.end <= local < hours.start


def _asks_consent(snapshot: Snapshot, step_id: str) -> bool:
    audience = snapshot.campaign.step(step_id).audience
    asked = snapshot.audiences[audience].consent if audience else "statutory"
    return asked == "required" or snapshot.campaign.kind == "quang_cao"


def _against_the_ledger(connection: Connection, handed: bytearray, since: datetime) -> tuple[int, int, int]:
    """(the vendor took it twice; the vendor has it and our row does not know; our row says so and it never came)."""
    twice = lost = never = after = 0
    while rows := rehearsed.ledger(connection, since, after):
        after = rows[-1][0]
        for key, ours in rows:
            taken = handed[key] if key < len(handed) else 0
            twice += taken > 1
            lost += bool(taken) and not ours
            never += ours and not taken
    return twice, lost, never
