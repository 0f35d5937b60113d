"""Alerts to the duty officer as rows: written with the incidents they tell of, sent afterwards, at least once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from engine.store.tables import Alert, Incident, table_of

_ALERT = table_of(Alert)
_INCIDENT = table_of(Incident)
FARTHEST = 7200.0  # seconds: no alert waits longer for its next try; what does, a wrong clock has written


class Untold(NamedTuple):
    """An open incident that no alert has told of."""

    id: int
    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class Due:
    """An alert to be sent now. ``target`` is a keyed hash of the address, ``content`` JSON, times real seconds."""

    id: int
    target: str
    topic: str
    content: str
    made_real: float
    due_real: float
    tries: int


def untold(connection: Connection, but_kinds: Sequence[str]) -> list[Untold]:
    """Open incidents that nobody was told of, the oldest first."""
    query = (
        select(_INCIDENT.c.id, _INCIDENT.c.kind, _INCIDENT.c.subject)
        .where(
            _INCIDENT.c.settled_at.is_(None), _INCIDENT.c.told_real.is_(None), _INCIDENT.c.kind.not_in(list(but_kinds))
        )
        .order_by(_INCIDENT.c.id)
    )
    return [Untold(*row) for row in connection.execute(query)]


def told_lately(connection: Connection, since_real: float, now_real: float) -> set[str]:
    """Topics of which an alert was made after ``since_real``; one from the future counts for nothing."""
    query = select(_ALERT.c.topic).where(_ALERT.c.made_real > since_real, _ALERT.c.made_real <= now_real + 60.0)
    return {row.topic for row in connection.execute(query.distinct())}


def take(connection: Connection, incident_ids: Sequence[int], now_real: float) -> set[int]:
    """Mark incidents as told; those that this transaction was the one to mark."""
    taken: set[int] = set()
    for start in range(0, len(incident_ids), 500):
        query = (
            update(_INCIDENT)
            .where(_INCIDENT.c.id.in_(incident_ids[start : start + 500]), _INCIDENT.c.told_real.is_(None))
            .values(told_real=now_real)
            .returning(_INCIDENT.c.id)
        )
        taken |= {row.id for row in connection.execute(query)}
    return taken


def add(connection: Connection, topic: str, content: str, targets: Sequence[str], made_real: float) -> None:
    """An alert for every target, due at once."""
    rows = [
        {
            "made_real": made_real,
            "topic": topic,
            "target": target,
            "content": content,
            "due_real": made_real,
            "tries": 0,
            "sent": False,
        }
        for target in targets
    ]
    if rows:
        connection.execute(insert(_ALERT), rows)


def due(connection: Connection, now_real: float, limit: int = 50) -> list[Due]:
    """Alerts to be sent now, the longest waiting first."""
    query = (
        select(
            _ALERT.c.id, _ALERT.c.target, _ALERT.c.topic, _ALERT.c.content, _ALERT.c.made_real, _ALERT.c.due_real,
            _ALERT.c.tries,
        )
        .where(
            _ALERT.c.ended_real.is_(None),
            or_(_ALERT.c.due_real <= now_real, _ALERT.c.due_real > now_real + FARTHEST),
        )
        .order_by(_ALERT.c.due_real, _ALERT.c.id)
        .limit(limit)
    )  # fmt: skip
    return [Due(*row) for row in connection.execute(query)]


def lease(connection: Connection, alert: Due, until_real: float) -> bool:
    """Take an alert for sending; False when another process has. Not sent by ``until_real``, it is due again."""
    query = (
        update(_ALERT)
        .where(_ALERT.c.id == alert.id, _ALERT.c.due_real == alert.due_real, _ALERT.c.ended_real.is_(None))
        .values(due_real=until_real, tries=alert.tries + 1)
    )
    return connection.execute(query).rowcount == 1


def postpone(connection: Connection, alert_id: int, due_real: float) -> None:
    """It did not get through: again at ``due_real``."""
    connection.execute(update(_ALERT).where(_ALERT.c.id == alert_id).values(due_real=due_real))


def end(connection: Connection, alert_id: int, now_real: float, *, sent: bool) -> None:
    """It is through, or given up."""
    connection.execute(update(_ALERT).where(_ALERT.c.id == alert_id).values(ended_real=now_real, sent=sent))


def readdress(connection: Connection, alert: Due, targets: Sequence[str], now_real: float) -> None:
    """Its address is no longer in ``loa.yaml``: whoever stands there now and has not been told is told instead."""
    query = select(_ALERT.c.target).where(_ALERT.c.topic == alert.topic, _ALERT.c.made_real == alert.made_real)
    has = {row.target for row in connection.execute(query)}
    add(connection, alert.topic, alert.content, [target for target in targets if target not in has], alert.made_real)
    end(connection, alert.id, now_real, sent=False)


def waiting(connection: Connection) -> int:
    """How many alerts are not through yet."""
    query = select(func.count()).select_from(_ALERT).where(_ALERT.c.ended_real.is_(None))
    return int(connection.execute(query).scalar_one())


def forget(connection: Connection, before_real: float) -> None:
    """Drop what ended before that."""
    connection.execute(delete(_ALERT).where(_ALERT.c.ended_real < before_real))
