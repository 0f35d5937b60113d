"""Which runs may hand out deliveries at this moment, and until when the vendor may try."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping

from engine.content.organisation import Sender
from engine.content.snapshot import Snapshot
from engine.pipeline.approve import is_approved
from engine.pipeline.hours import closes_at, may_claim
from engine.pipeline.process import Process
from engine.pipeline.providers import needs_approval
from engine.status import RunStatus
from engine.store import runs, snapshots
from engine.store.claims import Claimable

LONGEST_VALIDITY = 36_000  # seconds, Twilio's limit; no vendor here takes more


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A run whose deliveries may be claimed now through ``sender``."""

    run: RowMapping
    snapshot: Snapshot
    sender: Sender
    until: datetime  # the run expires, or quiet hours begin: the vendor must not try beyond

    @property
    def claimable(self) -> Claimable:
        """The run as the claim wants it, with its campaign's cap."""
        cap = self.snapshot.campaign.limits.per_person
        return Claimable(self.run["id"], (cap.count, cap.window) if cap else None)

    def valid_seconds(self, now: datetime) -> int:
        """How long the vendor may try: until the run expires, quiet hours begin, or ten hours have gone."""
        return max(1, min(int((self.until - now) / timedelta(seconds=1)), LONGEST_VALIDITY))


def open_gates(process: Process, connection: Connection, now: datetime) -> tuple[list[OpenGate], list[int]]:
    """Every run that may be claimed from now, those due first at the front; and those whose approval has fallen."""
    states: dict[str, str] = {}
    approved: dict[str, bool] = {}
    found, fallen = [], []
    for run in runs.in_status(connection, (RunStatus.READY, RunStatus.RUNNING)):
        campaign = run["campaign"]
        if campaign not in states:
            states[campaign] = snapshots.state_of(connection, campaign)
        snapshot = process.snapshot(run["digest"])
        sender = snapshot.senders_of(snapshot.campaign.step(run["step"]))[0]
        if states[campaign] != "active" or now >= run["expires_at"]:
            continue
        if needs_approval(sender):
            if run["digest"] not in approved:
                approved[run["digest"]] = is_approved(process, connection, snapshot)
            if not approved[run["digest"]]:
                fallen.append(run["id"])
                continue
        quiet = snapshot.campaign.limits.quiet_hours
        if not may_claim(now, quiet, snapshot.zone):
            continue
        until = min(run["expires_at"], closes_at(now, quiet, snapshot.zone))
        found.append(OpenGate(run, snapshot, sender, until))
    return found, fallen
