"""Opening runs when they are due: once each, whoever asks, however often."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from engine.areas.registry import Registry
from engine.clock import VIETNAM
from engine.content.campaign import Step
from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.i18n import sentence
from engine.pipeline.approvals import is_approved
from engine.pipeline.enqueue import Progress, enqueue
from engine.pipeline.finish import finish_campaigns
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.status import CampaignStatus, RunStatus, StepStatus
from engine.store import audit, campaigns, fanout, runs, snapshots

MISSED = "run_missed"  # the kind of the incident


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
    goes through the sandbox only needs no approval and is frozen here. Campaigns that have come to their end are
    finished.
    """
    now, result = process.clock.now(), Opened()
    for snapshot in current.values():
        with process.database.read() as connection:
            known = runs.occurrences_known(connection, snapshot.campaign.key)
            approved = is_approved(process, connection, snapshot)
            stopped = campaigns.status_of(connection, snapshot.campaign.key) is CampaignStatus.CANCELLED
        if stopped:
            continue
        for step in snapshot.campaign.steps:
            waits = not approved and any(needs_approval(sender) for sender in snapshot.senders_of(step))
            for occurrence in snapshot.occurrences(step):
                if snapshot.opens(step, occurrence.due) > now or runs.is_known(
                    known, step.id, occurrence.key, occurrence.due
                ):
                    continue
                if waits:
                    if now <= occurrence.missed_after:
                        result.unapproved.append((snapshot.campaign.key, step.id))
                    continue
                _open(process, snapshot, step, occurrence, now, result)
    with process.database.read() as connection:
        waiting = [run["id"] for run in runs.in_status(connection, (RunStatus.ENQUEUEING,))]
    for run_id in waiting:
        if enqueue(process, run_id, registry, progress=progress) is RunStatus.HELD:
            result.held.append(run_id)
        result.opened.append(run_id)
    finish_campaigns(process, now)
    return result


def is_missed(occurrence: Occurrence, now: datetime) -> bool:
    """Whether an occurrence that nobody has opened is too late by now: beyond its lateness, or no longer valid."""
    return now > occurrence.missed_after or now >= occurrence.expires


def _open(
    process: Process, snapshot: Snapshot, step: Step, occurrence: Occurrence, now: datetime, result: Opened
) -> None:
    campaign, signature = snapshot.campaign.key, process.signed(now)
    with process.database.write() as connection:
        campaigns.ensure(connection, campaign)
        status = campaigns.status_of(connection, campaign, lock=True)
        unapproved = status is CampaignStatus.DRAFT and any(map(needs_approval, snapshot.senders_of(step)))
        if status is CampaignStatus.CANCELLED or unapproved:
            return  # since the caller looked
        snapshots.keep(connection, digest=snapshot.digest, campaign=campaign, content=snapshot.to_json(), at=now)
        values = {
            "campaign": campaign,
            "step": step.id,
            "occurrence": occurrence.key,
            "channel": step.channel,
            "due": occurrence.due,
            "expires_at": occurrence.expires,
            "status": str(RunStatus.PLANNED),
            "digest": snapshot.digest,
            "advertising": snapshot.is_advertising(step),
            "opened_at": now,
        }
        run_id = runs.create(connection, values)
        if run_id is None:
            return
        if campaigns.step_status(connection, campaign, step.id) is StepStatus.CANCELLED:
            runs.move(
                connection, run_id, RunStatus.PLANNED, RunStatus.CANCELLED, signature,
                reason="cancelled", finished_at=now,
            )  # fmt: skip
        elif is_missed(occurrence, now):
            runs.move(
                connection, run_id, RunStatus.PLANNED, RunStatus.MISSED, signature, reason="late", finished_at=now
            )
            result.missed.append((campaign, step.id, occurrence.key))
            if _was_expected(connection, campaign, occurrence, run_id):
                _tell_missed(process, connection, campaign, step.id, occurrence, now)
        else:
            runs.move(
                connection, run_id, RunStatus.PLANNED, RunStatus.ENQUEUEING, signature,
                high_water=fanout.high_water(connection),
            )  # fmt: skip
            if status is not CampaignStatus.PAUSED:
                campaigns.move(connection, campaign, CampaignStatus.RUNNING, signature)


def _was_expected(connection: Connection, campaign: str, occurrence: Occurrence, run_id: int) -> bool:
    """Whether anybody could count on an occurrence: it was not too late already when the campaign first was ours."""
    known = [approval["at"] for approval in snapshots.all_approvals(connection, campaign)[:1]]
    known += [run["opened_at"] for run in runs.of_campaign(connection, campaign) if run["id"] < run_id]
    return any(at <= occurrence.missed_after for at in known)


def _tell_missed(
    process: Process, connection: Connection, campaign: str, step: str, occurrence: Occurrence, now: datetime
) -> None:
    due = f"{occurrence.due.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
    audit.raise_incident(
        connection,
        process.keyring,
        at=now,
        kind=MISSED,
        subject=f"run:{runs.subject_of(campaign, step, occurrence.key)}",
        detail=sentence("pipeline.run-missed", campaign=campaign, step=step, due=due),
    )
