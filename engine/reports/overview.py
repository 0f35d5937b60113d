"""How things stand: runs with their counts, senders that are held, and what waits for a person. Tallies only."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from engine.reports import tally_queries
from engine.reports.figures import Figures
from engine.store import runs, senders, snapshots
from engine.store.database import Database
from engine.store.tables import Incident, table_of

_INCIDENT = table_of(Incident)


@dataclass(frozen=True, slots=True)
class RunStands:
    """One run: where it stands, why (a stable word), and its deliveries so far."""

    step: str
    occurrence: str
    channel: str
    status: str
    reason: str | None
    due: datetime
    expires_at: datetime
    finished_at: datetime | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class CampaignStands:
    """One campaign: active, paused or cancelled; how many approvals stand; its runs by due time."""

    campaign: str
    state: str
    approvals: int
    runs: tuple[RunStands, ...]


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
    """Everything ``loa status`` shows."""

    as_of: datetime
    campaigns: tuple[CampaignStands, ...]
    senders: tuple[SenderHeld, ...] = ()
    incidents: tuple[OpenIncident, ...] = field(default=())  # the newest first


def overview(database: Database, campaigns: Iterable[str], *, now: datetime, real_now: float) -> Overview:
    """How ``campaigns`` stand. ``now`` is campaign time, ``real_now`` real seconds (holds are kept in those)."""
    with database.read() as connection:
        return Overview(
            now,
            tuple(_campaign(connection, campaign) for campaign in campaigns),
            tuple(_held(connection, real_now)),
            tuple(_incidents(connection)),
        )


def _campaign(connection: Connection, campaign: str) -> CampaignStands:
    found = runs.of_campaign(connection, campaign)
    figures = {run["id"]: Figures() for run in found}
    for run_id, sums in tally_queries.by_run(connection, list(figures)):
        figures[run_id].add(*sums)
    return CampaignStands(
        campaign,
        snapshots.state_of(connection, campaign),
        len(snapshots.standing(connection, campaign)),
        tuple(
            RunStands(
                step=run["step"],
                occurrence=run["occurrence"],
                channel=run["channel"],
                status=run["status"],
                reason=run["reason"],
                due=run["due"],
                expires_at=run["expires_at"],
                finished_at=run["finished_at"],
                figures=figures[run["id"]],
            )
            for run in found
        ),
    )


def _held(connection: Connection, real_now: float) -> list[SenderHeld]:
    return [
        SenderHeld(
            sender, None if until >= senders.FOREVER else datetime.fromtimestamp(until, UTC), reason or "overloaded"
        )
        for sender, (until, reason, _) in sorted(senders.held(connection, real_now).items())
    ]


def _incidents(connection: Connection) -> list[OpenIncident]:
    query = (
        select(_INCIDENT.c.at, _INCIDENT.c.kind, _INCIDENT.c.subject)
        .where(_INCIDENT.c.settled_at.is_(None))
        .order_by(_INCIDENT.c.at.desc(), _INCIDENT.c.id.desc())
    )
    return [OpenIncident(*row) for row in connection.execute(query)]
