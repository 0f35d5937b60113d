"""Whether enough different people stand behind a snapshot."""

from sqlalchemy import Connection

from engine.content.snapshot import Snapshot
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.store import snapshots


def is_approved(process: Process, connection: Connection, snapshot: Snapshot) -> bool:
    """Whether enough people have approved exactly this snapshot and nothing has voided it."""
    return count_approvals(process, connection, snapshot) >= snapshot.approvals.people


def count_approvals(process: Process, connection: Connection, snapshot: Snapshot) -> int:
    """How many different people's approvals of this snapshot stand."""
    return len(
        {
            process.keyring.unseal(row["by_sealed"]).casefold()
            for row in snapshots.standing(connection, snapshot.campaign.key)
            if row["digest"] == snapshot.digest
        }
    )


def missing_approvals(process: Process, connection: Connection, snapshot: Snapshot) -> int:
    """How many people's approvals this snapshot still needs; 0 when it may go, or goes through the sandbox only."""
    if not any(needs_approval(sender) for step in snapshot.campaign.steps for sender in snapshot.senders_of(step)):
        return 0
    return max(0, snapshot.approvals.people - count_approvals(process, connection, snapshot))
