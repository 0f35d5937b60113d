"""What a rehearsal came to, read from the rows of its copy: run by run and day by day. Pure but for one query."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping

from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.status import RunStatus, Status
from engine.store import runs
from engine.store.rehearsed import Movement

ON_TIME = timedelta(minutes=1)  # opened so soon after its due time, a run is on time
Fate = Literal["on_time", "late", "missed", "held", "paused", "cancelled", "lost"]
_AS_THEY_STAND: dict[str, Fate] = {
    RunStatus.MISSED: "missed",
    RunStatus.PAUSED: "paused",
    RunStatus.CANCELLED: "cancelled",
}


@dataclass(slots=True)
class RunCourse:
    """One occurrence of a step: what became of it. ``late`` is within its grace, ``lost`` has left no trace."""

    step: str
    occurrence: str
    due: datetime
    fate: Fate
    reason: str | None = None
    opened: datetime | None = None
    first: datetime | None = None  # handed over, to the minute
    last: datetime | None = None
    planned: int = 0  # queued when the run opened
    handed_over: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)  # by reason, before the queue and at the claim
    too_late: int = 0  # expired in our own queue
    cost_vnd: int = 0
    posts: Counter[str] = field(default_factory=Counter)  # of a run on pages, by status


@dataclass(slots=True)
class Day:
    """What happened on one local day. ``waiting`` at its end, ``total_vnd`` of the campaign so far."""

    day: date
    planned: int = 0
    handed_over: int = 0
    delivered: int = 0
    failed: int = 0
    expired: int = 0
    excluded: int = 0  # at the claim: a cap, an opt-out
    waiting: int = 0
    cost_vnd: int = 0
    total_vnd: int = 0


def courses(
    snapshot: Snapshot, known: set[tuple[str, str]], found: Sequence[RowMapping], held: Mapping[int, str | None]
) -> dict[str, RunCourse]:
    """``step/occurrence`` → its course, for every occurrence that had had no run before; figures are still empty.

    ``held``: run → why, of those that were held when they opened, whatever became of them.
    """
    found = [run for run in found if not run["occurrence"].endswith(runs.REMINDER)]  # they belong to another run
    by_key = {(run["step"], key): run for run in found for key in (run["occurrence"], runs.local_day(run["due"]))}
    courses: dict[str, RunCourse] = {}
    for step in snapshot.campaign.steps:
        for occurrence in snapshot.occurrences(step):
            if not runs.is_known(known, step.id, occurrence.key, occurrence.due):
                run = by_key.get((step.id, occurrence.key))
                courses[f"{step.id}/{occurrence.key}"] = _course(step.id, occurrence, run, held)
    return dict(sorted(courses.items(), key=lambda item: (item[1].due, item[0])))


def _course(step: str, occurrence: Occurrence, run: RowMapping | None, held: Mapping[int, str | None]) -> RunCourse:
    if run is None:
        return RunCourse(step, occurrence.key, occurrence.due, "lost")
    if run["id"] in held:
        return RunCourse(step, occurrence.key, occurrence.due, "held", held[run["id"]], run["opened_at"])
    late: Fate = "on_time" if run["opened_at"] <= occurrence.due + ON_TIME else "late"
    fate = _AS_THEY_STAND.get(run["status"], late)
    return RunCourse(step, occurrence.key, occurrence.due, fate, run["reason"], run["opened_at"])


def add_movements(courses: Mapping[int, RunCourse], movements: Iterable[Movement]) -> None:
    """Fill in the figures; ``courses`` by run id."""
    for moved in movements:
        course = courses.get(moved.run_id)
        if course is None:
            continue
        course.statuses[moved.status] += moved.deliveries
        if moved.status == Status.EXCLUDED:
            course.excluded[moved.reason or "?"] += moved.deliveries
        if was_queued(moved):
            course.planned += moved.deliveries
        if moved.status == Status.EXPIRED and moved.handed is None:
            course.too_late += moved.deliveries
        if moved.handed is not None:
            course.handed_over += moved.deliveries
            course.cost_vnd += moved.cost_vnd
            at = minute(moved.handed)
            course.first = at if course.first is None else min(course.first, at)
            course.last = at if course.last is None else max(course.last, at)


def was_queued(moved: Movement) -> bool:
    """Whether the deliveries stood in a queue; what is excluded before has never finished, as it never began."""
    return not (moved.status == Status.EXCLUDED and moved.finished is None)


def days(
    movements: Sequence[Movement], due: Mapping[int, datetime], start: datetime, zone: ZoneInfo, spent_vnd: int
) -> list[Day]:
    """Day by day from the first on which anything happened. ``due``: run id → when; ``spent_vnd`` before ``start``.

    What went before ``start`` is no part of it; what waited then is planned for that day.
    """
    by_day: dict[date, Day] = defaultdict(lambda: Day(date.min))
    left: Counter[date] = Counter()

    def on(instant: datetime) -> Day:
        day = instant.astimezone(zone).date()
        by_day[day].day = day
        return by_day[day]

    begins = start.replace(second=0, microsecond=0)
    for moved in movements:
        handed = minute(moved.handed) if moved.handed else None
        finished = minute(moved.finished) if moved.finished else None
        went = handed or finished
        if not was_queued(moved):
            continue
        if went is None or went >= begins:
            on(max(due[moved.run_id], start)).planned += moved.deliveries
        if went is not None and went >= begins:
            left[on(went).day] += moved.deliveries
        if handed is not None and handed >= begins:
            on(handed).handed_over += moved.deliveries
            on(handed).cost_vnd += moved.cost_vnd
        if finished is not None and finished >= begins:
            _end(on(finished), moved)
    found = [by_day[day] for day in sorted(by_day)]
    waiting, total = 0, spent_vnd
    for one in found:
        waiting += one.planned - left[one.day]
        total += one.cost_vnd
        one.waiting, one.total_vnd = waiting, total
    return found


def _end(day: Day, moved: Movement) -> None:
    if moved.status == Status.DELIVERED:
        day.delivered += moved.deliveries
    elif moved.status == Status.FAILED:
        day.failed += moved.deliveries
    elif moved.status == Status.EXPIRED:
        day.expired += moved.deliveries
    elif moved.status == Status.EXCLUDED:
        day.excluded += moved.deliveries


def minute(text: str) -> datetime:
    """The instant that a movement's minute (``2027-07-16 01:30``, UTC) stands for."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
