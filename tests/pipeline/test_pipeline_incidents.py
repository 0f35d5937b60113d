"""Incidents: one that nobody can close is not read any more, one that closes too early hides a disaster."""

from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database, refused
from road_kit import Here

from engine.channels.base import Decision
from engine.errors import LoaError
from engine.pipeline import control, incidents
from engine.status import Status
from engine.store import audit, senders
from engine.store.senders import Standing


@pytest.fixture
def live(road: Road) -> Road:
    """Three people, one run through the scripted vendor, approved."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted()),
            "campaigns/thu.yaml": files.campaign(files.step(sender="thu", valid_for="10 hours")),
        }
    )
    road.people(*[Person() for _ in range(3)])
    road.approve()
    return road


@pytest.fixture
def doubtful(live: Road, world: World) -> Road:
    """All three in doubt: the vendor has two equal messages for each."""

    def twice(message: Any) -> Any:
        world.take(message)
        return world.cut(message)

    world.answer = twice
    live.round()
    live.later(minutes=2)
    live.round()
    assert live.incidents() == {"several_candidates": 3}
    return live


def opened(road: Road) -> dict[str, int]:
    """Subject → id of every open incident."""
    with road.process.database.read() as connection:
        return {one.subject: one.id for one in audit.incidents(connection)}


def settle(road: Road, *ids: int, **how: Any) -> list[incidents.Settled]:
    return incidents.settle(road.process, ids, **{"by": "Người Trực", "why": None, "went": None} | how)


def audited(road: Road) -> list[tuple[str, str, str, str]]:
    """(action, subject, who, detail) of every line."""
    found = road.rows("SELECT action, subject, who_sealed, detail FROM audit WHERE who_sealed IS NOT NULL ORDER BY id")
    return [(row[0], row[1], road.process.keyring.unseal(bytes(row[2])), row[3]) for row in found]


def code(caught: pytest.ExceptionInfo[LoaError]) -> str:
    assert "{" not in str(caught.value)
    return caught.value.code


def test_a_person_says_that_it_went_and_nothing_is_sent_again(doubtful: Road, world: World) -> None:
    ids = opened(doubtful)
    done = settle(doubtful, ids["delivery:1"], ids["delivery:2"], went="accepted")
    assert [one.became for one in done] == ["accepted", "accepted"]
    assert doubtful.statuses() == {"accepted": 2, "unknown": 1}
    assert doubtful.rows("SELECT count(*) FROM delivery WHERE handed_at IS NOT NULL") == [(2,)]
    assert doubtful.incidents() == {"several_candidates": 1}
    assert [(line[0], line[2]) for line in audited(doubtful)[-2:]] == [("settle_incident", "Người Trực")] * 2
    assert audited(doubtful)[-1][3] == "several_candidates delivery:2; as accepted"
    doubtful.later(hours=1)
    doubtful.round()
    assert len(world.sent) == 3
    doubtful.prove_tallies()


def test_a_person_says_that_it_never_went_and_it_goes_out_once_more_while_the_run_is_valid(
    doubtful: Road, world: World
) -> None:
    world.answer = None
    ids = opened(doubtful)
    [one] = settle(doubtful, ids["delivery:3"], went="not-sent", why="đã hỏi 0900 000 123 và nhà mạng")
    assert one.became == "queued"
    assert "0900" not in audited(doubtful)[-1][3] and "đã hỏi" in audited(doubtful)[-1][3]
    doubtful.round()
    assert doubtful.statuses() == {"accepted": 1, "unknown": 2}
    assert [message.attempt for message in world.sent if message.delivery_id == 3] == [1, 2]
    doubtful.prove_tallies()


@pytest.mark.parametrize(("ends", "became"), [("expired", "expired"), ("cancelled", "cancelled")])
@on_one_database
def test_what_never_went_is_not_sent_when_its_run_is_over(doubtful: Road, world: World, ends: str, became: str) -> None:
    if ends == "cancelled":
        control.act(doubtful.process, "cancel", "thu", None, by="Người Duyệt", why=None)
    else:
        doubtful.later(hours=11)
        doubtful.round()
    [one] = settle(doubtful, opened(doubtful)["delivery:3"], went="not-sent", why="nhà mạng xác nhận")
    assert one.became == became
    world.answer = None
    doubtful.round()
    assert len(world.sent) == 3
    doubtful.prove_tallies()


@on_one_database
def test_settling_is_all_or_nothing_and_says_what_is_missing(doubtful: Road) -> None:
    ids = opened(doubtful)
    first, second = ids["delivery:1"], ids["delivery:2"]
    for wrong, expected in (
        ({"ids": [first, 99], "went": "accepted"}, "no-such"),
        ({"ids": [first]}, "needs-word"),
        ({"ids": [first], "went": "not-sent"}, "needs-why"),
        ({"ids": [first], "went": "accepted", "by": "  "}, "no-name"),
    ):
        with pytest.raises(LoaError) as caught:
            settle(doubtful, *wrong.pop("ids"), **wrong)
        assert code(caught) == expected
    assert doubtful.statuses() == {"unknown": 3}
    settle(doubtful, first, went="accepted")
    with pytest.raises(LoaError) as caught:
        settle(doubtful, second, first, went="accepted")
    assert code(caught) == "already-settled"
    assert doubtful.statuses() == {"accepted": 1, "unknown": 2}


@on_one_database
def test_a_late_receipt_settles_the_doubt_and_a_word_after_it_changes_nothing(doubtful: Road) -> None:
    from engine.store import outbox
    from engine.store.outbox import Change

    with doubtful.process.database.write() as connection:
        change = Change(1, 1, Status.DELIVERED, doubtful.clock.now(), vendor_id="V9", handed=True)
        outbox.apply(connection, [change], slot=0)
    [one] = settle(doubtful, opened(doubtful)["delivery:1"], went="not-sent", why="tưởng là chưa đi")
    assert one.became is None
    with doubtful.process.database.write() as connection:
        change = Change(2, 1, Status.DELIVERED, doubtful.clock.now(), vendor_id="V8", handed=True)
        outbox.apply(connection, [change], slot=0)
    incidents.notice(doubtful.process)
    assert list(opened(doubtful)) == ["delivery:3"]
    assert doubtful.statuses() == {"delivered": 2, "unknown": 1}


@on_one_database
def test_what_says_that_somebody_may_have_got_two_is_closed_by_a_person_without_a_word(live: Road) -> None:
    with live.process.database.write() as connection:
        audit.raise_incident(
            connection, live.process.keyring, at=live.clock.now(), kind="superseded", subject="delivery:1"
        )
    [found] = opened(live).values()
    with pytest.raises(LoaError) as caught:
        settle(live, found, went="accepted")
    assert code(caught) == "word-not-asked"
    settle(live, found, why="đã gọi xin lỗi")
    incidents.notice(live.process)
    assert live.incidents() == {}


def test_the_same_thing_seen_twice_is_one_incident_until_it_is_settled(live: Road) -> None:
    def happens() -> bool:
        with live.process.database.write() as connection:
            return audit.raise_incident(
                connection, live.process.keyring, at=live.clock.now(), kind="filtered", subject="sender:thu"
            )

    assert [happens(), happens()] == [True, False]
    settle(live, *opened(live).values())
    assert happens()


def test_a_stopped_sender_is_let_go_by_name_and_its_incident_with_it(live: Road, world: World) -> None:
    world.answer = refused(Status.QUEUED, "credentials", Decision.STOP_SENDER)
    live.round()
    with pytest.raises(LoaError) as caught:
        settle(live, *opened(live).values())
    assert code(caught) == "settles-itself"
    incidents.release(live.process, "thu", by="Người Trực", why="đã đổi mật khẩu")
    assert live.incidents() == {}
    assert audited(live)[-1] == ("release_sender", "sender:thu", "Người Trực", "đã đổi mật khẩu")
    with pytest.raises(LoaError) as caught:
        incidents.release(live.process, "thu", by="Người Trực", why=None)
    assert code(caught) == "sender-free"
    world.answer = None
    live.later(minutes=1)
    live.round()
    assert live.statuses() == {"accepted": 3}


@on_one_database
def test_a_sender_that_rests_for_long_is_an_incident_until_it_works(live: Road) -> None:
    def stand(standing: Standing) -> None:
        with live.process.database.write() as connection:
            senders.lock(connection, "thu")
            senders.save(connection, "thu", standing)
        incidents.notice(live.process)

    now = live.wall()
    stand(Standing(held_until=now + 60, held_reason="no_answer", opened_real=now - 590))
    assert live.incidents() == {}
    stand(Standing(held_until=now + 60, held_reason="no_answer", opened_real=now - 610))
    assert live.incidents() == {"sender_held": 1}
    stand(Standing(held_until=now - 1, held_reason="no_answer", opened_real=now - 700))
    assert live.incidents() == {"sender_held": 1}, "half open is not well yet"
    stand(Standing(closed_real=now))
    assert live.incidents() == {}


@on_one_database
def test_runs_that_are_held_or_have_lost_their_approval_are_noticed_and_settle_when_it_is_over(
    road: Road, world: World
) -> None:
    tight = files.campaign(files.step(sender="thu", valid_for="10 hours"), limits="{budget: 100}")
    road.write({"loa.yaml": files.loa_yaml(more_senders=files.scripted()), "campaigns/thu.yaml": tight})
    road.people(Person(), Person())
    road.approve()
    road.round()
    incidents.notice(road.process)
    assert road.incidents() == {"run_held": 1}
    assert list(opened(road)) == ["run:thu/mo-dau/once"]
    control.act(road.process, "resume", "thu", None, by="Người Duyệt", why=None)
    incidents.notice(road.process)
    assert road.incidents() == {}
    road.write(
        {"campaigns/thu.yaml": tight.replace("thử", "khác"), "loa.yaml": files.loa_yaml(more_senders=files.scripted())}
    )
    road.round()
    incidents.notice(road.process)
    assert opened(road).keys() == {"campaign:thu"}
    road.write({"campaigns/thu.yaml": tight, "loa.yaml": files.loa_yaml(more_senders=files.scripted())})
    road.approve()
    incidents.notice(road.process)
    assert "campaign:thu" not in opened(road)


def test_the_commands_list_settle_and_release(doubtful: Road, world: World, tmp_path: Path) -> None:
    with doubtful.process.database.write() as connection:
        senders.lock(connection, "cong")
        senders.save(connection, "cong", Standing(held_until=senders.FOREVER, held_reason="credentials"))
    loa = Here(tmp_path, {"LOA_DATABASE_URL": doubtful.settings.database_url, "LOA_CLOCK": "2027-07-16T10:00:00+07:00"})
    listed = loa.ok("incidents", "--json").json["incidents"]
    assert [one["kind"] for one in listed] == ["several_candidates"] * 3
    assert listed[0].keys() == {"id", "at", "kind", "subject", "message", "settled"}
    shown = loa.ok("incidents", LOA_LANG="vi").out
    assert "Lượt tin số 1" in shown and "cần người đối chiếu" in shown and "\x1b" not in shown
    first = str(listed[0]["id"])
    refusal = loa.run("incidents", "settle", first, "--by", "Người Trực")
    assert (refusal.code, "--as" in refusal.err, refusal.out) == (1, True, "")
    done = loa.ok("incidents", "settle", first, "--by", "Người Trực", "--as", "accepted", "--json").json
    assert done == {
        "settled": [{"id": int(first), "kind": "several_candidates", "subject": "delivery:1", "became": "accepted"}]
    }
    said = loa.ok("incidents", "settle", str(listed[1]["id"]), "--by", "Người Trực", "--as", "not-sent", "--why", "x")
    assert "Delivery 2 is back in its queue" in said.out
    assert [one["settled"] is None for one in loa.ok("incidents", "--all", "--json").json["incidents"]] == [
        False,
        False,
        True,
    ]

    found = {one["sender"]: one for one in loa.ok("senders", "--json").json["senders"]}
    assert found["thu"]["state"] == "unusable", "a live sender under a turned clock"
    assert (found["thu"]["queued"], found["thu"]["unknown"]) == (1, 1)
    shown = ("provider", "rate", "price_per_segment", "state", "until", "reason")
    assert {key: found["cong"][key] for key in shown} == {
        "provider": "twilio", "rate": 5000.0, "price_per_segment": 850, "state": "stopped", "until": None,
        "reason": "credentials",
    }  # fmt: skip
    assert found["dien-tap"]["state"] == "free"
    assert "đã dừng, chờ người mở lại: sai tài khoản" in loa.ok("senders", LOA_LANG="vi").out
    assert loa.run("senders", "release", "khong-co", "--by", "A").code == 1
    assert loa.ok("senders", "release", "cong", "--by", "Người Trực", "--json").json["released"] == "cong"
    assert loa.run("senders", "release", "cong", "--by", "Người Trực").code == 1


@on_one_database
def test_the_commands_of_an_unset_secret_and_of_a_rest_say_why_and_until_when(live: Road, tmp_path: Path) -> None:
    now = live.wall()
    with live.process.database.write() as connection:
        for sender, standing in (
            ("dien-tap", Standing(held_until=now + 90, held_reason="no_answer", opened_real=now)),
            ("thu", Standing(held_until=now - 1, held_reason="no_answer", opened_real=now)),
            ("cu", Standing(held_until=now + 5, held_reason="throttled")),
        ):
            senders.lock(connection, sender)
            senders.save(connection, sender, standing)
    loa = Here(tmp_path, {"LOA_DATABASE_URL": live.settings.database_url})
    found = {
        one["sender"]: one
        for one in loa.ok("senders", "--json", TWILIO_AUTH_TOKEN=None, LOA_CLOCK=None).json["senders"]
    }
    assert {key: one["state"] for key, one in found.items()} == {
        "cong": "unusable", "dien-tap": "open", "thu": "half_open", "cu": "paused",
    }  # fmt: skip
    assert "TWILIO_AUTH_TOKEN" in found["cong"]["message"]
    assert (found["dien-tap"]["until"] is not None, found["cu"]["provider"]) == (True, None)
