"""Receipts that know only the vendor's id: whose they are, and those that came before we know that."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, select, text

from engine.store.instant import Instant
from engine.store.tables import Delivery, EarlyReceipt, table_of

_EARLY, _DELIVERY = table_of(EarlyReceipt), table_of(Delivery)
_KEEP = text(
    "INSERT INTO early_receipt (sender, vendor_id, vendor_status, status, code, reason, decision, payload_sealed,"
    " received_at) VALUES (:sender, :vendor_id, :vendor_status, :status, :code, :reason, :decision, :payload_sealed,"
    " :received_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=Instant))


def whose(connection: Connection, sender: str, vendor_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Vendor id → (delivery id, attempt), for those of a sender's messages that we know."""
    query = select(_DELIVERY.c.vendor_id, _DELIVERY.c.id, _DELIVERY.c.attempt).where(
        _DELIVERY.c.vendor_id.in_(vendor_ids), _DELIVERY.c.sender == sender
    )
    return {row.vendor_id: (row.id, row.attempt) for row in connection.execute(query)}


def belong(connection: Connection, sender: str, delivery_ids: Sequence[int]) -> set[int]:
    """Which of these deliveries went out through ``sender``."""
    query = select(_DELIVERY.c.id).where(_DELIVERY.c.id.in_(delivery_ids), _DELIVERY.c.sender == sender)
    return set(connection.execute(query).scalars())


def keep(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Let receipts wait for the outcome that brings their id; one that is there already stays as it is."""
    if rows:
        connection.execute(_KEEP, rows)


def any_waiting(connection: Connection) -> bool:
    """Whether anything waits: nearly always nothing does, and then nobody needs to write."""
    return connection.execute(select(_EARLY.c.sender).limit(1)).first() is not None


def settled(connection: Connection, limit: int = 250) -> Sequence[Any]:
    """Take out receipts whose delivery is known by now: (the receipt's columns, delivery_id, attempt)."""
    query = (
        select(_EARLY, _DELIVERY.c.id.label("delivery_id"), _DELIVERY.c.attempt)
        .join(_DELIVERY, and_(_DELIVERY.c.vendor_id == _EARLY.c.vendor_id, _DELIVERY.c.sender == _EARLY.c.sender))
        .limit(limit)
    )
    rows = connection.execute(query).all()
    for row in rows:
        connection.execute(
            delete(_EARLY).where(
                _EARLY.c.sender == row.sender,
                _EARLY.c.vendor_id == row.vendor_id,
                _EARLY.c.vendor_status == row.vendor_status,
            )
        )
    return rows


def forget(connection: Connection, before: datetime) -> int:
    """Drop those that nobody has claimed for long: another program's messages through the same account; how many."""
    return connection.execute(delete(_EARLY).where(_EARLY.c.received_at < before)).rowcount
