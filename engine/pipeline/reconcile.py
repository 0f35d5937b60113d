"""Finding out what nobody told us: orphans, unknown outcomes, accepted deliveries without a receipt.

Absence is proven by two complete listings ``settle_after`` apart; then, and only then, a delivery is queued
again. What no listing can decide goes to a person. Never a blind resend, never a silent loss.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from datetime import timedelta

from sqlalchemy import Connection

from engine.channels.base import Decision, LookUpFailed, VendorMessage
from engine.clock import monotonic, real
from engine.content.organisation import Sender
from engine.content.skeleton import load
from engine.errors import LoaError
from engine.log import get
from engine.pipeline.finish import close_leftovers
from engine.pipeline.outcomes import follow_decision, phone_hash_of
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers
from engine.status import Status
from engine.store import audit, look_ups, outbox
from engine.store.look_ups import Polled, Unsettled
from engine.store.outbox import Change, Fate

AT_ONCE = 20  # look-ups on the way at the same time
BEFORE_CLAIM = timedelta(minutes=2)  # the vendor's clock may be that far behind ours
CLOCK_DOUBT = timedelta(days=1)  # the same words that long before the claim: a person looks
FAILED_WAIT = 30.0  # seconds before a look-up that failed is tried again

_log = get("reconcile")


def find_orphans(process: Process, orphan_after: dict[str, float]) -> int:
    """Claims of dead workers become unknown, to be looked up at once; how many.

    ``orphan_after``: sender → seconds.
    """
    if process.worker is None:
        return 0
    now_real, found = real(), []
    with process.database.read() as connection:
        rows = look_ups.orphans(connection, now_real - min(orphan_after.values(), default=60.0))
    dead: dict[str, bool] = {}
    for delivery_id, attempt, sender, worker, claimed_real in rows:
        if claimed_real > now_real - orphan_after.get(sender, 60.0):
            continue
        if worker not in dead:
            dead[worker] = process.worker.is_dead(worker)
        if dead[worker]:
            found.append((delivery_id, attempt, sender))
    if not found:
        return 0
    at = process.clock.now()
    with process.database.write() as connection:
        changes = [Change(key, attempt, Status.UNKNOWN, at, reason="orphan") for key, attempt, _ in found]
        outbox.apply(connection, changes, slot=process.slot)
        look_ups.ask(
            connection,
            [{"delivery_id": key, "attempt": attempt, "sender": sender, "due_real": now_real}
             for key, attempt, sender in found],
        )  # fmt: skip
    _log.warning("orphans", deliveries=len(found))
    return len(found)


async def look_up_due(process: Process, providers: Providers, writer: Executor) -> int:
    """Look every due unknown delivery up in its vendor's log; how many were looked at."""
    loop = asyncio.get_running_loop()

    def read() -> list[Unsettled]:
        with process.database.write() as connection:
            return look_ups.due(connection, real())

    rows = await loop.run_in_executor(writer, read)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row: Unsettled) -> None:
        async with gate:
            try:
                await _look_up(process, providers, writer, row)
            except LoaError as error:  # one damaged row must not keep the others from being asked about
                _log.error("look_up", code=error.code, delivery=row.delivery_id)
                await loop.run_in_executor(writer, _cannot_ask, process, row)

    await asyncio.gather(*(one(row) for row in rows))
    return len(rows)


async def _look_up(process: Process, providers: Providers, writer: Executor, row: Unsettled) -> None:
    opened = providers.of_run(row.digest, row.sender)
    loop = asyncio.get_running_loop()
    if not row.phone_sealed:  # erased meanwhile: there is nothing left to ask about
        await loop.run_in_executor(writer, _to_person, process, row, "cannot_ask")
        return
    if opened is None:  # not with what this process was given: another one, or a later one, may be able to ask
        await loop.run_in_executor(writer, _cannot_ask, process, row)
        return
    sender, provider = opened
    try:
        listed = await provider.list_to(process.keyring.unseal(row.phone_sealed))
    except LookUpFailed as error:
        wait = max(min(FAILED_WAIT, sender.settle_after.total_seconds()), error.retry_after or 0.0)
        if error.decision is Decision.STOP_SENDER:
            await loop.run_in_executor(writer, _stop, process, row.sender)
        await loop.run_in_executor(writer, _postpone, process, row, real() + wait, row.absent_since)
        return
    await loop.run_in_executor(writer, _decide, process, row, sender, provider.sender, listed)


def _decide(process: Process, row: Unsettled, sender: Sender, sends_as: str, listed: Sequence[VendorMessage]) -> None:
    with process.database.read() as connection:
        taken = look_ups.bound_elsewhere(connection, [message.vendor_id for message in listed], row.delivery_id)
        rivals = [_filled(process, *rival) for rival in look_ups.rivals(connection, row.delivery_id)]
    candidates = [
        message
        for message in listed
        if message.vendor_id not in taken
        and message.sender == sends_as
        and message.created_at >= row.claimed_at - BEFORE_CLAIM
    ]
    body = _filled(process, row.words, row.personal, row.name_sealed)
    # What bears the words of another delivery in doubt to the same person is that one's: taken for ours, ours would
    # be lost, and the other one sent twice.
    candidates = [message for message in candidates if message.body == body or message.body not in rivals]
    if len(candidates) > 1:  # the body only breaks ties
        same = [message for message in candidates if message.body == body]
        candidates = same or candidates
    if len(candidates) > 1:
        _to_person(process, row, "several_candidates")
        return
    if candidates:
        _settle(process, row, sender, candidates[0])
        return
    if any(_may_be_ours(message, row, taken, sends_as, body) for message in listed):
        _to_person(process, row, "clock_doubtful")
        return
    if _absence_proven(row, sender.settle_after.total_seconds()):
        at = process.clock.now()
        change = Change(row.delivery_id, row.attempt, Status.QUEUED, at, reason=None)
        with process.database.write() as connection:
            if _apply(connection, process, change):
                close_leftovers(connection, process, [row.delivery_id], at)
        return
    now_real, proven_before = real(), row.absent_since is not None and monotonic() >= (row.absent_monotonic or 0.0)
    with process.database.write() as connection:
        look_ups.postpone(
            connection,
            row.delivery_id,
            due_real=now_real + sender.settle_after.total_seconds(),
            absent_since=row.absent_since if proven_before else now_real,
            absent_monotonic=row.absent_monotonic if proven_before else monotonic(),
            attempt=row.attempt,
        )


def _may_be_ours(message: VendorMessage, row: Unsettled, taken: set[str], sends_as: str, body: str) -> bool:
    """The same words from the same sender, bound to nobody, before the claim: an older one, or is a clock wrong?

    A machine whose clock runs ahead would otherwise find every one of its own messages "too old" and send it again.
    """
    since = row.claimed_at - CLOCK_DOUBT
    return (
        message.vendor_id not in taken
        and message.sender == sends_as
        and message.body == body
        and since <= message.created_at
    )


def _absence_proven(row: Unsettled, settle_after: float) -> bool:
    """Two complete listings ``settle_after`` apart, by the wall clock and by the one that nobody can set.

    Monotonic time begins anew with the machine: after a restart the proof begins anew too.
    """
    if row.absent_since is None or row.absent_monotonic is None:
        return False
    return real() - row.absent_since >= settle_after and monotonic() - row.absent_monotonic >= settle_after


def _filled(process: Process, words: str, personal: bool, name_sealed: bytes | None) -> str:
    if not personal:
        return words
    return load(words).fill(process.keyring.unseal(name_sealed) if name_sealed else "")


def _apply(connection: Connection, process: Process, change: Change) -> bool:
    """Apply what a look-up found; False when the row has moved on (a receipt, another process, a later attempt)."""
    [(_, fate)] = outbox.apply(connection, [change], slot=process.slot)
    if fate is Fate.APPLIED:
        look_ups.settle(connection, [change.delivery_id])
    return fate is Fate.APPLIED


def _follow(connection: Connection, process: Process, delivery_id: int, sender: str, message: VendorMessage) -> None:
    """What a look-up says may ask for more, as a receipt may: an opt-out, a hold of the sender."""
    if message.decision is Decision.NONE:
        return
    follow_decision(
        connection,
        process,
        decision=message.decision,
        reason=message.reason,
        detail=message.detail,
        sender=sender,
        phone_hash=phone_hash_of(connection, delivery_id),
        at=process.clock.now(),
        real=real(),
    )


def _settle(process: Process, row: Unsettled, sender: Sender, message: VendorMessage) -> None:
    status = Status.ACCEPTED if message.status is Status.UNKNOWN else message.status
    change = Change(
        row.delivery_id,
        row.attempt,
        status,
        process.clock.now(),
        vendor_id=message.vendor_id,
        code=message.code,
        reason=message.reason,
        handed=True,
        poll_real=real() + sender.poll_after.total_seconds() if status is Status.ACCEPTED else None,
    )
    with process.database.write() as connection:
        if _apply(connection, process, change):
            _follow(connection, process, row.delivery_id, row.sender, message)


def _postpone(process: Process, row: Unsettled, due_real: float, absent_since: float | None) -> None:
    with process.database.write() as connection:
        look_ups.postpone(
            connection,
            row.delivery_id,
            due_real=due_real,
            absent_since=absent_since,
            absent_monotonic=row.absent_monotonic,
            attempt=row.attempt,
        )


def _stop(process: Process, sender: str) -> None:
    with process.database.write() as connection:
        follow_decision(
            connection, process, decision=Decision.STOP_SENDER, reason="credentials", detail=None, sender=sender,
            phone_hash=None, at=process.clock.now(), real=real(),
        )  # fmt: skip


def _cannot_ask(process: Process, row: Unsettled) -> None:
    _postpone(process, row, real() + FAILED_WAIT, row.absent_since)
    with process.database.write() as connection:
        audit.raise_incident(
            connection, process.keyring, at=process.clock.now(), kind="cannot_ask", subject=f"sender:{row.sender}"
        )


def _to_person(process: Process, row: Unsettled, why: str) -> None:
    with process.database.write() as connection:
        look_ups.postpone(
            connection,
            row.delivery_id,
            due_real=real(),
            absent_since=row.absent_since,
            waits_for=why,
            attempt=row.attempt,
        )
        audit.raise_incident(
            connection, process.keyring, at=process.clock.now(), kind=why, subject=f"delivery:{row.delivery_id}"
        )


async def poll(process: Process, providers: Providers, writer: Executor, rows: Iterable[Polled]) -> int:
    """Ask the vendors about accepted deliveries and apply what they say; how many were asked about."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(row: Polled) -> tuple[Polled, VendorMessage | None, float]:
        opened = providers.of_run(row.digest, row.sender)
        if opened is None:
            return row, None, FAILED_WAIT
        sender, provider = opened
        async with gate:
            try:
                return row, await provider.fetch(row.vendor_id), sender.poll_after.total_seconds()
            except LookUpFailed as error:
                return row, None, max(FAILED_WAIT, error.retry_after or 0.0)

    answers = await asyncio.gather(*(ask(row) for row in rows))
    if answers:
        await asyncio.get_running_loop().run_in_executor(writer, _apply_polled, process, answers)
    return len(answers)


def _apply_polled(process: Process, answers: Sequence[tuple[Polled, VendorMessage | None, float]]) -> None:
    at, now_real = process.clock.now(), real()
    changes, again, told = [], [], []
    for row, message, wait in answers:
        if message is None or message.status in (Status.ACCEPTED, Status.UNKNOWN):
            again.append((row.delivery_id, now_real + wait))
            continue
        told.append((row, message))
        changes.append(
            Change(
                row.delivery_id, row.attempt, message.status, at, vendor_id=row.vendor_id, code=message.code,
                reason=message.reason, handed=True,
            )
        )  # fmt: skip
    with process.database.write() as connection:
        fates = outbox.apply(connection, changes, slot=process.slot)
        for (row, message), (_, fate) in zip(told, fates, strict=True):
            if fate is Fate.APPLIED:
                _follow(connection, process, row.delivery_id, row.sender, message)
        for at_real in sorted({instant for _, instant in again}):
            look_ups.poll_again(connection, [key for key, instant in again if instant == at_real], at_real)
