"""The recurring jobs: they go on when the clock is set back or forward, one round at a time, whatever a round meets."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from apscheduler.schedulers import base
from apscheduler.triggers import interval
from apscheduler.triggers.interval import IntervalTrigger

from engine import clock
from engine.errors import LoaError
from engine.pipeline import jobs
from engine.pipeline.jobs import Job, Jobs

PATIENCE = 20.0  # seconds; a busy machine is no failure


class Wall:
    """The machine's wall clock as APScheduler and we see it; ``ahead`` sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        wall = self

        class Turned(datetime):
            @classmethod
            def now(cls, tz=None):  # type: ignore[no-untyped-def]
                return datetime.now(tz) + timedelta(seconds=wall.ahead)

        for module in (base, interval):
            monkeypatch.setattr(module, "datetime", Turned)
        monkeypatch.setattr(jobs, "real", lambda: clock.real() + wall.ahead)
        system = SimpleNamespace(now=lambda: datetime.now(UTC) + timedelta(seconds=wall.ahead))
        monkeypatch.setattr(jobs, "SystemClock", lambda: system)
        monkeypatch.setattr(jobs, "LOOK_EVERY", 0.01)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """A wall clock that can be set."""
    return Wall(monkeypatch)


class Rounds:
    """Counts rounds, and waits for more of them."""

    def __init__(self) -> None:
        self.counted = 0
        self.going = self.most = 0

    async def __call__(self) -> None:
        self.counted += 1

    async def more(self, count: int = 2) -> None:
        goal = self.counted + count
        async with asyncio.timeout(PATIENCE):
            while self.counted < goal:
                await asyncio.sleep(0.005)


def often(work: Callable[[], Awaitable[object]], *, at_once: bool = False, seconds: float = 0.02) -> Job:
    return Job("often", work, lambda: IntervalTrigger(seconds=seconds, timezone=UTC), at_once=at_once)


def run(course: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(course())  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0, -366 * 86_400.0])
def test_jobs_go_on_when_the_clock_is_set(wall: Wall, seconds: float) -> None:
    """Seen: set back by an hour, APScheduler lets every job rest for that hour."""
    heard: list[float] = []

    async def course() -> None:
        rounds = Rounds()
        going = Jobs([often(rounds)], asyncio.Event(), heard.append)
        going.start()
        await rounds.more()
        wall.ahead = seconds
        await rounds.more(5)
        going.close()

    run(course)
    assert heard == [pytest.approx(seconds, abs=1)]


def test_a_correction_is_no_jump(wall: Wall) -> None:
    heard: list[float] = []

    async def course() -> None:
        rounds = Rounds()
        going = Jobs([often(rounds)], asyncio.Event(), heard.append)
        going.start()
        wall.ahead = -0.5
        await rounds.more(5)
        going.close()

    run(course)
    assert heard == []


def test_a_set_clock_does_not_call_what_is_due_once_a_day(wall: Wall) -> None:
    """Retention begins with the process, and then keeps to its hour: a wrong clock must not delete anything."""
    daily = Rounds()

    async def course() -> None:
        rounds = Rounds()
        day = Job("daily", daily, lambda: IntervalTrigger(days=1, timezone=UTC), at_once=True)
        going = Jobs([often(rounds), day], asyncio.Event())
        going.start()
        await rounds.more(3)
        wall.ahead = -7200.0
        await rounds.more(5)
        going.close()

    run(course)
    assert daily.counted == 1


def test_a_long_round_is_alone_and_a_failed_one_is_tried_again(wall: Wall) -> None:
    said: Counter[str] = Counter()
    together = most = 0

    async def troubled() -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0.05)
        together -= 1
        said["rounds"] += 1
        if said["rounds"] == 1:
            raise LoaError("store.locked")
        if said["rounds"] == 2:
            raise ZeroDivisionError

    async def course() -> None:
        going = Jobs([often(troubled, at_once=True, seconds=0.01)], asyncio.Event())
        going.start()
        async with asyncio.timeout(PATIENCE):
            while said["rounds"] < 4:
                await asyncio.sleep(0.01)
        going.close()

    run(course)
    assert most == 1


def test_no_round_begins_after_the_stop(wall: Wall) -> None:
    async def course() -> None:
        rounds, watched, stop = Rounds(), Rounds(), asyncio.Event()
        going = Jobs([often(rounds)], stop)
        going.start()
        await rounds.more()
        stop.set()
        before = rounds.counted
        other = Jobs([often(watched)], asyncio.Event())
        other.start()
        await watched.more(5)
        assert rounds.counted == before
        for one in (going, other):
            one.close()

    run(course)
