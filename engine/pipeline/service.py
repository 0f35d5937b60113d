"""One process at work: opening due runs, dispatching, receiving, finding out.

``loa run`` and ``loa dispatch --once`` are two ways to drive it.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.areas import registry as areas
from engine.channels.base import Provider
from engine.clock import real
from engine.content.organisation import Sender
from engine.content.snapshot import Difference
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import reconcile
from engine.pipeline.approve import void_changed
from engine.pipeline.dispatch import Dispatcher
from engine.pipeline.enqueue import Progress
from engine.pipeline.files import Files
from engine.pipeline.open_runs import Opened, open_due
from engine.pipeline.process import Process
from engine.pipeline.providers import Providers
from engine.pipeline.receipt_address import receipt_address
from engine.status import RunStatus
from engine.store import audit, look_ups, runs, snapshots

POLLED_AT_ONCE = 500

_log = get("service")


@dataclass
class Service:
    """What runs in one process; every blocking piece goes through the one writer thread."""

    process: Process
    writer: ThreadPoolExecutor
    files: Files
    providers: Providers
    dispatcher: Dispatcher
    senders: dict[str, Sender] = field(default_factory=dict)
    changed: dict[str, list[Difference]] = field(default_factory=dict)
    _learned: set[str] = field(default_factory=set)
    _reported: set[str] = field(default_factory=set)
    _unchecked: bool = True  # the files as they stand have not been held against the approvals yet

    async def open_due(self, progress: Progress | None = None) -> Opened:
        """Look at the files, void what changed, open what is due."""
        # A thread of its own: a fan-out of a million rows must not keep outcomes and receipts waiting; the
        # database's lock lets them in between its chunks.
        return await asyncio.to_thread(self._open_due, progress)

    def _open_due(self, progress: Progress | None) -> Opened:
        self._unchecked |= self.files.refresh()
        if self._unchecked:
            changed = void_changed(self.process, self.files.campaigns, self.files.known)
            self._unchecked = False  # not before: what a locked database kept us from is done in the next round
            self.changed |= changed
            for campaign, what in changed.items():
                _log.warning("approval_void", campaign=campaign, changes=len(what))
        self._report_faulty()
        self._learn_senders()
        return open_due(self.process, self.files.campaigns, areas.load(), progress=progress)

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

    def _learn_senders(self) -> None:
        """Every sender that may have deliveries on the way, as configured last: of all runs, and of the files."""
        with self.process.database.read() as connection:
            digests = dict.fromkeys(run["digest"] for run in runs.in_status(connection, tuple(RunStatus)))
        for digest in digests:
            if digest not in self._learned:  # parsed once: a campaign of years has hundreds of them
                self.senders |= self.process.snapshot(digest).senders
                self._learned.add(digest)
        for snapshot in self.files.campaigns.values():
            self.senders |= snapshot.senders

    def provider_of(self, sender_key: str) -> Provider | None:
        """The provider of a sender, opened if need be; None when there is no such sender or it cannot be used."""
        sender = self.senders.get(sender_key)
        if sender is None:
            return None
        try:
            return self.providers.open(sender)
        except LoaError as error:
            _log.error("sender", sender=sender_key, code=error.code)
            return None

    def poll_after(self, sender_key: str) -> float:
        """Seconds after which a sender's accepted deliveries are polled."""
        return self.senders[sender_key].poll_after.total_seconds()

    async def find_out(self) -> None:
        """Orphans, unknown outcomes and overdue receipts, one round."""
        loop = asyncio.get_running_loop()
        ages = {key: sender.orphan_after.total_seconds() for key, sender in self.senders.items()}
        await loop.run_in_executor(self.writer, reconcile.find_orphans, self.process, ages)
        await reconcile.look_up_due(self.process, self.providers, self.writer)
        rows = await loop.run_in_executor(self.writer, self._to_poll, real(), 0)
        await reconcile.poll(self.process, self.providers, self.writer, rows)

    async def poll_all(self) -> int:
        """Ask once about every accepted delivery, whatever its age; how many were asked about."""
        loop = asyncio.get_running_loop()
        after, asked = 0, 0
        while rows := await loop.run_in_executor(self.writer, self._to_poll, None, after):
            after = rows[-1].delivery_id
            asked += await reconcile.poll(self.process, self.providers, self.writer, rows)
        return asked

    def _to_poll(self, due_before: float | None, after: int) -> list[look_ups.Polled]:
        with self.process.database.read() as connection:
            return look_ups.to_poll(connection, due_before, after, POLLED_AT_ONCE)


@asynccontextmanager
async def serving(process: Process) -> AsyncIterator[Service]:
    """A service in the running event loop; connections and the writer thread are given back at the end."""
    writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
    providers = Providers(process)
    dispatcher = Dispatcher(process, providers, writer, receipt_address(process))
    try:
        yield Service(process, writer, Files(process.settings), providers, dispatcher)
    finally:
        await providers.close()
        writer.shutdown(wait=True)
