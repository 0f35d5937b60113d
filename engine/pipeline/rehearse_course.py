"""The course of a rehearsal: from event to event on a clock that stands in between, through the functions that send.

What ``loa run`` does in its threads happens here one thing after the other: due runs are opened, gates read, rows
claimed, handed to the model, outcomes and receipts committed, what is overdue expired, what is in doubt looked up. Time
passes only from one event to the next, so that a quiet night costs nothing and a claim may take more than a second's
worth: up to ``AT_ONCE`` rows, but never beyond the next event that could change what a gate says.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import RowMapping

from engine.areas.registry import Registry
from engine.clock import SteppedTime
from engine.content.snapshot import Snapshot
from engine.pipeline import breaker, failover
from engine.pipeline.failover import Turn, senders_of
from engine.pipeline.finish import expire_overdue
from engine.pipeline.gates import OpenGate, open_gates
from engine.pipeline.hours import claims_from
from engine.pipeline.open_runs import open_due
from engine.pipeline.process import Process
from engine.pipeline.providers import leaves_by_file
from engine.pipeline.publish import Posting
from engine.pipeline.rehearse_faults import Faults
from engine.pipeline.rehearse_hearing import Hearing
from engine.pipeline.rehearse_relays import RehearsedRelays
from engine.pipeline.rehearse_sending import AT_ONCE, NEVER, Sending
from engine.pipeline.rehearse_vendor import RehearsedProviders, RehearsedPublishers, World
from engine.status import RunStatus
from engine.store import candidates, rehearsed, runs, senders
from engine.store.senders import Standing
from engine.store.workers import Registration

LEAST = 0.001  # seconds that pass at least between two events: no event may hold the time up
STANDSTILL = 5000  # so many events in a row without the time to speak of: one of ours never goes away

Progress = Callable[[float], None]  # told how much of the time has passed, 0 to 1


class RehearsedWorker(Registration):
    """The worker of a copy that nobody else opens: it needs no lock, and every other worker in it is dead."""

    def is_dead(self, worker: str) -> bool:
        return worker != self.id


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """A batch is tens of thousands of short-lived tuples without cycles: looking for some took a sixth of the time."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class Wait:
    """Deliveries of a run that stood in the queue for the end of quiet hours. Instants by the machine's clock."""

    run_id: int
    since: datetime
    until: datetime
    deliveries: int


class _Standing(NamedTuple):
    """A run that is open for claims. ``opens``: when the hours let it hand out, now or later; None: never."""

    senders: tuple[str, ...]  # of its step, in their order
    opens: datetime | None
    expires: datetime


@dataclass
class Course:
    """Drives a copy from now to the end of what ``campaign`` has planned. ``current`` are all campaigns that run."""

    process: Process
    time: SteppedTime
    campaign: str
    current: Mapping[str, Snapshot]
    registry: Registry
    world: World
    faults: Faults
    waits: list[Wait] = field(default_factory=list)
    held: dict[int, str | None] = field(default_factory=dict)  # run → why it waited for a person
    _dues: list[tuple[datetime, str]] = field(default_factory=list)
    _waiting: dict[int, tuple[datetime, int]] = field(default_factory=dict)
    _standing: dict[int, _Standing] = field(default_factory=dict)
    _acting: dict[int, list[str]] = field(default_factory=dict)  # run → who sends for it at this moment
    _rests: dict[str, float] = field(default_factory=dict)  # sender that may not be asked → until when
    _down: bool = False
    _stood: int = 0  # events in a row at which the time stood

    def __post_init__(self) -> None:
        providers = RehearsedProviders(self.process, self.world)
        known = {key: sender for one in self.current.values() for key, sender in one.senders.items()}
        self.sending = Sending(self.process, self.time, self.world, self.faults, providers)
        self.relays = RehearsedRelays(self.process, self.world.seed)
        self.posting = Posting(self.process, RehearsedPublishers(self.process, self.world))
        self.hearing = Hearing(self.process, self.time, self.world, providers, known)
        self._dues = sorted(
            (snapshot.opens(step, occurrence.due), key)
            for key, snapshot in self.current.items()
            for step in snapshot.campaign.steps
            for occurrence in snapshot.occurrences(step)
        )

    async def run(self, progress: Progress | None = None) -> None:
        """Go on until nothing of the campaign is to come, and the last receipt is in."""
        start, end = self.time.true, max((due.timestamp() for due, _ in self._dues), default=self.time.true)
        with _collecting_rarely():
            while True:
                await self._pass_outages()
                await self._work()
                following = self._following()
                if following is None:
                    break
                self._pass_to(following)
                if progress:
                    progress(min((self.time.true - start) / max(end - start, 1.0), 1.0))
            self.hearing.receive(1)

    def _pass_to(self, true: float) -> None:
        """Let time pass to ``true``, or to the next fault if that comes first."""
        change, before = self.faults.next_change(self.time.true), self.time.true
        following = max(min(true, NEVER if change is None else change), before + LEAST)
        self._stood = self._stood + 1 if following - before < 2 * LEAST else 0
        if self._stood > STANDSTILL:
            raise RuntimeError("the rehearsal stands still: an event is due that nothing takes away")
        self.time.pass_to(following)
        self.world.clock.true = following
        jump = self.faults.jump(before, following)
        if jump and not self._down:
            self.hearing.receive(1)  # what has come so far came by the clock as it was
        self.time.ahead += jump

    async def _pass_outages(self) -> None:
        """A process that dies leaves half a claim behind, and hears no receipt until it is back."""
        while (until := self.faults.down_until(self.time.true)) is not None:
            if not self._down:
                self.hearing.receive(1)
                await self.sending.break_off(self._open_now(self.process.clock.now()))
                self._down = True
            self._pass_to(until)
        if self._down:
            self._down = False
            self.hearing.lose()
            self.sending.idle.clear()
            self.process.worker = RehearsedWorker(self.process.database, "rehearse")

    async def _work(self) -> None:
        """Everything that is to be done at this instant."""
        now = self.process.clock.now()
        if self._dues and self._dues[0][0] <= now:
            self.hearing.receive(1)  # who was contacted lately depends on them
            open_due(self.process, self.current, self.registry)
            with self.process.database.read() as connection:  # its end will not tell that a run was ever held
                self.held |= {run["id"]: run["reason"] for run in runs.in_status(connection, (RunStatus.HELD,))}
            self._dues = [one for one in self._dues if one[0] > now]
            await self.posting.round()  # a page takes a post at once, or says that it does not
        expire_overdue(self.process, now)
        self.relays.work(now)
        if self.hearing.doubt and await self.hearing.find_out():
            self.sending.idle.clear()
        next_due = self._dues[0][0].timestamp() - self.time.ahead if self._dues else None
        turns = self._open_now(now)
        changes = [at for at in (next_due, *self._rests.values()) if at is not None and at < NEVER]
        for turn in turns:
            await self.sending.claim(turn, min(changes, default=None))
        self.hearing.receive(AT_ONCE)

    def _open_now(self, now: datetime) -> list[Turn]:
        """Senders with the runs that may hand out through them now and have something left."""
        real = self.process.seconds.real()
        with self.process.database.read() as connection:
            gates, _ = open_gates(self.process, connection, now)
            stand = senders.standings(connection)
            several = [gate.run["id"] for gate in gates if len(senders_of(gate)) > 1]
            doubtful = candidates.doubtful_queued(connection, several) if several else set()
            self._note_waits(runs.in_status(connection, (RunStatus.READY, RunStatus.RUNNING)), gates, now)
        first = {gate.sender.key for gate in gates}
        found, _ = failover.turns(
            gates,
            now=now,
            state=lambda key: breaker.state_of(stand.get(key, Standing()), real),
            usable=lambda sender: sender.key in first or not leaves_by_file(sender),  # a list takes over from no call
            doubtful=doubtful,
        )
        self._rests = {key: self.sending.end_of_rest(one) for key, one in stand.items() if one.rests(real)}
        self._acting, idle = {}, self.sending.idle
        for turn in found:
            for run in turn.runs:
                self._acting.setdefault(run.run_id, []).append(turn.sender.key)
            turn.runs = [run for run in turn.runs if idle.get((run.run_id, turn.sender.key), 0.0) <= self.time.true]
        return [turn for turn in found if turn.runs]

    def _note_waits(self, standing: Sequence[RowMapping], gates: list[OpenGate], now: datetime) -> None:
        """Keep book of the runs that the hours hold back with something in their queue."""
        self._standing = {run["id"]: self._stands(run, now) for run in standing}
        open_now = {gate.run["id"] for gate in gates}
        for run_id, (since, deliveries) in list(self._waiting.items()):
            if run_id in open_now or run_id not in self._standing:
                del self._waiting[run_id]
                self.waits.append(Wait(run_id, since, now, deliveries))
        for run_id, stands in self._standing.items():
            held_back = stands.opens is None or stands.opens > now
            if held_back and run_id not in open_now and run_id not in self._waiting:
                with self.process.database.read() as connection:
                    deliveries = rehearsed.queued(connection, run_id)
                if deliveries:
                    self._waiting[run_id] = (now, deliveries)

    def _stands(self, run: RowMapping, now: datetime) -> "_Standing":
        snapshot = self.process.snapshot(run["digest"])
        several = tuple(one.key for one in snapshot.senders_of(snapshot.campaign.step(run["step"])))
        opens = claims_from(now, snapshot.campaign.limits.quiet_hours, snapshot.zone)
        return _Standing(several, opens, run["expires_at"])

    def _following(self) -> float | None:
        """The true time of the next event; None when nothing of the campaign is to come."""
        with self.process.database.read() as connection:
            ours = [run for run in runs.of_campaign(connection, self.campaign) if run["status"] in runs.OPEN]
        doubt = self.hearing.next_doubt() if self.hearing.doubt else None
        relays = self.relays.following(self.process.clock.now(), self.campaign)
        if not ours and doubt is None and relays is None and not any(key == self.campaign for _, key in self._dues):
            last = self.world.last  # nothing but receipts
            return last if last is not None and last > self.time.true else None
        now, ahead = self.process.clock.now(), self.time.ahead
        found = [due.timestamp() - ahead for due, _ in self._dues[:1]]
        found += [run["expires_at"].timestamp() - ahead for run in ours]
        found += [] if doubt is None else [doubt]
        found += [] if relays is None else [relays.timestamp() - ahead]
        for run_id, standing in self._standing.items():
            found.append(standing.expires.timestamp() - ahead)
            if standing.opens is not None and standing.opens > now:
                found.append(standing.opens.timestamp() - ahead)
            elif standing.opens is not None:
                for sender in self._acting.get(run_id, ()):
                    found.append(max(self.sending.idle.get((run_id, sender), 0.0), self.sending.free.get(sender, 0.0)))
                found += [self._rests[sender] for sender in standing.senders if sender in self._rests]
        return min((at for at in found if at < NEVER), default=None)
