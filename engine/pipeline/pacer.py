"""The pacer: starts each claimed row at its own time, never several in a bunch.

Fired together, 25 rows make 75 arrivals in one second at 50/s; paced, 51. When the process was late (a busy
machine, a stopped one) the lost time is not caught up beyond what 20 milliseconds hold: rows that missed their
slots by more than that get new ones, from the rate that all workers share. Sent at once beside another worker, what
one had missed in 0.7 s made 88 arrivals in one second at 50/s.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from operator import itemgetter
from typing import Generic, TypeVar

from engine.clock import monotonic

CATCH_UP = 0.02  # seconds
MISSED = 0.1  # seconds behind its slot: the slot is lost
ASK_AGAIN = 0.1  # seconds until new slots are asked for once more where none could be had

Row = TypeVar("Row")


class Pacer(Generic[Row]):
    """One sender's rows in order of release. ``rate`` is a second; at most ``at_once`` are on their way.

    ``reserve`` takes that many slots anew and gives the first (monotonic seconds); None: not now.
    """

    def __init__(
        self,
        rate: float,
        at_once: int,
        start: Callable[[Row], "asyncio.Task[None]"],
        reserve: Callable[[int], Awaitable[float | None]],
    ) -> None:
        self._interval, self._start, self._reserve = 1.0 / rate, start, reserve
        self._rows: deque[tuple[float, Row]] = deque()
        self._next = 0.0
        self._free = asyncio.Semaphore(at_once)
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Rows that have not been started."""
        return len(self._rows)

    def set_rate(self, rate: float) -> None:
        """Let the following rows start at another rate."""
        self._interval = 1.0 / rate

    def put(self, release: float, row: Row) -> None:
        """Let ``row`` start at ``release`` (monotonic seconds) or as soon after as the pace allows."""
        self._rows.append((release, row))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> list[Row]:
        """Start nothing more; the rows that were not started."""
        if self._task is not None:
            self._task.cancel()
        left = [row for _, row in self._rows]
        self._rows.clear()
        return left

    async def _run(self) -> None:
        while self._rows:
            release, row = self._rows[0]
            now = monotonic()
            due = max(release, self._next)
            if due > now:
                await asyncio.sleep(due - now)
                continue
            await self._free.acquire()
            if monotonic() - due > MISSED:
                self._free.release()
                await self._take_new_slots()
                continue
            self._next = max(due, now - CATCH_UP) + self._interval
            self._rows.popleft()
            self._start(row).add_done_callback(lambda _: self._free.release())

    async def _take_new_slots(self) -> None:
        """Give every row whose time has passed a slot of its own again, behind what others have reserved since."""
        now = monotonic()
        missed = sum(release < now for release, _ in self._rows)
        first = await self._reserve(missed)
        if first is None:
            await asyncio.sleep(ASK_AGAIN)
            return
        late = [self._rows.popleft()[1] for _ in range(missed)]
        moved = [(first + place * self._interval, row) for place, row in enumerate(late)]
        self._rows = deque(sorted((*self._rows, *moved), key=itemgetter(0)))
