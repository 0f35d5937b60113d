"""The pacer and the group commit: too fast breaks a contract with an operator, a lost future hangs a process."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.clock import monotonic
from engine.errors import LoaError
from engine.pipeline.group_commit import GroupCommit
from engine.pipeline.pacer import CATCH_UP, Pacer


def run(
    rate: float,
    releases: Sequence[float],
    *,
    at_once: int = 100,
    busy: float = 0.0,
    stall: float = 0.0,
    reserve: Callable[[int], float | None] | None = None,
) -> list[float]:
    """Start times, in seconds from the beginning, of rows released at ``releases``.

    ``reserve`` gives the first of new slots, in seconds from now; without it they begin at once.
    """
    started: list[float] = []

    async def main() -> None:
        begin = monotonic()

        async def call() -> None:
            await asyncio.sleep(busy)

        def start(row: float) -> "asyncio.Task[None]":
            started.append(monotonic() - begin)
            return asyncio.get_running_loop().create_task(call())

        async def slots(missed: int) -> float | None:
            first = reserve(missed) if reserve else 0.0
            return None if first is None else monotonic() + first

        pacer: Pacer[float] = Pacer(rate, at_once, start, slots)
        for release in releases:
            pacer.put(begin + release, release)
        await asyncio.sleep(0)
        if stall:
            stop = monotonic() + stall
            while monotonic() < stop:
                pass  # a machine that is busy with something else
        while pacer.waiting:
            await asyncio.sleep(0.002)
        await asyncio.sleep(busy)

    asyncio.run(main())
    return started


async def from_now(missed: int) -> float:
    return monotonic()


def test_rows_released_together_start_one_by_one_at_the_rate() -> None:
    started = run(200, [0.0] * 30)
    assert started[-1] >= 29 / 200 - CATCH_UP - 0.001
    for first in range(len(started)):
        within = [at for at in started if started[first] <= at < started[first] + 0.1]
        assert len(within) <= 0.1 * 200 + 1 + CATCH_UP * 200


def test_a_row_never_starts_before_its_release() -> None:
    releases = [0.0, 0.05, 0.1, 0.11]
    assert all(at >= release for at, release in zip(run(1000, releases), releases, strict=True))


def test_a_lost_tenth_of_a_second_is_not_caught_up() -> None:
    """Stopped for 0.15 s at 200/s, 30 rows would be due at once; at most what 20 ms hold may start together."""
    started = run(200, [place / 200 for place in range(40)], stall=0.15)
    after = [at for at in started if at >= 0.15]
    burst = [at for at in after if at < after[0] + 0.005]
    assert len(burst) <= CATCH_UP * 200 + 2
    assert started[-1] >= 0.15 - CATCH_UP + len(after) / 200 - 0.01


def test_rows_that_missed_their_slots_wait_for_new_ones_behind_other_workers() -> None:
    """Sent at once, what one worker missed comes on top of what the others send in that second."""
    asked: list[int] = []

    def reserve(missed: int) -> float | None:
        asked.append(missed)
        return None if len(asked) == 1 else 0.3  # the database is locked the first time

    started = run(200, [place / 200 for place in range(80)], stall=0.25, reserve=reserve)
    assert asked[1] >= asked[0] >= 49
    # Of those that had their time during the stall none starts before the new slots do.
    assert sum(at < 0.25 + 0.3 for at in started) <= 80 - asked[1]


def test_no_more_calls_are_on_their_way_than_allowed() -> None:
    started = run(10_000, [0.0] * 9, at_once=3, busy=0.03)
    assert started[3] - started[0] >= 0.03 - 0.002
    assert started[6] - started[3] >= 0.03 - 0.002


def test_a_new_rate_holds_from_the_next_row_on() -> None:
    async def main() -> list[float]:
        begin, started = monotonic(), []

        def start(row: int) -> "asyncio.Task[None]":
            started.append(monotonic() - begin)
            return asyncio.get_running_loop().create_task(asyncio.sleep(0))

        pacer: Pacer[int] = Pacer(5, 10, start, from_now)
        for row in range(20):
            pacer.put(begin, row)
        pacer.set_rate(1000)
        while pacer.waiting:
            await asyncio.sleep(0.001)
        return started

    assert asyncio.run(main())[-1] < 0.2


def test_a_stop_gives_back_what_has_not_started_and_starts_nothing_more() -> None:
    async def main() -> tuple[int, int, int]:
        started: list[int] = []

        def start(row: int) -> "asyncio.Task[None]":
            started.append(row)
            return asyncio.get_running_loop().create_task(asyncio.sleep(0))

        pacer: Pacer[int] = Pacer(100, 10, start, from_now)
        for row in range(10):
            pacer.put(monotonic(), row)
        await asyncio.sleep(0.025)
        left = pacer.stop()
        before = len(started)
        await asyncio.sleep(0.03)
        return before, len(started), len(left)

    before, after, left = asyncio.run(main())
    assert (before, left) == (after, 10 - before)
    assert 0 < before < 10


def committed(
    commit: Callable[[Sequence[int]], Sequence[int]], items: Sequence[int], largest: int = 1000
) -> list[int | BaseException]:
    """What each item's future came to."""

    async def main() -> list[int | BaseException]:
        with ThreadPoolExecutor(1) as writer:
            group: GroupCommit[int, int] = GroupCommit(commit, writer, largest)
            futures = [group.add(item) for item in items]
            found = await asyncio.gather(*futures, return_exceptions=True)
            await group.drained()
            assert group.waiting == 0
            return found

    return asyncio.run(main())


def test_items_that_come_together_are_committed_together_in_order() -> None:
    batches: list[list[int]] = []

    def commit(batch: Sequence[int]) -> Sequence[int]:
        batches.append(list(batch))
        return [item * 10 for item in batch]

    assert committed(commit, range(25), largest=10) == [item * 10 for item in range(25)]
    assert batches == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


def test_one_item_that_is_refused_does_not_take_the_others_with_it() -> None:
    def commit(batch: Sequence[int]) -> Sequence[int]:
        if 3 in batch:
            raise ZeroDivisionError
        return list(batch)

    found = committed(commit, range(6))
    assert [item for item in found if not isinstance(item, BaseException)] == [0, 1, 2, 4, 5]
    assert isinstance(found[3], ZeroDivisionError)


def test_a_database_that_cannot_be_used_fails_the_batch_at_once() -> None:
    """A locked database would be asked a thousand times otherwise, half a minute each."""
    asked: list[int] = []

    def commit(batch: Sequence[int]) -> Sequence[int]:
        asked.append(len(batch))
        raise LoaError("store.locked")

    assert all(isinstance(one, LoaError) for one in committed(commit, range(5)))
    assert asked == [5]


def test_what_is_added_after_a_failure_is_committed() -> None:
    async def main() -> list[int]:
        failures = iter(range(1))

        def commit(batch: Sequence[int]) -> Sequence[int]:
            if next(failures, None) is not None:
                raise LoaError("store.locked")
            return list(batch)

        with ThreadPoolExecutor(1) as writer:
            group: GroupCommit[int, int] = GroupCommit(commit, writer)
            with pytest.raises(LoaError):
                await group.add(1)
            return [await group.add(2), await group.add(3)]

    assert asyncio.run(main()) == [2, 3]
