"""The end of runs and campaigns: what was not handed over in time expires, what has nothing left is finished."""

from datetime import datetime

from sqlalchemy import Connection

from engine.pipeline.process import Process
from engine.status import CampaignStatus, PostStatus, RunStatus, Status, StepStatus
from engine.store import broadcasts, budget, campaigns, outbox, posts, runs, snapshots
from engine.store.database import Lock
from engine.store.outbox import Change

CHUNK = 1000  # rows a transaction


def expire_overdue(process: Process, now: datetime) -> int:
    """Expire what is still queued in runs whose time is over, and finish those runs; how many rows expired."""
    with process.database.read() as connection:
        overdue = [
            (run["id"], run["campaign"])
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
    for run_id, campaign in overdue:
        while True:
            with process.database.write() as connection:
                campaigns.status_of(connection, campaign, lock=True)  # before the run, as whoever decides about it does
                rows = runs.queued_rows(connection, run_id, CHUNK)
                changes = [Change(row.id, row.attempt, Status.EXPIRED, now, reason="too_late") for row in rows]
                outbox.apply(connection, changes, slot=process.slot)
                expired += len(rows)
                if len(rows) < CHUNK:
                    expired += posts.end_queued(connection, run_id, PostStatus.EXPIRED, now)
                    runs.finish(connection, run_id, now, process.name)
                    break
    return expired


def cancel_queued(process: Process, run_id: int, now: datetime) -> None:
    """Cancel what is still queued in a cancelled run, give its budget back, and close it. Safe to repeat."""
    while True:
        with process.database.write(Lock.CLAIM) as connection:
            run = runs.get(connection, run_id)
            if run["status"] != RunStatus.CANCELLED:
                return
            campaigns.status_of(connection, run["campaign"], lock=True)
            rows = runs.queued_rows(connection, run_id, CHUNK)
            changes = [Change(row.id, row.attempt, Status.CANCELLED, now, reason="cancelled") for row in rows]
            outbox.apply(connection, changes, slot=process.slot)
            if len(rows) < CHUNK:
                posts.end_queued(connection, run_id, PostStatus.CANCELLED, now)
                budget.give_back(connection, run["campaign"], run_id)
                runs.close(connection, run_id, now)
                return


def finish_campaigns(process: Process, now: datetime) -> list[str]:
    """Finish the campaigns whose calendar is over and none of whose runs is open; their keys."""
    with process.database.read() as connection:
        over = [key for key in campaigns.without_open_run(connection) if _is_over(process, connection, key, now)]
    for campaign in over:
        with process.database.write() as connection:
            if campaign in campaigns.without_open_run(connection):  # as it stands by now
                campaigns.move(connection, campaign, CampaignStatus.FINISHED, process.signed(now))
    return over


def _is_over(process: Process, connection: Connection, campaign: str, now: datetime) -> bool:
    """Whether no occurrence is to come, nor one due that nobody has opened or missed yet."""
    found = runs.of_campaign(connection, campaign)
    approvals = snapshots.standing(connection, campaign)
    digests = [approval["digest"] for approval in approvals] or [run["digest"] for run in found]
    if not digests:
        return False
    snapshot = process.snapshot(digests[-1])
    stopped = campaigns.steps_of(connection, campaign)
    going = [step for step in snapshot.campaign.steps if stopped.get(step.id) is not StepStatus.CANCELLED]
    last = process.last_dues(digests[-1])
    if any(last[step.id] > now for step in going if step.id in last):
        return False
    if broadcasts.next_reminder(connection, now, campaign) is not None:
        return False
    known = runs.occurrences_known(connection, campaign)
    return all(
        runs.is_known(known, step.id, occurrence.key, occurrence.due)
        for step in going
        for occurrence in snapshot.occurrences(step)
    )
