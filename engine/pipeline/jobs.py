"""The few recurring jobs of a process: APScheduler wakes them, from memory, and its triggers say when.

A persisted job store drops late jobs and loses the one that runs at a kill; what must not be lost is in our tables.
The jobs are made anew when the wall clock jumps: set back an hour, it would let them rest for that hour.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from engine.clock import SystemClock, monotonic, real
from engine.errors import LoaError
from engine.log import get

JUMP = 2.0  # seconds between wall and monotonic time that are more than a correction
LOOK_EVERY = 1.0

_log = get("jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """One recurring piece of work. ``trigger`` makes its trigger anew; ``at_once``: the first round is now."""

    name: str
    work: Callable[[], Awaitable[object]]
    trigger: Callable[[], BaseTrigger]
    at_once: bool = False


@dataclass
class Jobs:
    """Runs ``jobs`` in the running event loop until ``stop``."""

    jobs: Sequence[Job]
    stop: asyncio.Event
    jumped: Callable[[float], object] = lambda seconds: None  # told of every jump of the clock, in seconds
    _scheduler: AsyncIOScheduler = field(init=False)
    _minding: "asyncio.Task[None] | None" = None

    def start(self) -> None:
        """Begin."""
        # A round that takes longer than its interval (a fan-out) simply goes on: that is no warning.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone="UTC"
        )
        self._make(first=True)
        self._scheduler.start()
        self._minding = asyncio.create_task(self._mind_the_clock())

    def close(self) -> None:
        """Start no more rounds; one that waits for a vendor is broken off."""
        if self._minding is not None:
            self._minding.cancel()
            self._scheduler.shutdown(wait=False)

    def _make(self, *, first: bool = False) -> None:
        for job in self.jobs:
            at_once = {"next_run_time": SystemClock().now()} if first and job.at_once else {}
            self._scheduler.add_job(self._round, job.trigger(), (job,), id=job.name, replace_existing=True, **at_once)

    async def _mind_the_clock(self) -> None:
        lead = real() - monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = real() - monotonic()
            if abs(now - lead) > JUMP:
                _log.warning("clock_jumped", seconds=round(now - lead))
                self.jumped(now - lead)
                self._make()
            lead = now

    async def _round(self, job: Job) -> None:
        """One round. What it cannot do now (a full disk, a locked database) the next one tries again."""
        if self.stop.is_set():
            return
        try:
            await job.work()
        except LoaError as error:
            _log.error(job.name, code=error.code, sentence=str(error))
        except Exception as error:
            _log.error(job.name, kind=type(error).__name__)
