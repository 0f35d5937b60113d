"""One round of work: open what is due, hand it all over, ask about every accepted delivery, end.

It may overlap: two may work side by side on one rate, and beside ``loa run``. A third leaves at once, so that a cron
job that is called every minute does not gather a hundred processes while a long run goes out; what comes due
meanwhile is opened by those that are at work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from engine.clock import monotonic, real
from engine.errors import LoaError
from engine.i18n import sentence
from engine.log import get
from engine.pipeline import alerts, broadcasts, heartbeat, imports, retention
from engine.pipeline.dispatch import PATIENCE, Counts
from engine.pipeline.enqueue import Progress
from engine.pipeline.finish import finish_campaigns
from engine.pipeline.leadership import somebody_leads
from engine.pipeline.open_runs import Opened
from engine.pipeline.process import Process
from engine.pipeline.service import Service, serving
from engine.pipeline.stopping import on_signal
from engine.store import senders
from engine.store.locks import LifeLock

LOOK = 1.0  # seconds between looks for what has come due, for orphans and unknown outcomes while the round lasts
AT_ONCE = 2  # rounds side by side on one database
_PASSES = ("store.no-server", "store.locked")

R = TypeVar("R")

_log = get("once")


@dataclass(slots=True)
class Round:
    """What a round did, and sentences about what a person must see to."""

    opened: Opened = field(default_factory=Opened)
    counts: Counts = field(default_factory=Counts)
    polled: int = 0
    posts: dict[str, int] = field(default_factory=dict)  # calls for posts, by what they came to
    files: list[str] = field(default_factory=list)  # for operators, complete
    problems: list[str] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether there was nothing at all to do or to say."""
        told = (self.opened.opened, self.opened.missed, self.opened.unapproved, self.files, self.problems)
        return not (any(told) or self.counts.claimed or self.counts.excluded or self.polled or self.posts)

    def note(self, opened: Opened) -> None:
        """Add what became of runs that were due."""
        self.opened.opened += [run for run in opened.opened if run not in self.opened.opened]
        self.opened.missed += opened.missed
        self.opened.held += [run for run in opened.held if run not in self.opened.held]
        self.opened.unapproved += [step for step in opened.unapproved if step not in self.opened.unapproved]

    def add(self, service: Service) -> None:
        """Add what a service did."""
        counts = service.dispatcher.counts
        self.counts.claimed += counts.claimed
        self.counts.excluded += counts.excluded
        for status, count in counts.by_status.items():
            self.counts.by_status[status] = self.counts.by_status.get(status, 0) + count
        self.polled += service.polled
        for status, count in service.posting.by_status.items():
            self.posts[status] = self.posts.get(status, 0) + count
        self.files += service.exported
        unusable = {**service.dispatcher.problems, **service.posting.problems}
        self.problems = [str(error) for error in unusable.values()] + _held(service)
        for campaign, changes in service.changed.items():
            paths = ", ".join(dict.fromkeys(change.path for change in changes[:5]))
            self.problems.append(sentence("pipeline.approval-void", campaign=campaign, paths=paths))


@contextmanager
def turn(process: Process) -> Iterator[bool]:
    """One of the places for a round, kept through the block; False when all are taken."""
    places = (LifeLock(process.database, f"once-{place}") for place in range(AT_ONCE))
    ours = next((place for place in places if place.take()), None)
    try:
        yield ours is not None
    finally:
        if ours is not None:
            ours.let_go()


async def one_round(process: Process, *, progress: Progress | None = None) -> Round:
    """Run one round to its end, or to a clean stop at SIGTERM or SIGINT.

    A database that is locked or starts anew is waited for, a minute long. Raises ``LoaError`` when it cannot be used.
    """
    stop, done, after = asyncio.Event(), Round(), 0
    going: list[Service] = []

    def leave_off() -> None:
        for service in going:
            service.stopping.set()

    with on_signal(stop, leave_off):
        await asyncio.to_thread(imports.settle_broken, process)
        while True:  # what comes due while the vendors are being asked is handed over before we end
            async with serving(process) as service:
                going[:] = [service]
                more, after = await _one(process, service, done, stop, progress, after)
                done.add(service)
                if not more and not stop.is_set():  # where cron is all there is, nobody else would
                    await _patiently(partial(_retire, process, service), stop)
            if not more:
                await asyncio.to_thread(finish_campaigns, process, process.clock.now())
                await alerts.deliver(process)  # where cron is all there is, nobody else tells the duty officer
                return done


async def _one(
    process: Process, service: Service, done: Round, stop: asyncio.Event, progress: Progress | None, after: int
) -> tuple[bool, int]:
    """Open, dispatch, ask: (whether to do it again, the last delivery that was asked about)."""
    opened = await _patiently(partial(service.open_due, progress), stop)
    if opened is None:
        return False, after
    done.note(opened)
    came: list[int] = []
    await asyncio.to_thread(broadcasts.remind_due, process)
    await _find_out(process, service)
    watching = asyncio.create_task(_watch(process, service, done, came))
    try:
        await asyncio.gather(service.dispatcher.run(stop, once=True), _publish(service, stop))
        while not stop.is_set() and not came:
            batch = await _patiently(partial(service.poll_next, after), stop)
            if batch is None:
                return False, after
            after = batch[0]
        return bool(came) and not stop.is_set(), after
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _publish(service: Service, stop: asyncio.Event) -> None:
    """Posts beside the messages; what a locked database keeps us from is left for the next round."""
    try:
        await service.publish_once(stop)
    except LoaError as error:
        _log.error("publish", code=error.code)


async def _retire(process: Process, service: Service) -> None:
    await asyncio.to_thread(retention.retire, process, service.files, service.stopping.is_set)


async def _watch(process: Process, service: Service, done: Round, came: list[int]) -> None:
    """While the round lasts: what comes due is part of it, and so are the claims of dead workers."""
    beaten = -heartbeat.EVERY
    while True:
        try:
            if monotonic() - beaten >= heartbeat.EVERY:
                beaten = monotonic()
                await asyncio.to_thread(heartbeat.beat, process, leads=False, alive_for=0.0)
            await asyncio.sleep(LOOK)
            opened = await service.look()
            done.note(opened)
            came += opened.opened
            await _find_out(process, service)
        except LoaError as error:  # a locked database, a full disk: the next look may find it well again
            _log.error("watch", code=error.code)
            await asyncio.sleep(LOOK)
        except Exception as error:  # the round itself goes on, and ends as it can
            _log.error("watch", kind=type(error).__name__)
            await asyncio.sleep(LOOK)


async def _find_out(process: Process, service: Service) -> None:
    """Orphans, unknown outcomes and overdue receipts, unless a process elsewhere leads and sees to them."""
    try:
        # On one machine two may ask: a proof of absence is measured on the same clock.
        if process.database.is_sqlite or not await asyncio.to_thread(somebody_leads, process):
            await service.find_out()
    except LoaError as error:
        _log.error("find_out", code=error.code)


async def _patiently(work: Callable[[], Awaitable[R]], stop: asyncio.Event) -> R | None:
    """Do it, and again while the database is locked or starts anew; None when we are to stop."""
    began = monotonic()
    while not stop.is_set():
        try:
            return await work()
        except LoaError as error:
            if error.key not in _PASSES or monotonic() - began > PATIENCE:
                raise
            await asyncio.sleep(LOOK)
    return None


def _held(service: Service) -> list[str]:
    """A sender that rests goes on by itself; one that was stopped waits for a person."""
    with service.process.database.read() as connection:
        held = senders.held(connection, real())
    return [
        sentence(f"pipeline.sender-{'stopped' if until >= senders.FOREVER else 'held'}", sender=key, reason=reason)
        for key, (until, reason, _) in held.items()
    ]
