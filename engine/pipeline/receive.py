"""Receipts: the vendor's later word, stored and applied before it is answered.

A receipt carries the delivery's id and attempt in its signed address, so it settles a delivery even when the
answer to the call was lost. It may come before the outcome, late, twice, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, text

from engine.channels.base import Decision, ReceiptWord
from engine.pipeline.outcomes import apply, follow_decision, phone_hash_of, report_fate
from engine.pipeline.process import Process
from engine.status import Status
from engine.store import look_ups
from engine.store.instant import Instant
from engine.store.outbox import Change, Fate

_RECEIPT = text(
    "INSERT INTO receipt (delivery_id, attempt, vendor_id, vendor_status, payload_sealed, received_at)"
    " VALUES (:delivery_id, :attempt, :vendor_id, :vendor_status, :payload_sealed, :received_at)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("received_at", type_=Instant))


@dataclass(frozen=True, slots=True)
class Received:
    """A verified receipt: what it says in our words, as it came, when, and for which sender.

    ``poll_after`` in seconds: when the vendor is asked if no further receipt comes.
    """

    word: ReceiptWord
    payload: str = field(repr=False)
    sender: str
    at: datetime
    real: float
    poll_after: float = 600.0


def commit(process: Process, batch: Sequence[Received]) -> list[Fate | None]:
    """Store and apply a batch of receipts in one transaction; None for a word that moves nothing."""
    with process.database.write() as connection:
        connection.execute(
            _RECEIPT,
            [
                {
                    "delivery_id": received.word.delivery_id,
                    "attempt": received.word.attempt,
                    "vendor_id": received.word.vendor_id,
                    "vendor_status": received.word.vendor_status,
                    "payload_sealed": process.keyring.seal(received.payload),
                    "received_at": received.at,
                }
                for received in batch
            ],
        )
        telling = [received for received in batch if received.word.status not in (None, Status.UNKNOWN)]
        fates = apply(connection, process, [change_of(received) for received in telling])
        by_receipt = {id(received): fate for received, (_, fate) in zip(telling, fates, strict=True)}
        look_ups.settle(connection, [change.delivery_id for change, fate in fates if fate is Fate.APPLIED])
        for change, fate in fates:
            report_fate(connection, process, change, fate)
        for received in batch:
            if received.word.decision is Decision.NONE:
                continue
            follow_decision(
                connection,
                process,
                decision=received.word.decision,
                reason=received.word.reason,
                detail=None,
                sender=received.sender,
                phone_hash=phone_hash_of(connection, received.word.delivery_id),
                at=received.at,
                real=received.real,
            )
    return [by_receipt.get(id(received)) for received in batch]


def change_of(received: Received) -> Change:
    """The move that a receipt asks for. Whatever a receipt says, the vendor has the message."""
    word = received.word
    status = word.status
    if status is None:
        raise ValueError("a receipt without a status moves nothing")
    return Change(
        delivery_id=word.delivery_id,
        attempt=word.attempt,
        status=status,
        at=received.at,
        vendor_id=word.vendor_id,
        code=word.code,
        reason=word.reason,
        handed=True,
        poll_real=received.real + received.poll_after if status is Status.ACCEPTED else None,
    )
