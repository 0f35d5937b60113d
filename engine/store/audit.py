"""What people did and what a person must look at: the audit log (append-only) and incidents."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from engine.store.crypto import Keyring
from engine.store.tables import Audit, Incident, table_of

_AUDIT = table_of(Audit)
_INCIDENT = table_of(Incident)


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


def raise_incident(
    connection: Connection, keyring: Keyring, *, at: datetime, kind: str, subject: str, detail: str | None = None
) -> None:
    """Open an incident, unless one of the same kind and subject is open already. ``detail`` is sealed."""
    still_open = select(_INCIDENT.c.id).where(
        _INCIDENT.c.kind == kind, _INCIDENT.c.subject == subject, _INCIDENT.c.settled_at.is_(None)
    )
    if connection.execute(still_open).first() is None:
        connection.execute(
            insert(_INCIDENT).values(
                at=at, kind=kind, subject=subject, detail_sealed=keyring.seal(detail) if detail else None
            )
        )


def settle_incident(connection: Connection, *, at: datetime, kind: str, subject: str) -> None:
    """Close the open incident of this kind and subject, if there is one."""
    connection.execute(
        update(_INCIDENT)
        .where(_INCIDENT.c.kind == kind, _INCIDENT.c.subject == subject, _INCIDENT.c.settled_at.is_(None))
        .values(settled_at=at)
    )
