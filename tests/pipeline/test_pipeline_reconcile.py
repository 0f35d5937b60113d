"""Finding out what nobody told us. A mistake here sends twice, or loses somebody in silence."""

from dataclasses import replace
from datetime import timedelta

import pytest
import road_workspace as files
from pipeline_road import Person, Road, Scripted, World, on_one_database, refused
from sqlalchemy import text

from engine.channels.base import Decision, Outcome, Outgoing, VendorMessage
from engine.clock import MachineSeconds, parse_instant
from engine.pipeline import control
from engine.pipeline.recognise import recognise
from engine.status import Status

SETTLE = "15 minutes"
CAMPAIGN = {"campaigns/thu.yaml": files.campaign(files.step(sender="thu", valid_for="10 hours"))}


@pytest.fixture
def doubtful(road: Road) -> Road:
    """One person, one run through the scripted vendor; whatever is sent next is the test's business."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after=SETTLE, poll_after="10 minutes")),
            **CAMPAIGN,
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


@on_one_database
def test_a_machine_that_started_anew_proves_absence_anew(
    doubtful: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Monotonic seconds of another boot (or another machine) may be larger by chance: they prove nothing."""
    world.answer = world.lost
    doubtful.round()
    world.answer = None
    doubtful.later(seconds=61)
    doubtful.round()
    monkeypatch.setattr(MachineSeconds, "boot", lambda self: "another")
    monkeypatch.setattr(MachineSeconds, "monotonic", lambda self: 1e9 + doubtful.wall())
    doubtful.later(minutes=16)
    doubtful.round()
    assert (state(doubtful), world.listings) == ([("unknown", 1)], 2)  # the first listing of a new proof
    doubtful.later(minutes=15, seconds=1)
    doubtful.round()
    assert (state(doubtful), world.listings) == ([("accepted", 2)], 3)


@on_one_database
def test_a_broken_adapter_does_not_keep_the_others_from_being_asked(
    doubtful: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What raises is not the one error that an adapter may: the rest is looked up and polled all the same."""
    doubtful.people(Person())
    doubtful.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after=SETTLE, poll_after="10 minutes")),
            "campaigns/thu.yaml": files.campaign(files.step("hai", sender="thu", valid_for="10 hours")),
        }
    )
    doubtful.approve()
    world.answer = world.cut
    doubtful.round()
    broken = world.sent[0].to
    real_list = Scripted.list_to

    async def list_to(self: Scripted, to: str) -> list[VendorMessage]:
        if to == broken:
            raise ZeroDivisionError
        return await real_list(self, to)

    monkeypatch.setattr(Scripted, "list_to", list_to)
    doubtful.later(seconds=61)
    doubtful.round()
    assert sorted(doubtful.statuses().items()) == [("accepted", 1), ("unknown", 1)]
    monkeypatch.setattr(Scripted, "list_to", real_list)
    doubtful.later(seconds=61)
    doubtful.round()
    real_fetch, bad = Scripted.fetch, world.log[broken][0].vendor_id
    for messages in world.log.values():
        world.standing[messages[0].vendor_id] = (Status.DELIVERED, None, Decision.NONE)

    async def fetch(self: Scripted, vendor_id: str) -> VendorMessage | None:
        if vendor_id == bad:
            raise ZeroDivisionError
        return await real_fetch(self, vendor_id)

    monkeypatch.setattr(Scripted, "fetch", fetch)
    doubtful.later(minutes=11)
    doubtful.round()
    assert sorted(doubtful.statuses().items()) == [("accepted", 1), ("delivered", 1)]


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
    world.unreadable = True
    doubtful.later(hours=11)
    doubtful.round()
    assert (state(doubtful), doubtful.runs()) == ([("unknown", 1)], {"mo-dau/once": "finished"})
    world.unreadable = False
    doubtful.later(minutes=16)
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
    from engine.pipeline.orphans import find_orphans

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


@on_one_database
@pytest.mark.parametrize(("settle", "within"), [("15 minutes", 60), ("20 seconds", 20)])
def test_the_first_listing_is_due_within_a_minute_or_sooner_where_the_sender_settles_sooner(
    doubtful: Road, world: World, settle: str, within: int
) -> None:
    doubtful.write({"loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after=settle))} | CAMPAIGN)
    doubtful.approve()
    world.answer = world.lost
    doubtful.round()
    [(due,)] = doubtful.rows("SELECT due_real FROM look_up")
    assert within / 2 < due - doubtful.wall() + 2.0 <= within, "with two seconds for the look itself"


@on_one_database
def test_an_id_that_the_vendor_gave_settles_it_before_all_comparing(doubtful: Road, world: World) -> None:
    def answer(message: Outgoing) -> Outcome:
        world.take(message)
        vendor_id = world.take(message)
        return Outcome(
            message.delivery_id, message.attempt, Status.UNKNOWN, reason="unknown_status", vendor_id=vendor_id
        )

    world.answer = answer
    doubtful.round()
    doubtful.later(seconds=61)
    doubtful.round()
    assert doubtful.rows("SELECT status, vendor_id FROM delivery") == [("accepted", "V2")]


@on_one_database
def test_what_had_an_id_and_is_gone_from_the_log_is_a_persons_business(doubtful: Road, world: World) -> None:
    """Two listings without it would prove absence of anything else; the vendor has had this one."""

    def answer(message: Outgoing) -> Outcome:
        return Outcome(message.delivery_id, message.attempt, Status.UNKNOWN, reason="unknown_status", vendor_id="V77")

    world.answer = answer
    doubtful.round()
    for _ in range(3):
        doubtful.later(minutes=16)
        doubtful.round()
    assert (state(doubtful), len(world.sent)) == ([("unknown", 1)], 1)
    assert doubtful.incidents() == {"vanished": 1}


@pytest.mark.parametrize("known_by", ["attempt", "receipt"])
def test_a_message_of_an_earlier_attempt_is_not_taken_for_another_delivery(
    road: Road, world: World, known_by: str
) -> None:
    """It settled the first step's row, which was sent again since; taken for the second's, that one would be lost."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after="0 seconds")),
            "campaigns/thu.yaml": files.campaign(files.step("mot", sender="thu"), files.step("hai", sender="thu")),
        }
    )
    road.people(Person())
    road.approve()
    world.answer = lambda message: world.accept(message) if message.delivery_id == 1 else world.lost(message)
    road.round()
    [number] = {message.to for message in world.sent}
    old = world.take(next(message for message in world.sent if message.delivery_id == 1))
    with road.process.database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO attempt (delivery_id, attempt, sender, status, vendor_id, ended_at)"
                " SELECT id, 0, sender, 'unknown', :old, claimed_at FROM delivery WHERE id = 1"
                if known_by == "attempt"
                else "INSERT INTO receipt (delivery_id, attempt, vendor_id, vendor_status, payload_sealed, received_at)"
                " SELECT d.id, 0, :old, 'sent', phone_hash, claimed_at FROM delivery d, contact c"
                " WHERE d.id = 1 AND c.id = contact_id"
            ),
            {"old": old},
        )
    assert len(world.log[number]) == 2
    world.answer = None
    for _ in range(3):
        road.later(seconds=1)
        road.round()
    assert road.rows("SELECT status, attempt FROM delivery WHERE id = 2") == [("accepted", 2)]
    road.prove_tallies()


def test_a_vendor_that_cannot_be_asked_for_an_hour_is_shown_until_it_can(doubtful: Road, world: World) -> None:
    world.answer, world.unreadable = world.cut, True
    doubtful.round()
    doubtful.later(minutes=50)
    doubtful.round()
    assert doubtful.incidents() == {}
    doubtful.later(minutes=20)
    doubtful.round()
    assert doubtful.incidents() == {"cannot_ask": 1}
    world.unreadable = False
    doubtful.later(minutes=1)
    doubtful.round()
    assert (state(doubtful), doubtful.incidents()) == ([("accepted", 1)], {})


@on_one_database
def test_a_poll_that_is_refused_for_the_account_stops_the_sender(
    doubtful: Road, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.channels.base import LookUpFailed

    async def refused_fetch(self: Scripted, vendor_id: str) -> None:
        raise LookUpFailed("credentials", Decision.STOP_SENDER)

    monkeypatch.setattr(Scripted, "fetch", refused_fetch)
    doubtful.round()
    assert doubtful.incidents() == {"sender_stopped": 1}


AT = parse_instant("2027-07-16 08:30")
BODY = "Cần giúp đỡ xin gọi 111."


def logged(vendor_id: str, minutes: float = 0.0, body: str = BODY, sender: str = "THU") -> VendorMessage:
    """A message in the vendor's log, that many minutes after the claim."""
    return VendorMessage(vendor_id, sender, Status.ACCEPTED, AT + timedelta(minutes=minutes), body)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([], None),
        ([logged("A")], "A"),
        ([logged("A", body="của nhà mạng")], "A"),  # one candidate: whatever its words
        ([logged("A", minutes=-2)], "A"),
        ([logged("A", minutes=-2.1, body="tin khác")], None),
        ([logged("A", minutes=-2.1)], "clock_doubtful"),
        ([logged("A", minutes=-2.1), logged("B", minutes=1)], "B"),
        ([logged("A", minutes=-24 * 60 - 1)], None),  # yesterday's
        ([logged("A"), logged("B", body="tin khác")], "A"),  # the body breaks the tie
        ([logged("A", body="x"), logged("B", body="y")], "several_candidates"),
        ([logged("A"), logged("B")], "several_candidates"),
        ([logged("A", sender="KHAC")], None),
        ([logged("TAKEN")], None),
        ([logged("TAKEN"), logged("A", body="x")], "A"),
        ([logged("A", body="của tin kia")], None),  # another delivery in doubt has these words
        ([logged("A", body="của tin kia"), logged("B", body="x")], "B"),
    ],
)
def test_which_message_of_the_log_is_ours(listed: list[VendorMessage], found: str | None) -> None:
    for order in (listed, listed[::-1]):
        what = recognise(
            order, body=BODY, sends_as="THU", claimed_at=AT, taken={"TAKEN"}, rivals={"của tin kia"}
        )  # fmt: skip
        assert (what.vendor_id if isinstance(what, VendorMessage) else what) == found
