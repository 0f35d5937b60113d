"""What attempts come to: outcomes committed in groups, with all that follows from them.

One transaction for a batch: rows and tallies, what the vendor said (sealed), look-ups for unknown outcomes,
opt-outs, the senders' breakers, incidents, and the end of what comes back to a run that is over.

Sent again is only what comes back as ``queued``: no connection was made, 429, the vendor's queue is full, it refuses
the account, or the call never started. Everything else without a definite answer is ``unknown`` and looked up.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select

from engine.channels.base import Decision, Outcome
from engine.content.organisation import Sender
from engine.pipeline import breaker
from engine.pipeline.breaker import Said
from engine.pipeline.process import Process
from engine.status import Status
from engine.store import attempts, audit, look_ups, outbox, senders, suppression
from engine.store.outbox import Change, Fate
from engine.store.senders import Standing
from engine.store.tables import Contact, Delivery, table_of

# After an unknown outcome the first listing follows within a minute, or sooner when the sender settles sooner: it is
# due a quarter earlier, because the looks for what is due come every other second.
FIRST_LOOK_UP, EARLIER = 60.0, 0.75
LONGEST_WAIT = 60.0  # between tries that are safe to repeat
RELEASED = 0.01  # seconds until a row whose call never started may be claimed again

_ABOUT_SENDER = frozenset({Decision.HOLD_SENDER, Decision.STOP_SENDER})

Chance = Callable[[], float]  # a number in [0, 1)

_CONTACT, _DELIVERY = table_of(Contact), table_of(Delivery)


@dataclass(slots=True)
class Ended:
    """An attempt that has ended: its outcome, when, and through which sender."""

    outcome: Outcome
    sender: Sender
    at: datetime
    real: float
    phone_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a batch: a fate for each, and the senders that may not be called at this moment."""

    fates: list[Fate]
    resting: frozenset[str] = frozenset()


def commit(process: Process, batch: Sequence[Ended], chance: Chance = random.random) -> Committed:
    """Write a batch of outcomes. Runs in the writer's thread."""
    with process.database.write() as connection:
        # Before the deliveries, as a claim takes them: two writers wait for each other in one order only.
        standings = {key: senders.lock(connection, key) for key in sorted({ended.sender.key for ended in batch})}
        fates = apply(connection, process, [change_of(ended, chance) for ended in batch])
        applied = [ended for ended, (_, fate) in zip(batch, fates, strict=True) if fate is Fate.APPLIED]
        _keep_attempts(connection, process, applied)
        look_ups.ask(connection, [_look_up(ended) for ended in applied if ended.outcome.status is Status.UNKNOWN])
        for ended in batch:
            _heed(
                connection,
                process,
                decision=ended.outcome.decision,
                reason=ended.outcome.reason,
                detail=ended.outcome.detail,
                sender=ended.sender.key,
                phone_hash=ended.phone_hash,
                at=ended.at,
            )
        resting = frozenset(
            key
            for key, standing in standings.items()
            if _hear(connection, key, standing, [ended for ended in batch if ended.sender.key == key], chance)
        )
        for change, fate in fates:
            report_fate(connection, process, change, fate)
    return Committed([fate for _, fate in fates], resting)


def _hear(connection: Connection, sender: str, standing: Standing, batch: Sequence[Ended], chance: Chance) -> bool:
    """Move a sender's breaker by its outcomes, in their order; whether it must not be called now."""
    after = standing
    for ended in batch:
        if breaker.leaves_alone(after, ended.outcome):
            continue
        rest = breaker.rest_of(ended.sender.orphan_after.total_seconds())
        after = breaker.heard(after, breaker.said(ended.outcome), now=ended.real, rest=rest, spread=chance())
    if after != standing:
        senders.save(connection, sender, after)
    return after.stopped or after.rests(batch[-1].real)


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
        outbox.apply(connection, [change._replace(vendor_id=None) for change in unbound], slot=process.slot)
    return fates


def change_of(ended: Ended, chance: Chance = random.random) -> Change:
    """The move that an outcome asks for."""
    outcome, sender = ended.outcome, ended.sender
    not_before = poll = None
    if outcome.status is Status.QUEUED:
        not_before = ended.real + _wait(outcome, chance())
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


def released(delivery_id: int, attempt: int) -> Outcome:
    """The outcome of a call that never started: the row goes back to its queue."""
    return Outcome(delivery_id, attempt, Status.QUEUED, reason="released", retry_after=RELEASED)


def _wait(outcome: Outcome, spread: float) -> float:
    """Seconds until the next try: what the vendor asked for at least, else doubling with every attempt.

    With jitter, so that a thousand rows don't come back as one: above what was asked for, below what is ours.
    """
    if outcome.reason == "released":
        return RELEASED
    if outcome.retry_after:
        return outcome.retry_after * (1.0 + spread / 4)
    return min(2.0 ** min(outcome.attempt, 10), LONGEST_WAIT) * (0.5 + spread / 2)


def _look_up(ended: Ended) -> dict[str, object]:
    wait = min(FIRST_LOOK_UP, ended.sender.settle_after.total_seconds()) * EARLIER
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
    attempts.keep(connection, rows)


def lock_senders(connection: Connection, told: Iterable[tuple[str, Decision]]) -> None:
    """Lock the senders that a batch (sender, decision) will hold or stop, before its deliveries are.

    Claims and outcomes take them in that order; the other way round two workers on PostgreSQL would deadlock.
    """
    for sender in sorted({sender for sender, decision in told if decision in _ABOUT_SENDER}):
        senders.lock(connection, sender)


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
    """Do what a receipt or a look-up asks for beyond the one delivery: an opt-out, a rest or a stop of the sender."""
    _heed(
        connection, process, decision=decision, reason=reason, detail=detail, sender=sender, phone_hash=phone_hash,
        at=at,
    )  # fmt: skip
    if decision in _ABOUT_SENDER:
        standing = senders.lock(connection, sender)
        told = Said(breaker.word_of(Status.FAILED, decision, reason), reason)
        after = breaker.heard(standing, told, now=real)
        if after != standing:
            senders.save(connection, sender, after)


def _heed(
    connection: Connection,
    process: Process,
    *,
    decision: Decision,
    reason: str | None,
    detail: str | None,
    sender: str,
    phone_hash: bytes | None,
    at: datetime,
) -> None:
    """What the vendor's word means for the person and for whoever is on duty."""
    if decision is Decision.OPT_OUT and phone_hash is not None:
        suppression.opt_out(connection, [phone_hash], at=at, source="vendor")
    kind = None
    if decision is Decision.STOP_SENDER:
        kind = "sender_stopped"
    elif decision is Decision.HOLD_SENDER and reason == "filtered":
        kind = "filtered"
    if kind is not None:
        audit.raise_incident(connection, process.keyring, at=at, kind=kind, subject=f"sender:{sender}", detail=detail)


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
