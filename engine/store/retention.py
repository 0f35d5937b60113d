"""What is deleted for good when its time is over: delivery rows and all that hangs on them. Tallies stay.

A delivery row says which person was reached, when and with which words; receipts and attempts hold the number, sealed.
The tallies of a run name nobody and are what reports read, so reports stay true for ever.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, select, text, update

from engine.store import broadcasts
from engine.store.instant import Instant
from engine.store.tables import Run, table_of

_RUN = table_of(Run)
_FIRST = text("SELECT 1 FROM delivery WHERE run_id = :run LIMIT 1")
# By the contact, as the run's unique index has it: the first rows of what is left, whatever a kill left.
_UNTIL = text("SELECT contact_id FROM delivery WHERE run_id = :run ORDER BY contact_id LIMIT 1 OFFSET :place")
_LAST = text("SELECT max(contact_id) FROM delivery WHERE run_id = :run")
_CHUNK = "(SELECT id FROM delivery WHERE run_id = :run AND contact_id <= :until)"
_DELETE = tuple(
    (name, text(f"DELETE FROM {name} WHERE delivery_id IN {_CHUNK}"))
    for name in ("receipt", "attempt", "look_up", "operator_row")
)
_DELETE_ROWS = text("DELETE FROM delivery WHERE run_id = :run AND contact_id <= :until")
# Nobody can look into a delivery that is gone.
_SETTLE = text(
    "UPDATE incident SET settled_at = coalesce(settled_at, :now), detail_sealed = NULL"
    " WHERE subject LIKE 'delivery:%' AND (settled_at IS NULL OR detail_sealed IS NOT NULL)"
    " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = CAST(substr(incident.subject, 10) AS BIGINT))"
).bindparams(bindparam("now", type_=Instant))
_FORGET_DETAILS = text(
    "UPDATE incident SET detail_sealed = NULL WHERE detail_sealed IS NOT NULL AND at < :before"
).bindparams(bindparam("before", type_=Instant))


class Gone(NamedTuple):
    """Rows deleted."""

    deliveries: int = 0
    receipts: int = 0
    attempts: int = 0
    look_ups: int = 0

    def plus(self, other: "Gone") -> "Gone":
        """The sum."""
        return Gone(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def runs_over(connection: Connection) -> Sequence[RowMapping]:
    """Runs in which nothing will ever happen again, oldest first: whatever they came to, their end is noted."""
    query = select(_RUN).where(_RUN.c.finished_at.is_not(None)).order_by(_RUN.c.id)
    return connection.execute(query).mappings().all()


def has_rows(connection: Connection, run_id: int) -> bool:
    """Whether a run still has a delivery."""
    return connection.execute(_FIRST, {"run": run_id}).first() is not None


def delete_chunk(connection: Connection, run_id: int, at: datetime, size: int, *, secure: bool) -> Gone | None:
    """Delete the run's first ``size`` deliveries with what hangs on them; None when there is none left.

    The run is marked as retired in the same transaction: from then on its rows prove nothing about its tallies.
    ``secure`` (SQLite): what is deleted is overwritten in the file as well.
    """
    if secure:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    until = connection.execute(_UNTIL, {"run": run_id, "place": size - 1}).scalar()
    if until is None:
        until = connection.execute(_LAST, {"run": run_id}).scalar()
    if until is None:
        return None
    connection.execute(update(_RUN).where(_RUN.c.id == run_id, _RUN.c.retired_at.is_(None)).values(retired_at=at))
    broadcasts.forget_people(connection, run_id)
    place = {"run": run_id, "until": until}
    found = {name: connection.execute(query, place).rowcount for name, query in _DELETE}
    rows = connection.execute(_DELETE_ROWS, place).rowcount
    return Gone(rows, found["receipt"], found["attempt"], found["look_up"])


def settle_incidents(connection: Connection, at: datetime, details_before: datetime) -> None:
    """Close incidents about deliveries that are gone, and forget what vendors said before ``details_before``."""
    connection.execute(_SETTLE, {"now": at})
    connection.execute(_FORGET_DETAILS, {"before": details_before})
