"""The end of runs: what was not handed over in time expires, and what has nothing left is finished."""

from datetime import datetime

from engine.pipeline.process import Process
from engine.status import RunStatus, Status
from engine.store import outbox, runs
from engine.store.outbox import Change

CHUNK = 1000  # rows a transaction


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
