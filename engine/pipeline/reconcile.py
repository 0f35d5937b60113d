"""Finding out what nobody told us: orphans, unknown outcomes, accepted deliveries without a receipt.

Absence is proven by two complete listings ``settle_after`` apart; then, and only then, a delivery is queued
again. What no listing can decide goes to a person. Never a blind resend, never a silent loss.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Executor
from datetime import timedelta

from sqlalchemy import Connection

from engine.channels.base import Decision, LookUpFailed, NoLog, VendorMessage
from engine.clock import Seconds
from engine.content.organisation import Sender
from engine.content.skeleton import load
from engine.errors import LoaError
from engine.log import get
from engine.pipeline.outcomes import follow_decision, lock_senders, phone_hash_of
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers
from engine.pipeline.recognise import recognise
from engine.status import Status
from engine.store import audit, look_ups, outbox
from engine.store.look_ups import Polled, Unsettled
from engine.store.outbox import Change, Fate

AT_ONCE = 20  # look-ups on the way at the same time
FAILED_WAIT = 30.0  # seconds before a look-up that failed is tried again
SHOWN_AFTER = timedelta(hours=1)  # nobody could be asked about a delivery for that long: a person hears of it

_log = get("reconcile")


async def look_up_due(process: Process, providers: Providers, writer: Executor) -> int:
    """Look every due unknown delivery up in its vendor's log; how many were looked at."""
    loop = asyncio.get_running_loop()

    def read() -> list[Unsettled]:
        with process.database.write() as connection:
            return look_ups.due(connection, process.seconds.real())

    rows = await loop.run_in_executor(writer, read)
    gate, answering = asyncio.Semaphore(AT_ONCE), set[str]()

    async def one(row: Unsettled) -> None:
        async with gate:
            try:
                if await _look_up(process, providers, writer, row):
                    answering.add(row.sender)
            except Exception as error:  # a damaged row, a broken adapter: the others are asked about all the same
                code = error.code if isinstance(error, LoaError) else type(error).__name__
                _log.error("look_up", code=code, delivery=row.delivery_id)
                await loop.run_in_executor(writer, _cannot_ask, process, row)

    await asyncio.gather(*(one(row) for row in rows))
    if answering:
        await loop.run_in_executor(writer, _can_ask, process, answering)
    return len(rows)


async def _look_up(process: Process, providers: Providers, writer: Executor, row: Unsettled) -> bool:
    """Look one delivery up; whether the vendor could be asked."""
    opened = providers.of_run(row.digest, row.sender)
    loop = asyncio.get_running_loop()
    if not row.phone_sealed:  # erased meanwhile: there is nothing left to ask about
        await loop.run_in_executor(writer, _to_person, process, row, "erased")
        return False
    if opened is None:  # not with what this process was given: another one, or a later one, may be able to ask
        await loop.run_in_executor(writer, _cannot_ask, process, row)
        return False
    sender, provider = opened
    try:
        listed = await provider.list_to(process.keyring.unseal(row.phone_sealed))
    except NoLog:
        await loop.run_in_executor(writer, _wait_for_word, process, row, sender)
        return False
    except LookUpFailed as error:
        wait = max(min(FAILED_WAIT, sender.settle_after.total_seconds()), error.retry_after or 0.0)
        if error.decision is Decision.STOP_SENDER:
            await loop.run_in_executor(writer, _stop, process, row.sender)
        if process.clock.now() - row.claimed_at > SHOWN_AFTER:
            await loop.run_in_executor(writer, _cannot_ask, process, row, wait)
        else:
            await loop.run_in_executor(writer, _postpone, process, row, process.seconds.real() + wait, row.absent_since)
        return False
    await loop.run_in_executor(writer, _decide, process, row, sender, provider.sender, listed)
    return True


def _wait_for_word(process: Process, row: Unsettled, sender: Sender) -> None:
    """A vendor without a log can only tell us by itself: after ``settle_after`` without a word a person finds out."""
    patience = sender.settle_after.total_seconds()
    now_real = process.seconds.real()
    if row.absent_since is not None and now_real - row.absent_since >= patience:
        _to_person(process, row, "no_log")
    else:
        since = now_real if row.absent_since is None else row.absent_since
        _postpone(process, row, since + patience, since)


def _decide(process: Process, row: Unsettled, sender: Sender, sends_as: str, listed: Sequence[VendorMessage]) -> None:
    own = [message for message in listed if row.vendor_id is not None and message.vendor_id == row.vendor_id]
    if own:  # the vendor named it before its outcome became doubtful: nothing to compare
        _settle(process, row, sender, own[0])
        return
    with process.database.read() as connection:
        taken = look_ups.bound_elsewhere(connection, [message.vendor_id for message in listed], row.delivery_id)
        rivals = [_filled(process, *rival) for rival in look_ups.rivals(connection, row.delivery_id)]
    body = _filled(process, row.words, row.personal, row.name_sealed)
    found = recognise(listed, body=body, sends_as=sends_as, claimed_at=row.claimed_at, taken=taken, rivals=rivals)
    if isinstance(found, VendorMessage):
        _settle(process, row, sender, found)
        return
    if found is not None:
        _to_person(process, row, found)
        return
    if _absence_proven(process.seconds, row, sender.settle_after.total_seconds()):
        if row.vendor_id is not None:  # it had an id there: a log without it proves nothing
            _to_person(process, row, "vanished")
            return
        at = process.clock.now()
        change = Change(row.delivery_id, row.attempt, Status.QUEUED, at, reason=None)
        with process.database.write() as connection:
            _apply(connection, process, change)
        return
    now_real, monotonic, boot = process.seconds.real(), process.seconds.monotonic(), process.seconds.boot()
    begun = row.absent_since is not None and row.absent_monotonic is not None
    proven_before = begun and row.absent_boot == boot and monotonic >= (row.absent_monotonic or 0.0)
    with process.database.write() as connection:
        look_ups.postpone(
            connection,
            row.delivery_id,
            due_real=now_real + sender.settle_after.total_seconds(),
            absent_since=row.absent_since if proven_before else now_real,
            absent_monotonic=row.absent_monotonic if proven_before else monotonic,
            absent_boot=boot,
            attempt=row.attempt,
        )


def _absence_proven(seconds: Seconds, row: Unsettled, settle_after: float) -> bool:
    """Two complete listings ``settle_after`` apart, by the wall clock and by the one that nobody can set.

    Monotonic time begins anew with the machine, and another machine's is another time: then the proof begins anew too.
    """
    if row.absent_since is None or row.absent_monotonic is None or row.absent_boot != seconds.boot():
        return False
    passed, passed_monotonic = seconds.real() - row.absent_since, seconds.monotonic() - row.absent_monotonic
    return passed >= settle_after and passed_monotonic >= settle_after


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
        real=process.seconds.real(),
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
        poll_real=process.seconds.real() + sender.poll_after.total_seconds() if status is Status.ACCEPTED else None,
    )
    with process.database.write() as connection:
        lock_senders(connection, [(row.sender, message.decision)])
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
            absent_boot=row.absent_boot,
            attempt=row.attempt,
        )


def _stop(process: Process, sender: str) -> None:
    with process.database.write() as connection:
        follow_decision(
            connection, process, decision=Decision.STOP_SENDER, reason="credentials", detail=None, sender=sender,
            phone_hash=None, at=process.clock.now(), real=process.seconds.real(),
        )  # fmt: skip


def _cannot_ask(process: Process, row: Unsettled, wait: float = FAILED_WAIT) -> None:
    _postpone(process, row, process.seconds.real() + wait, row.absent_since)
    with process.database.write() as connection:
        audit.raise_incident(
            connection, process.keyring, at=process.clock.now(), kind="cannot_ask", subject=f"sender:{row.sender}"
        )


def _can_ask(process: Process, senders: Collection[str]) -> None:
    """These vendors answer (again): what was raised because they did not is settled."""
    subjects = {f"sender:{sender}" for sender in senders}
    with process.database.read() as connection:
        mended = [one for one in audit.incidents(connection, kinds=["cannot_ask"]) if one.subject in subjects]
    if mended:
        with process.database.write() as connection:
            for one in mended:
                audit.settle_incident(connection, at=process.clock.now(), kind=one.kind, subject=one.subject)


def _to_person(process: Process, row: Unsettled, why: str) -> None:
    with process.database.write() as connection:
        look_ups.postpone(
            connection,
            row.delivery_id,
            due_real=process.seconds.real(),
            absent_since=row.absent_since,
            waits_for=why,
            attempt=row.attempt,
        )
        audit.raise_incident(
            connection, process.keyring, at=process.clock.now(), kind=why, subject=f"delivery:{row.delivery_id}"
        )


async def poll(process: Process, providers: Providers, writer: Executor, rows: Iterable[Polled]) -> int:
    """Ask the vendors about accepted deliveries and apply what they say; how many were asked about."""
    gate, refused = asyncio.Semaphore(AT_ONCE), set[str]()
    loop = asyncio.get_running_loop()

    async def ask(row: Polled) -> tuple[Polled, VendorMessage | None, float | None]:
        opened = providers.of_run(row.digest, row.sender)
        if opened is None:
            return row, None, FAILED_WAIT
        sender, provider = opened
        async with gate:
            try:
                return row, await provider.fetch(row.vendor_id), sender.poll_after.total_seconds()
            except NoLog:
                return row, None, None
            except LookUpFailed as error:
                if error.decision is Decision.STOP_SENDER:
                    refused.add(row.sender)
                return row, None, max(FAILED_WAIT, error.retry_after or 0.0)
            except Exception as error:  # a broken adapter: what the others said is applied all the same
                _log.error("poll", code=type(error).__name__, sender=row.sender)
                return row, None, FAILED_WAIT

    answers = await asyncio.gather(*(ask(row) for row in rows))
    if answers:
        await loop.run_in_executor(writer, _apply_polled, process, answers)
    for sender in sorted(refused):
        await loop.run_in_executor(writer, _stop, process, sender)
    return len(answers)


def _apply_polled(process: Process, answers: Sequence[tuple[Polled, VendorMessage | None, float | None]]) -> None:
    at, now_real = process.clock.now(), process.seconds.real()
    changes, again, told = [], [], []
    for row, message, wait in answers:
        if message is None or message.status in (Status.ACCEPTED, Status.UNKNOWN):
            again.append((row.delivery_id, None if wait is None else now_real + wait))
            continue
        told.append((row, message))
        changes.append(
            Change(
                row.delivery_id, row.attempt, message.status, at, vendor_id=row.vendor_id, code=message.code,
                reason=message.reason, handed=True,
            )
        )  # fmt: skip
    with process.database.write() as connection:
        lock_senders(connection, ((row.sender, message.decision) for row, message in told))
        fates = outbox.apply(connection, changes, slot=process.slot)
        for (row, message), (_, fate) in zip(told, fates, strict=True):
            if fate is Fate.APPLIED:
                _follow(connection, process, row.delivery_id, row.sender, message)
        for at_real in sorted({instant for _, instant in again}, key=lambda instant: instant or 0.0):
            look_ups.poll_again(connection, [key for key, instant in again if instant == at_real], at_real)
