"""What is to come: the occurrences of the campaigns as they stand that have had no run yet.

``open_runs`` opens them; this only looks, so that a process knows when it has to look again and ``loa status`` what
is next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.content.occurrences import Occurrence
from engine.content.snapshot import Snapshot
from engine.pipeline.approve import is_approved
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.status import CampaignStatus, StepStatus
from engine.store import campaigns, runs


@dataclass(frozen=True, slots=True)
class Coming:
    """A run to come. ``approved`` is False where it needs an approval that nobody has given (or it was voided).

    ``paused``: its campaign or step is; it will open, and wait until somebody lets it go on.
    """

    campaign: str
    step: str
    channel: str
    occurrence: Occurrence
    approved: bool
    opens: datetime  # when its run is opened: at its due time, or ahead of it for the relays' sake
    paused: bool = False


def coming(process: Process, connection: Connection, current: Mapping[str, Snapshot], now: datetime) -> list[Coming]:
    """Every run still to be opened of the campaigns ``current``, those due first at the front.

    What is due and not opened yet is among them while it is within ``late``; what was cancelled, a campaign or
    one step of it, is not.
    """
    found = []
    for key, snapshot in current.items():
        status, steps = campaigns.status_of(connection, key), campaigns.steps_of(connection, key)
        if status is CampaignStatus.CANCELLED:
            continue
        known = runs.occurrences_known(connection, key)
        approved = is_approved(process, connection, snapshot)
        for step in snapshot.campaign.steps:
            stands = steps.get(step.id, StepStatus.ACTIVE)
            if stands is StepStatus.CANCELLED:
                continue
            paused = CampaignStatus.PAUSED is status or stands is StepStatus.PAUSED
            free = approved or not any(needs_approval(sender) for sender in snapshot.senders_of(step))
            found += [
                Coming(key, step.id, step.channel, occurrence, free, snapshot.opens(step, occurrence.due), paused)
                for occurrence in snapshot.occurrences(step)
                if now <= occurrence.missed_after
                and now < occurrence.expires
                and not runs.is_known(known, step.id, occurrence.key, occurrence.due)
            ]
    return sorted(found, key=lambda one: (one.occurrence.due, one.campaign, one.step))


def next_due(found: Iterable[Coming], now: datetime) -> datetime | None:
    """The earliest instant after ``now`` at which a run is to be opened; None when nothing is to come."""
    return min((one.opens for one in found if one.opens > now), default=None)
