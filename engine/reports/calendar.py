"""A campaign's calendar: what is to come as the plan has it, and what has been, in one order of days.

Counts, segments and cost only: no number, no name, and nothing that says why somebody was chosen. Which areas and
groups a run goes to is the audience's neutral title, and only the officer's own screen shows that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, RowMapping, func, or_, select

from engine.content.campaign import Step
from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.i18n import sentence
from engine.pipeline.approve import is_approved
from engine.pipeline.hours import claims_from
from engine.pipeline.plan import Plan
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.reports import tally_queries
from engine.reports.figures import Figures
from engine.status import RunStatus, Status
from engine.store import runs, snapshots
from engine.store.tables import Audit, table_of

_AUDIT = table_of(Audit)
PLANNED, PASSED = "planned", "passed"  # beside the statuses of runs: to come; and gone by without ever being opened
Standing = Literal["approved", "needs-no-approval", "not-approved", "paused", "cancelled"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One occurrence of a step. ``state`` is the run's status, or ``planned`` or ``passed`` where there is no run.

    ``starts`` is when the first message may go out (None: never); ``duration`` at the sender's rate. Of a planned one
    the figures are the plan's, of a run what has been handed over so far; ``delivered`` is what the operators confirm.
    """

    step: str
    occurrence: str
    channel: str
    due: datetime
    starts: datetime | None
    duration: timedelta
    state: str
    recipients: int = 0
    excluded: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    segments: int = 0
    cost_vnd: int = 0
    delivered: int = 0
    reason: str | None = None
    audience: str | None = None  # its title
    ended_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether sending starts later than it is due, because people are not to be disturbed then."""
        return self.starts is not None and self.starts > self.due

    @property
    def is_planned(self) -> bool:
        """Whether it is still to come."""
        return self.state == PLANNED


@dataclass(frozen=True, slots=True)
class Calendar:
    """Every entry by due time; ``decided_at`` is when somebody (or the engine) last moved the campaign or a run."""

    campaign: str
    title: str
    province: str
    standing: Standing
    entries: tuple[Entry, ...]
    as_of: datetime
    decided_at: datetime | None


def _planned(plan: Plan) -> list[Entry]:
    """What the plan says is to come."""
    return [
        Entry(
            step=run.step,
            occurrence=run.occurrence,
            channel=run.channel,
            due=run.due,
            starts=run.starts,
            duration=timedelta(seconds=run.duration_s),
            state=PLANNED,
            recipients=run.recipients,
            excluded=run.excluded.total(),
            reasons=run.excluded,
            segments=run.segments,
            cost_vnd=run.cost_vnd,
        )
        for run in plan.runs
    ]


def make_calendar(process: Process, snapshot: Snapshot, plan: Plan, *, now: datetime) -> Calendar:
    """The calendar of ``snapshot`` as of ``now`` (aware): its runs so far, its plan, and what nobody opened."""
    key = snapshot.campaign.key
    with process.database.read() as connection:
        rows = runs.of_campaign(connection, key)
        figures = {run["id"]: Figures() for run in rows}
        for line in tally_queries.by_run(connection, list(figures)):
            figures[line.run].add(*line.sums)
        state = snapshots.state_of(connection, key)
        known = runs.occurrences_known(connection, key)
        approved = is_approved(process, connection, snapshot)
        decided_at = _last_decision(connection, key)
    steps = {step.id: step for step in snapshot.campaign.steps}
    entries = [_of_run(snapshot, steps.get(run["step"]), run, figures[run["id"]]) for run in rows]
    entries += _planned(plan)
    there = {(entry.step, entry.occurrence) for entry in entries}
    entries += [
        Entry(step.id, once.key, step.channel, once.due, None, timedelta(), _unplanned(once, now))
        for step in snapshot.campaign.steps
        for once in snapshot.occurrences(step)
        if (step.id, once.key) not in there and not runs.is_known(known, step.id, once.key, once.due)
    ]
    places = {step.id: place for place, step in enumerate(snapshot.campaign.steps)}
    entries.sort(key=lambda entry: (entry.due, places.get(entry.step, -1), entry.occurrence))
    return Calendar(
        campaign=key,
        title=snapshot.campaign.title,
        province=snapshot.organisation.province,
        standing=_standing(snapshot, state, approved=approved),
        entries=tuple(_with_hours(snapshot, steps.get(entry.step), entry) for entry in entries),
        as_of=now,
        decided_at=decided_at,
    )


def _standing(snapshot: Snapshot, state: str, *, approved: bool) -> Standing:
    if state == "cancelled":
        return "cancelled"
    if state == "paused":
        return "paused"
    if approved:
        return "approved"
    return "not-approved" if any(map(needs_approval, snapshot.senders.values())) else "needs-no-approval"


def _unplanned(once: Occurrence, now: datetime) -> str:
    """How an occurrence stands that has no run and that the plan leaves out: too late, or called off."""
    return PASSED if now > once.missed_after or now >= once.expires else RunStatus.CANCELLED


def _of_run(snapshot: Snapshot, step: Step | None, run: RowMapping, figures: Figures) -> Entry:
    excluded = figures.statuses[Status.EXCLUDED]
    recipients = figures.targeted - excluded
    rate = snapshot.senders_of(step)[0].rate if step is not None and step.sender else math.inf
    return Entry(
        step=run["step"],
        occurrence=run["occurrence"],
        channel=run["channel"],
        due=run["due"],
        starts=run["due"],
        duration=timedelta(seconds=recipients / rate),
        state=run["status"],
        recipients=recipients,
        excluded=excluded,
        segments=figures.segments,
        cost_vnd=figures.cost_vnd,
        delivered=figures.statuses[Status.DELIVERED],
        reason=run["reason"],
        ended_at=run["finished_at"],
    )


def _with_hours(snapshot: Snapshot, step: Step | None, entry: Entry) -> Entry:
    """The entry with its audience's title and the hour at which its sending starts.

    Counted from the due time, not from now, so that a calendar made again tomorrow says the same of yesterday.
    """
    if step is None:
        return entry
    starts: datetime | None = entry.due
    if step.person_addressed:
        starts = claims_from(entry.due, snapshot.campaign.limits.quiet_hours, snapshot.zone)
    if step.posted:
        return replace(entry, starts=starts, audience=sentence("calendar.pages", count=len(step.sender)))
    audience = snapshot.audiences.get(str(step.audience))
    return replace(entry, starts=starts, audience=audience.title if audience else None)


def _last_decision(connection: Connection, campaign: str) -> datetime | None:
    """When the audit log's last line about the campaign, its steps or its runs was written."""
    about = or_(_AUDIT.c.subject == campaign, _AUDIT.c.subject.startswith(f"{campaign}/", autoescape=True))
    found: datetime | None = connection.execute(select(func.max(_AUDIT.c.at)).where(about)).scalar()
    return found
