"""Dispatch: the gates at the moment of the claim, and rows that must not hang whatever happens to their call."""

import asyncio
from dataclasses import replace

import pytest
import road_workspace as files
from pipeline_road import Person, Road, Scripted, World, on_one_database, vendor_of
from sqlalchemy import text
from structlog.testing import capture_logs

from engine.channels import VENDORS
from engine.channels.base import Outcome, Outgoing
from engine.errors import LoaError
from engine.pipeline import calls, outcomes
from engine.pipeline.service import serving
from engine.store import suppression


def steps(*, valid_for: str = "10 hours", **keys: str) -> dict[str, str]:
    """One step through the scripted vendor."""
    return {
        "loa.yaml": files.loa_yaml(more_senders=files.scripted(**keys)),
        "campaigns/thu.yaml": files.campaign(files.step(sender="thu", valid_for=valid_for)),
    }


@pytest.fixture
def live(road: Road) -> Road:
    """Five people, approved."""
    road.write(steps())
    road.people(*[Person() for _ in range(5)])
    road.approve()
    return road


@on_one_database
@pytest.mark.parametrize(
    ("local", "valid_for", "seconds"),
    [
        ("2027-07-16 08:30", "2 hours", 7_200),  # until the run expires
        ("2027-07-16 10:29", "2 hours", 60),
        ("2027-07-16 08:30", "30 hours", 36_000),  # no vendor takes more
        ("2027-07-16 10:30", "30 hours", 34_200),  # until quiet hours begin at 20:00
    ],
)
def test_the_vendor_is_told_how_long_it_may_try(
    road: Road, world: World, local: str, valid_for: str, seconds: int
) -> None:
    road.write(steps(valid_for=valid_for))
    road.people(Person())
    road.approve()
    road.at(local)
    road.round()
    assert world.sent[0].valid_seconds == seconds


def test_quiet_hours_and_the_margin_before_them_hold_everything_back(live: Road, world: World) -> None:
    files_of = steps() | {
        "campaigns/thu.yaml": files.campaign(files.step(sender="thu", when="2027-07-16 19:56", valid_for="24 hours"))
    }
    live.write(files_of)
    live.approve()
    for local in ("2027-07-16 19:56", "2027-07-16 23:00", "2027-07-17 07:59"):
        live.at(local)
        live.round()
        assert (world.sent, live.statuses()) == ([], {"queued": 5})
    live.at("2027-07-17 08:00")
    live.round()
    assert len(world.sent) == 5


def test_who_opted_out_after_the_run_was_opened_gets_nothing(live: Road, world: World) -> None:
    live.at("2027-07-16 07:00")
    live.write(steps() | {"campaigns/thu.yaml": files.campaign(files.step(sender="thu", when="2027-07-16 07:30"))})
    live.approve()
    live.at("2027-07-16 07:30")
    live.round()  # opened, and quiet until 08:00
    assert live.statuses() == {"queued": 5}
    [(hashed,)] = live.rows("SELECT phone_hash FROM contact WHERE id = 3")
    with live.process.database.write() as connection:
        suppression.opt_out(connection, [bytes(hashed)], at=live.clock.now(), source="hotline")
    live.at("2027-07-16 08:00")
    live.round()
    assert live.statuses() == {"accepted": 4, "excluded": 1}
    assert live.rows("SELECT reason FROM delivery WHERE status = 'excluded'") == [("opted_out",)]
    live.prove_tallies()


@on_one_database
def test_made_up_people_are_never_written_to_through_a_real_sender(live: Road, world: World) -> None:
    live.write(steps() | {"campaigns/thu.yaml": files.campaign(files.step("khac", sender="thu"))})
    live.people(Person(synthetic=True), Person(synthetic=True))
    live.approve()
    live.round()
    assert len(world.sent) == 5
    assert live.rows("SELECT reason, count(*) FROM delivery WHERE status = 'excluded' GROUP BY reason") == [
        ("synthetic", 2)
    ]


@on_one_database
def test_a_turned_clock_and_a_real_sender_never_meet(live: Road, world: World) -> None:
    live.process.settings = replace(live.process.settings, clock_turned=True)
    done = live.round()
    assert (world.sent, world.opened) == ([], 0)
    assert "LOA_CLOCK" in done.problems[0]
    assert live.statuses() == {"queued": 5}


@on_one_database
def test_a_call_that_never_ends_is_unknown_and_holds_up_nobody(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALL_ENDS_WITHIN", 0.05)

    async def never(self: object, batch: object) -> list[Outcome]:
        await asyncio.sleep(10)
        return []

    monkeypatch.setattr(Scripted, "send", never)
    live.round()
    assert live.statuses() == {"unknown": 5}
    live.prove_tallies()


@on_one_database
def test_a_row_whose_time_has_gone_by_is_given_back_and_claimed_anew(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept between claim and call: the slot is not used, it is reserved again."""
    late = iter(range(5))

    class Within(float):
        """A limit that the first five rows are above."""

        def __lt__(self, other: object) -> bool:
            return next(late, None) is not None

    monkeypatch.setattr(calls, "START_WITHIN", Within(10))
    live.round()
    assert live.statuses() == {"accepted": 5}
    assert {row[0] for row in live.rows("SELECT attempt FROM delivery")} == {2}
    assert len(world.sent) == 5


@on_one_database
def test_a_damaged_row_fails_by_itself_and_the_others_go_out(live: Road, world: World) -> None:
    with live.process.database.write() as connection:
        connection.execute(text("UPDATE contact SET phone_sealed = :bytes WHERE id = 2"), {"bytes": b"\x00" * 40})
    live.round()
    assert live.statuses() == {"accepted": 4, "failed": 1}


@on_one_database
def test_an_outcome_is_kept_until_the_database_takes_it(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while answers come in: what the vendor said is not to be had again."""
    monkeypatch.setattr(calls, "STORE_AGAIN", 0.01)
    refusals, real_commit = (
        iter([LoaError("store.disk-full"), LoaError("store.locked"), *[ZeroDivisionError()] * 3]),
        outcomes.commit,
    )

    def commit(process: object, batch: object) -> object:
        error = next(refusals, None)
        if error is not None:
            raise error
        return real_commit(process, batch)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(outcomes, "commit", commit)
    live.round()
    assert live.statuses() == {"accepted": 5}
    assert len(world.sent) == 5


@on_one_database
def test_a_stop_while_nothing_can_be_stored_says_what_is_left_behind_and_loses_none(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stays full until the process has to go: the vendor has the messages, and the next one finds them."""

    def commit(process: object, batch: object) -> object:
        raise LoaError("store.disk-full")

    async def main() -> None:
        stop = asyncio.Event()

        def answer(message: Outgoing) -> Outcome:
            stop.set()
            return world.accept(message)

        world.answer = answer
        async with serving(live.process) as service:
            await service.open_due()
            await service.dispatcher.run(stop)

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(outcomes, "commit", commit)
        asyncio.run(main())
    left = live.statuses()["sending"]
    assert [line["deliveries"] for line in lines if line["event"] == "left_behind"] == [left]
    assert [line["code"] for line in lines if line["event"] == "outcome_not_stored"] == ["disk-full"]
    world.answer = None
    for _ in range(5):
        live.later(minutes=16)
        live.round()
    assert live.statuses() == {"accepted": 5}
    assert len({message.to for message in world.sent if world.log.get(message.to)}) == 5
    assert all(len(messages) == 1 for messages in world.log.values())
    live.prove_tallies()


@on_one_database
def test_a_bug_beside_a_call_holds_no_row_for_ever(live: Road, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row counted as being at work while the process lived, and nobody asked the vendor about it."""
    real_ended, bugs = calls.Calls._ended, iter(range(1))

    def ended(self: calls.Calls, ready: calls.Ready, outcome: Outcome, phone: str = "") -> object:
        if phone and next(bugs, None) is not None:
            raise ZeroDivisionError
        return real_ended(self, ready, outcome, phone)

    async def main() -> None:
        stop = asyncio.Event()
        async with serving(live.process) as service:
            await service.open_due()
            running = asyncio.create_task(service.dispatcher.run(stop))
            async with asyncio.timeout(30):
                while live.statuses()["accepted"] < 4 or service.dispatcher.on_hand:
                    await asyncio.sleep(0.01)
            stop.set()
            await running

    monkeypatch.setattr(calls.Calls, "_ended", ended)
    asyncio.run(main())
    assert live.statuses() == {"accepted": 4, "sending": 1}
    live.later(seconds=61)
    live.round()
    live.later(seconds=61)
    live.round()
    assert (live.statuses(), len(world.sent)) == ({"accepted": 5}, 5)


@on_one_database
def test_slots_that_cannot_be_had_for_whatever_reason_do_not_end_a_sender(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw would end the pacer with its rows in hand: nothing more would be claimed for it."""

    def reserved(self: object, sender: object, slots: int) -> float:
        raise ZeroDivisionError

    async def main() -> None:
        monkeypatch.setattr(calls.Calls, "_reserved", reserved)
        async with serving(live.process) as service:
            assert await service.dispatcher.calls._reserve(None, 1) is None  # type: ignore[arg-type]  # not looked at

    asyncio.run(main())


def test_a_stop_in_the_middle_leaves_nothing_half_claimed(live: Road, world: World) -> None:
    live.write(steps(rate="20/s"))
    live.people(*[Person() for _ in range(30)])
    live.approve()

    async def main() -> None:
        stop = asyncio.Event()

        def answer(message: Outgoing) -> Outcome:
            if len(world.sent) == 3:
                stop.set()
            return world.accept(message)

        world.answer = answer
        async with serving(live.process) as service:
            await service.open_due()
            await service.dispatcher.run(stop)

    asyncio.run(main())
    found = live.statuses()
    assert set(found) == {"accepted", "queued"}
    assert found["accepted"] == len(world.sent) < 10
    live.prove_tallies()
    world.answer = None
    live.write(steps())  # a faster sender: another snapshot, so it is approved again
    live.approve()
    assert live.runs() == {"mo-dau/once": "paused:approval_void"}  # and a run under another sender stays where it is


@on_one_database
def test_each_run_goes_out_under_the_name_that_was_approved_for_it(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two campaigns' snapshots may have the same sender under different settings."""
    names: dict[str, str] = {}
    plain = vendor_of(world)

    def opens(sender_key: str, config: object, environment: object) -> object:
        provider = plain.open(sender_key, config, environment)  # type: ignore[arg-type]  # as it was called

        async def send(batch: list[Outgoing]) -> list[Outcome]:
            names[batch[0].to] = config.name  # type: ignore[attr-defined]  # ScriptedKeys
            return await type(provider).send(provider, batch)

        provider.send = send  # type: ignore[method-assign]  # one provider's own
        return provider

    monkeypatch.setitem(VENDORS, "scripted", replace(plain, open=opens))
    live.at("2027-07-16 07:30")
    early = files.campaign(files.step(sender="thu", when="2027-07-16 07:30", valid_for="10 hours"))
    live.write(steps(name="CU") | {"campaigns/thu.yaml": early})
    live.approve()
    live.round()  # opened under the old name; quiet until 08:00
    later = {"campaigns/sau.yaml": files.campaign(files.step(sender="thu", audience="khac"))}
    live.write(
        steps(name="MOI")
        | later
        | {
            "campaigns/thu.yaml": None,
            "audiences/khac.yaml": 'title: Khác\nareas: {communes: ["06541"], era: "2025"}\n',
        }
    )
    others = live.people(Person(place=("2025", "06541")), Person(place=("2025", "06541")))
    live.approve("sau")
    live.at("2027-07-16 08:30")
    done = live.round()
    assert {names[to] for to in others} == {"MOI"}
    assert len(done.problems) == 1  # the old campaign's file is gone
    assert set(names) == set(others)


@on_one_database
def test_who_takes_the_file_away_takes_the_campaign_back(live: Road, world: World) -> None:
    live.at("2027-07-16 07:30")
    live.write(steps() | {"campaigns/thu.yaml": files.campaign(files.step(sender="thu", when="2027-07-16 07:30"))})
    live.approve()
    live.round()
    live.write(steps() | {"campaigns/thu.yaml": None})
    live.at("2027-07-16 08:30")
    done = live.round()
    assert (world.sent, live.runs()) == ([], {"mo-dau/once": "paused:approval_void"})
    assert "campaigns/thu.yaml" in done.problems[0]


@on_one_database
def test_a_file_that_cannot_be_read_just_now_is_no_decision(live: Road, world: World) -> None:
    live.at("2027-07-16 07:30")
    live.write(steps() | {"campaigns/thu.yaml": files.campaign(files.step(sender="thu", when="2027-07-16 07:30"))})
    live.approve()
    live.round()
    live.write(steps() | {"campaigns/thu.yaml": "title: [\n"})
    live.at("2027-07-16 08:30")
    live.round()
    assert len(world.sent) == 5
