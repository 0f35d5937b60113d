"""Finding out what nobody told us. A mistake here sends twice, or loses somebody in silence."""

from dataclasses import replace
from datetime import timedelta

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database, refused
from sqlalchemy import text

from engine.channels.base import Decision, Outcome, Outgoing
from engine.pipeline import control
from engine.status import Status

SETTLE = "15 minutes"


@pytest.fixture
def doubtful(road: Road) -> Road:
    """One person, one run through the scripted vendor; whatever is sent next is the test's business."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after=SETTLE, poll_after="10 minutes")),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu", valid_for="10 hours")),
        }
    )
    road.people(Person())
    road.approve()
    return road


def state(road: Road) -> list[tuple[str, int]]:
    """(status, attempt) of every delivery, in order."""
    return [(row[0], row[1]) for row in road.rows("SELECT status, attempt FROM delivery ORDER BY id")]


def test_absence_is_proven_by_two_listings_settle_after_apart_and_then_it_goes_out_once(
    doubtful: Road, world: World
) -> None:
    world.answer = world.lost
    doubtful.round()
    assert (state(doubtful), world.listings) == ([("unknown", 1)], 0)  # asked within a minute, not at once
    world.answer = None
    doubtful.later(seconds=61)
    doubtful.round()
    assert (state(doubtful), world.listings) == ([("unknown", 1)], 1)
    doubtful.later(minutes=14)
    doubtful.round()
    assert (state(doubtful), world.listings) == ([("unknown", 1)], 1)  # 15 minutes have not passed
    doubtful.later(minutes=1, seconds=1)
    doubtful.round()
    assert (state(doubtful), world.listings) == ([("accepted", 2)], 2)
    for _ in range(3):
        doubtful.later(minutes=16)
        doubtful.round()
    assert len(world.sent) == 2
    doubtful.prove_tallies()


def test_a_message_that_shows_only_in_the_second_listing_is_not_sent_again(doubtful: Road, world: World) -> None:
    world.answer = world.lost
    doubtful.round()
    doubtful.later(seconds=61)
    doubtful.round()
    world.take(world.sent[0])
    doubtful.later(minutes=15)
    doubtful.round()
    assert state(doubtful) == [("accepted", 1)]
    assert len(world.sent) == 1


@on_one_database
def test_one_candidate_settles_it_whatever_its_words(doubtful: Road, world: World) -> None:
    def altered(message: Outgoing) -> Outcome:
        world.take(message, body="[thêm bởi nhà mạng] " + message.body)
        return world.lost(message)

    world.answer = altered
    doubtful.round()
    doubtful.later(seconds=61)
    doubtful.round()
    assert state(doubtful) == [("accepted", 1)]
    assert doubtful.rows("SELECT vendor_id FROM delivery")[0][0] == "V1"
    assert doubtful.rows("SELECT count(*) FROM look_up")[0][0] == 0
    doubtful.prove_tallies()


@on_one_database
def test_of_several_candidates_the_one_with_our_words_is_it(doubtful: Road, world: World) -> None:
    def answer(message: Outgoing) -> Outcome:
        world.take(message, body="một tin khác của cùng tên định danh")
        world.take(message)
        return world.lost(message)

    world.answer = answer
    doubtful.round()
    doubtful.later(seconds=61)
    doubtful.round()
    assert doubtful.rows("SELECT status, vendor_id FROM delivery") == [("accepted", "V2")]


def test_several_equal_candidates_go_to_a_person_and_nothing_is_sent(doubtful: Road, world: World) -> None:
    def answer(message: Outgoing) -> Outcome:
        world.take(message)
        world.take(message)
        return world.lost(message)

    world.answer = answer
    doubtful.round()
    for _ in range(3):
        doubtful.later(minutes=16)
        doubtful.round()
    assert state(doubtful) == [("unknown", 1)]
    assert doubtful.incidents() == {"several_candidates": 1}
    assert (len(world.sent), world.listings) == (1, 1)


@on_one_database
def test_what_another_sender_sent_is_no_candidate(doubtful: Road, world: World) -> None:
    def answer(message: Outgoing) -> Outcome:
        world.take(message)
        world.log[message.to][0] = replace(world.log[message.to][0], sender="KHAC")
        return world.lost(message)

    world.answer = answer
    doubtful.round()
    world.answer = None
    doubtful.later(seconds=61)
    doubtful.round()
    doubtful.later(minutes=15)
    doubtful.round()
    assert state(doubtful) == [("accepted", 2)]


@on_one_database
def test_other_words_of_an_earlier_hour_are_no_candidate(doubtful: Road, world: World) -> None:
    def answer(message: Outgoing) -> Outcome:
        world.take(message, body="tin cũ", at=world.clock.now() - timedelta(minutes=2, seconds=1))
        return world.lost(message)

    world.answer = answer
    doubtful.round()
    world.answer = None
    doubtful.later(seconds=61)
    doubtful.round()
    doubtful.later(minutes=15)
    doubtful.round()
    assert state(doubtful) == [("accepted", 2)]


@on_one_database
def test_our_words_before_the_claim_are_a_persons_business(doubtful: Road, world: World) -> None:
    """An older message, or a clock that runs ahead? Sent again, the second case would be a message too many."""

    def answer(message: Outgoing) -> Outcome:
        world.take(message, at=world.clock.now() - timedelta(hours=1))
        return world.lost(message)

    world.answer = answer
    doubtful.round()
    for _ in range(3):
        doubtful.later(minutes=16)
        doubtful.round()
    assert (state(doubtful), len(world.sent)) == ([("unknown", 1)], 1)
    assert doubtful.incidents() == {"clock_doubtful": 1}


@on_one_database
def test_a_vendors_clock_two_minutes_behind_ours_hides_nothing(doubtful: Road, world: World) -> None:
    def answer(message: Outgoing) -> Outcome:
        world.take(message, at=world.clock.now() - timedelta(minutes=1, seconds=59))
        return world.lost(message)

    world.answer = answer
    doubtful.round()
    doubtful.later(seconds=61)
    doubtful.round()
    assert state(doubtful) == [("accepted", 1)]


@on_one_database
def test_an_unreadable_log_proves_nothing(doubtful: Road, world: World) -> None:
    world.answer, world.unreadable = world.lost, True
    doubtful.round()
    for _ in range(5):
        doubtful.later(minutes=16)
        doubtful.round()
    assert state(doubtful) == [("unknown", 1)]
    world.unreadable, world.answer = False, None
    doubtful.later(minutes=1)
    doubtful.round()
    assert state(doubtful) == [("unknown", 1)]  # the first listing that could be read
    doubtful.later(minutes=16)
    doubtful.round()
    assert state(doubtful) == [("accepted", 2)]


def test_a_run_waits_for_its_unknown_deliveries_before_it_is_finished(doubtful: Road, world: World) -> None:
    """Finished too early, a delivery that is queued again would lie there for ever."""
    world.answer = world.lost
    doubtful.round()
    assert doubtful.runs() == {"mo-dau/once": "running"}
    world.answer = None
    doubtful.later(seconds=61)
    doubtful.round()
    doubtful.later(minutes=16)
    doubtful.round()
    assert doubtful.runs() == {"mo-dau/once": "finished"}


def test_absence_proven_after_the_run_has_expired_ends_as_expired(doubtful: Road, world: World) -> None:
    world.answer = world.lost
    doubtful.round()
    doubtful.later(minutes=2)
    doubtful.round()
    doubtful.later(hours=11)
    doubtful.round()
    assert state(doubtful) == [("expired", 1)]
    assert doubtful.runs() == {"mo-dau/once": "finished"}
    assert len(world.sent) == 1
    doubtful.prove_tallies()


def test_absence_proven_after_the_run_was_cancelled_ends_as_cancelled(doubtful: Road, world: World) -> None:
    world.answer = world.lost
    doubtful.round()
    doubtful.later(minutes=2)
    doubtful.round()
    control.act(doubtful.process, "cancel", "thu", None, by="Người Duyệt", why="thử")
    doubtful.later(minutes=16)
    doubtful.round()
    assert state(doubtful) == [("cancelled", 1)]
    assert len(world.sent) == 1
    doubtful.prove_tallies()


def test_two_doubts_about_one_person_do_not_take_each_others_message(road: Road, world: World) -> None:
    """The first arrived and its answer was cut, the second never left. Each has its own words."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after="0 seconds")),
            "campaigns/thu.yaml": files.campaign(
                files.step("hai", sender="thu", message="tin-hai"), files.step("mot", sender="thu")
            ),
            "messages/tin-hai/sms.vi.j2": "Tin thứ hai: xin gọi 111.\n",
        }
    )
    road.people(Person())
    road.approve()

    def answer(message: Outgoing) -> Outcome:
        return world.lost(message) if "thứ hai" in message.body else world.cut(message)

    world.answer = answer
    road.round()
    world.answer = None
    road.later(seconds=1)
    road.round()
    road.later(seconds=1)
    road.round()
    found = road.rows("SELECT r.step, d.status, d.attempt FROM delivery d JOIN run r ON r.id = d.run_id ORDER BY 1")
    assert [tuple(row) for row in found] == [("hai", "accepted", 2), ("mot", "accepted", 1)]
    assert sorted(message.body for entries in world.log.values() for message in entries) == [
        "Cần giúp đỡ xin gọi 111.",
        "Tin thứ hai: xin gọi 111.",
    ]


def test_claims_of_a_dead_worker_are_looked_up_and_those_of_a_living_one_are_not(doubtful: Road, world: World) -> None:
    doubtful.people(Person())
    doubtful.round()
    now = doubtful.wall() - 61
    with doubtful.process.database.write() as connection:
        for delivery, worker in ((1, "dead-worker"), (2, str(doubtful.process.worker and doubtful.process.worker.id))):
            connection.execute(text("DELETE FROM delivery WHERE id = :id"), {"id": delivery})
            connection.execute(
                text(
                    "INSERT INTO delivery (id, run_id, contact_id, era, commune, language, variant, prefix,"
                    " rendering_id, segments, sender, status, attempt, worker, claimed_at, claimed_real, cost_vnd)"
                    " VALUES (:id, 1, :id, '2025', '06184', 'vi', '', '90', 1, 1, 'thu', 'sending', 1, :worker,"
                    " '2027-07-16 01:30:00+00:00', :now, 850)"
                    if not doubtful.process.database.is_sqlite
                    else "INSERT INTO delivery (id, run_id, contact_id, era, commune, language, variant, prefix,"
                    " rendering_id, segments, sender, status, attempt, worker, claimed_at, claimed_real, cost_vnd)"
                    " VALUES (:id, 1, :id, '2025', '06184', 'vi', '', '90', 1, 1, 'thu', 'sending', 1, :worker,"
                    " '2027-07-16 01:30:00.000000', :now, 850)"
                ),
                {"id": delivery, "worker": worker, "now": now},
            )
    from engine.pipeline.reconcile import find_orphans

    assert find_orphans(doubtful.process, {"thu": 62.0}) == 0  # not old enough for its sender
    assert find_orphans(doubtful.process, {"thu": 60.0}) == 1
    assert state(doubtful) == [("unknown", 1), ("sending", 1)]
    assert doubtful.rows("SELECT delivery_id FROM look_up") == [(1,)]


def test_accepted_deliveries_without_a_receipt_are_polled_after_poll_after(doubtful: Road, world: World) -> None:
    doubtful.round()  # a round polls every accepted one at its end
    assert (state(doubtful), len(world.fetched)) == ([("accepted", 1)], 1)
    world.standing["V1"] = (Status.DELIVERED, None, Decision.NONE)
    doubtful.round()
    assert state(doubtful) == [("delivered", 1)]
    doubtful.prove_tallies()


def test_a_polled_word_is_followed_like_a_receipt(doubtful: Road, world: World) -> None:
    """Without a public address polling is the only way in which a filtered text or an opt-out comes to light."""
    doubtful.round()
    world.standing["V1"] = (Status.FAILED, "filtered", Decision.HOLD_SENDER)
    doubtful.round()
    assert state(doubtful) == [("failed", 1)]
    assert doubtful.incidents() == {"filtered": 1}
    doubtful.prove_tallies()


def test_a_polled_opt_out_is_recorded(doubtful: Road, world: World) -> None:
    doubtful.round()
    world.standing["V1"] = (Status.FAILED, "opted_out", Decision.OPT_OUT)
    doubtful.round()
    assert doubtful.rows("SELECT source FROM opt_out") == [("vendor",)]


@on_one_database
def test_a_sender_that_cannot_be_opened_today_leaves_the_question_open_for_tomorrow(
    doubtful: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import LoaError
    from engine.pipeline.providers import Providers

    world.answer = world.cut
    doubtful.round()
    doubtful.later(seconds=61)
    with monkeypatch.context() as unset:

        def cannot(self: Providers, sender: object) -> None:
            raise LoaError("content.unset-variable", name="TWILIO_AUTH_TOKEN")

        unset.setattr(Providers, "open", cannot)
        doubtful.round()
    assert state(doubtful) == [("unknown", 1)]
    doubtful.later(minutes=1)
    doubtful.round()
    assert state(doubtful) == [("accepted", 1)]


def test_an_answer_that_comes_too_late_for_its_attempt_does_not_unsettle_the_next(doubtful: Road, world: World) -> None:
    """A slow look-up of attempt 1 must neither queue nor forget attempt 2."""
    from engine.pipeline import reconcile
    from engine.store import look_ups

    world.answer = world.lost
    doubtful.round()
    doubtful.later(seconds=61)
    with doubtful.process.database.write() as connection:
        [stale] = look_ups.due(connection, doubtful.wall())
    doubtful.round()
    doubtful.later(minutes=16)
    doubtful.round()  # absent twice: queued and sent again, and lost again
    assert state(doubtful) == [("unknown", 2)]
    sender = doubtful.snapshot().senders["thu"]
    reconcile._decide(doubtful.process, replace(stale, absent_since=0.0), sender, "THU", [])
    reconcile._decide(doubtful.process, stale, sender, "THU", [])
    assert state(doubtful) == [("unknown", 2)]
    assert [tuple(row) for row in doubtful.rows("SELECT attempt, absent_since FROM look_up")] == [(2, None)]


def test_a_call_that_comes_back_after_the_cancellation_is_not_left_in_the_queue(doubtful: Road, world: World) -> None:
    """Thrown back by the vendor while a person cancels: nobody would ever claim it again."""

    def answer(message: Outgoing) -> Outcome:
        control.act(doubtful.process, "cancel", "thu", None, by="Người Duyệt", why="thử")
        return refused(Status.QUEUED, "throttled", Decision.RETRY)(message)

    world.answer = answer
    doubtful.round()
    assert state(doubtful) == [("cancelled", 1)]
    doubtful.prove_tallies()
