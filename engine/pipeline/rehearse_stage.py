"""Before the curtain rises: what is to be rehearsed, from when, beside what; and the copy brought into shape for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from engine.areas.registry import Registry
from engine.clock import StoppedClock
from engine.content.snapshot import Snapshot
from engine.content.workspace import Loaded
from engine.errors import LoaError
from engine.pipeline import rehearse_rules as rules
from engine.pipeline.approve import approve, is_approved
from engine.pipeline.files import campaign_snapshot, current_snapshots
from engine.pipeline.plan import Plan, Sums
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.pipeline.rehearse_faults import Faults, read_faults
from engine.pipeline.rehearse_rules import Finding
from engine.pipeline.resolve import Resolver
from engine.settings import Settings
from engine.status import CampaignStatus, RunStatus, Status
from engine.store import campaigns, excerpt, outbox, rehearsed, runs, senders, snapshots
from engine.store.outbox import Change

BYTES_A_DELIVERY, BYTES_A_PERSON = 900, 500  # measured 610 and 330, with all indexes


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be rehearsed. ``approved``: the approved snapshot instead of the files as they stand.

    ``start`` (aware) is when it begins; None: with the period, or now where something has gone out already.
    """

    campaign: str
    seed: int = 0
    outages: tuple[str, ...] = ()
    jumps: tuple[str, ...] = ()
    approved: bool = False
    start: datetime | None = None
    alone: bool = False


@dataclass
class Stage:
    """What is known before the curtain rises. ``original`` is the true process, for reading only."""

    original: Process
    asked: Asked
    snapshot: Snapshot
    current: dict[str, Snapshot]
    faults: Faults
    start: datetime
    now: datetime
    window: timedelta
    approved: bool
    known: set[tuple[str, str]]
    findings: list[Finding] = field(default_factory=list)


def open_stage(
    settings: Settings, asked: Asked, loaded: Loaded, now: datetime, environment: Mapping[str, str]
) -> Stage:
    database, keyring = excerpt.open_original(settings)
    try:
        original = Process(settings, database, keyring, StoppedClock(now), environment)
        key = asked.campaign
        snapshot = _approved_snapshot(original, key) if asked.approved else campaign_snapshot(loaded, key)
        faults = read_faults(asked.outages, asked.jumps, sorted(snapshot.senders))
        with database.read() as connection:
            if snapshots.state_of(connection, key) == "cancelled":
                raise LoaError("pipeline.already-cancelled", key=key)
            approved = is_approved(original, connection, snapshot)
            paused = snapshots.state_of(connection, key) == "paused"
            had = [run for run in runs.of_campaign(connection, key) if run["status"] != RunStatus.MISSED]
            stopped = senders.held(connection, senders.FOREVER / 2)
        current = {key: snapshot} | ({} if asked.alone else _others(original, loaded, key))
        start = asked.start or _start(snapshot, now, began=bool(had))
        with database.read() as connection:
            before = [run for run in runs.of_campaign(connection, key) if run["opened_at"] <= start]
        known = {pair for run in before for pair in _pairs(run["step"], run["occurrence"], run["due"])}
        findings = list(rules.before_sending(original, snapshot, approved=approved))
        if paused:
            findings.append(rules.paused(key))
        findings += [rules.stopped(sender, held[1]) for sender, held in stopped.items() if sender in snapshot.senders]
    except BaseException:
        database.close()
        raise
    window = max((_window(one) for one in current.values()), default=timedelta())
    return Stage(original, asked, snapshot, current, faults, start, now, window, approved, known, findings)


def _pairs(step: str, occurrence: str, due: datetime) -> tuple[tuple[str, str], tuple[str, str]]:
    return (step, occurrence), (step, runs.local_day(due))


def _approved_snapshot(original: Process, key: str) -> Snapshot:
    with original.database.read() as connection:
        digest = snapshots.approved_digests(connection).get(key)
    if digest is None:
        raise LoaError("rehearse.not-approved", campaign=key)
    return original.snapshot(digest)


def _others(original: Process, loaded: Loaded, key: str) -> dict[str, Snapshot]:
    """The other campaigns that a process would run beside it: approved as their files stand, or the sandbox's own."""
    found = {}
    for other, snapshot in current_snapshots(loaded).items():
        with original.database.read() as connection:
            runs_by_itself = not any(needs_approval(sender) for sender in snapshot.senders.values())
            runs_at_all = snapshots.state_of(connection, other) == "active"
            if other != key and runs_at_all and (runs_by_itself or is_approved(original, connection, snapshot)):
                found[other] = snapshot
    return found


def _start(snapshot: Snapshot, now: datetime, *, began: bool) -> datetime:
    """The first instant of the period, also where that has passed; now, where something has gone out."""
    opens = datetime.combine(snapshot.campaign.period.start, time(), snapshot.zone)
    return now if began else opens


def _window(snapshot: Snapshot) -> timedelta:
    """How far back what went out weighs: the cap's window, or that of an audience's ``contacted_within``."""
    cap = snapshot.campaign.limits.per_person
    windows = [audience.exclude.contacted_within for audience in snapshot.audiences.values()]
    return max([*(one for one in windows if one is not None), cap.window if cap else timedelta(days=1)])


def places_of(snapshot: Snapshot, registry: Registry) -> set[tuple[str, str]]:
    rules_of = Resolver(snapshot, registry, drafts=True).rules.values()
    return {place for rule in rules_of for place in rule.areas}


def bytes_needed(process: Process, stage: Stage, registry: Registry) -> int:
    """About how large the copy will grow: everybody in an audience's places gets a row from each of its runs."""
    with process.database.read() as connection:
        people = rehearsed.people_by_place(connection)
    deliveries = 0
    for snapshot in stage.current.values():
        resolver = Resolver(snapshot, registry, drafts=True)
        for step in snapshot.campaign.steps:
            if step.posted:
                continue
            reached = sum(people.get(place, 0) for place in resolver.rules[str(step.audience)].areas)
            deliveries += reached * len(snapshot.occurrences(step))
    return deliveries * BYTES_A_DELIVERY + sum(people.values()) * BYTES_A_PERSON


def set_the_stage(process: Process, stage: Stage) -> None:
    """In the copy: what was on its way has arrived, senders rest no longer, and the campaign is approved."""
    at, key = process.clock.now(), stage.asked.campaign
    with process.database.write() as connection:
        changes = [
            Change(delivery, attempt, Status.ACCEPTED, at, handed=True)
            for delivery, attempt in rehearsed.on_their_way(connection)
        ]
        outbox.apply(connection, changes, slot=process.slot)
        for snapshot in stage.current.values():
            for sender in snapshot.senders:
                senders.release(connection, sender)
        if campaigns.status_of(connection, key) is CampaignStatus.PAUSED:
            after = CampaignStatus.RUNNING if stage.approved else CampaignStatus.DRAFT
            campaigns.move(connection, key, after, process.signed())
    if stage.approved:
        return
    nothing = Plan(key, [], {}, Sums(), [])
    for turn in range(stage.snapshot.approvals.people):
        approve(process, stage.snapshot, nothing, by=f"{turn}", document=None)
    # What will be approved is what the plan says on that day: here no run is held for having grown since.
    names = [
        f"{step.id}/{one.key}" for step in stage.snapshot.campaign.steps for one in stage.snapshot.occurrences(step)
    ]
    with process.database.write() as connection:
        rehearsed.approve_any_size(connection, key, names)
