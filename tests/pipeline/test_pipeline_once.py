"""One round, for cron: to its very end, not beside a crowd, and through a database that is away for a while."""

import json
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import Person, Road, on_one_database

from engine.cli.dispatch import round_json
from engine.errors import LoaError
from engine.pipeline import dispatch, once
from engine.pipeline.once import AT_ONCE, Round, turn
from engine.pipeline.service import Service
from engine.store.locks import LifeLock

SCRIPTED = files.loa_yaml(more_senders=files.scripted(poll_after="1 seconds"))
TWO = files.campaign(
    files.step("mot", sender="thu"), files.step("hai", when="2027-07-16 09:00", sender="thu")
)  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "LOOK", 0.01)


def prepared(road: Road, people: int = 3, campaign: str = TWO) -> None:
    road.write({"loa.yaml": SCRIPTED, "campaigns/thu.yaml": campaign})
    road.people(*[Person() for _ in range(people)])
    road.approve()


def test_one_round_reaches_everyone_once_and_a_second_one_nobody(road: Road) -> None:
    road.people(*[Person() for _ in range(20)])
    done = road.round()
    assert (done.counts.claimed, done.problems, done.idle) == (20, [], False)
    assert road.statuses() == {"accepted": 20}
    assert road.round().counts.claimed == 0
    road.prove_tallies()


def test_a_round_with_nothing_to_do_knows_it(road: Road) -> None:
    prepared(road, 0)
    road.at("2027-07-16 07:00")
    assert road.round().idle


@pytest.mark.usefixtures("quick")
def test_a_run_that_comes_due_while_the_vendor_is_asked_goes_out_in_the_same_round(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rounds that cron starts meanwhile leave: nobody else would open it before this one ends."""
    prepared(road)
    poll_next, look = Service.poll_next, Service.look
    looked: list[int] = []

    async def asking(service: Service, after: int) -> Any:
        if not looked:
            road.at("2027-07-16 09:00")
            while not looked:
                await once.asyncio.sleep(0.005)
        return await poll_next(service, after)

    async def looking(service: Service, **rest: Any) -> Any:
        opened = await look(service, **rest)
        looked.extend(opened.opened)
        return opened

    monkeypatch.setattr(Service, "poll_next", asking)
    monkeypatch.setattr(Service, "look", looking)
    done = road.round()
    assert road.runs() == {"mot/once": "finished", "hai/once": "finished"}
    assert (len(done.opened.opened), done.counts.claimed, len(road.world.sent)) == (2, 6, 6)
    assert done.polled >= 6, "what was accepted later is asked about as well"
    road.prove_tallies()


def test_what_the_looks_of_a_round_asked_about_is_counted(road: Road) -> None:
    prepared(road, 4, files.campaign(files.step(sender="thu")))
    assert road.round().polled == 4
    road.later(seconds=2)  # the first look of the round finds them overdue, and the end of it asks about all
    assert road.round().polled == 8
    assert len(road.world.fetched) == 12


def test_a_third_round_at_once_has_no_place_until_one_ends(road: Road) -> None:
    assert AT_ONCE == 2
    with turn(road.process) as first, turn(road.process) as second:
        assert (first, second) == (True, True)
        with turn(road.process) as third:
            assert not third
    with turn(road.process) as ours:
        assert ours
    ended = LifeLock(road.process.database, "once-1")
    assert ended.take()
    ended.let_go()
    with turn(road.process), turn(road.process) as again:
        assert again
    assert json.dumps(round_json(Round(), busy=True))


@on_one_database
@pytest.mark.parametrize("key", ["store.locked", "store.no-server"])
@pytest.mark.usefixtures("quick")
def test_a_database_that_is_away_for_a_while_is_waited_for(
    road: Road, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(road, 3, files.campaign(files.step(sender="thu")))
    monkeypatch.setattr(dispatch, "STORE_AGAIN", 0.01)
    away = {Service._open_due: 2, Service._to_poll: 2, dispatch.Dispatcher._gates: 3}
    for function, times in away.items():
        left = [times]

        def flaky(self: Any, *rest: Any, function: Any = function, left: list[int] = left) -> Any:
            if left[0]:
                left[0] -= 1
                raise LoaError(key)
            return function(self, *rest)

        owner = dispatch.Dispatcher if function is dispatch.Dispatcher._gates else Service
        monkeypatch.setattr(owner, function.__name__, flaky)
    done = road.round()
    assert (done.counts.claimed, road.statuses()) == (3, {"accepted": 3})


@on_one_database
@pytest.mark.parametrize(("key", "patience"), [("store.disk-full", 60.0), ("store.locked", 0.0)])
def test_a_database_that_stays_away_is_one_sentence(
    road: Road, key: str, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(road)
    monkeypatch.setattr(once, "PATIENCE", patience)
    monkeypatch.setattr(dispatch, "PATIENCE", patience)

    def gone(self: Any) -> Any:
        raise LoaError(key)

    monkeypatch.setattr(dispatch.Dispatcher, "_gates", gone)
    with pytest.raises(LoaError) as caught:
        road.round()
    assert caught.value.key == key
