"""One round of work: open what is due, hand it all over, ask about every accepted delivery, end."""

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass, field

from engine.clock import real
from engine.errors import LoaError
from engine.i18n import sentence
from engine.log import get
from engine.pipeline.dispatch import Counts
from engine.pipeline.enqueue import Progress
from engine.pipeline.open_runs import Opened
from engine.pipeline.process import Process
from engine.pipeline.service import Service, serving
from engine.store import senders

LOOK = 1.0  # seconds between looks for orphans and unknown outcomes while the round lasts

_log = get("once")


@dataclass(slots=True)
class Round:
    """What a round did, and sentences about what a person must see to."""

    opened: Opened = field(default_factory=Opened)
    counts: Counts = field(default_factory=Counts)
    polled: int = 0
    problems: list[str] = field(default_factory=list)


async def one_round(process: Process, *, progress: Progress | None = None) -> Round:
    """Run one round to its end, or to a clean stop at SIGTERM or SIGINT."""
    stop, done = asyncio.Event(), Round()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with serving(process) as service:
        done.opened = await service.open_due(progress)
        await service.find_out()
        watching = asyncio.create_task(_watch(service))
        try:
            await service.dispatcher.run(stop, once=True)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        if not stop.is_set():
            done.polled = await service.poll_all()
        done.counts = service.dispatcher.counts
        done.problems = [str(error) for error in service.dispatcher.problems.values()] + _held(service)
        for campaign, changes in service.changed.items():
            paths = ", ".join(sorted({change.path for change in changes})[:5])
            done.problems.append(sentence("pipeline.approval-void", campaign=campaign, paths=paths))
    return done


async def _watch(service: Service) -> None:
    """Claims of dead workers are part of what is due: find out about them while the round lasts."""
    while True:
        await asyncio.sleep(LOOK)
        try:
            await service.find_out()
        except LoaError as error:  # a locked database, a full disk: the next look may find it well again
            _log.error("find_out", code=error.code)


def _held(service: Service) -> list[str]:
    """A sender that rests goes on by itself; one that was stopped waits for a person."""
    with service.process.database.read() as connection:
        held = senders.held(connection, real())
    return [
        sentence(f"pipeline.sender-{'stopped' if until >= senders.FOREVER else 'held'}", sender=key, reason=reason)
        for key, (until, reason, _) in held.items()
    ]
