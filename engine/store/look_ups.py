"""Deliveries whose outcome must be found out: orphans, unknown ones, and accepted ones without a receipt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text, update

from engine.status import Status
from engine.store.many import LISTED, change_listed
from engine.store.tables import Contact, Delivery, LookUp, Rendering, Run, table_of

_LOOK_UP = table_of(LookUp)
_DELIVERY = table_of(Delivery)
_CONTACT = table_of(Contact)
_RENDERING = table_of(Rendering)
_RUN = table_of(Run)
_ASK = text(
    "INSERT INTO look_up (delivery_id, attempt, sender, due_real) VALUES (:delivery_id, :attempt, :sender, :due_real)"
    " ON CONFLICT (delivery_id) DO UPDATE SET attempt = excluded.attempt, sender = excluded.sender,"
    " due_real = excluded.due_real, absent_since = NULL, absent_monotonic = NULL,"
    " absent_boot = NULL, waits_for = NULL"
)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A delivery in doubt, with what is needed to recognise it in the vendor's log."""

    delivery_id: int
    attempt: int
    sender: str
    claimed_at: datetime
    absent_since: float | None
    words: str = field(repr=False)
    personal: bool = False
    phone_sealed: bytes = field(default=b"", repr=False)
    name_sealed: bytes | None = field(default=None, repr=False)
    digest: str = ""  # of its run's snapshot: through which account, under which name it was sent
    absent_monotonic: float | None = None
    absent_boot: str | None = None
    vendor_id: str | None = None  # where the vendor named it before its outcome became doubtful


@dataclass(frozen=True, slots=True)
class Polled:
    """An accepted delivery whose receipt has not come."""

    delivery_id: int
    attempt: int
    sender: str
    vendor_id: str
    digest: str = ""


def ask(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Put deliveries on the list (``delivery_id, attempt, sender, due_real``); a new attempt starts anew."""
    if rows:
        connection.execute(_ASK, sorted(rows, key=lambda row: int(row["delivery_id"])))


def orphans(connection: Connection, older_than_real: float, limit: int = 500) -> Sequence[Any]:
    """Rows being sent whose claim is older than that: (id, attempt, sender, worker, claimed_real)."""
    query = (
        select(_DELIVERY.c.id, _DELIVERY.c.attempt, _DELIVERY.c.sender, _DELIVERY.c.worker, _DELIVERY.c.claimed_real)
        .where(
            text("delivery.status IN ('sending', 'unknown')"),  # as the partial index has it: no look through all rows
            _DELIVERY.c.status == Status.SENDING,
            _DELIVERY.c.claimed_real <= older_than_real,
        )
        .order_by(_DELIVERY.c.claimed_real)
        .limit(limit)
    )
    return connection.execute(query).all()


def due(connection: Connection, real_now: float, limit: int = 200) -> list[Unsettled]:
    """Unknown deliveries whose look-up is due, the longest waiting first; settled ones leave the list."""
    connection.execute(
        text(
            "DELETE FROM look_up WHERE due_real <= :now AND NOT EXISTS (SELECT 1 FROM delivery d"
            " WHERE d.id = look_up.delivery_id AND d.status = 'unknown')"
        ),
        {"now": real_now},
    )
    query = (
        select(
            _LOOK_UP.c.delivery_id, _DELIVERY.c.attempt, _DELIVERY.c.sender, _DELIVERY.c.claimed_at,
            _LOOK_UP.c.absent_since, _RENDERING.c.words, _RENDERING.c.personal, _CONTACT.c.phone_sealed,
            _CONTACT.c.name_sealed, _RUN.c.digest, _LOOK_UP.c.absent_monotonic, _LOOK_UP.c.absent_boot,
            _DELIVERY.c.vendor_id,
        )
        .select_from(_LOOK_UP)
        .join(_DELIVERY, _DELIVERY.c.id == _LOOK_UP.c.delivery_id)
        .join(_RUN, _RUN.c.id == _DELIVERY.c.run_id)
        .outerjoin(_RENDERING, _RENDERING.c.id == _DELIVERY.c.rendering_id)
        .outerjoin(_CONTACT, _CONTACT.c.id == _DELIVERY.c.contact_id)
        .where(_LOOK_UP.c.due_real <= real_now, _DELIVERY.c.status == Status.UNKNOWN, _LOOK_UP.c.waits_for.is_(None))
        .order_by(_LOOK_UP.c.due_real)
        .limit(limit)
    )  # fmt: skip
    rows: Sequence[Any] = connection.execute(query).all()
    return [Unsettled(*row) for row in rows]


def postpone(
    connection: Connection,
    delivery_id: int,
    *,
    due_real: float,
    absent_since: float | None,
    absent_monotonic: float | None = None,
    absent_boot: str | None = None,
    waits_for: str | None = None,
    attempt: int | None = None,
) -> None:
    """Look again at ``due_real``; ``waits_for`` set: a person has to decide, nobody looks again by itself.

    With ``attempt`` only if the look-up is still about that one: absence proves nothing about a later attempt.
    """
    connection.execute(
        update(_LOOK_UP)
        .where(_LOOK_UP.c.delivery_id == delivery_id, *([] if attempt is None else [_LOOK_UP.c.attempt == attempt]))
        .values(
            due_real=due_real,
            absent_since=absent_since,
            absent_monotonic=absent_monotonic,
            absent_boot=absent_boot,
            waits_for=waits_for,
        )
    )


def settle(connection: Connection, delivery_ids: Sequence[int]) -> None:
    """Take deliveries off the list."""
    if delivery_ids:  # of every batch of receipts, hardly ever one that was looked up
        change_listed(connection, f"DELETE FROM look_up WHERE delivery_id {LISTED}", delivery_ids)


def in_doubt(connection: Connection, sender: str, most: int) -> int:
    """How many outcomes of a sender are being looked up, counted to ``most``; those that wait for a person not."""
    some = (
        select(_LOOK_UP.c.delivery_id)
        .where(_LOOK_UP.c.sender == sender, _LOOK_UP.c.waits_for.is_(None))
        .limit(most)
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


# Ids that other deliveries have, and those that earlier attempts of the same person's deliveries had: an id that only
# an attempt or a receipt of long ago knows is not a new message either.
_BOUND = text(
    "SELECT d.vendor_id FROM delivery d WHERE d.vendor_id IN :ids AND d.id <> :but"
    " UNION SELECT a.vendor_id FROM delivery mine"
    " JOIN delivery d ON d.contact_id = mine.contact_id AND d.attempt > 0 AND d.id <> mine.id"
    " JOIN attempt a ON a.delivery_id = d.id WHERE mine.id = :but AND a.vendor_id IN :ids"
    " UNION SELECT r.vendor_id FROM delivery mine"
    " JOIN delivery d ON d.contact_id = mine.contact_id AND d.attempt > 0 AND d.id <> mine.id"
    " JOIN receipt r ON r.delivery_id = d.id WHERE mine.id = :but AND r.vendor_id IN :ids"
).bindparams(bindparam("ids", expanding=True))


def bound_elsewhere(connection: Connection, vendor_ids: Sequence[str], but: int) -> set[str]:
    """Which of these vendor ids belong to another delivery of ours."""
    if not vendor_ids:
        return set()
    return {row.vendor_id for row in connection.execute(_BOUND, {"ids": list(vendor_ids), "but": but})}


_RIVALS = text(
    "SELECT w.words, w.personal, c.name_sealed FROM delivery mine"
    " JOIN delivery d ON d.contact_id = mine.contact_id AND d.sender = mine.sender AND d.id <> mine.id"
    " JOIN rendering w ON w.id = d.rendering_id JOIN contact c ON c.id = d.contact_id"
    " WHERE mine.id = :id AND d.attempt > 0 AND d.status IN ('sending', 'unknown')"
)


def rivals(connection: Connection, delivery_id: int) -> Sequence[Any]:
    """(words, personal, sealed name) of the other deliveries to the contact whose messages are not known by id yet."""
    return connection.execute(_RIVALS, {"id": delivery_id}).all()


def to_poll(connection: Connection, due_before: float | None, after_id: int = 0, limit: int = 500) -> list[Polled]:
    """Accepted deliveries to ask the vendor about: due ones, or with None every one after ``after_id``."""
    query = (
        select(_DELIVERY.c.id, _DELIVERY.c.attempt, _DELIVERY.c.sender, _DELIVERY.c.vendor_id, _RUN.c.digest)
        .join(_RUN, _RUN.c.id == _DELIVERY.c.run_id)
        .where(_DELIVERY.c.status == Status.ACCEPTED, _DELIVERY.c.vendor_id.is_not(None))
    )
    if due_before is None:
        query = query.where(_DELIVERY.c.id > after_id).order_by(_DELIVERY.c.id)
    else:
        query = query.where(_DELIVERY.c.poll_real <= due_before).order_by(_DELIVERY.c.poll_real)
    return [Polled(*row) for row in connection.execute(query.limit(limit))]


_POLL_AGAIN = (
    update(_DELIVERY)
    .where(_DELIVERY.c.id == bindparam("of_id"), _DELIVERY.c.status == Status.ACCEPTED)
    .values(poll_real=bindparam("again"))
)


def poll_again(connection: Connection, delivery_ids: Sequence[int], at_real: float | None) -> None:
    """The vendor is still at it: ask again at ``at_real``; None: it cannot be asked, so never."""
    if delivery_ids:
        connection.execute(_POLL_AGAIN, [{"of_id": key, "again": at_real} for key in sorted(delivery_ids)])
