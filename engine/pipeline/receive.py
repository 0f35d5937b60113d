"""Receipts: the vendor's later word, stored and applied before it is answered.

A receipt carries the delivery's id and attempt in its signed address, so it settles a delivery even when the
answer to the call was lost. It may come before the outcome, late, twice, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.channels.base import Decision, ReceiptWord
from engine.pipeline.outcomes import apply, follow_decision, lock_senders, phone_hash_of, report_fate
from engine.pipeline.process import Process
from engine.status import Status
from engine.store import early_receipts, look_ups
from engine.store.many import stored, write_many
from engine.store.outbox import Change, Fate

_RECEIPT = (
    "INSERT INTO receipt (delivery_id, attempt, vendor_id, vendor_status, payload_sealed, received_at)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


UNCLAIMED = timedelta(days=3)  # a receipt nobody's id matches by then is of another program on the same account


@dataclass(slots=True)
class Received:
    """A verified receipt: what it says in our words, as it came, when, and for which sender.

    ``poll_after`` in seconds: when the vendor is asked if no further receipt comes. ``fixed``: it came to the sender's
    one address, so that its delivery is first to be found.
    """

    word: ReceiptWord
    payload: str = field(repr=False)
    sender: str
    at: datetime
    real: float
    poll_after: float = 600.0
    fixed: bool = False


def commit(process: Process, batch: Sequence[Received]) -> list[Fate | None]:
    """Store and apply a batch of receipts in one transaction; None for a word that moves nothing."""
    with process.database.write() as connection:
        return _commit(connection, process, _addressed(connection, process, batch))


def settle_early(process: Process, real: float) -> int:
    """Apply receipts that came before we knew the vendor's id they speak of; how many."""
    with process.database.read() as connection:
        if not early_receipts.any_waiting(connection):
            return 0
    with process.database.write() as connection:
        rows = early_receipts.settled(connection)
        early_receipts.forget(connection, process.clock.now() - UNCLAIMED)
        batch = [
            Received(
                ReceiptWord(
                    row.delivery_id,
                    row.attempt,
                    row.vendor_id,
                    Status(row.status) if row.status else None,
                    row.vendor_status,
                    code=row.code,
                    reason=row.reason,
                    decision=Decision(row.decision),
                ),
                process.keyring.unseal(row.payload_sealed),
                row.sender,
                row.received_at,
                real,
            )
            for row in rows
        ]
        if batch:
            _commit(connection, process, batch)
    return len(batch)


def _addressed(connection: Connection, process: Process, batch: Sequence[Received]) -> list[Received]:
    """The batch with the deliveries found that receipts at a fixed address speak of; those not known yet are kept.

    By the vendor's id first, which the sender's outcome brought; else by our own reference, if that delivery went out
    through this very sender.
    """
    fixed = [received for received in batch if received.fixed]
    if not fixed:
        return list(batch)
    found: dict[int, ReceiptWord | None] = {}
    for sender in {received.sender for received in fixed}:
        of_sender = [received for received in fixed if received.sender == sender]
        known = early_receipts.whose(connection, sender, [received.word.vendor_id for received in of_sender])
        referred = [received.word.delivery_id for received in of_sender if received.word.delivery_id is not None]
        ours = early_receipts.belong(connection, sender, referred)
        for received in of_sender:
            word = received.word
            if word.vendor_id in known:
                delivery_id, attempt = known[word.vendor_id]
                found[id(received)] = replace(word, delivery_id=delivery_id, attempt=attempt)
            else:
                found[id(received)] = word if word.delivery_id in ours else None
    early_receipts.keep(connection, [_early(process, one) for one in fixed if found[id(one)] is None])
    return [
        replace(received, word=found.get(id(received)) or replace(received.word, delivery_id=None))
        if received.fixed
        else received
        for received in batch
    ]


def _early(process: Process, received: Received) -> dict[str, object]:
    word = received.word
    return {
        "sender": received.sender,
        "vendor_id": word.vendor_id,
        "vendor_status": word.vendor_status,
        "status": str(word.status) if word.status else None,
        "code": word.code,
        "reason": word.reason,
        "decision": str(word.decision),
        "payload_sealed": process.keyring.seal(received.payload),
        "received_at": received.at,
    }


def _commit(connection: Connection, process: Process, batch: Sequence[Received]) -> list[Fate | None]:
    known = [received for received in batch if received.word.delivery_id is not None]
    lock_senders(connection, ((received.sender, received.word.decision) for received in known))
    as_stored = stored(connection)
    write_many(connection, _RECEIPT, [_row(process, received, as_stored(received.at)) for received in known])
    telling = [received for received in known if received.word.status not in (None, Status.UNKNOWN)]
    fates = apply(connection, process, [change_of(received) for received in telling])
    by_receipt = {id(received): fate for received, (_, fate) in zip(telling, fates, strict=True)}
    look_ups.settle(connection, [change.delivery_id for change, fate in fates if fate is Fate.APPLIED])
    for change, fate in fates:
        report_fate(connection, process, change, fate)
    for received in known:
        if received.word.decision is Decision.NONE or received.word.delivery_id is None:
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


def _row(process: Process, received: Received, at: object) -> tuple[object, ...]:
    word = received.word
    payload = process.keyring.seal(received.payload)
    return word.delivery_id, word.attempt, word.vendor_id, word.vendor_status, payload, at


def change_of(received: Received) -> Change:
    """The move that a receipt asks for. Whatever a receipt says, the vendor has the message."""
    word = received.word
    status = word.status
    if status is None or word.delivery_id is None:
        raise ValueError("a receipt without a status, or of nobody's, moves nothing")
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
