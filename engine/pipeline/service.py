"""One process at work: opening due runs, dispatching, receiving, finding out.

``loa run`` and ``loa dispatch --once`` are two ways to drive it.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from engine.areas import registry as areas
from engine.channels import vendor
from engine.channels.base import Provider
from engine.clock import monotonic, real
from engine.content.campaign import POSTED
from engine.content.organisation import Sender
from engine.content.snapshot import Difference
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import operator_files, orphans, receive, reconcile
from engine.pipeline.approve import void_changed
from engine.pipeline.dispatch import Dispatcher
from engine.pipeline.due import coming, next_due
from engine.pipeline.enqueue import Progress
from engine.pipeline.files import Files
from engine.pipeline.open_runs import Opened, open_due
from engine.pipeline.page_care import ask_responses, check_credentials
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers
from engine.pipeline.publish import Posting
from engine.pipeline.publishers import Publishers
from engine.pipeline.receipt_address import receipt_address
from engine.pipeline.settle_posts import settle_posts
from engine.pipeline.watchdog import Beat, Writer
from engine.status import RunStatus
from engine.store import audit, look_ups, runs, snapshots

POLLED_AT_ONCE = 500
DOUBT = 86_400.0  # seconds: a clock that jumps by more, in whichever direction, is not trusted for as long
LEARN_EVERY = 1.0  # seconds between looks for a sender that a receipt names and nobody here knows

_log = get("service")


class Stopped(Exception):
    """The process is to end: a fan-out leaves off between two chunks, to be gone on with by whoever comes next."""


@dataclass
class Service:
    """What runs in one process; every blocking piece goes through the one writer thread."""

    process: Process
    writer: Writer
    files: Files
    providers: Providers
    dispatcher: Dispatcher
    posting: Posting
    senders: dict[str, Sender] = field(default_factory=dict)
    changed: dict[str, list[Difference]] = field(default_factory=dict)
    polled: int = 0  # accepted deliveries asked about so far
    exported: list[str] = field(default_factory=list)  # files for operators, complete
    opening: Beat = field(default_factory=Beat)  # a sign of every chunk of a fan-out
    stopping: threading.Event = field(default_factory=threading.Event)
    _doubtful_until: float = 0.0  # monotonic
    _learned: set[str] = field(default_factory=set)
    _learned_at: float = 0.0
    _reported: set[str] = field(default_factory=set)
    _unchecked: bool = True  # the files as they stand have not been held against the approvals yet
    _next_due: datetime | None = None
    _standing: object = None  # what people and processes had decided when we looked last

    async def open_due(self, progress: Progress | None = None) -> Opened:
        """Look at the files, void what changed, open what is due."""
        # A thread of its own: a fan-out of a million rows must not keep outcomes and receipts waiting; the
        # database's lock lets them in between its chunks.
        return await asyncio.to_thread(self._open_due, progress)

    async def look(self, *, acts: bool = True) -> Opened:
        """Open what is due if there can be anything: a file changed, somebody decided something, an instant came.

        Finding out costs a stat a file and one small query, so that it can be done every second. Whoever does not
        act (another process leads) only learns which senders there are.
        """
        return await asyncio.to_thread(self._look, acts)

    def look_again(self) -> None:
        """Let the next look be a whole one, whatever has changed: we have just taken the lead."""
        self._unchecked = True

    def _look(self, acts: bool) -> Opened:
        self.opening()
        changed = self.files.refresh(settled=True)
        self._unchecked |= changed
        standing = self._stands()
        if not acts:
            if standing != self._standing or changed:
                self._learn_senders()
                self._standing = standing
            return Opened()
        due = self._next_due is not None and self.process.clock.now() >= self._next_due
        if self._unchecked or due or standing != self._standing:
            return self._open_due(None)
        return Opened()

    def _stands(self) -> object:
        """A value that changes with every decision and every run; while a run is being opened it is never the same."""
        with self.process.database.read() as connection:
            unfinished = runs.is_in_status(connection, RunStatus.ENQUEUEING)
            return object() if unfinished else (audit.latest(connection), runs.latest(connection))

    def _open_due(self, progress: Progress | None) -> Opened:
        self._unchecked |= self.files.refresh()
        standing = self._stands()  # before we act on it: what changes meanwhile is seen by the next look
        if self._unchecked:
            changed = void_changed(self.process, self.files.campaigns, self.files.known)
            self._unchecked = False  # not before: what a locked database kept us from is done in the next round
            self.changed |= changed
            for campaign, what in changed.items():
                _log.warning("approval_void", campaign=campaign, changes=len(what))
        self._report_faulty()
        self._learn_senders()
        self._standing = None  # should we break off, the next look is a whole one
        try:
            opened = open_due(self.process, self.files.campaigns, areas.load(), progress=self._watched(progress))
        except Stopped:
            return Opened()
        now = self.process.clock.now()
        with self.process.database.read() as connection:
            self._next_due = next_due(coming(self.process, connection, self.files.campaigns, now), now)
        self._standing = standing
        return opened

    def _watched(self, progress: Progress | None) -> Progress:
        def told(passed: int, last: int) -> None:
            self.opening()
            if self.stopping.is_set():
                raise Stopped
            if progress is not None:
                progress(passed, last)

        return told

    def _report_faulty(self) -> None:
        """An approved campaign whose files have errors opens nothing: a person must know before its runs are missed."""
        if not self.files.faulty and not self._reported:
            return
        at = self.process.clock.now()
        with self.process.database.write() as connection:
            approved = set(self.files.faulty) & snapshots.approved_digests(connection).keys()
            for key in approved - self._reported:
                _log.error("files_broken", campaign=key)
                audit.raise_incident(
                    connection, self.process.keyring, at=at, kind="files_broken", subject=f"campaign:{key}"
                )
            for key in self._reported - approved:
                audit.settle_incident(connection, at=at, kind="files_broken", subject=f"campaign:{key}")
        self._reported = approved

    async def learn(self) -> None:
        """Read the files and learn which senders there are, before the first receipt comes."""

        def read() -> None:
            self._unchecked |= self.files.refresh()
            self._learn_senders()

        await asyncio.to_thread(read)

    def _learn_senders(self) -> None:
        """Every sender that may have deliveries on the way, as configured last: of all runs, and of the files."""
        with self.process.database.read() as connection:
            digests = runs.digests(connection)
        for digest in digests:
            if digest not in self._learned:  # parsed once: a campaign of years has hundreds of them
                self.senders |= self.process.snapshot(digest).senders
                self._learned.add(digest)
        for snapshot in self.files.campaigns.values():
            self.senders |= snapshot.senders
        self._learned_at = monotonic()

    def provider_of(self, sender_key: str) -> Provider | None:
        """The provider of a sender, opened if need be; None when there is no such sender or it cannot be used."""
        if sender_key not in self.senders and monotonic() - self._learned_at > LEARN_EVERY:
            self._learned_at = monotonic()  # whatever comes of it: a stranger may ask thousands of times
            self._learn_senders()  # a run that another process has just opened
        sender = self.senders.get(sender_key)
        if sender is None:
            return None
        try:
            return self.providers.open(sender)
        except LoaError as error:
            _log.error("sender", sender=sender_key, code=error.code)
            return None

    def takes_get(self, sender_key: str) -> bool:
        """Whether a sender's receipts may come as GET."""
        return vendor(self.senders[sender_key].provider).receipts_by_get

    def poll_after(self, sender_key: str) -> float:
        """Seconds after which a sender's accepted deliveries are polled."""
        return self.senders[sender_key].poll_after.total_seconds()

    def clock_jumped(self, seconds: float) -> None:
        """Note that the wall clock has jumped."""
        if abs(seconds) > DOUBT:
            self._doubtful_until = monotonic() + DOUBT

    def clock_is_trusted(self) -> bool:
        """Whether the clock may decide what is old enough to be deleted for good."""
        return monotonic() >= self._doubtful_until

    async def find_out(self) -> None:
        """Orphans, unknown outcomes and overdue receipts, one round."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.writer, receive.settle_early, self.process, real())
        await loop.run_in_executor(self.writer, orphans.find_lost, self.process, self.senders, self.dispatcher.on_hand)
        await reconcile.look_up_due(self.process, self.providers, self.writer)
        rows = await loop.run_in_executor(self.writer, self._to_poll, real(), 0)
        self.polled += await reconcile.poll(self.process, self.providers, self.writer, rows)
        # A thread of its own, as for opening: a list of 100,000 must not keep outcomes and receipts waiting.
        self.exported += await asyncio.to_thread(operator_files.export_due, self.process)

    async def publish(self) -> None:
        """Posts, one round: what is in doubt is found out about, what is due is published."""
        await settle_posts(self.posting)
        await self.posting.round()

    async def publish_once(self, stop: asyncio.Event) -> None:
        """All of it until nothing due is left, what people made of posts, and how long credentials last."""
        await settle_posts(self.posting)
        await self.posting.to_the_end(stop)
        await self.care_for_pages()

    async def care_for_pages(self) -> None:
        """Ask pages how people answered their posts, and when their credentials end, as often as is due."""
        pages = [sender for sender in self.senders.values() if sender.channel in POSTED]
        if pages:
            await ask_responses(self.posting)
            await check_credentials(self.posting, pages)

    async def poll_all(self) -> int:
        """Ask once about every accepted delivery, whatever its age; how many were asked about."""
        after, asked = 0, 0
        while (batch := await self.poll_next(after)) is not None:
            after, more = batch
            asked += more
        return asked

    async def poll_next(self, after: int) -> tuple[int, int] | None:
        """Ask about the accepted deliveries that follow ``after``: (the last of them, how many), None at the end."""
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self.writer, self._to_poll, None, after)
        if not rows:
            return None
        asked = await reconcile.poll(self.process, self.providers, self.writer, rows)
        self.polled += asked
        return rows[-1].delivery_id, asked

    def _to_poll(self, due_before: float | None, after: int) -> list[look_ups.Polled]:
        with self.process.database.read() as connection:
            return look_ups.to_poll(connection, due_before, after, POLLED_AT_ONCE)


@asynccontextmanager
async def serving(process: Process) -> AsyncIterator[Service]:
    """A service in the running event loop; connections and the writer thread are given back at the end."""
    writer = Writer()
    providers = Providers(process)
    dispatcher = Dispatcher(process, providers, writer, receipt_address(process))
    posting = Posting(process, Publishers(process), writer)
    try:
        yield Service(
            process, writer, Files(process.settings), providers, dispatcher, posting, stopping=posting.stopping
        )
    finally:
        await posting.wind_down()
        await posting.publishers.close()
        await providers.close()
        writer.shutdown(wait=True)
