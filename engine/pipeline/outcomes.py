"""What attempts come to: outcomes committed in groups, with all that follows from them.

One transaction for a batch: rows and tallies, what the vendor said (sealed), look-ups for unknown outcomes,
opt-outs, holds of the sender, incidents, and the end of what comes back to a run that is over.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, text

from engine.channels.base import Decision, Outcome
from engine.content.organisation import Sender
from engine.pipeline.finish import close_leftovers
from engine.pipeline.process import Process
from engine.status import Status
from engine.store import audit, look_ups, outbox, senders, suppression
from engine.store.instant import Instant
from engine.store.outbox import Change, Fate
from engine.store.tables import Contact, Delivery, table_of

FIRST_LOOK_UP = 60.0  # seconds after an unknown outcome, or sooner when the sender settles sooner
LONGEST_WAIT = 60.0  # between tries that are safe to repeat
HOLD, LONGEST_HOLD = 30.0, 900.0  # an overloaded sender rests, twice as long each time

_ATTEMPT = text(
    "INSERT INTO attempt (delivery_id, attempt, sender, status, code, vendor_id, detail_sealed, ended_at)"
    " VALUES (:delivery_id, :attempt, :sender, :status, :code, :vendor_id, :detail_sealed, :ended_at)"
    " ON CONFLICT DO NOTHING"
).bindparams(bindparam("ended_at", type_=Instant))

_CONTACT, _DELIVERY = table_of(Contact), table_of(Delivery)


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended: its outcome, when, and through which sender."""

    outcome: Outcome
    sender: Sender
    at: datetime
    real: float
    phone_hash: bytes = field(repr=False)


def commit(process: Process, batch: Sequence[Ended]) -> list[Fate]:
    """Write a batch of outcomes; one fate for each. Runs in the writer's thread."""
    with process.database.write() as connection:
        fates = apply(connection, process, [change_of(ended) for ended in batch])
        applied = [ended for ended, (_, fate) in zip(batch, fates, strict=True) if fate is Fate.APPLIED]
        _keep_attempts(connection, process, applied)
        look_ups.ask(connection, [_look_up(ended) for ended in applied if ended.outcome.status is Status.UNKNOWN])
        back = [ended.outcome.delivery_id for ended in applied if ended.outcome.status is Status.QUEUED]
        close_leftovers(connection, process, back, process.clock.now())
        for ended in batch:
            follow_decision(
                connection,
                process,
                decision=ended.outcome.decision,
                reason=ended.outcome.reason,
                detail=ended.outcome.detail,
                sender=ended.sender.key,
                phone_hash=ended.phone_hash,
                at=ended.at,
                real=ended.real,
            )
        for sender in {one.sender.key for one in applied if one.outcome.status is Status.ACCEPTED}:
            senders.recovered(connection, sender, batch[-1].real)
        for change, fate in fates:
            report_fate(connection, process, change, fate)
    return [fate for _, fate in fates]


def apply(connection: Connection, process: Process, changes: Sequence[Change]) -> list[tuple[Change, Fate]]:
    """Apply moves; one fate for each.

    A vendor id that another delivery has already is contradicted, but the word itself is about this delivery (its
    own call, or an address of ours): it moves without the id, or it would hang in ``sending`` for ever, or be sent
    again after look-ups that find nothing left. A person hears of both.
    """
    fates = outbox.apply(connection, changes, slot=process.slot)
    disputed = [change for change, fate in fates if fate is Fate.CONTRADICTED]
    if disputed:
        rows = outbox.load(connection, (change.delivery_id for change in disputed), lock=True)
        unbound = [change for change in disputed if rows[change.delivery_id]["vendor_id"] is None]
        outbox.apply(connection, [replace(change, vendor_id=None) for change in unbound], slot=process.slot)
    return fates


def change_of(ended: Ended) -> Change:
    """The move that an outcome asks for."""
    outcome, sender = ended.outcome, ended.sender
    not_before = poll = None
    if outcome.status is Status.QUEUED:
        not_before = ended.real + (outcome.retry_after or _back_off(outcome.attempt))
    if outcome.status is Status.ACCEPTED:
        poll = ended.real + sender.poll_after.total_seconds()
    return Change(
        delivery_id=outcome.delivery_id,
        attempt=outcome.attempt,
        status=outcome.status,
        at=ended.at,
        vendor_id=outcome.vendor_id,
        code=outcome.code,
        reason=outcome.reason,
        handed=outcome.status in (Status.ACCEPTED, Status.DELIVERED),
        not_before=not_before,
        poll_real=poll,
    )


def _back_off(attempt: int) -> float:
    """Seconds before the next try, doubling, with jitter so that a thousand rows don't come back as one."""
    return min(2.0 ** min(attempt, 10), LONGEST_WAIT) * random.uniform(0.5, 1.0)


def _look_up(ended: Ended) -> dict[str, object]:
    wait = min(FIRST_LOOK_UP, ended.sender.settle_after.total_seconds())
    return {
        "delivery_id": ended.outcome.delivery_id,
        "attempt": ended.outcome.attempt,
        "sender": ended.sender.key,
        "due_real": ended.real + wait,
    }


def _keep_attempts(connection: Connection, process: Process, batch: Sequence[Ended]) -> None:
    rows = [
        {
            "delivery_id": ended.outcome.delivery_id,
            "attempt": ended.outcome.attempt,
            "sender": ended.sender.key,
            "status": str(ended.outcome.status),
            "code": ended.outcome.code,
            "vendor_id": ended.outcome.vendor_id,
            "detail_sealed": process.keyring.seal(ended.outcome.detail) if ended.outcome.detail else None,
            "ended_at": ended.at,
        }
        for ended in batch
        if ended.outcome.status not in (Status.ACCEPTED, Status.DELIVERED)
    ]
    if rows:
        connection.execute(_ATTEMPT, rows)


def follow_decision(
    connection: Connection,
    process: Process,
    *,
    decision: Decision,
    reason: str | None,
    detail: str | None,
    sender: str,
    phone_hash: bytes | None,
    at: datetime,
    real: float,
) -> None:
    """Do what the vendor's word asks for beyond the one delivery."""
    if decision is Decision.OPT_OUT and phone_hash is not None:
        suppression.opt_out(connection, [phone_hash], at=at, source="vendor")
    elif decision is Decision.HOLD_SENDER:
        # A burst of refusals is one overload: only a sender that has been free since rests longer than before, and
        # one that has been free for long begins anew.
        if sender not in senders.held(connection, real):
            times = senders.held(connection, real - LONGEST_HOLD).get(sender, (0.0, "", 0))[2]
            wait = min(HOLD * 2 ** min(times, 10), LONGEST_HOLD)
            senders.hold(connection, sender, until_real=real + wait, reason=reason or "overloaded")
        if reason == "filtered":
            audit.raise_incident(
                connection, process.keyring, at=at, kind="filtered", subject=f"sender:{sender}", detail=detail
            )
    elif decision is Decision.STOP_SENDER:
        senders.hold(connection, sender, until_real=senders.FOREVER, reason=reason or "stopped")
        audit.raise_incident(
            connection, process.keyring, at=at, kind="sender_stopped", subject=f"sender:{sender}", detail=detail
        )


def phone_hash_of(connection: Connection, delivery_id: int) -> bytes | None:
    """The hash of a delivery's number; None when there is no such delivery or its contact was erased."""
    query = (
        select(_CONTACT.c.phone_hash)
        .join(_DELIVERY, _DELIVERY.c.contact_id == _CONTACT.c.id)
        .where(_DELIVERY.c.id == delivery_id)
    )
    found = connection.execute(query).scalar()
    return bytes(found) if found is not None else None


def report_fate(connection: Connection, process: Process, change: Change, fate: Fate) -> None:
    """A word that cannot be true beside what we know is an incident: the person may have got two."""
    if fate in (Fate.SUPERSEDED, Fate.CONTRADICTED):
        audit.raise_incident(
            connection, process.keyring, at=change.at, kind=str(fate), subject=f"delivery:{change.delivery_id}"
        )
