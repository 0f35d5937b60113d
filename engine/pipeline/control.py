"""Pause, resume, cancel: a person's decision, on a whole campaign or the open runs of one step.

Resuming also lets the senders of those runs go on that were held or stopped: the person has mended what was wrong.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from engine.errors import LoaError
from engine.pipeline.finish import cancel_queued
from engine.pipeline.process import Process
from engine.status import RunStatus
from engine.store import audit, fanout, runs, senders, snapshots
from engine.store.database import Lock

_STATES = {"pause": "paused", "resume": "active", "cancel": "cancelled"}


def act(process: Process, action: str, campaign: str, step: str | None, *, by: str | None, why: str | None) -> int:
    """Carry out ``pause``, ``resume`` or ``cancel``; how many runs it touched.

    Raises ``LoaError`` for a campaign that has neither an approval nor a run, an unknown step, or a cancelled one.
    """
    now = process.clock.now()
    with process.database.write(Lock.CLAIM) as connection:
        found = runs.of_campaign(connection, campaign)
        if not found and campaign not in snapshots.approved_digests(connection):
            raise LoaError("pipeline.nothing-to-control", key=campaign)
        if step is not None and step not in {run["step"] for run in found}:
            steps = ", ".join(sorted({run["step"] for run in found})) or "–"
            raise LoaError("pipeline.unknown-step", campaign=campaign, step=step, steps=steps)
        if action != "cancel" and step is None and snapshots.state_of(connection, campaign) == "cancelled":
            raise LoaError("pipeline.already-cancelled", key=campaign)
        if step is None:
            snapshots.set_state(connection, campaign, _STATES[action])
        chosen = [run for run in found if step in (None, run["step"])]
        touched = sum(
            _move(connection, action, run["id"], RunStatus(run["status"]), step, process.slot) for run in chosen
        )
        if action == "resume":
            _release_senders(connection, process, chosen, now)
        subject = f"{campaign}/{step}" if step else campaign
        audit.record(connection, process.keyring, at=now, action=action, subject=subject, who=by, detail=why)
    if action == "cancel":
        for run in chosen:
            cancel_queued(process, run["id"], now)
    return touched


def _move(connection: Connection, action: str, run_id: int, status: RunStatus, step: str | None, slot: int) -> bool:
    """Move one run; a campaign's own state already stops its claims, so only a step's runs are paused one by one."""
    if action == "pause":
        if step is None:
            return status in (RunStatus.READY, RunStatus.RUNNING)
        return status in (RunStatus.READY, RunStatus.RUNNING) and runs.move(
            connection, run_id, status, RunStatus.PAUSED, reason="paused"
        )
    if action == "resume":
        if status is RunStatus.PAUSED:
            return runs.move(connection, run_id, status, RunStatus.RUNNING)
        return status is RunStatus.HELD and _let_go(connection, run_id)
    if status not in runs.OPEN or not runs.move(connection, run_id, status, RunStatus.CANCELLED, reason="cancelled"):
        return False
    if status is RunStatus.ENQUEUEING:  # its rows are counted when it becomes ready, which now it never does
        fanout.count_enqueued(connection, run_id).write(connection, slot)
        fanout.drop_cells(connection, run_id)
    return True


def _let_go(connection: Connection, run_id: int) -> bool:
    """A held run goes on by a person's decision, which also stands above the budget."""
    run = runs.get(connection, run_id)
    if run["reason"] == "budget":
        snapshots.reserve(connection, run["campaign"], runs.reserve_held(connection, run_id), None)
    return runs.move(connection, run_id, RunStatus.HELD, RunStatus.READY)


def _release_senders(connection: Connection, process: Process, chosen: Sequence[RowMapping], now: datetime) -> None:
    released = set()
    for run in chosen:
        snapshot = process.snapshot(run["digest"])
        released |= {sender.key for sender in snapshot.senders_of(snapshot.campaign.step(run["step"]))}
    for sender in sorted(released):
        if senders.release(connection, sender):
            for kind in ("sender_stopped", "filtered"):
                audit.settle_incident(connection, at=now, kind=kind, subject=f"sender:{sender}")
