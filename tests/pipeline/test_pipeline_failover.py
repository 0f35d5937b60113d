"""The next sender of a step: too late loses a warning, too eager sends it twice or beyond the budget."""

from dataclasses import replace
from pathlib import Path

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database, refused, vendor_of
from road_kit import vendor

from engine.channels import VENDORS
from engine.channels.base import Decision, Outcome, Outgoing
from engine.errors import LoaError
from engine.pipeline import breaker, providers
from engine.pipeline.process import Process
from engine.status import Status
from engine.store import senders

LOST = refused(Status.QUEUED, "no_connection", Decision.RETRY)
DEAR = "  phong: {provider: khac, rate: 100000/s, price_per_segment: 1000, settle_after: 0 seconds}\n"


Files = dict[str, str | None]


def workspace(*, sender: str = "[thu, phong]", second: str = DEAR, head: str = "", **keys: str) -> Files:
    """A step with two senders, both by script."""
    first = files.scripted(**{"settle_after": "0 seconds"} | keys)
    return {
        "loa.yaml": files.loa_yaml(more_senders=first + second),
        "campaigns/thu.yaml": files.campaign(
            files.step(sender=sender, valid_for="10 hours"),
            files.step("sau", sender=sender, when="2027-07-16 09:00", valid_for="10 hours"),
            **({"limits": head} if head else {}),
        ),
    }


AT_ONCE = 4


@pytest.fixture
def other(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The second sender's world. Four calls at a time: these vendors answer before a fifth could wait."""
    monkeypatch.setattr(breaker, "at_once", lambda rate: AT_ONCE)
    made = World(world.clock)
    monkeypatch.setitem(VENDORS, "khac", vendor_of(made, "khac"))
    return made


@pytest.fixture
def pair(road: Road, other: World) -> Road:
    """Twenty people, a step with two senders, approved."""
    road.write(workspace())
    road.people(*[Person() for _ in range(20)])
    road.approve()
    return road


def by_sender(road: Road) -> dict[tuple[str, str], int]:
    """(sender, status) → deliveries of the first step."""
    found = road.rows(
        "SELECT d.sender, d.status, count(*) FROM delivery d JOIN run r ON r.id = d.run_id WHERE r.step = 'mo-dau'"
        " GROUP BY d.sender, d.status"
    )
    return {(row[0], row[1]): row[2] for row in found}


def money(road: Road) -> tuple[int, int]:
    """(reserved on the campaign, reserved by its first run), VND."""
    [(campaign,)] = road.rows("SELECT reserved_vnd FROM campaign_state WHERE campaign = 'thu'")
    [(run,)] = road.rows("SELECT reserved_vnd FROM run WHERE step = 'mo-dau'")
    return campaign, run


def test_the_next_sender_takes_the_queue_over_at_its_price_and_under_its_name(
    pair: Road, world: World, other: World
) -> None:
    world.answer = LOST
    done = pair.round()
    assert by_sender(pair) == {("phong", "accepted"): 20}
    assert len(other.sent) == len({message.to for message in other.sent}) == 20
    assert 10 <= len(world.sent) < 20, "it was left alone when its breaker opened"
    assert pair.rows("SELECT DISTINCT cost_vnd FROM delivery") == [(1000,)]
    assert money(pair) == (20_000, 20_000)
    assert "thu" in done.problems[0]
    pair.prove_tallies()
    totals = pair.rows(
        "SELECT value, sum(deliveries), sum(cost_vnd) FROM tally_trait WHERE trait = 'sender' GROUP BY 1"
    )
    assert {row[0]: (int(row[1]), int(row[2])) for row in totals if row[1]} == {"phong": (20, 20_000)}


@on_one_database
def test_when_the_first_works_again_new_claims_are_its_own(pair: Road, world: World, other: World) -> None:
    world.answer = LOST
    pair.round()
    world.answer = None
    pair.later(minutes=30)  # the second step is due, and the first sender's rest is over
    pair.round()
    second = pair.rows("SELECT d.sender, count(*) FROM delivery d JOIN run r ON r.id = d.run_id WHERE r.step = 'sau'"
                       " GROUP BY d.sender")  # fmt: skip
    assert sum(row[1] for row in second) == 20
    [(standing,)] = pair.rows("SELECT opened_real FROM sender_state WHERE sender = 'thu'")
    assert standing is None, "the probe went through"
    assert dict(tuple(row) for row in second)["thu"] >= 1
    taken = len(world.sent)
    pair.write(workspace() | {"campaigns/moi.yaml": files.campaign(files.step(sender="[thu, phong]"))})
    pair.at("2027-07-16 08:30")
    pair.approve("moi")
    pair.round()
    assert len(world.sent) == taken + 20
    pair.prove_tallies()


def test_an_unknown_outcome_never_goes_to_another_sender_even_when_its_absence_is_proven(
    pair: Road, world: World, other: World
) -> None:
    world.answer = world.lost
    pair.round()
    doubtful = {message.to for message in world.sent}
    assert by_sender(pair) == {("thu", "unknown"): len(doubtful), ("phong", "accepted"): 20 - len(doubtful)}
    assert doubtful.isdisjoint(message.to for message in other.sent)
    world.answer = LOST  # absence is proven, and the sender is still not there
    for _ in range(3):
        pair.later(seconds=2)
        pair.round()
    assert by_sender(pair)["thu", "queued"] == len(doubtful)
    assert doubtful.isdisjoint(message.to for message in other.sent)
    world.answer = None
    pair.later(minutes=6)
    pair.round()
    assert by_sender(pair) == {("thu", "accepted"): len(doubtful), ("phong", "accepted"): 20 - len(doubtful)}
    assert doubtful.isdisjoint(message.to for message in other.sent)
    pair.prove_tallies()


@on_one_database
def test_what_was_in_doubt_with_the_second_goes_out_through_the_second_while_the_first_is_free(
    pair: Road, world: World, other: World
) -> None:
    world.answer, other.answer = refused(Status.QUEUED, "credentials", Decision.STOP_SENDER), other.lost
    pair.round()
    doubtful = {message.to for message in other.sent}
    assert by_sender(pair)["phong", "unknown"] == len(doubtful) >= 10
    with pair.process.database.write() as connection:
        senders.release(connection, "thu")
        senders.release(connection, "phong")
    world.answer = other.answer = None
    before = len(other.sent)
    for _ in range(3):
        pair.later(seconds=2)
        pair.round()
    assert {message.to for message in other.sent[before:]} == doubtful
    assert doubtful.isdisjoint(message.to for message in world.sent if message.attempt > 1)
    assert pair.statuses("mo-dau") == {"accepted": 20}
    pair.prove_tallies()


@on_one_database
@pytest.mark.parametrize("why", ["a secret is not set", "the account is refused", "a person stopped it"])
def test_a_sender_that_cannot_be_used_at_all_is_passed_over(
    pair: Road, world: World, other: World, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    if why == "a secret is not set":

        def opens(*_: object) -> None:
            raise LoaError("content.unset-variable", name="MOT_BIEN")

        monkeypatch.setitem(VENDORS, "scripted", replace(VENDORS["scripted"], open=opens))
    elif why == "the account is refused":
        world.answer = refused(Status.QUEUED, "credentials", Decision.STOP_SENDER)
    else:
        with pair.process.database.write() as connection:
            senders.lock(connection, "thu")
            senders.save(connection, "thu", senders.Standing(held_until=senders.FOREVER, held_reason="stopped"))
    done = pair.round()
    assert by_sender(pair) == {("phong", "accepted"): 20}
    assert done.problems
    assert pair.incidents() == ({"sender_stopped": 1} if why == "the account is refused" else {})


@on_one_database
def test_a_pause_the_vendor_asked_for_is_waited_for(pair: Road, world: World, other: World) -> None:
    """One 429 is no outage: the second sender may cost more, and people know the first one's name."""
    refusals = iter(range(3))

    def answer(message: Outgoing) -> Outcome:
        if next(refusals, None) is not None:
            return refused(Status.QUEUED, "throttled", Decision.RETRY, retry_after=0.2)(message)
        return world.accept(message)

    world.answer = answer
    pair.round()
    assert by_sender(pair) == {("thu", "accepted"): 20}
    assert other.sent == []


def test_a_price_that_the_budget_has_no_room_for_is_waited_out_and_a_person_hears_of_it(
    road: Road, world: World, other: World
) -> None:
    """20 × 850 are all of the budget, the second sender takes 1000; so all go through the first one, later."""
    road.write(workspace(head="{budget: 17_000}"))
    road.people(*[Person() for _ in range(20)])
    road.approve()
    world.answer = LOST
    done = road.round()
    assert (other.sent, by_sender(road)) == ([], {("thu", "queued"): 20})
    assert road.incidents()["failover_budget"] == 1
    assert ["phong" in problem for problem in done.problems] == [True, False]
    assert money(road) == (17_000, 17_000)
    world.answer = None
    road.later(seconds=31)
    road.round()
    assert by_sender(road) == {("thu", "accepted"): 20}
    road.prove_tallies()


@on_one_database
def test_a_cheaper_sender_gives_the_difference_back_to_the_budget(road: Road, world: World, other: World) -> None:
    road.write(workspace(second=DEAR.replace("1000", "500")))
    road.people(*[Person() for _ in range(12)])
    road.approve()
    world.answer = LOST
    road.round()
    assert money(road) == (6_000, 6_000)
    road.prove_tallies()


@on_one_database
def test_a_name_whose_registration_has_ended_takes_nothing_over(road: Road, world: World, other: World) -> None:
    road.write(workspace(second=DEAR.replace("rate:", "registered_until: 2027-07-15, rate:")))
    road.people(*[Person() for _ in range(12)])
    road.approve()
    world.answer = LOST
    road.round()
    assert (other.sent, by_sender(road)) == ([], {("thu", "queued"): 12})


@on_one_database
def test_behind_a_sender_for_practice_a_real_one_still_needs_the_approval_and_real_people(
    road: Road, world: World
) -> None:
    road.write(workspace(sender="[dien-tap, thu]", second=""))
    road.people(Person(), Person(synthetic=True))
    road.approve()
    with road.process.database.write() as connection:
        senders.lock(connection, "dien-tap")
        senders.save(connection, "dien-tap", senders.Standing(held_until=senders.FOREVER, held_reason="stopped"))
    road.at("2027-07-16 07:30")
    early = files.campaign(files.step(sender="[dien-tap, thu]", when="2027-07-16 07:30", valid_for="10 hours"))
    road.write({**workspace(sender="[dien-tap, thu]", second=""), "campaigns/thu.yaml": early})
    road.approve()
    road.round()  # opened, and quiet until 08:00
    road.write({**workspace(sender="[dien-tap, thu]", second=""), "campaigns/thu.yaml": early.replace("thử", "khác")})
    road.at("2027-07-16 08:30")
    road.round()
    assert (world.sent, road.runs()["mo-dau/once"]) == ([], "paused:approval_void")
    road.write({**workspace(sender="[dien-tap, thu]", second=""), "campaigns/thu.yaml": early})
    road.approve()
    road.round()
    assert len(world.sent) == 1
    assert road.rows("SELECT reason FROM delivery WHERE status = 'excluded'") == [("synthetic",)]


@pytest.mark.parametrize("answers", ["none", "half of them"])
@on_one_database
def test_a_vendor_that_swallows_answers_takes_no_more_rows_than_the_published_bound(
    road: Road, world: World, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    """Nobody looks for hours: of 300 people at most 4 + 9 may be in doubt, or 40 + 4 where some answers come."""
    monkeypatch.setattr(breaker, "at_once", lambda rate: AT_ONCE)
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu", valid_for="10 hours")),
        }
    )
    road.people(*[Person() for _ in range(300)])
    road.approve()
    turn = iter(range(10_000))
    # of three calls one is swallowed: never ten in a row, never half
    world.answer = lambda message: (world.lost if answers == "none" or next(turn) % 3 == 0 else world.accept)(message)
    monkeypatch.setattr(breaker, "doubt_limit", lambda rate: 40)
    for _ in range(1 if answers == "none" else 4):
        road.round()
        road.later(seconds=31)
    unknown = road.statuses()["unknown"]
    if answers == "none":
        assert breaker.IN_A_ROW <= unknown <= AT_ONCE + breaker.IN_A_ROW - 1
    else:
        assert 40 <= unknown <= 40 + AT_ONCE
        assert road.statuses()["queued"] > 100
    assert "thu" in road.round().problems[0]


@pytest.mark.torture
def test_a_sender_that_swallowed_answers_and_its_stand_in_reach_everybody_once_over_http(
    prepared: Process, road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two vendors on loopback. The first takes every message and cuts every answer; the second works."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", files.ACCOUNT)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", files.TOKEN)
    second = (
        '  phong: {provider: twilio, from: BCDPHONG, account: "${TWILIO_ACCOUNT_SID}", token: "${TWILIO_AUTH_TOKEN}",'
        " rate: 5000/s, price_per_segment: 900, settle_after: 0 seconds}\n"
    )
    folders = [tmp_path / "mot", tmp_path / "hai"]
    for folder in folders:
        folder.mkdir()
    with vendor(folders[0], "--drop-response-rate", "1.0") as cut, vendor(folders[1]) as well:
        where = {"cong": cut.url, "phong": well.url}
        monkeypatch.setattr(providers, "base_url_of", lambda process, sender: where.get(sender.key))
        road.process.settings = replace(road.process.settings, twilio_url=cut.url)
        road.write(
            {
                "loa.yaml": files.loa_yaml(rate="5/s", settle_after="0 seconds", more_senders=second),
                "campaigns/thu.yaml": files.campaign(files.step(sender="[cong, phong]", valid_for="10 hours")),
            }
        )
        numbers = road.people(*[Person() for _ in range(40)])
        road.approve()
        road.round()
        for _ in range(2):
            road.later(seconds=2)
            road.round()
        taken = [*cut.recipients(), *well.recipients()]
        assert sorted(taken) == sorted(numbers), "somebody got two, or none"
        assert 10 <= len(cut.lines()) <= 25
        counted = road.rows("SELECT sender, count(*) FROM delivery WHERE handed_at IS NOT NULL GROUP BY sender")
        assert dict(tuple(row) for row in counted) == {"cong": len(cut.lines()), "phong": len(well.lines())}
        assert road.rows("SELECT kind FROM incident") == []
        road.prove_tallies()
