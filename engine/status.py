"""Statuses of deliveries, runs, campaigns and steps, with the one table of transitions of each.

Nobody else decides what may follow what: `engine.store` moves rows by these tables, and triggers in the database
refuse every other move, whoever writes.
"""

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


class PostStatus(StrEnum):
    """Where a post (one run × one page or channel) stands."""

    QUEUED = "queued"
    PUBLISHING = "publishing"
    ACCEPTED = "accepted"  # the vendor has it; whether people see it cannot be known, or not yet
    PUBLISHED = "published"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


POST_TRANSITIONS: dict[PostStatus, frozenset[PostStatus]] = {
    PostStatus.QUEUED: frozenset({PostStatus.PUBLISHING, PostStatus.EXPIRED, PostStatus.CANCELLED}),
    PostStatus.PUBLISHING: frozenset(
        {PostStatus.PUBLISHED, PostStatus.ACCEPTED, PostStatus.FAILED, PostStatus.UNKNOWN, PostStatus.QUEUED}
    ),
    PostStatus.UNKNOWN: frozenset({PostStatus.PUBLISHED, PostStatus.ACCEPTED, PostStatus.FAILED, PostStatus.QUEUED}),
    PostStatus.ACCEPTED: frozenset({PostStatus.PUBLISHED, PostStatus.FAILED}),
    PostStatus.PUBLISHED: frozenset(),
    PostStatus.FAILED: frozenset(),
    PostStatus.EXPIRED: frozenset(),
    PostStatus.CANCELLED: frozenset(),
}


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


class CampaignStatus(StrEnum):
    """Where a campaign stands. ``draft`` is also one whose approval was voided, until it is approved again."""

    DRAFT = "draft"
    APPROVED = "approved"  # by as many people as it needs; nothing has been opened yet
    RUNNING = "running"  # runs have been opened: the only status in which deliveries are claimed
    PAUSED = "paused"  # by a person; stays so whatever becomes of the approval
    FINISHED = "finished"  # every run is over and none is to come
    CANCELLED = "cancelled"


CAMPAIGN_TRANSITIONS: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    # What goes through the sandbox only needs no approval: its first run makes a draft a running campaign.
    CampaignStatus.DRAFT: frozenset(
        {CampaignStatus.APPROVED, CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.CANCELLED}
    ),
    CampaignStatus.APPROVED: frozenset(
        {
            CampaignStatus.DRAFT,
            CampaignStatus.RUNNING,
            CampaignStatus.PAUSED,
            CampaignStatus.FINISHED,
            CampaignStatus.CANCELLED,
        }
    ),
    CampaignStatus.RUNNING: frozenset(
        {CampaignStatus.DRAFT, CampaignStatus.PAUSED, CampaignStatus.FINISHED, CampaignStatus.CANCELLED}
    ),
    CampaignStatus.PAUSED: frozenset(
        {
            CampaignStatus.DRAFT,
            CampaignStatus.APPROVED,
            CampaignStatus.RUNNING,
            CampaignStatus.FINISHED,
            CampaignStatus.CANCELLED,
        }
    ),
    # A period that is made longer and approved again (or has no need of it) goes on, unless a person stops it before.
    CampaignStatus.FINISHED: frozenset(
        {CampaignStatus.APPROVED, CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.CANCELLED}
    ),
    CampaignStatus.CANCELLED: frozenset(),
}


def campaign_may_become(before: CampaignStatus, after: CampaignStatus) -> bool:
    """Whether a campaign may go from ``before`` to ``after``; staying is not a move."""
    return after in CAMPAIGN_TRANSITIONS[before]


class StepStatus(StrEnum):
    """What a person has decided about a step, its runs of today and those to come; most steps have no row."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


STEP_TRANSITIONS: dict[StepStatus, frozenset[StepStatus]] = {
    StepStatus.ACTIVE: frozenset({StepStatus.PAUSED, StepStatus.CANCELLED}),
    StepStatus.PAUSED: frozenset({StepStatus.ACTIVE, StepStatus.CANCELLED}),
    StepStatus.CANCELLED: frozenset(),
}


def step_may_become(before: StepStatus, after: StepStatus) -> bool:
    """Whether a step may go from ``before`` to ``after``; staying is not a move."""
    return after in STEP_TRANSITIONS[before]
