"""The sending half of a rehearsal: claims, calls at each row's own time, outcomes, and a power cut in between.

Who sends (the breaker's leave, the next sender of a step), what may be claimed and what becomes of an outcome are the
true sending's own functions; only the loop around them is another, because here nobody waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engine.channels.base import Decision, Outcome
from engine.clock import SteppedTime
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.pipeline import outcomes
from engine.pipeline.claiming import claim_for
from engine.pipeline.failover import Turn
from engine.pipeline.gates import OpenGate
from engine.pipeline.hours import MARGIN, closes_at
from engine.pipeline.outcomes import Ended
from engine.pipeline.outgoing import outgoing
from engine.pipeline.process import Process
from engine.pipeline.rehearse_faults import Faults
from engine.pipeline.rehearse_vendor import RehearsedProviders, World
from engine.pipeline.relay_link import link_of
from engine.status import Status
from engine.store import claims, rehearsed, runs, senders
from engine.store.claims import Claimed
from engine.store.database import Lock
from engine.store.senders import Standing

AT_ONCE = 1000  # rows a claim: at 500 a message costs 4 µs more; twice that doubles how late a vendor's word is heeded
NEVER = float("inf")


@dataclass
class Sending:
    """Claims for one sender after the other and makes the calls. Times are true ones, in seconds since 1970."""

    process: Process
    time: SteppedTime
    world: World
    faults: Faults
    providers: RehearsedProviders
    free: dict[str, float] = field(default_factory=dict)  # sender → its next slot, or the end of its rest
    idle: dict[tuple[int, str], float] = field(default_factory=dict)  # (run, sender) with nothing to claim → next retry
    by_a_wrong_clock: int = 0  # handed over in what truly were quiet hours or night

    async def claim(self, turn: Turn, next_due: float | None) -> None:
        """One claim of a sender, handed over and committed; ``free`` and ``idle`` say when to come again.

        ``next_due`` is when the next run opens, or another sender's rest ends: what is claimed now is sent by then.
        """
        sender = turn.sender
        if self.free.get(sender.key, 0.0) > self.time.true:
            return
        true, most = self.time.true, self._room(turn, next_due)
        claim = self._claimed(turn, most)
        if claim.held:
            with self.process.database.read() as connection:
                standing = senders.standings(connection).get(sender.key, Standing())
            self.free[sender.key] = self.end_of_rest(standing)
            return
        for run_id in claim.over_budget:  # it may not take over; whoever the rows stand under goes on when it can
            self.idle[run_id, sender.key] = NEVER
        if claim.rows:
            await self._hand_over(sender, turn.gate_of, claim.rows)
            self.free[sender.key] = claim.rows[-1].release_real - self.time.ahead + 1.0 / sender.rate
            return
        self.free[sender.key] = true
        for run_id in claim.exhausted:
            with self.process.database.write() as connection:
                over = runs.finish(connection, run_id, self.process.clock.now())
                retry = None if over else rehearsed.next_retry(connection, run_id)
            self.idle[run_id, sender.key] = NEVER if retry is None else retry - self.time.ahead

    def end_of_rest(self, standing: Standing) -> float:
        """The true time at which a sender that may not be claimed for may be asked about again."""
        if standing.stopped:
            return NEVER
        real = self.process.seconds.real()
        ends = [at for at in (standing.held_until, standing.probe_until) if at is not None and at > real]
        return (max(ends) if ends else real) - self.time.ahead

    def _claimed(self, turn: Turn, seconds: float) -> claims.Claim:
        worker = self.process.worker
        assert worker is not None
        with self.process.database.write(Lock.CLAIM) as connection:
            _, claim = claim_for(
                self.process,
                connection,
                turn,
                worker=worker.id,
                real_now=self.process.seconds.real(),
                spread=0.5,
                refuse_synthetic=False,
                limit=max(1, min(AT_ONCE, int(seconds * turn.sender.rate + 1e-6))),
                ahead=seconds,
            )
        return claim

    def _room(self, turn: Turn, next_due: float | None) -> float:
        """Seconds from now in which nothing happens that could change what the gates say."""
        sender, gates = turn.sender, turn.gate_of.values()
        true, now = self.time.true, self.process.clock.now()
        if self.faults.unreachable(sender.key, true):
            return claims.HORIZON  # as a process does; the first refusal lets the sender rest
        ends = [true + AT_ONCE / sender.rate]
        if next_due is not None:
            ends.append(next_due)
        if (change := self.faults.next_change(true)) is not None:
            ends.append(change - claims.HORIZON)  # a second before it everything goes at its usual pace
        for gate in gates:
            closes = closes_at(now, gate.snapshot.campaign.limits.quiet_hours, gate.snapshot.zone) - MARGIN
            ends += [gate.until.timestamp() - self.time.ahead, closes.timestamp() - self.time.ahead]
        return max(min(ends) - true, claims.HORIZON)

    async def _hand_over(
        self, sender: Sender, gate_of: Mapping[int, OpenGate], rows: list[Claimed], *, keep: bool = True
    ) -> None:
        """Call the vendor for each row at its own time, and commit what came of it (unless the process dies)."""
        provider, ahead, clock = self.providers.open(sender), self.time.ahead, self.world.clock
        keyring, ended = self.process.keyring, []
        for row in rows:
            clock.true, at = row.release_real - ahead, datetime.fromtimestamp(row.release_real, UTC)
            try:
                gate = gate_of[row.run_id]
                link = link_of(self.process, row.delivery_id) if gate.carries_links else ""
                nobody = f"{row.delivery_id}@rehearsal.invalid"  # the copy holds no addresses
                message = outgoing(keyring, row, gate, at, None, link, address=nobody)
            except LoaError:
                outcome, phone_hash = Outcome(row.delivery_id, row.attempt, Status.FAILED, reason="unreadable"), b""
            else:
                [outcome] = await provider.send([message])
                phone_hash = keyring.phone_hash(message.to) if outcome.decision is Decision.OPT_OUT else b""
            ended.append(Ended(outcome, sender, at, row.release_real, phone_hash))
        clock.true = self.time.true
        if ahead:
            self.by_a_wrong_clock += sum(self._truly_quiet(gate_of[row.run_id], row.release_real) for row in rows)
        if keep:
            outcomes.commit(self.process, ended)
            back = {row.run_id for row, one in zip(rows, ended, strict=True) if one.outcome.status is Status.QUEUED}
            self.idle = {key: at for key, at in self.idle.items() if key[0] not in back}

    def _truly_quiet(self, gate: OpenGate, release_real: float) -> bool:
        true = datetime.fromtimestamp(release_real - self.time.ahead, UTC)
        quiet = gate.snapshot.campaign.limits.quiet_hours
        return closes_at(true, quiet, gate.snapshot.zone) <= true

    async def break_off(self, turns: Sequence[Turn]) -> None:
        """The power goes in the middle of a second: half of a claim has been called, and nothing of it written."""
        for turn in turns:
            if self.free.get(turn.sender.key, 0.0) <= self.time.true + claims.HORIZON:
                rows = self._claimed(turn, claims.HORIZON).rows
                called = rows[: (len(rows) + 1) // 2]
                await self._hand_over(turn.sender, turn.gate_of, called, keep=False)
