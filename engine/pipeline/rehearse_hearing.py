"""The hearing half of a rehearsal: receipts as they come, and finding out what was not heard while nobody listened."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from engine.clock import SteppedTime
from engine.content.organisation import Sender
from engine.pipeline import orphans, receive, reconcile
from engine.pipeline.process import Process
from engine.pipeline.receive import Received
from engine.pipeline.rehearse_sending import AT_ONCE
from engine.pipeline.rehearse_vendor import RehearsedProviders, World
from engine.store import look_ups, rehearsed


class InOrder(Executor):
    """Runs what it is given at once, in the caller's thread."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(function(*given, **named))
        except BaseException as error:
            done.set_exception(error)
        return done


@dataclass
class Hearing:
    """Takes the vendor's words to the copy. ``senders`` are all that anything went through, by key."""

    process: Process
    time: SteppedTime
    world: World
    providers: RehearsedProviders
    senders: Mapping[str, Sender]
    doubt: bool = False  # something may be left to find out
    _told: list[Received] = field(default_factory=list)
    _lost: set[int] = field(default_factory=set)  # deliveries whose receipt came while nobody listened
    _writer: Executor = field(default_factory=InOrder)

    def receive(self, least: int) -> None:
        """Commit the receipts that have come, ``least`` at a time; the rest waits for more."""
        for at, word, sender in self.world.receipts(self.time.true):
            real, poll_after = at + self.time.ahead, self.senders[sender].poll_after.total_seconds()
            payload = f"MessageSid={word.vendor_id}&MessageStatus={word.vendor_status}"
            self._told.append(Received(word, payload, sender, datetime.fromtimestamp(real, UTC), real, poll_after))
        while self._told and len(self._told) >= least:
            batch, self._told = self._told[:AT_ONCE], self._told[AT_ONCE:]
            receive.commit(self.process, batch)

    def lose(self) -> None:
        """What has come by now came to nobody: the vendor does not say it twice."""
        told = [word.delivery_id for _, word, _ in self.world.receipts(self.time.true)]
        self._lost |= {delivery_id for delivery_id in told if delivery_id is not None}
        self.doubt = True

    async def find_out(self) -> bool:
        """Orphans, look-ups and lost receipts, as far as they are due; whether rows may be in the queue again."""
        ages = {key: sender.orphan_after.total_seconds() for key, sender in self.senders.items()}
        found = orphans.find_orphans(self.process, ages)
        found += await reconcile.look_up_due(self.process, self.providers, self._writer)
        if self._lost:
            await self._poll_lost()
        self.doubt = self.next_doubt() is not None
        return found > 0

    async def _poll_lost(self) -> None:
        after = 0
        while self._lost:
            with self.process.database.read() as connection:
                rows = look_ups.to_poll(connection, None, after, AT_ONCE)
            if not rows:
                break
            after = rows[-1].delivery_id
            lost = [row for row in rows if row.delivery_id in self._lost]
            await reconcile.poll(self.process, self.providers, self._writer, lost)
        self._lost.clear()

    def next_doubt(self) -> float | None:
        """The true time at which there is something to find out; None when nothing is in doubt."""
        with self.process.database.read() as connection:
            oldest, look_up = rehearsed.oldest_sending(connection), rehearsed.next_look_up(connection)
        found = [] if look_up is None else [look_up]
        if oldest is not None:
            orphan_after = self.senders[oldest[1]].orphan_after.total_seconds() if oldest[1] in self.senders else 60.0
            found.append(oldest[0] + orphan_after)
        return min(found) - self.time.ahead if found else None
