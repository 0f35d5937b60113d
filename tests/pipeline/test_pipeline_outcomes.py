"""What attempts come to: an outcome that is lost, applied twice or escalated sends twice or never."""

from collections import Counter

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database, refused

from engine.channels.base import Decision, Outcome, Outgoing
from engine.clock import parse_instant
from engine.content.organisation import Sender
from engine.pipeline import incidents, outcomes
from engine.pipeline.outcomes import Ended
from engine.status import Status

# What one outcome comes to, and whether the row is sent again: the design's list of what is safe, and nothing else.
AGAIN = {
    "no connection was made": (Status.QUEUED, "no_connection", Decision.RETRY, True),
    "429": (Status.QUEUED, "throttled", Decision.RETRY, True),
    "the vendor's queue is full": (Status.QUEUED, "queue_full", Decision.HOLD_SENDER, True),
    "the account was refused": (Status.QUEUED, "credentials", Decision.STOP_SENDER, True),
    "the call never started": (Status.QUEUED, "released", Decision.NONE, True),
    "no answer": (Status.UNKNOWN, "no_answer", Decision.NONE, False),
    "a server error": (Status.UNKNOWN, "vendor_error", Decision.NONE, False),
    "an answer that cannot be read": (Status.UNKNOWN, "malformed", Decision.NONE, False),
    "a word that nobody knows": (Status.UNKNOWN, "unknown_status", Decision.NONE, False),
    "taken": (Status.ACCEPTED, None, Decision.NONE, False),
    "on the phone": (Status.DELIVERED, None, Decision.NONE, False),
    "a wrong number": (Status.FAILED, "invalid_number", Decision.NONE, False),
    "opted out": (Status.FAILED, "opted_out", Decision.OPT_OUT, False),
    "filtered": (Status.FAILED, "filtered", Decision.HOLD_SENDER, False),
    "a code that nobody knows": (Status.FAILED, "refused", Decision.NONE, False),
    "too late": (Status.EXPIRED, "expired", Decision.NONE, False),
}
SENDER = Sender(key="thu", channel="sms", provider="scripted")


def waits(
    status: Status, reason: str | None, attempt: int, spread: float, retry_after: float | None = None
) -> float | None:
    """Seconds until a row may be claimed again; None: never by itself."""
    outcome = Outcome(1, attempt, status, reason=reason, retry_after=retry_after)
    ended = Ended(outcome, SENDER, parse_instant("2027-07-16 08:30"), 1000.0, b"")
    not_before = outcomes.change_of(ended, lambda: spread).not_before
    return None if not_before is None else round(not_before - 1000.0, 9)


@pytest.mark.parametrize("case", AGAIN)
def test_only_what_the_design_calls_safe_waits_for_another_try(case: str) -> None:
    status, reason, _, again = AGAIN[case]
    for attempt in range(1, 15):
        for spread in (0.0, 0.5, 0.999):
            wait = waits(status, reason, attempt, spread)
            assert (wait is not None) == again
            if wait is not None and reason != "released":
                doubled = min(2.0**attempt, outcomes.LONGEST_WAIT)
                assert doubled / 2 <= wait <= doubled, "exponential, bounded, with jitter"


def test_two_rows_of_one_failure_do_not_come_back_together() -> None:
    assert len({waits(Status.QUEUED, "no_connection", 3, place / 100) for place in range(100)}) == 100


@pytest.mark.parametrize("asked", [0.2, 7.0, 600.0])
def test_nobody_comes_back_before_the_time_the_vendor_asked_for_nor_much_later(asked: float) -> None:
    for attempt in (1, 9):
        found = [waits(Status.QUEUED, "throttled", attempt, spread, asked) for spread in (0.0, 0.999)]
        assert found[0] == asked
        assert asked < (found[1] or 0) <= asked * 1.25
    assert waits(Status.QUEUED, "released", 3, 0.5) == outcomes.RELEASED


@on_one_database
@pytest.mark.parametrize("case", AGAIN)
def test_on_the_road_as_well_nothing_else_is_ever_sent_twice(
    live: Road, world: World, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The vendor has what it did not provably refuse, as a real one might; then everything is well."""
    monkeypatch.setattr(outcomes, "LONGEST_WAIT", 0.05)
    status, reason, decision, again = AGAIN[case]
    first = iter(range(6))

    def answer(message: Outgoing) -> Outcome:
        if next(first, None) is None:
            return world.accept(message)
        if status is Status.UNKNOWN:
            world.take(message)
        vendor_id = world.take(message) if status in (Status.ACCEPTED, Status.DELIVERED) else None
        return Outcome(
            message.delivery_id, message.attempt, status, reason=reason, decision=decision, vendor_id=vendor_id
        )

    world.answer = answer
    live.round()
    if decision is Decision.STOP_SENDER:
        incidents.release(live.process, "thu", by="Người Trực", why=None)
    for _ in range(2):
        live.later(minutes=5)
        live.round()
    times = Counter(message.to for message in world.sent)
    assert set(times.values()) == ({2} if again else {1})
    assert "queued" not in live.statuses()
    live.prove_tallies()


@pytest.fixture
def live(road: Road) -> Road:
    """The road through the scripted vendor, approved."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu")),
        }
    )
    road.people(*[Person() for _ in range(6)])
    road.approve()
    return road


def test_nothing_goes_out_before_the_approval(road: Road, world: World) -> None:
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu")),
        }
    )
    road.people(Person())
    road.round()
    assert (world.sent, road.runs()) == ([], {})
    road.approve()
    road.round()
    assert len(world.sent) == 1


def test_a_refused_number_is_failed_costs_nothing_and_keeps_the_vendors_words_sealed(live: Road, world: World) -> None:
    world.answer = refused(Status.FAILED, "landline")
    live.round()
    assert live.statuses() == {"failed": 6}
    assert live.rows("SELECT DISTINCT reason, code, handed_at FROM delivery") == [("landline", "1", None)]
    assert live.rows("SELECT sum(cost_vnd) FROM tally_area")[0][0] == 0
    kept = live.rows("SELECT detail_sealed FROM attempt")
    assert len(kept) == 6
    assert all("nhà cung cấp" not in bytes(row[0]).decode("latin-1") for row in kept)
    assert live.process.keyring.unseal(bytes(kept[0][0])) == "lời của nhà cung cấp"
    live.prove_tallies()


@on_one_database
def test_a_throttled_call_goes_out_again_after_the_time_the_vendor_asked_for(live: Road, world: World) -> None:
    refusals = iter(range(3))

    def answer(message: Outgoing) -> Outcome:
        if next(refusals, None) is not None:
            return refused(Status.QUEUED, "throttled", Decision.RETRY, retry_after=0.2)(message)
        return world.accept(message)

    world.answer = answer
    live.round()
    assert live.statuses() == {"accepted": 6}
    assert len(world.sent) == 9
    assert sorted(row[0] for row in live.rows("SELECT attempt FROM delivery")) == [1, 1, 1, 2, 2, 2]
    live.prove_tallies()


def test_a_person_who_opted_out_at_the_vendor_is_never_written_to_again(live: Road, world: World) -> None:
    world.answer = refused(Status.FAILED, "opted_out", Decision.OPT_OUT)
    live.round()
    assert live.rows("SELECT count(*) FROM opt_out")[0][0] == 6
    live.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu"), files.step("sau", sender="thu")),
        }
    )
    live.approve()
    live.round()
    assert live.statuses("sau") == {"excluded": 6}
    assert len(world.sent) == 6


@on_one_database
def test_wrong_credentials_stop_the_sender_once_and_lose_no_row(live: Road, world: World) -> None:
    world.answer = refused(Status.QUEUED, "credentials", Decision.STOP_SENDER)
    done = live.round()
    assert done.problems  # the officer is told
    assert live.statuses() == {"queued": 6}
    assert live.incidents() == {"sender_stopped": 1}
    tried = len(world.sent)
    world.answer = None
    live.later(hours=1)
    live.round()
    assert len(world.sent) == tried  # stopped until a person acts


def test_a_person_who_mended_the_account_lets_the_sender_go_on(live: Road, world: World) -> None:
    from engine.pipeline import control

    world.answer = refused(Status.QUEUED, "credentials", Decision.STOP_SENDER)
    live.round()
    world.answer = None
    control.act(live.process, "resume", "thu", None, by="Người Duyệt", why=None)
    live.later(minutes=2)
    assert live.round().problems == []
    assert live.statuses() == {"accepted": 6}


def test_an_overloaded_sender_rests_once_for_a_whole_burst_of_refusals(live: Road, world: World) -> None:
    """Six refusals of one burst are one overload: 30 s, not 30 · 2⁵."""
    world.answer = refused(Status.QUEUED, "queue_full", Decision.HOLD_SENDER)
    live.round()
    held = live.rows("SELECT held_until FROM sender_state WHERE sender = 'thu'")[0][0] - live.wall()
    assert 20 < held <= 30
    world.answer = None
    live.later(seconds=31)
    live.round()
    assert live.statuses() == {"accepted": 6}


def test_a_sender_that_is_overloaded_again_rests_twice_as_long(live: Road, world: World) -> None:
    world.answer = refused(Status.QUEUED, "queue_full", Decision.HOLD_SENDER)
    for least, most in ((25, 30), (50, 60), (100, 120)):
        live.round()
        held = live.rows("SELECT held_until FROM sender_state WHERE sender = 'thu'")[0][0] - live.wall()
        assert least < held <= most
        live.later(seconds=held + 61)


@on_one_database
def test_a_filtered_text_is_an_incident_and_holds_the_sender(live: Road, world: World) -> None:
    world.answer = refused(Status.FAILED, "filtered", Decision.HOLD_SENDER)
    live.round()
    assert live.incidents() == {"filtered": 1}


@on_one_database
def test_an_adapter_that_breaks_leaves_the_outcome_unknown_never_sent_again_blindly(live: Road, world: World) -> None:
    def broken(message: Outgoing) -> Outcome:
        raise ZeroDivisionError("bug in an adapter")

    world.answer = broken
    live.round()
    assert live.statuses() == {"unknown": 6}
    assert live.rows("SELECT count(*) FROM look_up")[0][0] == 6
    live.round()
    assert len(world.sent) == 6


def test_one_delivery_that_cannot_be_stored_does_not_lose_the_outcomes_of_the_others(live: Road, world: World) -> None:
    """Two answers under one vendor id break the unique index; the other four must not fall with them."""
    answers = iter(["X", "X"])

    def answer(message: Outgoing) -> Outcome:
        vendor_id = next(answers, None)
        if vendor_id is None:
            return world.accept(message)
        return Outcome(message.delivery_id, message.attempt, Status.ACCEPTED, vendor_id=vendor_id)

    world.answer = answer
    live.round()
    assert live.statuses() == {"accepted": 6}
    assert live.incidents()["contradicted"] == 1
    live.prove_tallies()


def test_caps_count_what_the_vendor_refused_after_acceptance_but_not_what_it_never_took(
    live: Road, world: World
) -> None:
    world.answer = refused(Status.FAILED, "landline")
    live.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
            "campaigns/thu.yaml": files.campaign(
                *(files.step(f"b{hour}", sender="thu", when=f"2027-07-16 {hour}:00") for hour in (10, 11, 12)),
                limits="{per_person: 1 per 7 days}",
            ),
        }
    )
    live.approve()
    for hour in (10, 11, 12):
        live.at(f"2027-07-16 {hour}:00")
        live.round()
        world.answer = None
    assert [live.statuses(f"b{hour}") for hour in (10, 11, 12)] == [{"failed": 6}, {"accepted": 6}, {"excluded": 6}]
