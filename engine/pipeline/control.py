"""Pause, resume, cancel: a person's decision, on a whole campaign or on one step of it.

What is decided of a step holds for its run of today, for one that is being enqueued at this moment, and for those to
come. Resuming also lets the senders of those runs go on that were held or stopped: the person has mended what was
wrong. It never stands in for an approval: what lacks one is said and stays where it is.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from engine.content.snapshot import Snapshot
from engine.errors import LoaError
from engine.pipeline.approvals import missing_approvals
from engine.pipeline.finish import cancel_queued
from engine.pipeline.going_on import BUDGET, PAUSED, TERMS, go_on, occurrence_of, reserve_again, same_words
from engine.pipeline.process import Process
from engine.pipeline.relay_link import NO_ADDRESS
from engine.pipeline.voiding import VOIDED
from engine.status import CampaignStatus, RunStatus, StepStatus
from engine.store import audit, campaigns, fanout, runs, senders, snapshots
from engine.store.audit import Signature
from engine.store.database import Lock

_GOING = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision came to. ``missing``: approvals without which nothing goes on.

    ``waiting``: (step, reason) of runs that stay paused all the same, after a ``resume``.
    """

    runs: int  # how many it touched
    status: CampaignStatus
    missing: int = 0
    waiting: tuple[tuple[str, str], ...] = ()


def act(process: Process, action: str, campaign: str, step: str | None, *, by: str | None, why: str | None) -> Decided:
    """Carry out ``pause``, ``resume`` or ``cancel`` for ``by``, who says ``why``.

    Raises ``LoaError`` for a campaign that has neither an approval nor a run, a step it does not have, one that was
    cancelled, and a ``resume`` where nothing was stopped and only approvals are missing.
    """
    signature = process.signed(who=by, why=why)
    with process.database.read() as connection:  # snapshots are read before the lock is taken: they take their time
        for run in runs.of_campaign(connection, campaign):
            if run["status"] in runs.OPEN:
                process.snapshot(run["digest"])
        _newest_snapshot(process, connection, campaign, ())
    with process.database.write(Lock.CLAIM) as connection:
        found = runs.of_campaign(connection, campaign)
        snapshot = _newest_snapshot(process, connection, campaign, found)
        if snapshot is None:
            raise LoaError("pipeline.nothing-to-control", key=campaign)
        _refuse_unknown_step(campaign, step, snapshot, found)
        _refuse_what_is_cancelled(connection, action, campaign, step)
        chosen = [run for run in found if step in (None, run["step"])]
        if action == "pause":
            touched = _pause(connection, campaign, step, chosen, signature)
        elif action == "cancel":
            touched = _cancel(connection, process, campaign, step, chosen, signature)
        else:
            touched = _resume(connection, process, campaign, step, chosen, snapshot, signature)
        subject = f"{campaign}/{step}" if step else campaign
        audit.record(connection, process.keyring, at=signature.at, action=action, subject=subject, who=by, detail=why)
        decided = Decided(touched, campaigns.status_of(connection, campaign))
        if action == "resume":
            decided = _what_still_waits(connection, process, campaign, step, snapshot, decided)
    if action == "cancel":
        for run in chosen:
            cancel_queued(process, run["id"], signature.at)
    return decided


def _newest_snapshot(
    process: Process, connection: Connection, campaign: str, found: Sequence[RowMapping]
) -> Snapshot | None:
    """The campaign as it was approved last, or as its last run was opened; None where nothing ever was."""
    approvals = snapshots.standing(connection, campaign) or snapshots.all_approvals(connection, campaign)
    if approvals:
        return process.snapshot(approvals[-1]["digest"])
    return process.snapshot(max(found, key=lambda run: run["id"])["digest"]) if found else None


def _refuse_unknown_step(campaign: str, step: str | None, snapshot: Snapshot, found: Collection[RowMapping]) -> None:
    known = [one.id for one in snapshot.campaign.steps]
    known += sorted({run["step"] for run in found} - set(known))  # of an earlier version
    if step is not None and step not in known:
        raise LoaError("pipeline.unknown-step", campaign=campaign, step=step, steps=", ".join(known))


def _refuse_what_is_cancelled(connection: Connection, action: str, campaign: str, step: str | None) -> None:
    campaigns.ensure(connection, campaign)
    status = campaigns.status_of(connection, campaign, lock=True)
    if status is CampaignStatus.CANCELLED and action != "cancel":
        raise LoaError("pipeline.already-cancelled", key=campaign)
    if step is None or action == "cancel":
        return
    if campaigns.step_status(connection, campaign, step) is StepStatus.CANCELLED:
        raise LoaError("pipeline.step-cancelled", campaign=campaign, step=step)


def _pause(
    connection: Connection, campaign: str, step: str | None, chosen: Sequence[RowMapping], signature: Signature
) -> int:
    """Stop the claims: of a campaign by its own status, of a step by its status and that of its open runs."""
    if step is None:
        campaigns.move(connection, campaign, CampaignStatus.PAUSED, signature)
        return sum(run["status"] in _GOING for run in chosen)
    campaigns.move_step(connection, campaign, step, StepStatus.PAUSED, signature)
    touched = 0
    for run in chosen:
        status = RunStatus(run["status"])
        if status in (RunStatus.READY, RunStatus.RUNNING):
            touched += runs.move(connection, run["id"], status, RunStatus.PAUSED, signature, reason=PAUSED)
        else:
            touched += status is RunStatus.ENQUEUEING  # it will be paused as soon as it is ready
    return touched


def _cancel(
    connection: Connection,
    process: Process,
    campaign: str,
    step: str | None,
    chosen: Sequence[RowMapping],
    signature: Signature,
) -> int:
    if step is None:
        campaigns.move(connection, campaign, CampaignStatus.CANCELLED, signature)
        audit.settle_incident(connection, at=signature.at, kind=VOIDED, subject=f"campaign:{campaign}")
    else:
        campaigns.move_step(connection, campaign, step, StepStatus.CANCELLED, signature)
    audit.settle_incidents_of(connection, at=signature.at, kind="run_missed", campaign=campaign, step=step or "")
    touched = 0
    for run in chosen:
        status = RunStatus(run["status"])
        if status not in runs.OPEN or not runs.move(
            connection, run["id"], status, RunStatus.CANCELLED, signature, reason="cancelled"
        ):
            continue
        touched += 1
        if status is RunStatus.ENQUEUEING:  # its rows are counted when it becomes ready, which now it never does
            fanout.count_enqueued(connection, run["id"]).write(connection, process.slot)
            fanout.drop_cells(connection, run["id"])
    return touched


def _resume(
    connection: Connection,
    process: Process,
    campaign: str,
    step: str | None,
    chosen: Sequence[RowMapping],
    snapshot: Snapshot,
    signature: Signature,
) -> int:
    lifted = False
    for one, status in campaigns.steps_of(connection, campaign).items():
        if step in (None, one) and status is StepStatus.PAUSED:
            lifted |= campaigns.move_step(connection, campaign, one, StepStatus.ACTIVE, signature)
    missing = missing_approvals(process, connection, snapshot)
    going = 0
    if step is None:
        stood = campaigns.status_of(connection, campaign) is CampaignStatus.PAUSED
        lifted |= _lift_pause(connection, campaign, missing, signature)
        if stood and campaigns.status_of(connection, campaign) is CampaignStatus.RUNNING:
            going = sum(run["status"] in _GOING for run in chosen)  # the campaign's pause alone held them
    touched = going + sum(_let_go(connection, process, run, snapshot, missing, signature) for run in chosen)
    released = _release_senders(connection, process, chosen, signature.at)
    audit.settle_incidents_of(connection, at=signature.at, kind="run_missed", campaign=campaign, step=step or "")
    if missing and not (lifted or touched or released):
        raise LoaError("pipeline.resume-unapproved", key=campaign, missing=missing)
    return touched


def _lift_pause(connection: Connection, campaign: str, missing: int, signature: Signature) -> bool:
    """A campaign that a person paused stands again where its approvals and runs put it."""
    before = campaigns.status_of(connection, campaign)
    after = CampaignStatus.DRAFT
    if not missing and campaigns.has_sent(connection, campaign):
        after = CampaignStatus.RUNNING  # also a draft that needs no approval: it goes through the sandbox only
    elif not missing and before is CampaignStatus.PAUSED and snapshots.standing(connection, campaign):
        after = CampaignStatus.APPROVED
    if before not in (CampaignStatus.PAUSED, CampaignStatus.DRAFT):
        return False
    return campaigns.move(connection, campaign, after, signature)


def _let_go(
    connection: Connection,
    process: Process,
    run: RowMapping,
    snapshot: Snapshot,
    missing: int,
    signature: Signature,
) -> bool:
    """Let a paused or held run go on. A person stands above the budget and the tenth, never above an approval."""
    status = RunStatus(run["status"])
    if status is RunStatus.HELD:
        if run["reason"] == BUDGET:
            return reserve_again(connection, run, None, signature)
        if run["reason"] == NO_ADDRESS and process.settings.public_url is None:
            return False  # its links would lead nowhere still
        return runs.move(connection, run["id"], RunStatus.HELD, RunStatus.READY, signature)
    if status is not RunStatus.PAUSED:
        return False
    former = process.snapshot(run["digest"])
    if missing_approvals(process, connection, former) == 0:
        return go_on(connection, run, signature)
    runs.explain(connection, run["id"], VOIDED)  # what stops it from here on is no person's pause
    if missing or not same_words(former, snapshot, run["step"]):
        return False
    occurrence = occurrence_of(snapshot, run)
    if occurrence is None:
        runs.explain(connection, run["id"], TERMS)
        return False
    # The same words to the same people, on the terms that were approved since: at their time, within their limits.
    due = occurrence.due if runs.untouched(run) else run["due"]
    runs.bring_under(connection, run["id"], snapshot.digest, due=due, expires_at=occurrence.expires)
    return go_on(connection, run, signature)


def _what_still_waits(
    connection: Connection,
    process: Process,
    campaign: str,
    step: str | None,
    snapshot: Snapshot,
    decided: Decided,
) -> Decided:
    waiting = tuple(
        (run["step"], run["reason"])
        for run in runs.of_campaign(connection, campaign)
        if run["status"] == RunStatus.PAUSED and step in (None, run["step"]) and run["reason"] in (VOIDED, TERMS)
    )
    missing = missing_approvals(process, connection, snapshot)
    return Decided(decided.runs, decided.status, missing, waiting)


def _release_senders(connection: Connection, process: Process, chosen: Sequence[RowMapping], now: datetime) -> int:
    keys: set[str] = set()
    for run in chosen:
        snapshot = process.snapshot(run["digest"])
        keys |= {sender.key for sender in snapshot.senders_of(snapshot.campaign.step(run["step"]))}
    released = 0
    for sender in sorted(keys):
        if senders.release(connection, sender):
            released += 1
            for kind in ("sender_stopped", "filtered"):
                audit.settle_incident(connection, at=now, kind=kind, subject=f"sender:{sender}")
    return released
