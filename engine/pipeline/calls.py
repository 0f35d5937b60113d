"""The calls of claimed rows: each at its own time, with no transaction open, its outcome committed in a group."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from engine.channels.base import Outcome, Outgoing, Provider
from engine.clock import monotonic, real
from engine.content.loudspeaker import EMAIL
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import breaker, outcomes
from engine.pipeline.gates import OpenGate
from engine.pipeline.group_commit import GroupCommit
from engine.pipeline.outcomes import Ended, released
from engine.pipeline.outgoing import outgoing
from engine.pipeline.pacer import Pacer
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers
from engine.pipeline.relay_letter import as_letter
from engine.pipeline.relay_link import link_of
from engine.pipeline.seldom import Seldom
from engine.status import Status
from engine.store import claims
from engine.store.claims import Claimed
from engine.store.database import Lock
from engine.store.outbox import Fate

START_WITHIN = 10.0  # seconds from claim to call; later than that the row is released
CALL_ENDS_WITHIN = 30.0
STORE_AGAIN = 1.0  # seconds until an outcome that could not be stored is tried again

_log = get("calls")


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed row with its gate: what the call needs. Stamped when it was claimed, not when we got to it."""

    row: Claimed
    gate: OpenGate
    claimed_at: float  # monotonic
    claimed_real: float


class Calls:
    """Makes the calls of one process. ``receipt_url`` gives a delivery's signed address, or None.

    ``on_hand`` are the (delivery, attempt) that were claimed here and are not settled yet; ``resting`` the senders
    that must not be called at the moment: what was claimed for them goes back to its queue.
    """

    def __init__(
        self,
        process: Process,
        providers: Providers,
        writer: ThreadPoolExecutor,
        receipt_url: Callable[[str, int, int], str | None],
    ) -> None:
        self.process, self.providers = process, providers
        self.by_status: dict[str, int] = {}
        self.on_hand: set[tuple[int, int]] = set()
        self.resting: set[str] = set()
        self._receipt_url, self._writer = receipt_url, writer
        self._commits: GroupCommit[Ended, Fate] = GroupCommit(self._commit, writer)
        self._pacers: dict[str, Pacer[Ready]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._not_kept = Seldom(_log, "outcome_not_stored")
        self._no_slots = Seldom(_log, "no_slots")
        self._stopping = False

    @property
    def busy(self) -> bool:
        """Whether anything is on its way or waits for its time."""
        return bool(self._calls) or any(pacer.waiting for pacer in self._pacers.values())

    def waiting(self, sender: Sender) -> int:
        """Claimed rows of ``sender`` whose call has not started. Another snapshot's rate holds from here on."""
        if sender.key not in self._pacers:
            self._pacers[sender.key] = Pacer(
                sender.rate, breaker.at_once(sender.rate), self._start, partial(self._reserve, sender)
            )
        self._pacers[sender.key].set_rate(sender.rate)
        return self._pacers[sender.key].waiting

    def put(self, ready: Ready) -> None:
        """Let the row be called at its release time."""
        self.on_hand.add((ready.row.delivery_id, ready.row.attempt))
        release = ready.claimed_at + max(0.0, ready.row.release_real - ready.claimed_real)
        self._pacers[ready.gate.sender.key].put(release, ready)

    async def _reserve(self, sender: Sender, slots: int) -> float | None:
        """Slots of the sender's rate anew, for rows that missed theirs; the first in monotonic seconds."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._reserved, sender, slots)
        except Exception as error:  # a locked database, or worse: the rows wait, and are released when they are too old
            self._no_slots.say(monotonic(), code=_code(error))
            return None

    def _reserved(self, sender: Sender, slots: int) -> float:
        with self.process.database.write(Lock.CLAIM) as connection:
            at, real_now = monotonic(), real()
            return at + claims.reserve(connection, sender.key, sender.rate, slots, real_now) - real_now

    def _start(self, ready: Ready) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(self._held(ready))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return task

    async def _held(self, ready: Ready) -> None:
        """Call, and let go of the row whatever happens: one that we held for ever nobody would ever ask about."""
        row = ready.row
        try:
            await self._call(ready)
        except Exception as error:  # a bug of ours: within a minute it is found as a forgotten claim, and looked up
            _log.error("call", kind=type(error).__name__, delivery=row.delivery_id)
            self.on_hand.discard((row.delivery_id, row.attempt))

    async def _call(self, ready: Ready) -> None:
        row, sender = ready.row, ready.gate.sender
        phone = ""
        if sender.key in self.resting or self._too_late(ready):
            outcome = released(row.delivery_id, row.attempt)
        else:
            outcome, phone = await self._made(ready)
        await self._keep(self._ended(ready, outcome, phone))
        self.by_status[str(outcome.status)] = self.by_status.get(str(outcome.status), 0) + 1

    async def _made(self, ready: Ready) -> tuple[Outcome, str]:
        """Make the call; its outcome, and the number it was about."""
        row, sender = ready.row, ready.gate.sender
        try:
            provider = self.providers.open(sender)
        except LoaError as error:  # it could be opened when the row was claimed; nothing has left
            _log.error("sender", sender=sender.key, code=error.code)
            return released(row.delivery_id, row.attempt), ""
        try:
            message = self._message(ready)
            if sender.channel == EMAIL:
                message = await asyncio.to_thread(as_letter, self.process, message)
        except Exception as error:  # a damaged row: nothing has left, and nothing ever could
            _log.error("message", kind=type(error).__name__, delivery=row.delivery_id)
            return Outcome(row.delivery_id, row.attempt, Status.FAILED, reason="unreadable"), ""
        return await self._send(provider, ready, message), "" if message.letter else message.to

    def _too_late(self, ready: Ready) -> bool:
        """Whether the call may no longer start: the claim is old, or quiet hours or the run's end have come.

        Monotonic time stands still while a machine sleeps; real time does not, but can be set. Either one counts.
        """
        age = max(monotonic() - ready.claimed_at, real() - ready.claimed_real)
        return age > START_WITHIN or self.process.clock.now() >= ready.gate.until

    def _message(self, ready: Ready) -> Outgoing:
        row, gate = ready.row, ready.gate
        receipt_url = self._receipt_url(gate.sender.key, row.delivery_id, row.attempt)
        link = link_of(self.process, row.delivery_id) if gate.carries_links else ""
        return outgoing(self.process.keyring, row, gate, self.process.clock.now(), receipt_url, link)

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

    def _ended(self, ready: Ready, outcome: Outcome, phone: str = "") -> Ended:
        return Ended(
            outcome=outcome,
            sender=ready.gate.sender,
            at=self.process.clock.now(),
            real=real(),
            phone_hash=self.process.keyring.phone_hash(phone) if phone else b"",
        )

    async def _keep(self, ended: Ended) -> None:
        """Commit an outcome, however long the disk is full: what the vendor said is not to be had again."""
        while True:
            try:
                await self._commits.add(ended)
                self.on_hand.discard((ended.outcome.delivery_id, ended.outcome.attempt))
                return
            except Exception as error:  # also what is no LoaError: a row that nobody settles would hang for ever
                self._not_kept.say(monotonic(), code=_code(error))
                if self._stopping:
                    return  # the row stays `sending`, and the next process looks it up
                await asyncio.sleep(STORE_AGAIN)

    def _commit(self, batch: Sequence[Ended]) -> list[Fate]:
        # In the writer's thread, as claims are: a sender that has just begun to rest gets no call after this commit.
        done = outcomes.commit(self.process, batch)
        self.resting |= done.resting
        return done.fates

    async def wind_down(self) -> None:
        """Release what was claimed and not called, let calls end, commit their outcomes."""
        self._stopping = True
        unsent = [ready for pacer in self._pacers.values() for ready in pacer.stop()]
        releases = [
            self._commits.add(self._ended(ready, released(ready.row.delivery_id, ready.row.attempt)))
            for ready in unsent
        ]
        await asyncio.gather(*self._calls, return_exceptions=True)
        for ready, kept in zip(unsent, await asyncio.gather(*releases, return_exceptions=True), strict=True):
            if isinstance(kept, BaseException):
                self._not_kept.say(monotonic(), code=_code(kept))
            else:
                self.on_hand.discard((ready.row.delivery_id, ready.row.attempt))
        await self._commits.drained()
        if self.on_hand:  # nothing is lost: the rows say `sending`, and the next process asks the vendor about each
            _log.error("left_behind", deliveries=len(self.on_hand))


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, LoaError) else type(error).__name__
