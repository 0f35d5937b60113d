"""Rows that nobody sends: what is not found hangs for ever, what is found too soon goes out twice."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database, refused
from sqlalchemy import Connection, text

from engine.channels.base import Decision, Outcome, Outgoing
from engine.errors import LoaError
from engine.pipeline import dispatch, orphans
from engine.pipeline.dispatch import Dispatcher
from engine.pipeline.seldom import Seldom
from engine.pipeline.service import Service, serving
from engine.status import Status
from engine.store.database import Lock

YEARS = 1e8  # seconds


@pytest.fixture
def live(road: Road) -> Road:
    """Five people, one run through the scripted vendor, approved."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after="15 minutes")),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu", valid_for="10 hours")),
        }
    )
    road.people(*[Person() for _ in range(5)])
    road.approve()
    return road


def lost_in_commit(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first claim is committed, and the connection is gone before anybody says so."""
    real_write, cuts = road.process.database.write, iter(range(1))

    @contextmanager
    def write(lock: Lock | None = None, **how: Any) -> Iterator[Connection]:
        with real_write(lock, **how) as connection:
            yield connection
        if lock is Lock.CLAIM and next(cuts, None) is not None:
            raise LoaError("store.no-server")

    monkeypatch.setattr(road.process.database, "write", write)


async def until(service: Service, condition: Any) -> None:
    """Dispatch until ``condition()`` holds."""
    stop = asyncio.Event()
    running = asyncio.create_task(service.dispatcher.run(stop))
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.002)
    stop.set()
    await running


def find(road: Road, service: Service) -> int:
    return orphans.find_lost(road.process, service.senders, service.dispatcher.on_hand)


def test_a_claim_lost_in_its_commit_is_found_by_the_worker_that_lost_it(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_in_commit(live, monkeypatch)

    async def main() -> None:
        async with serving(live.process) as service:
            await service.open_due()
            await until(service, lambda: live.statuses() == {"sending": 5})
            assert service.dispatcher.on_hand == set()
            live.later(seconds=59)
            assert find(live, service) == 0
            live.later(seconds=2)
            assert find(live, service) == 5
            assert find(live, service) == 0

    asyncio.run(main())
    assert (live.statuses(), world.sent) == ({"unknown": 5}, [])
    assert live.rows("SELECT count(*) FROM look_up") == [(5,)]
    for _ in range(2):
        live.later(minutes=16)
        live.round()
    assert live.statuses() == {"accepted": 5}
    assert len(world.sent) == 5
    live.prove_tallies()


@on_one_database
def test_what_is_on_hand_is_no_orphan_however_long_it_takes(live: Road, world: World) -> None:
    """The disk is full: outcomes cannot be stored, and the rows are as old as they like."""
    seen: list[int] = []

    def answer(message: Outgoing) -> Outcome:
        live.later(hours=1)
        seen.append(orphans.find_orphans(live.process, {"thu": 60.0}, holding()))
        return world.accept(message)

    def holding() -> Any:
        return dispatchers[0].on_hand

    dispatchers: list[Dispatcher] = []
    world.answer = answer

    async def main() -> None:
        async with serving(live.process) as service:
            dispatchers.append(service.dispatcher)
            await service.open_due()
            await until(service, lambda: live.statuses()["accepted"] >= 1)

    asyncio.run(main())
    assert set(seen) == {0}


@on_one_database
def test_a_claim_that_was_long_in_coming_starts_no_call(live: Road, world: World) -> None:
    """Stopped between the claim's commit and its first call: by then the rows may be somebody else's."""
    real_claim = Dispatcher._claim
    waits = iter([11.0])

    def claim(self: Dispatcher, turn: Any) -> Any:
        taken = real_claim(self, turn)
        live.wall.ahead += next(waits, 0.0)
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dispatcher, "_claim", claim)
        live.round()
    assert {message.attempt for message in world.sent} == {2}
    assert live.statuses() == {"accepted": 5}


def test_stamps_of_a_clock_that_was_years_ahead_hold_nothing_up(live: Road, world: World) -> None:
    """A row of each kind that waits for a time: being sent by the dead, to be tried, looked up, polled."""
    answers = iter(["retry", "lost", "take", "take", "take"])

    def answer(message: Outgoing) -> Outcome:
        what = next(answers)
        if what == "retry":
            return refused(Status.QUEUED, "no_connection", Decision.RETRY)(message)
        return world.lost(message) if what == "lost" else world.accept(message)

    world.answer = answer
    live.wall.ahead += YEARS

    async def main() -> None:
        async with serving(live.process) as service:
            await service.open_due()
            await until(service, lambda: len(world.sent) == 5 and not live.statuses()["sending"])

    asyncio.run(main())
    with live.process.database.write() as connection:
        connection.execute(text("UPDATE look_up SET absent_since = due_real, absent_monotonic = 1"))
    live.wall.ahead = 0.0
    world.answer = None
    world.fetched.clear()

    async def look() -> tuple[int, int]:
        async with serving(live.process) as service:
            await service.open_due()
            before = live.rows("SELECT count(*) FROM delivery WHERE poll_real > :now", now=live.wall() + 1e6)[0][0]
            await service.find_out()
            return before, len(world.fetched)

    assert asyncio.run(look()) == (3, 3)
    [(waits, absent)] = live.rows("SELECT due_real, absent_since FROM look_up")
    assert waits <= live.wall() + 15 * 60 and absent <= live.wall(), "looked up at once, and the proof begins anew"
    live.round()
    assert live.statuses()["queued"] == 0
    live.prove_tallies()


@on_one_database
def test_a_dead_workers_claim_from_the_future_is_an_orphan_a_minute_later(live: Road, world: World) -> None:
    async def main() -> None:
        async with serving(live.process) as service:
            await service.open_due()
            service._learn_senders()
            with live.process.database.write() as connection:
                connection.execute(
                    text("UPDATE delivery SET status = 'sending', worker = 'dead', attempt = 1, claimed_real = :then"
                         " WHERE id = 1"),
                    {"then": live.wall() + YEARS},
                )  # fmt: skip
            assert find(live, service) == 0
            live.later(seconds=59)
            assert find(live, service) == 0
            live.later(seconds=2)
            assert find(live, service) == 1

    asyncio.run(main())


@on_one_database
def test_an_idle_process_asks_one_question_and_still_sees_a_run_at_once(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, questions = [], []
    real_gates, real_any = Dispatcher._gates, Dispatcher._any_run

    def gates(self: Dispatcher) -> Any:
        looks.append(1)
        return real_gates(self)

    def any_run(self: Dispatcher) -> bool:
        questions.append(1)
        return real_any(self)

    monkeypatch.setattr(Dispatcher, "_gates", gates)
    monkeypatch.setattr(Dispatcher, "_any_run", any_run)

    async def main() -> None:
        async with serving(live.process) as service:
            await until(service, lambda: len(questions) > 20)
            assert len(looks) <= 1
            asked = len(questions)
            await service.open_due()
            await until(service, lambda: len(world.sent) == 5)
            assert len(questions) - asked <= 3

    asyncio.run(main())
    assert dispatch.RAREST * 0.1 <= 0.5, "a new run starts within a second"


def test_what_would_be_logged_ten_times_a_second_is_logged_once_a_minute_with_how_often_it_was() -> None:
    lines: list[tuple[str, dict[str, object]]] = []

    class Log:
        def error(self, event: str, **about: object) -> None:
            lines.append((event, about))

    seldom = Seldom(Log(), "claim")
    for tenth in range(1300):
        seldom.say(tenth / 10, code="disk-full")
    seldom.say(130.0, code="locked")
    assert lines == [
        ("claim", {"code": "disk-full"}),
        ("claim", {"code": "disk-full", "times": 600}),
        ("claim", {"code": "disk-full", "times": 600}),
        ("claim", {"code": "locked"}),
    ]


@on_one_database
def test_a_full_disk_is_logged_once_and_the_dispatch_goes_on_when_there_is_room(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = iter(range(40))
    real_claim = Dispatcher._claim

    def claim(self: Dispatcher, turn: Any) -> Any:
        if next(full, None) is not None:
            raise LoaError("store.disk-full")
        return real_claim(self, turn)

    monkeypatch.setattr(Dispatcher, "_claim", claim)
    monkeypatch.setattr(dispatch, "STORE_AGAIN", 0.01)

    async def main() -> None:
        async with serving(live.process) as service:
            await service.open_due()
            await until(service, lambda: len(world.sent) == 5)

    asyncio.run(main())
    assert "".join(capsys.readouterr()).count("disk-full") == 1
