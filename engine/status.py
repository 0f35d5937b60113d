"""Statuses of deliveries and runs, and the one table of transitions. Nobody else decides what may follow what."""

from enum import StrEnum


class Status(StrEnum):
    """Where a delivery (one run × one contact) stands. Never a bare "sent"."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXCLUDED = "excluded"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SENDING, Status.EXCLUDED, Status.EXPIRED, Status.CANCELLED}),
    Status.SENDING: frozenset(
        {Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.EXPIRED, Status.UNKNOWN, Status.QUEUED}
    ),
    Status.UNKNOWN: frozenset({Status.ACCEPTED, Status.DELIVERED, Status.FAILED, Status.EXPIRED, Status.QUEUED}),
    Status.ACCEPTED: frozenset({Status.DELIVERED, Status.FAILED, Status.EXPIRED}),
    Status.DELIVERED: frozenset(),
    Status.FAILED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXCLUDED: frozenset(),
}

FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)
# What a vendor holds or has held: counted against caps, and its segments and cost are spent.
HANDED_OVER = frozenset({Status.ACCEPTED, Status.DELIVERED})


def may_become(before: Status, after: Status) -> bool:
    """Whether a delivery may go from ``before`` to ``after``; staying is not a move."""
    return after in TRANSITIONS[before]


def sources_of(after: Status) -> frozenset[Status]:
    """All statuses from which ``after`` may be reached, for an ``UPDATE … WHERE status IN``."""
    return frozenset(before for before, following in TRANSITIONS.items() if after in following)


class RunStatus(StrEnum):
    """Where a run (one occurrence of a step) stands."""

    PLANNED = "planned"
    ENQUEUEING = "enqueueing"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    HELD = "held"
    FINISHED = "finished"
    MISSED = "missed"
    CANCELLED = "cancelled"


RUN_TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.PLANNED: frozenset({RunStatus.ENQUEUEING, RunStatus.MISSED, RunStatus.CANCELLED}),
    RunStatus.ENQUEUEING: frozenset({RunStatus.READY, RunStatus.HELD, RunStatus.CANCELLED}),
    RunStatus.READY: frozenset(
        {RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.HELD, RunStatus.FINISHED, RunStatus.CANCELLED}
    ),
    RunStatus.RUNNING: frozenset({RunStatus.PAUSED, RunStatus.HELD, RunStatus.FINISHED, RunStatus.CANCELLED}),
    RunStatus.PAUSED: frozenset({RunStatus.READY, RunStatus.RUNNING, RunStatus.FINISHED, RunStatus.CANCELLED}),
    RunStatus.HELD: frozenset({RunStatus.READY, RunStatus.CANCELLED, RunStatus.FINISHED}),
    RunStatus.FINISHED: frozenset(),
    RunStatus.MISSED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}


def run_may_become(before: RunStatus, after: RunStatus) -> bool:
    """Whether a run may go from ``before`` to ``after``; staying is not a move."""
    return after in RUN_TRANSITIONS[before]
