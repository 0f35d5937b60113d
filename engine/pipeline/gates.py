"""Which runs may hand out deliveries at this moment, and until when the vendor may try."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping

from engine.content.loudspeaker import EMAIL
from engine.content.organisation import Sender
from engine.content.snapshot import Snapshot
from engine.pipeline.approvals import is_approved
from engine.pipeline.hours import window
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.status import CampaignStatus, RunStatus
from engine.store import campaigns, runs
from engine.store.claim_gates import Claimable

LONGEST_VALIDITY = 36_000  # seconds, Twilio's limit; no vendor here takes more


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A run whose deliveries may be claimed now through ``sender``."""

    run: RowMapping
    snapshot: Snapshot
    sender: Sender
    until: datetime  # the run expires, or quiet hours begin: the vendor must not try beyond
    opened: datetime  # when the gate was seen open
    closes: datetime | None  # when claims end for the hours' sake

    @property
    def claimable(self) -> Claimable:
        """The run as the claim wants it: with what it looks at again under its lock."""
        step = self.snapshot.campaign.step(self.run["step"])
        cap = self.snapshot.campaign.limits.per_person if step.person_addressed else None
        return Claimable(
            self.run["id"],
            (cap.count, cap.window) if cap else None,
            opens=self.opened,
            closes=self.closes,
            advertising=self.run["advertising"],
            by_email=self.sender.channel == EMAIL,
        )

    @property
    def carries_links(self) -> bool:
        """Whether each message has a link of its own: a relay's to what is to be read."""
        return self.snapshot.campaign.step(self.run["step"]).aloud

    @property
    def roads(self) -> dict[str, tuple[Sender, ...]]:
        """The senders of the run's step by their channel: each row takes one of these roads."""
        return self.snapshot.roads(self.snapshot.campaign.step(self.run["step"]))

    def valid_seconds(self, now: datetime) -> int:
        """How long the vendor may try: until the run expires, quiet hours begin, or ten hours have gone."""
        return max(1, min(int((self.until - now).total_seconds()), LONGEST_VALIDITY))


def open_gates(
    process: Process, connection: Connection, now: datetime, *, posts: bool = False
) -> tuple[list[OpenGate], list[int]]:
    """Every run that may be claimed from now, those due first at the front; and those whose approval has fallen.

    ``posts``: the runs of posts and no others; without it those of messages to people.

    The claim asks most of it again under its lock (``store/claim_gates.py``); here it keeps claims from being tried.
    """
    statuses: dict[str, CampaignStatus] = {}
    approved: dict[str, bool] = {}
    found, fallen = [], []
    for run in runs.in_status(connection, (RunStatus.READY, RunStatus.RUNNING)):
        campaign = run["campaign"]
        if campaign not in statuses:
            statuses[campaign] = campaigns.status_of(connection, campaign)
        snapshot = process.snapshot(run["digest"])
        step = snapshot.campaign.step(run["step"])
        if step.posted is not posts:
            continue
        several = snapshot.senders_of(step)
        if any(needs_approval(sender) for sender in several):
            if run["digest"] not in approved:
                approved[run["digest"]] = is_approved(process, connection, snapshot)
            if not approved[run["digest"]]:
                fallen.append(run["id"])
                continue
        if (
            statuses[campaign] is not CampaignStatus.RUNNING
            or not snapshot.opens(step, run["due"]) <= now < run["expires_at"]
        ):
            continue
        hours = window(snapshot, step, now)
        if hours is None:
            continue
        until = min(run["expires_at"], hours.until) if hours.until else run["expires_at"]
        found.append(OpenGate(run, snapshot, several[0], until, now, hours.closes))
    return found, fallen
