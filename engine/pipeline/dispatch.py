"""Dispatch: claim, call at each row's own time, commit outcomes in groups. One loop a process.

It runs on monotonic time in asyncio, outside the scheduler. No transaction is open during a call. What a kill
leaves behind is a claim by a dead worker, which reconciliation settles; a clean stop leaves nothing behind.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from engine.channels.base import Outcome, Outgoing, Provider
from engine.clock import monotonic, real
from engine.content.organisation import Sender
from engine.content.skeleton import load
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import outcomes
from engine.pipeline.approve import pause_unapproved
from engine.pipeline.finish import expire_overdue
from engine.pipeline.gates import OpenGate, open_gates
from engine.pipeline.group_commit import GroupCommit
from engine.pipeline.outcomes import Ended
from engine.pipeline.pacer import Pacer
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers, is_live
from engine.status import Status
from engine.store import claims, runs
from engine.store.claims import Claim, Claimed
from engine.store.database import Lock
from engine.store.outbox import Fate

START_WITHIN = 10.0  # seconds from claim to call; later than that the row is released
CALL_ENDS_WITHIN = 30.0
AT_ONCE = 512  # calls of one sender on their way
IDLE = 0.1  # seconds between looks when there is nothing to claim
STORE_AGAIN = 1.0  # seconds until an outcome that could not be stored is tried again

_log = get("dispatch")


@dataclass(slots=True)
class Counts:
    """What this process has done so far."""

    claimed: int = 0
    excluded: int = 0
    by_status: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed row with its gate: what the call needs."""

    row: Claimed
    gate: OpenGate
    claimed_at: float  # monotonic
    claimed_real: float


class Dispatcher:
    """Claims for every sender and makes the calls. ``receipt_url`` gives a delivery's signed address, or None."""

    def __init__(
        self,
        process: Process,
        providers: Providers,
        writer: ThreadPoolExecutor,
        receipt_url: Callable[[str, int, int], str | None],
    ) -> None:
        self.process, self.providers, self.writer = process, providers, writer
        self.counts = Counts()
        self.problems: dict[str, LoaError] = {}  # sender → why it cannot be used in this process
        self._receipt_url = receipt_url
        self._commits: GroupCommit[Ended, Fate] = GroupCommit(self._commit, writer)
        self._pacers: dict[str, Pacer[Ready]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self, stop: asyncio.Event, *, once: bool = False) -> None:
        """Dispatch until ``stop``; with ``once`` until nothing due is queued or sending.

        However it ends, nothing is left half-claimed. With ``once`` an unusable database raises ``LoaError``.
        """
        try:
            while not stop.is_set():
                try:
                    claimed, waiting = await self._claim_all()
                except LoaError as error:  # a full disk, a locked database: keep what we hold and try again
                    if once:
                        raise
                    _log.error("claim", code=error.code)
                    claimed, waiting = 0, True
                if once and not claimed and not waiting and not self._busy:
                    break
                if not claimed:
                    await _pause(stop, IDLE)
        finally:
            await self._wind_down()

    @property
    def _busy(self) -> bool:
        return bool(self._calls) or any(pacer.waiting for pacer in self._pacers.values())

    async def _claim_all(self) -> tuple[int, bool]:
        """Claim for every sender with an open gate; (rows claimed, whether something due is still to wait for)."""
        loop = asyncio.get_running_loop()
        gates = await loop.run_in_executor(self.writer, self._gates)
        # By the whole sender, not by its key: two snapshots may know the key with different accounts.
        by_sender: dict[str, list[OpenGate]] = {}
        for gate in gates:
            by_sender.setdefault(gate.sender.model_dump_json(), []).append(gate)
        claimed, waiting = 0, False
        for of_sender in by_sender.values():
            open_now = [gate for gate in of_sender if self._usable(gate.sender)]
            if not open_now:
                continue
            sender = open_now[0].sender
            pacer = self._pacer(sender)
            if pacer.waiting >= max(1.0, sender.rate * claims.HORIZON):
                waiting = True
                continue
            claim = await loop.run_in_executor(self.writer, self._claim, sender, open_now)
            self.counts.claimed += len(claim.rows)
            self.counts.excluded += claim.excluded
            gate_of = {gate.run["id"]: gate for gate in open_now}
            now, now_real = monotonic(), real()
            for row in claim.rows:
                pacer.put(now + max(0.0, row.release_real - now_real), Ready(row, gate_of[row.run_id], now, now_real))
            claimed += len(claim.rows)
            if not claim.rows and not pacer.waiting and claim.exhausted:
                waiting |= await loop.run_in_executor(self.writer, self._finish, sorted(set(claim.exhausted)))
            elif not claim.held:
                waiting = True
        return claimed, waiting

    def _gates(self) -> list[OpenGate]:
        now = self.process.clock.now()
        expire_overdue(self.process, now)
        with self.process.database.read() as connection:
            gates, fallen = open_gates(self.process, connection, now)
        if fallen:
            pause_unapproved(self.process, fallen)
        return gates

    def _usable(self, sender: Sender) -> bool:
        try:
            self.providers.open(sender)
        except LoaError as error:
            if sender.key not in self.problems:
                _log.error("sender", sender=sender.key, code=error.code)
            self.problems[sender.key] = error
            return False
        self.problems.pop(sender.key, None)
        return True

    def _pacer(self, sender: Sender) -> Pacer[Ready]:
        if sender.key not in self._pacers:
            self._pacers[sender.key] = Pacer(sender.rate, AT_ONCE, self._start)
        self._pacers[sender.key].set_rate(sender.rate)  # another snapshot may have another
        return self._pacers[sender.key]

    def _claim(self, sender: Sender, gates: list[OpenGate]) -> Claim:
        worker = self.process.worker
        if worker is None:
            raise RuntimeError("only a registered worker may claim")
        with self.process.database.write(Lock.CLAIM) as connection:
            return claims.claim(
                connection,
                sender=sender.key,
                rate=sender.rate,
                runs=[gate.claimable for gate in gates],
                worker=worker.id,
                now=self.process.clock.now(),
                real_now=real(),
                slot=self.process.slot,
                refuse_synthetic=is_live(self.process, sender),
            )

    def _finish(self, run_ids: list[int]) -> bool:
        """Close runs that have nothing left; True while one of them still has something queued or sending."""
        waiting = False
        for run_id in run_ids:
            with self.process.database.write() as connection:
                waiting |= not runs.finish(connection, run_id, self.process.clock.now())
        return waiting

    def _start(self, ready: Ready) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(self._call(ready))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def _call(self, ready: Ready) -> None:
        row, sender = ready.row, ready.gate.sender
        phone = ""
        if self._too_late(ready):
            outcome = Outcome(row.delivery_id, row.attempt, Status.QUEUED, reason="released", retry_after=0.01)
        else:
            try:
                provider, message = self.providers.open(sender), self._message(ready)
            except Exception as error:  # a damaged row: nothing has left, and nothing ever could
                _log.error("message", kind=type(error).__name__, delivery=row.delivery_id)
                outcome = Outcome(row.delivery_id, row.attempt, Status.FAILED, reason="unreadable")
            else:
                phone = message.to
                outcome = await self._send(provider, ready, message)
        ended = Ended(
            outcome=outcome,
            sender=sender,
            at=self.process.clock.now(),
            real=real(),
            phone_hash=self.process.keyring.phone_hash(phone) if phone else b"",
        )
        await self._keep(ended)
        self.counts.by_status[str(outcome.status)] = self.counts.by_status.get(str(outcome.status), 0) + 1

    def _too_late(self, ready: Ready) -> bool:
        """Whether the call may no longer start: the claim is old, or quiet hours or the run's end have come.

        Monotonic time stands still while a machine sleeps; real time does not, but can be set. Either one counts.
        """
        age = max(monotonic() - ready.claimed_at, real() - ready.claimed_real)
        return age > START_WITHIN or self.process.clock.now() >= ready.gate.until

    def _message(self, ready: Ready) -> Outgoing:
        row, gate = ready.row, ready.gate
        name = self.process.keyring.unseal(row.name_sealed) if row.personal and row.name_sealed else ""
        return Outgoing(
            delivery_id=row.delivery_id,
            attempt=row.attempt,
            to=self.process.keyring.unseal(row.phone_sealed),
            body=load(row.words).fill(name) if row.personal else row.words,
            valid_seconds=gate.valid_seconds(self.process.clock.now()),
            receipt_url=self._receipt_url(gate.sender.key, row.delivery_id, row.attempt),
        )

    async def _send(self, provider: Provider, ready: Ready, message: Outgoing) -> Outcome:
        row, gate = ready.row, ready.gate
        try:
            async with asyncio.timeout(CALL_ENDS_WITHIN):
                return (await provider.send([message]))[0]
        except TimeoutError:
            return Outcome(row.delivery_id, row.attempt, Status.UNKNOWN, reason="no_answer")
        except Exception as error:  # the call may have gone out: only the vendor's log can tell
            _log.error("adapter", kind=type(error).__name__, sender=gate.sender.key)
            return Outcome(row.delivery_id, row.attempt, Status.UNKNOWN, reason="unexpected")

    async def _keep(self, ended: Ended) -> None:
        """Commit an outcome, however long the disk is full: what the vendor said is not to be had again."""
        while True:
            try:
                await self._commits.add(ended)
                return
            except Exception as error:  # also what is no LoaError: a row that nobody settles would hang for ever
                _log.error("outcome", code=error.code if isinstance(error, LoaError) else type(error).__name__)
                if self._stopping:
                    return  # the row stays `sending`, and the next process looks it up
                await asyncio.sleep(STORE_AGAIN)

    def _commit(self, batch: Sequence[Ended]) -> list[Fate]:
        return outcomes.commit(self.process, batch)

    async def _wind_down(self) -> None:
        """Release what was claimed and not called, let calls end, commit their outcomes."""
        self._stopping = True
        unsent = [ready for pacer in self._pacers.values() for ready in pacer.stop()]
        now_real = real()
        releases = [
            self._commits.add(
                Ended(
                    Outcome(
                        ready.row.delivery_id, ready.row.attempt, Status.QUEUED, reason="released", retry_after=0.01
                    ),
                    ready.gate.sender,
                    self.process.clock.now(),
                    now_real,
                    b"",
                )
            )
            for ready in unsent
        ]
        await asyncio.gather(*self._calls, *releases, return_exceptions=True)
        await self._commits.drained()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
