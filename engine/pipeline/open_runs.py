"""Opening runs when they are due: once each, whoever asks, however often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.areas.registry import Registry
from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.pipeline.approve import is_approved
from engine.pipeline.enqueue import Progress, enqueue
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.status import RunStatus
from engine.store import audit, fanout, runs, snapshots


@dataclass(slots=True)
class Opened:
    """What became of the runs that were due."""

    opened: list[int] = field(default_factory=list)
    missed: list[tuple[str, str, str]] = field(default_factory=list)  # campaign, step, occurrence
    held: list[int] = field(default_factory=list)
    unapproved: list[tuple[str, str]] = field(default_factory=list)  # campaign, step: due, and nobody has approved it


def open_due(
    process: Process, current: Mapping[str, Snapshot], registry: Registry, *, progress: Progress | None = None
) -> Opened:
    """Open every run that is due now, list those that are too late, and finish opening what a kill interrupted.

    ``current`` are the campaigns as their files stand: what is approved is run from its stored snapshot, what
    goes through the sandbox only needs no approval and is frozen here.
    """
    now, result = process.clock.now(), Opened()
    for snapshot in current.values():
        with process.database.read() as connection:
            known = runs.occurrences_known(connection, snapshot.campaign.key)
            approved = is_approved(process, connection, snapshot)
            stopped = snapshots.state_of(connection, snapshot.campaign.key) == "cancelled"
        if stopped:
            continue
        for step in snapshot.campaign.steps:
            waits = not approved and any(needs_approval(sender) for sender in snapshot.senders_of(step))
            for occurrence in snapshot.occurrences(step):
                if occurrence.due > now or runs.is_known(known, step.id, occurrence.key, occurrence.due):
                    continue
                if waits:
                    if now <= occurrence.missed_after:
                        result.unapproved.append((snapshot.campaign.key, step.id))
                    continue
                _open(process, snapshot, step.id, step.channel, occurrence, now, result)
    with process.database.read() as connection:
        waiting = [run["id"] for run in runs.in_status(connection, (RunStatus.ENQUEUEING,))]
    for run_id in waiting:
        if enqueue(process, run_id, registry, progress=progress) is RunStatus.HELD:
            result.held.append(run_id)
        result.opened.append(run_id)
    return result


def _open(
    process: Process, snapshot: Snapshot, step: str, channel: str, occurrence: Occurrence, now: datetime, result: Opened
) -> None:
    campaign = snapshot.campaign.key
    missed = now > occurrence.missed_after or now >= occurrence.expires
    with process.database.write() as connection:
        snapshots.keep(connection, digest=snapshot.digest, campaign=campaign, content=snapshot.to_json(), at=now)
        snapshots.ensure_state(connection, campaign)
        created = runs.create(
            connection,
            {
                "campaign": campaign,
                "step": step,
                "occurrence": occurrence.key,
                "channel": channel,
                "due": occurrence.due,
                "expires_at": occurrence.expires,
                "status": str(RunStatus.MISSED if missed else RunStatus.ENQUEUEING),
                "reason": "late" if missed else None,
                "digest": snapshot.digest,
                "high_water": 0 if missed else fanout.high_water(connection),
                "opened_at": now,
                "finished_at": now if missed else None,
            },
        )
        if created and missed:
            result.missed.append((campaign, step, occurrence.key))
            audit.record(
                connection, process.keyring, at=now, action="missed", subject=f"{campaign}/{step}/{occurrence.key}"
            )
