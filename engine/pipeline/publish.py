"""Publishing: claim in one short transaction, one call with none open, the outcome committed to its attempt.

Publishing cannot be taken back, and no vendor knows our posts by a number of ours. So a claim is written before its
call; a call whose answer is lost leaves the post ``unknown``, and what became of it is read from the page's own list
(``settle_posts``), never tried out. On one page posts go one after the other, in the order in which they were due.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import RowMapping

from engine.channels.publishing import Picture, PostOutcome, Publication, Publisher
from engine.content.organisation import Sender
from engine.content.picture import BadPicture, read_picture
from engine.errors import LoaError
from engine.log import get
from engine.pipeline.approve import pause_unapproved
from engine.pipeline.gates import OpenGate, open_gates
from engine.pipeline.post_outcomes import commit, finish_runs
from engine.pipeline.process import Process
from engine.pipeline.publishers import Publishers
from engine.status import PostStatus, RunStatus
from engine.store import claim_gates, posts, runs, senders
from engine.store.database import Lock

LONGEST_CALL = 120.0  # seconds; adapters have shorter limits of their own, this is for one that has forgotten them
WIND_DOWN = 130.0  # seconds for calls on their way when the process is to end
SOON = 30.0  # seconds for which a single round waits to try again what is safe to try
AFTER_TROUBLE = 1.0  # seconds until an outcome that the database refused is written again

R = TypeVar("R")

_log = get("publish")


class LostClaim(Exception):
    """The post is not ours any more: no further call may be made for it."""


@dataclass
class Posting:
    """Publishes what is due. ``writer``: where blocking work is done; None: here (a rehearsal has one thread)."""

    process: Process
    publishers: Publishers
    writer: Executor | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    on_hand: set[tuple[int, int]] = field(default_factory=set)  # (post, attempt) claimed here and not settled
    by_status: dict[str, int] = field(default_factory=dict)
    problems: dict[str, LoaError] = field(default_factory=dict)  # page → why it cannot be used in this process
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def do(self, work: Callable[..., R], *args: object) -> R:
        """Blocking work, in the writer's thread where there is one."""
        if self.writer is None:
            return work(*args)
        return await asyncio.get_running_loop().run_in_executor(self.writer, work, *args)

    async def round(self) -> int:
        """Publish everything that is due now; how many calls were made."""
        before = sum(self.by_status.values())
        found, gates = await self.do(self._due)
        by_page: dict[str, list[RowMapping]] = {}
        for row in found:
            by_page.setdefault(row["sender"], []).append(row)
        tasks = [asyncio.create_task(self._page(rows, gates)) for rows in by_page.values()]
        self._tasks.update(tasks)
        for task in tasks:
            task.add_done_callback(self._tasks.discard)
        if tasks:  # who cancels us does not break calls off
            done, _ = await asyncio.wait(tasks)
            for task in done:
                task.result()
        await self.do(finish_runs, self.process)
        return sum(self.by_status.values()) - before

    async def to_the_end(self, stop: asyncio.Event) -> None:
        """Rounds until nothing that is due can be published now; what may be tried again soon is waited for."""
        while not stop.is_set():
            await self.round()
            wait = await self.do(self._next_try)
            if wait is None or wait > SOON:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait, 0.05)):
                    await stop.wait()

    def _next_try(self) -> float | None:
        """Seconds until a queued post of a page that does not rest may be tried; None: there is none."""
        now, real_now = self.process.clock.now(), self.process.seconds.real()
        with self.process.database.read() as connection:
            resting = senders.held(connection, real_now).keys() | self.problems.keys()
            gates, _ = open_gates(self.process, connection, now, posts=True)
            going = {gate.run["id"] for gate in gates}
            waits = [
                (row["not_before"] or real_now) - real_now
                for row in posts.queued(connection, now)
                if row["sender"] not in resting and row["run_id"] in going
            ]
        return min(waits, default=None)

    async def wind_down(self) -> None:
        """Let the calls on their way end; what does not is in doubt, and found out by whoever comes next."""
        self.stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=WIND_DOWN)
            for task in late:
                task.cancel()

    def _due(self) -> tuple[Sequence[RowMapping], dict[int, OpenGate]]:
        now = self.process.clock.now()
        with self.process.database.read() as connection:
            found = posts.waiting(connection, now, self.process.seconds.real())
            if not found:
                return [], {}
            gates, fallen = open_gates(self.process, connection, now, posts=True)
        if fallen:
            pause_unapproved(self.process, fallen)
        by_run = {gate.run["id"]: gate for gate in gates}
        return [row for row in found if row["run_id"] in by_run], by_run

    async def _page(self, rows: Sequence[RowMapping], gates: dict[int, OpenGate]) -> None:
        """One page's posts, one after the other."""
        for row in rows:
            gate = gates[row["run_id"]]
            sender = gate.snapshot.senders[row["sender"]]
            publisher = self._open(sender)
            if publisher is None or self.stopping.is_set():
                return
            publication = await self.do(self._claim, row, gate)
            if publication is not None:
                await self._call(publication, sender, publisher)

    def _open(self, sender: Sender) -> Publisher | None:
        try:
            publisher = self.publishers.open(sender)
        except LoaError as error:
            if sender.key not in self.problems:
                _log.error("page", sender=sender.key, code=error.code)
            self.problems[sender.key] = error
            return None
        self.problems.pop(sender.key, None)
        return publisher

    def _claim(self, row: RowMapping, gate: OpenGate) -> Publication | None:
        """Take the post, under the claim lock, with all that may have changed asked again; None: not now."""
        worker = self.process.worker
        if worker is None:
            raise RuntimeError("only a registered worker may claim")
        key = (row["id"], row["attempt"] + 1)
        self.on_hand.add(key)  # before the commit: no look for forgotten claims comes between
        try:
            taken, kept = self._take(row, gate, worker.id)
        except BaseException:
            self.on_hand.discard(key)  # should it have been committed all the same, it is found out about later
            raise
        if not taken:
            self.on_hand.discard(key)
            return None
        picture = Picture(row["picture"], *kept) if kept else None
        sealed = row["progress_sealed"]
        return Publication(
            post_id=row["id"],
            attempt=row["attempt"] + 1,
            text=row["words"],
            title=row["title"],
            link=row["link"],
            picture=picture or self._as_approved(row),
            progress=self.process.keyring.unseal(sealed) if sealed else None,
        )

    def _take(self, row: RowMapping, gate: OpenGate, worker: str) -> tuple[bool, tuple[str, bytes] | None]:
        """(whether the post is ours now, the kept picture)."""
        with self.process.database.write(Lock.CLAIM) as connection:
            now, real_now = self.process.clock.now(), self.process.seconds.real()
            standing = senders.lock(connection, row["sender"])
            if standing.rests(real_now) or not claim_gates.open_runs(connection, [gate.claimable], now):
                return False, None
            if not posts.claim(connection, row["id"], row["attempt"], worker=worker, now=now, real_now=real_now):
                return False, None
            runs.move(connection, row["run_id"], RunStatus.READY, RunStatus.RUNNING, self.process.signed(now))
            return True, posts.picture(connection, row["picture_digest"]) if row["picture_digest"] else None

    def _as_approved(self, row: RowMapping) -> Picture | None:
        """The picture from its file, if that is still the one that was approved."""
        if row["picture_digest"] is None:
            return None
        try:
            found, content = read_picture(self.process.settings.workspace, row["picture"])
        except BadPicture:
            return None
        return Picture(row["picture"], found.media_type, content) if found.digest == row["picture_digest"] else None

    async def _call(self, publication: Publication, sender: Sender, publisher: Publisher) -> None:
        key = publication.post_id, publication.attempt

        async def keep(progress: str) -> None:
            if not await self.do(self._keep, publication, progress):
                raise LostClaim

        def unknown(reason: str) -> PostOutcome:
            return PostOutcome(*key, PostStatus.UNKNOWN, reason=reason)

        try:
            if await self.do(self._lacks_picture, publication):
                outcome = PostOutcome(*key, PostStatus.FAILED, reason="picture_changed")
            else:
                async with asyncio.timeout(LONGEST_CALL):
                    outcome = await publisher.publish(publication, keep)
        except TimeoutError:
            outcome = unknown("no_answer")
        except LostClaim:
            outcome = unknown("lost_claim")
        except Exception as error:  # an adapter's fault; whether the call went out nobody can say
            _log.error("adapter", sender=sender.key, kind=type(error).__name__)
            outcome = unknown("adapter")
        try:
            await self._commit(outcome, sender)
        finally:
            self.on_hand.discard(key)

    def _keep(self, publication: Publication, progress: str) -> bool:
        sealed = self.process.keyring.seal(progress)
        with self.process.database.write() as connection:
            return posts.keep_progress(connection, publication.post_id, publication.attempt, sealed)

    def _lacks_picture(self, publication: Publication) -> bool:
        if publication.picture is not None:
            return False
        with self.process.database.read() as connection:
            row = posts.get(connection, publication.post_id)
        return row is not None and row["picture_digest"] is not None

    async def _commit(self, outcome: PostOutcome, sender: Sender) -> None:
        """Write the outcome; a database that is locked or full is tried again until we are to end."""
        while True:
            try:
                await self.do(commit, self.process, outcome, sender, random.random())
                break
            except LoaError as error:
                _log.error("commit", code=error.code)
                if self.stopping.is_set():
                    return
                await asyncio.sleep(AFTER_TROUBLE)
        status = str(outcome.status)
        self.by_status[status] = self.by_status.get(status, 0) + 1
