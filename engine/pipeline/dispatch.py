"""Dispatch: claim, call at each row's own time, commit outcomes in groups. One loop a process.

It runs on monotonic time in asyncio, outside the scheduler. No transaction is open during a call. What a kill
leaves behind is a claim by a dead worker, which reconciliation settles; a clean stop leaves nothing behind.
"""

import asyncio
import random
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from engine.clock import monotonic, real
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import breaker, failover
from engine.pipeline.approve import pause_unapproved
from engine.pipeline.breaker import Permit, State
from engine.pipeline.calls import Calls, Ready
from engine.pipeline.claiming import claim_for
from engine.pipeline.failover import Turn, senders_of
from engine.pipeline.finish import expire_overdue
from engine.pipeline.gates import OpenGate, open_gates
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers, is_live, leaves_by_file
from engine.pipeline.seldom import Seldom
from engine.store import audit, candidates, claims, runs, senders
from engine.store.claims import Claim
from engine.store.database import Lock
from engine.store.senders import Standing

# Seconds between looks while something is on its way; five times as long when nothing is. A look costs about 5 ms
# beside an open run, one query (0.5 ms) without.
IDLE = 0.1
RAREST = 5
STORE_AGAIN = 1.0  # seconds until a claim that the database refused is tried again
PATIENCE = 60.0  # seconds for which a single round waits for a database that is locked or starts again
_PASSES = ("store.no-server", "store.locked")

_log = get("dispatch")


@dataclass(slots=True)
class Counts:
    """What this process has done so far."""

    claimed: int = 0
    excluded: int = 0
    by_status: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: open gates, how the senders stand, and which queued rows must keep their sender."""

    gates: list[OpenGate] = field(default_factory=list)
    stand: dict[str, Standing] = field(default_factory=dict)
    doubtful: set[tuple[int, str]] = field(default_factory=set)
    real: float = 0.0

    def state(self, sender: str) -> State:
        """Where a sender stands, as far as was read; under the claim lock it is asked again."""
        return breaker.state_of(self.stand.get(sender, Standing()), self.real)


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim and its instant on both clocks, read under the claim lock."""

    claim: Claim
    at: float  # monotonic
    real: float


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
        self.calls = Calls(process, providers, writer, receipt_url)
        self.counts = Counts(by_status=self.calls.by_status)
        self.alive_at = monotonic()  # when the loop last came round: the watchdog looks at it
        self.problems: dict[str, LoaError] = {}  # sender → why it cannot be used in this process
        self._over_budget: set[int] = set()
        self._trouble = Seldom(_log, "claim")

    @property
    def on_hand(self) -> Collection[tuple[int, int]]:
        """(delivery, attempt) that were claimed here and are not settled yet."""
        return self.calls.on_hand

    async def run(self, stop: asyncio.Event, *, once: bool = False) -> None:
        """Dispatch until ``stop``; with ``once`` until nothing due is queued or sending.

        However it ends, nothing is left half-claimed. With ``once`` an unusable database raises ``LoaError``; one
        that will be usable again (locked, starting anew) only after ``PATIENCE``.
        """
        idle, well_at = 0, monotonic()
        try:
            while not stop.is_set():
                self.alive_at = monotonic()
                try:
                    claimed, waiting = await self._look(quick=idle > 0 and not once)
                    well_at = monotonic()
                except LoaError as error:  # a full disk, a locked database: keep what we hold and try again
                    if once and (error.key not in _PASSES or monotonic() - well_at > PATIENCE):
                        raise
                    self._trouble.say(monotonic(), code=error.code)
                    await _pause(stop, STORE_AGAIN)
                    continue
                if once and not claimed and not waiting and not self.calls.busy:
                    break
                idle = 0 if claimed or self.calls.busy else min(idle + 1, RAREST - 1)
                if not claimed:
                    await _pause(stop, IDLE * (1 + idle))
        finally:
            await self.calls.wind_down()

    async def _look(self, *, quick: bool) -> tuple[int, bool]:
        """Claim for every sender with an open gate; (rows claimed, whether something due is still to wait for).

        ``quick`` first asks the one cheap question whether there is any run at all.
        """
        loop = asyncio.get_running_loop()
        if quick and not await loop.run_in_executor(self.writer, self._any_run):
            return 0, False
        look = await loop.run_in_executor(self.writer, self._gates)
        # In the event loop: senders are opened there, where their connections will live.
        turns, waiting = failover.turns(
            look.gates, now=self.process.clock.now(), state=look.state, usable=self._usable, doubtful=look.doubtful
        )
        claimed = 0
        for turn in turns:
            sender = turn.sender
            if self.calls.waiting(sender) >= max(1.0, sender.rate * claims.HORIZON):
                waiting = True
                continue
            taken = await loop.run_in_executor(self.writer, self._claim, turn)
            claim = taken.claim
            self.counts.claimed += len(claim.rows)
            self.counts.excluded += claim.excluded
            for row in claim.rows:
                self.calls.put(Ready(row, turn.gate_of[row.run_id], taken.at, taken.real))
            claimed += len(claim.rows)
            if claim.over_budget:
                await loop.run_in_executor(self.writer, self._too_dear, turn, claim.over_budget)
            elif not claim.rows and not self.calls.waiting(sender) and claim.exhausted:
                waiting |= await loop.run_in_executor(self.writer, self._finish, turn, sorted(set(claim.exhausted)))
            else:  # also where a sender began to rest since the look: another one may take over, so look again
                waiting = True
        return claimed, waiting

    def _any_run(self) -> bool:
        with self.process.database.read() as connection:
            return candidates.any_run(connection, self.process.clock.now())

    def _gates(self) -> Look:
        now = self.process.clock.now()
        expire_overdue(self.process, now)
        with self.process.database.read() as connection:
            gates, fallen = open_gates(self.process, connection, now)
            stand = senders.standings(connection) if gates else {}
            several = [gate.run["id"] for gate in gates if len(senders_of(gate)) > 1]
            doubtful = candidates.doubtful_queued(connection, several) if several else set()
        if fallen:
            pause_unapproved(self.process, fallen)
        return Look([gate for gate in gates if not leaves_by_file(gate.sender)], stand, doubtful, real())

    def _usable(self, sender: Sender) -> bool:
        if leaves_by_file(sender):  # a list takes over from no call: its operator would send much later
            return False
        try:
            self.providers.open(sender)
        except LoaError as error:
            if sender.key not in self.problems:
                _log.error("sender", sender=sender.key, code=error.code)
            self.problems[sender.key] = error
            return False
        self.problems.pop(sender.key, None)
        return True

    def _claim(self, turn: Turn) -> Taken:
        worker, sender = self.process.worker, turn.sender
        if worker is None:
            raise RuntimeError("only a registered worker may claim")
        with self.process.database.write(Lock.CLAIM) as connection:
            at, real_now = monotonic(), real()
            permit, claim = claim_for(
                self.process,
                connection,
                turn,
                worker=worker.id,
                real_now=real_now,
                spread=random.random(),
                refuse_synthetic=is_live(self.process, sender),
            )
            if permit is Permit.NONE:
                self.calls.resting.add(sender.key)
            else:
                self.calls.resting.discard(sender.key)
        return Taken(claim, at, real_now)

    def _finish(self, turn: Turn, run_ids: list[int]) -> bool:
        """Close runs that have nothing left; True while one of them still has something queued or sending."""
        waiting = False
        for run_id in run_ids:
            with self.process.database.write() as connection:
                if runs.finish(connection, run_id, self.process.clock.now(), self.process.name):
                    continue
                alone = len(senders_of(turn.gate_of[run_id])) == 1
                road = failover.among(turn.gate_of[run_id], turn.sender)
                waiting |= alone or candidates.waits(connection, run_id, turn.sender.key, road)
        return waiting

    def _too_dear(self, turn: Turn, run_ids: list[int]) -> None:
        """Another sender would take over and the budget has no room for its price: the rows wait, a person hears."""
        for run_id in set(run_ids) - self._over_budget:
            run = turn.gate_of[run_id].run
            with self.process.database.write() as connection:
                audit.raise_incident(
                    connection,
                    self.process.keyring,
                    at=self.process.clock.now(),
                    kind="failover_budget",
                    subject=f"run:{run['campaign']}/{run['step']}/{run['occurrence']}",
                )
            self._over_budget.add(run_id)
        self.problems[turn.sender.key] = LoaError("pipeline.failover-budget", sender=turn.sender.key)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
