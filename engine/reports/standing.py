"""What ``loa status`` shows, as data: processes, campaigns, runs with their pace, what comes, what waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from engine.pipeline.due import Coming
from engine.reports.figures import Figures
from engine.reports.forecast import Forecast
from engine.status import RunStatus
from engine.store.workers import WorkerStands

_WAITING = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING)  # a process would do something about these
SILENT = 30.0  # seconds since a process was last heard of; it gives a sign every five


@dataclass(frozen=True, slots=True)
class RunStands:
    """One run: where it stands, why (a stable word), its deliveries so far, and how fast they go.

    ``progress`` (0…1) is the part of what is to be sent that waits no more; of a run that is being opened, the part of
    the contacts that have been looked at. ``retired``: its rows are gone by their retention.
    """

    step: str
    occurrence: str
    channel: str
    status: str
    reason: str | None
    due: datetime
    expires_at: datetime
    finished_at: datetime | None
    figures: Figures
    progress: float | None = None
    going: Forecast | None = None
    retired: bool = False
    posts: Mapping[str, int] = field(default_factory=dict)  # of a run on pages: how many stand where


@dataclass(frozen=True, slots=True)
class CampaignStands:
    """One campaign: active, paused or cancelled; how many approvals stand; its runs by due time.

    ``edited``: those are of other files than stand there now. ``faulty``: its files have errors. ``data_until``: the
    first day without a way from its deliveries to people.
    """

    campaign: str
    state: str
    approvals: int
    runs: tuple[RunStands, ...]
    faulty: bool = False
    data_until: date | None = None
    edited: bool = False


@dataclass(frozen=True, slots=True)
class SenderHeld:
    """A sender that rests until an instant of real time, or (None) until a person releases it."""

    sender: str
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Something a person must look at. ``subject`` names a sender or a delivery, never a person."""

    at: datetime
    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything ``loa status`` shows. ``real_now``: real seconds, which processes and holds are kept in."""

    as_of: datetime
    real_now: float
    campaigns: tuple[CampaignStands, ...]
    processes: tuple[WorkerStands, ...] = ()
    coming: tuple[Coming, ...] = ()  # those due first at the front
    senders: tuple[SenderHeld, ...] = ()
    incidents: tuple[OpenIncident, ...] = field(default=())  # the newest first

    @property
    def running(self) -> WorkerStands | None:
        """The process that does the work of ``loa run``: the one that leads, else any that lives."""
        alive = [one for one in self.processes if one.alive]
        return max(alive, key=lambda one: (one.leads, one.kind == "run", one.seen_real), default=None)

    def silent(self, process: WorkerStands) -> bool:
        """Whether a process lives and gives no sign: stopped, hung, or a machine that sleeps."""
        return process.alive and self.real_now - process.seen_real > SILENT

    @property
    def unattended(self) -> bool:
        """Whether something is to be done now and nobody is there to do it."""
        waits = any(run.status in _WAITING for campaign in self.campaigns for run in campaign.runs)
        return self.running is None and (
            waits or any(one.approved and one.occurrence.due <= self.as_of for one in self.coming)
        )
