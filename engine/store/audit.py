"""What people did and what a person must look at: the audit log (append-only) and incidents."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from engine.store.crypto import Keyring
from engine.store.instant import Instant
from engine.store.tables import Audit, Incident, table_of

_AUDIT = table_of(Audit)
_INCIDENT = table_of(Incident)


@dataclass(frozen=True, slots=True)
class Signature:
    """Who makes a move, when, and why: a person (the name sealed) through ``process``, or ``process`` by itself.

    ``process`` is the worker's id, or the command's; ``at`` is campaign time.
    """

    at: datetime
    process: str
    who_sealed: bytes | None = field(default=None, repr=False)
    why: str | None = None


def record(
    connection: Connection,
    keyring: Keyring,
    *,
    at: datetime,
    action: str,
    subject: str,
    who: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a line to the audit log. ``who`` is sealed; ``subject`` and ``detail`` must not name a recipient."""
    connection.execute(
        insert(_AUDIT).values(
            at=at, action=action, subject=subject, detail=detail, who_sealed=keyring.seal(who) if who else None
        )
    )


def record_move(
    connection: Connection,
    signature: Signature,
    *,
    kind: str,
    subject: str,
    before: str,
    after: str,
    reason: str | None = None,
) -> None:
    """Add the move of a campaign, step or run (``kind``) to the log, in the transaction that makes it.

    The line's action is ``run.paused``; its detail ``ready → paused``, the reason (a stable word) and the why.
    """
    detail = "; ".join(part for part in (f"{before} → {after}", reason, signature.why) if part)
    connection.execute(
        insert(_AUDIT).values(
            at=signature.at,
            action=f"{kind}.{after}",
            subject=subject,
            detail=detail,
            who_sealed=signature.who_sealed,
            process=signature.process,
        )
    )


def latest(connection: Connection) -> int:
    """The number of the last line of the audit log; 0 when it is empty. It grows with everything people decide."""
    return int(connection.execute(select(func.coalesce(func.max(_AUDIT.c.id), 0))).scalar_one())


_RAISE = text(
    "INSERT INTO incident (at, kind, subject, detail_sealed) VALUES (:at, :kind, :subject, :detail_sealed)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=Instant))


def raise_incident(
    connection: Connection, keyring: Keyring, *, at: datetime, kind: str, subject: str, detail: str | None = None
) -> bool:
    """Open an incident; False when one of the same kind and subject is open already. ``detail`` is sealed."""
    opened = connection.execute(
        _RAISE,
        {"at": at, "kind": kind, "subject": subject, "detail_sealed": keyring.seal(detail) if detail else None},
    )
    return opened.rowcount == 1


def settle_incident(connection: Connection, *, at: datetime, kind: str, subject: str) -> bool:
    """Close the open incident of this kind and subject; False when there is none."""
    closed = connection.execute(
        update(_INCIDENT)
        .where(_INCIDENT.c.kind == kind, _INCIDENT.c.subject == subject, _INCIDENT.c.settled_at.is_(None))
        .values(settled_at=at)
    )
    return closed.rowcount == 1


def settle_incidents_of(connection: Connection, *, at: datetime, kind: str, campaign: str, step: str = "") -> None:
    """Close the open incidents of this kind about runs of a campaign (or of one step of it)."""
    about = f"run:{campaign}/{step}/" if step else f"run:{campaign}/"
    connection.execute(
        update(_INCIDENT)
        .where(_INCIDENT.c.kind == kind, _INCIDENT.c.subject.startswith(about, autoescape=True))
        .where(_INCIDENT.c.settled_at.is_(None))
        .values(settled_at=at)
    )


@dataclass(frozen=True, slots=True)
class Found:
    """An incident as it is stored. ``subject`` names a sender, a campaign, a run or a delivery, never a person."""

    id: int
    at: datetime
    kind: str
    subject: str
    settled_at: datetime | None
    told_real: float | None


_FOUND = (
    _INCIDENT.c.id, _INCIDENT.c.at, _INCIDENT.c.kind, _INCIDENT.c.subject, _INCIDENT.c.settled_at,
    _INCIDENT.c.told_real,
)  # fmt: skip


def incidents(
    connection: Connection, *, kinds: Collection[str] | None = None, settled: bool = False, limit: int = 10_000
) -> list[Found]:
    """Open incidents (with ``settled`` all), the oldest first; of these kinds only where ``kinds`` names some."""
    query = select(*_FOUND).order_by(_INCIDENT.c.at, _INCIDENT.c.id).limit(limit)
    if not settled:
        query = query.where(_INCIDENT.c.settled_at.is_(None))
    if kinds is not None:
        query = query.where(_INCIDENT.c.kind.in_(sorted(kinds)))
    return [Found(*row) for row in connection.execute(query)]


def incident(connection: Connection, incident_id: int) -> Found | None:
    """One incident, open or settled."""
    row = connection.execute(select(*_FOUND).where(_INCIDENT.c.id == incident_id)).first()
    return Found(*row) if row is not None else None
