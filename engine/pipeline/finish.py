"""The end of runs: what was not handed over in time expires, and what has nothing left is finished."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.pipeline.process import Process
from engine.status import RunStatus, Status
from engine.store import outbox, runs
from engine.store.database import Lock
from engine.store.outbox import Change

CHUNK = 1000  # rows a transaction
# Where a delivery goes that comes back into the queue of a run that is over: nobody would ever claim it there.
_LEFT_OVER = {
    RunStatus.CANCELLED: (Status.CANCELLED, "cancelled"),
    RunStatus.FINISHED: (Status.EXPIRED, "too_late"),
}


def expire_overdue(process: Process, now: datetime) -> int:
    """Expire what is still queued in runs whose time is over, and finish those runs; how many rows expired."""
    with process.database.read() as connection:
        overdue = [
            run["id"]
            for run in runs.in_status(
                connection, (RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.HELD)
            )
            if now >= run["expires_at"]
        ]
        half_cancelled = [
            run["id"] for run in runs.in_status(connection, (RunStatus.CANCELLED,)) if run["finished_at"] is None
        ]
    for run_id in half_cancelled:  # whoever cancelled them was stopped in the middle
        cancel_queued(process, run_id, now)
    expired = 0
    for run_id in overdue:
        while True:
            with process.database.write() as connection:
                rows = runs.queued_rows(connection, run_id, CHUNK)
                changes = [Change(row.id, row.attempt, Status.EXPIRED, now, reason="too_late") for row in rows]
                outbox.apply(connection, changes, slot=process.slot)
                expired += len(rows)
                if len(rows) < CHUNK:
                    runs.finish(connection, run_id, now)
                    break
    return expired


def cancel_queued(process: Process, run_id: int, now: datetime) -> None:
    """Cancel what is still queued in a cancelled run, give its budget back, and close it. Safe to repeat."""
    while True:
        with process.database.write(Lock.CLAIM) as connection:
            run = runs.get(connection, run_id)
            if run["status"] != RunStatus.CANCELLED:
                return
            rows = runs.queued_rows(connection, run_id, CHUNK)
            changes = [Change(row.id, row.attempt, Status.CANCELLED, now, reason="cancelled") for row in rows]
            outbox.apply(connection, changes, slot=process.slot)
            if len(rows) < CHUNK:
                runs.give_back(connection, run)
                runs.close(connection, run_id, now)
                return


def close_leftovers(connection: Connection, process: Process, delivery_ids: Sequence[int], at: datetime) -> None:
    """End those of the deliveries that have just come back into the queue of a run that is over.

    A call that was on its way when its run was cancelled, a look-up that proved absence after the run's time: in the
    transaction that queued them again.
    """
    changes = []
    for delivery_id, attempt, run_status in runs.status_of_queued(connection, delivery_ids):
        ending = _LEFT_OVER.get(run_status)
        if ending is not None:
            changes.append(Change(delivery_id, attempt, ending[0], at, reason=ending[1]))
    if changes:
        outbox.apply(connection, changes, slot=process.slot)
