"""Receipts, over real HTTP: what is not genuine is refused, what is answered with 204 is stored."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import Person, Road, World, on_one_database, refused
from pipeline_web import serve

from engine.channels.base import Decision
from engine.pipeline import receive
from engine.pipeline.receipt_address import receipt_address, signature
from engine.status import Status
from engine.web.receipts import LARGEST

FIRST = files.step(sender="thu", valid_for="10 hours")


@pytest.fixture
def sent(road: Road, world: World) -> Road:
    """Two deliveries, accepted."""
    road.settings = replace(road.settings, public_url="https://loa.example.vn")
    road.process.settings = road.settings
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(poll_after="5 minutes")),
            "campaigns/thu.yaml": files.campaign(FIRST),
        }
    )
    road.people(Person(), Person())
    road.approve()
    road.round()
    return road


def state(road: Road) -> list[str]:
    return [row[0] for row in road.rows("SELECT status FROM delivery ORDER BY id")]


def test_a_receipt_is_stored_sealed_and_applied_before_it_is_answered(sent: Road, world: World) -> None:
    address = receipt_address(sent.process)("thu", 1, 1)
    assert world.sent[0].receipt_url == address
    assert address is not None and address.startswith("https://loa.example.vn/receipts/thu?d=1&a=1&s=")
    with serve(sent) as web:
        assert web.receipt(1, 1, f"id=V1&status=delivered&To={world.sent[0].to}") == 204
        assert state(sent) == ["delivered", "accepted"]
        [(payload,)] = sent.rows("SELECT payload_sealed FROM receipt")
        assert world.sent[0].to.encode() not in bytes(payload)
        assert world.sent[0].to in sent.process.keyring.unseal(bytes(payload))
    sent.prove_tallies()


@on_one_database
def test_what_is_not_genuine_is_refused_and_changes_nothing(sent: Road) -> None:
    body = "id=V1&status=delivered"
    mark = signature(sent.process.keyring, "thu", 1, 1)
    with serve(sent) as web:
        assert web.post(f"/receipts/thu?d=1&a=1&s={mark}", body, {"x-signature": "stranger"}) == 403
        assert web.receipt(1, 1, body, mark="x" * 16) == 403
        assert web.receipt(1, 1, body, mark="%C3%A9%E2%82%AC") == 403
        assert web.post("/receipts/thu?d=1&a=1", body) == 403
        assert web.receipt(2, 1, body, mark=mark) == 403  # another delivery under this one's mark
        assert web.post(f"/receipts/thu/1.1.{mark}?d=2&a=1", body) == 403  # the same, with the mark in the path
        assert web.post(f"/receipts/thu/1.1.{mark}?d=1&a=1", body, {"x-signature": "stranger"}) == 403
        assert web.receipt(1, 2, body, mark=mark) == 403
        assert web.receipt(1, 1, body, sender="khong-co") == 404
        assert web.receipt(1, 1, body, sender="dien-tap") in (403, 404)  # the sandbox sends none
        assert web.post(f"/receipts/thu?d=1&a=1&s={mark}", body, method="GET") == 405
        assert web.receipt(1, 1, "x" * (LARGEST + 1)) == 413
        assert web.post(f"/receipts/thu?d=1&a=1&s={mark}", b"\xff\xfe=1") == 400
        assert web.post("/health", "", {}, method="GET") == 200
    assert state(sent) == ["accepted", "accepted"]
    assert sent.rows("SELECT count(*) FROM receipt")[0][0] == 0


def test_a_doubled_receipt_is_answered_and_kept_once(sent: Road) -> None:
    with serve(sent) as web:
        assert [web.receipt(1, 1, "id=V1&status=delivered") for _ in range(3)] == [204] * 3
    assert sent.rows("SELECT count(*) FROM receipt")[0][0] == 1
    assert sent.incidents() == {}
    sent.prove_tallies()


def test_a_finished_delivery_never_moves_back(sent: Road) -> None:
    with serve(sent) as web:
        for status in ("delivered", "accepted", "failed", "delivered"):
            assert web.receipt(1, 1, f"id=V1&status={status}&word={status}") == 204
    assert state(sent) == ["delivered", "accepted"]
    assert sent.rows("SELECT count(*) FROM receipt")[0][0] == 3
    sent.prove_tallies()


@on_one_database
def test_a_locked_database_is_503_and_the_vendors_second_try_is_taken(
    sent: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import LoaError

    real_commit, refusals = receive.commit, iter(range(1))

    def commit(process: Any, batch: Any) -> Any:
        if next(refusals, None) is not None:
            raise LoaError("store.locked")
        return real_commit(process, batch)

    monkeypatch.setattr(receive, "commit", commit)
    with serve(sent) as web:
        assert web.receipt(1, 1, "id=V1&status=delivered") == 503
        assert state(sent) == ["accepted", "accepted"]
        assert web.receipt(1, 1, "id=V1&status=delivered") == 204
    assert state(sent) == ["delivered", "accepted"]


@on_one_database
def test_what_the_database_refuses_outright_is_503_and_takes_no_other_receipt_with_it(
    sent: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_commit = receive.commit

    def commit(process: Any, batch: Any) -> Any:
        if any(received.word.delivery_id == 1 for received in batch):
            raise ZeroDivisionError
        return real_commit(process, batch)

    monkeypatch.setattr(receive, "commit", commit)
    with serve(sent) as web, ThreadPoolExecutor(2) as vendors:
        answers = list(vendors.map(lambda one: web.receipt(one, 1, f"id=V{one}&status=delivered"), (1, 2)))
    assert answers == [503, 204]
    assert state(sent) == ["accepted", "delivered"]


def test_a_receipt_that_comes_before_the_outcome_settles_the_delivery(road: Road, world: World, sent: Road) -> None:
    """The answer was lost; the vendor's own word arrives: no look-up, and nothing is sent again."""
    sent.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(poll_after="5 minutes")),
            "campaigns/thu.yaml": files.campaign(FIRST, files.step("sau", sender="thu", valid_for="10 hours")),
        }
    )
    sent.approve()
    world.answer = world.cut
    sent.round()
    assert state(sent)[2:] == ["unknown", "unknown"]
    with serve(sent) as web:
        assert web.receipt(3, 1, "id=V3&status=accepted&word=sending") == 204
    assert state(sent)[2:] == ["accepted", "unknown"]
    [(poll,)] = sent.rows("SELECT poll_real FROM delivery WHERE id = 3")
    assert 290 < poll - sent.wall() <= 300  # its own sender's poll_after
    assert [row[0] for row in sent.rows("SELECT delivery_id FROM look_up")] == [4]
    sent.prove_tallies()


def test_a_receipt_for_a_row_back_in_the_queue_takes_it_out_again(road: Road, world: World, sent: Road) -> None:
    """Absence was proven, wrongly: before the second attempt the first one's receipt comes."""
    from engine.pipeline import control

    sent.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(settle_after="0 seconds")),
            "campaigns/thu.yaml": files.campaign(FIRST, files.step("sau", sender="thu", valid_for="10 hours")),
        }
    )
    sent.approve()
    world.answer = world.lost
    sent.round()
    control.act(sent.process, "pause", "thu", None, by=None, why=None)
    for _ in range(3):
        sent.later(seconds=1)
        sent.round()
    assert state(sent)[2:] == ["queued", "queued"]
    with serve(sent) as web:
        assert web.receipt(3, 1, "id=V9&status=delivered") == 204
    assert state(sent)[2:] == ["delivered", "queued"]
    control.act(sent.process, "resume", "thu", None, by=None, why=None)
    world.answer = None
    sent.round()
    assert state(sent)[2:] == ["delivered", "accepted"]
    with serve(sent) as web:
        assert web.receipt(4, 1, "id=V10&status=delivered") == 204  # and the other's comes after the second attempt
    assert sent.incidents() == {"superseded": 1}
    assert state(sent)[2:] == ["delivered", "accepted"]
    sent.prove_tallies()


def test_another_vendor_id_for_the_same_attempt_is_an_incident(sent: Road) -> None:
    with serve(sent) as web:
        assert web.receipt(1, 1, "id=V777&status=delivered") == 204
    assert state(sent) == ["accepted", "accepted"]
    assert sent.incidents() == {"contradicted": 1}


def test_a_receipt_settles_its_own_delivery_though_a_look_up_gave_its_message_to_another(
    road: Road, world: World, sent: Road
) -> None:
    sent.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(poll_after="5 minutes")),
            "campaigns/thu.yaml": files.campaign(FIRST, files.step("sau", sender="thu", valid_for="10 hours")),
        }
    )
    sent.approve()
    world.answer = world.cut
    sent.round()
    with serve(sent) as web:
        assert web.receipt(3, 1, "id=V1&status=delivered") == 204  # V1 is bound to delivery 1
    assert state(sent) == ["accepted", "accepted", "delivered", "unknown"]
    assert sent.incidents() == {"contradicted": 1}
    sent.prove_tallies()


def test_a_receipt_may_carry_an_opt_out_or_stop_the_sender(sent: Road, world: World) -> None:
    with serve(sent) as web:
        assert web.receipt(1, 1, f"id=V1&status=failed&decision={Decision.OPT_OUT}") == 204
        assert web.receipt(2, 1, f"id=V2&status=failed&decision={Decision.HOLD_SENDER}") == 204
        assert web.receipt(2, 1, f"id=V2&status=failed&decision={Decision.HOLD_SENDER}") == 204  # a double
    assert sent.rows("SELECT source FROM opt_out") == [("vendor",)]
    [(until,)] = sent.rows("SELECT held_until FROM sender_state WHERE sender = 'thu'")
    assert 0 < until - sent.wall() <= 30


@on_one_database
def test_an_unknown_word_is_kept_and_moves_nothing(sent: Road) -> None:
    with serve(sent) as web:
        assert web.receipt(1, 1, "id=V1&word=quantum") == 204
        assert web.receipt(1, 1, f"id=V1&status={Status.UNKNOWN}&word=other") == 204
        assert web.receipt(999, 1, "id=V5&status=delivered") == 204  # of a delivery erased long ago
    assert state(sent) == ["accepted", "accepted"]
    assert sent.rows("SELECT count(*) FROM receipt")[0][0] == 3


@on_one_database
def test_without_a_public_address_there_are_no_receipts(road: Road, world: World) -> None:
    assert receipt_address(road.process)("thu", 1, 1) is None
    with serve(road) as web:
        assert web.receipt(1, 1, "id=V1&status=delivered") == 404


def test_refusals_beside_receipts_do_not_touch_them(sent: Road, world: World) -> None:
    """A failed delivery of a later step leaves an earlier one as it is."""
    sent.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=files.scripted(poll_after="5 minutes")),
            "campaigns/thu.yaml": files.campaign(FIRST, files.step("sau", sender="thu")),
        }
    )
    sent.approve()
    world.answer = refused(Status.FAILED, "blocked")
    sent.round()
    assert state(sent) == ["accepted", "accepted", "failed", "failed"]
