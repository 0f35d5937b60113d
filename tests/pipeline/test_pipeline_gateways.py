"""Both gateways of docs/examples on the road: from the campaign's files over HTTP to the report, and back."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import road_workspace as files
from gateway_examples import ENVIRONMENT, KEY, SECRET, TOKEN, text_of
from gateway_standins import Gateway, GatewayA, GatewayB
from outside_vendor import forgotten, from_the_page
from pipeline_road import AREAS, Person, Road, on_one_database
from pipeline_web import Web, serve
from sqlalchemy import text

from engine.channels import VENDORS, vendor
from engine.channels.testing.standin import reply
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.open_runs import open_due
from engine.pipeline.providers import is_live
from engine.pipeline.receipt_address import fixed_address

PUBLIC = "https://loa.example.vn"
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateways' secrets, as the machine has them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@contextmanager
def listening(gateway: Gateway) -> Iterator[Gateway]:
    """The gateway at its own address, in a thread, for the block."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def main() -> None:
        async with gateway.running():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield gateway
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def a() -> Iterator[GatewayA]:
    with listening(GatewayA(key=KEY, secret=SECRET)) as gateway:
        yield gateway


@pytest.fixture
def b() -> Iterator[GatewayB]:
    with listening(GatewayB(token=TOKEN)) as gateway:
        yield gateway


def through(road: Road, letter: str, gateway: Gateway, people: int, *, edit: tuple[str, str] = ("", "")) -> list[str]:
    """A due, approved campaign whose sender is that example, pasted as it is (or ``edit``ed); not sent yet."""
    written = text_of(letter, gateway.url).partition("senders:\n")[2].replace("rate: 1/s", "rate: 20/s")
    assert edit[0] in written
    written = written.replace(*edit) if edit[0] else written
    road.settings = replace(road.settings, public_url=PUBLIC)
    road.process.settings = road.settings
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=written),
            "campaigns/thu.yaml": files.campaign(files.step(sender=f"cong-{letter}", valid_for="10 hours")),
        }
    )
    numbers = road.people(*(Person() for _ in range(people)))
    road.approve()
    return numbers


def report_a(web: Web, gateway: GatewayA, place: int, status: int, success: int) -> int:
    """Gateway A reports a message to the address that came with it."""
    parts = urlsplit(gateway.report(gateway.taken[place], status, success))
    return web.post(f"{parts.path}?{parts.query}", b"", {}, "GET")


def report_b(web: Web, road: Road, key: str, status: object, sender: str = "cong-b") -> int:
    """Gateway B reports a message to the one address it knows."""
    address = fixed_address(road.process, sender)
    assert address is not None
    said = {"type": "report", "tranId": int(key), "phone": "84900000123", "status": status}
    return web.post(urlsplit(address).path, json.dumps(said), JSON)


@on_one_database
def test_a_campaign_goes_out_through_gateway_a_and_its_reports_settle_it(road: Road, a: GatewayA) -> None:
    numbers = through(road, "a", a, 4)
    a.refuses["0" + numbers[0][3:]] = "108"
    road.round()
    assert sorted(message.number for message in a.taken) == sorted("0" + number[3:] for number in numbers[1:])
    assert {message.text for message in a.taken} == {"Cần giúp đỡ xin gọi 111."}
    assert a.seen[0].json["IsUnicode"] == "1"
    assert road.statuses() == {"accepted": 3, "failed": 1}
    with serve(road) as web:
        assert [report_a(web, a, 0, 5, 1), report_a(web, a, 1, 5, 0), report_a(web, a, 0, 7, 0)] == [204, 204, 204]
    assert road.statuses() == {"delivered": 1, "accepted": 1, "failed": 2}
    a.standing[a.taken[2].id] = "5/1"
    road.round()  # what nobody reported is asked for
    assert road.statuses() == {"delivered": 2, "failed": 2}
    found = road.rows("SELECT status, code, reason FROM delivery WHERE status = 'failed' ORDER BY reason")
    assert [tuple(row) for row in found] == [("failed", "108", "invalid_number"), ("failed", None, "unreachable")]
    road.prove_tallies()


@on_one_database
def test_a_report_settles_a_message_whose_answer_was_lost(road: Road, a: GatewayA) -> None:
    through(road, "a", a, 2)
    a.loses = 1
    road.round()
    assert road.statuses() == {"accepted": 1, "unknown": 1}
    with serve(road) as web:
        assert report_a(web, a, 0, 5, 1) == 204
    assert road.statuses() == {"accepted": 1, "delivered": 1}
    assert len(a.taken) == 2


@on_one_database
def test_what_nobody_can_look_up_goes_to_a_person_and_is_never_sent_again(road: Road, a: GatewayA) -> None:
    through(road, "a", a, 2)
    a.loses = 2
    road.round()
    road.later(minutes=2)
    road.round()
    assert road.incidents() == {}, "a report may still come: there is time until settle_after"
    for _ in range(2):
        road.later(minutes=20)
        road.round()
    assert road.statuses() == {"unknown": 2}
    assert road.incidents() == {"no_log": 2}
    assert len(a.taken) == 2, "an unknown outcome was sent again"


def test_gateway_b_reports_to_one_address_by_its_own_ids(road: Road, b: GatewayB) -> None:
    through(road, "b", b, 3)
    road.round()
    assert road.statuses() == {"accepted": 3}
    first, second, third = (message.id for message in b.taken)
    with serve(road) as web:
        said = [report_b(web, road, first, 0), report_b(web, road, second, "70"), report_b(web, road, third, 12)]
        assert said == [204, 204, 204]
        assert report_b(web, road, first, 70) == 204  # too late: what is delivered stays so
    assert road.statuses() == {"delivered": 1, "failed": 1, "accepted": 1}
    [(payload,)] = road.rows("SELECT payload_sealed FROM receipt WHERE vendor_id = :id", id=first)[:1]
    assert b"84900000123" not in bytes(payload)
    b.standing[third] = "0"
    road.round()
    assert road.statuses() == {"delivered": 2, "failed": 1}
    road.prove_tallies()


def test_a_report_that_comes_before_we_know_its_id_waits_and_is_applied(road: Road, b: GatewayB) -> None:
    through(road, "b", b, 1)
    with serve(road) as web:
        assert report_b(web, road, "70000", 0) == 204
        assert report_b(web, road, "70000", 0) == 204
        assert report_b(web, road, "99999", 0) == 204  # of another program on the same account
    [(sealed,)] = road.rows("SELECT payload_sealed FROM early_receipt WHERE vendor_id = '70000'")
    assert b"84900000123" not in bytes(sealed)
    road.round()
    road.round()
    assert road.statuses() == {"delivered": 1}
    assert road.rows("SELECT vendor_id FROM early_receipt") == [("99999",)]
    road.later(days=4)
    road.round()
    assert road.rows("SELECT count(*) FROM early_receipt") == [(0,)]
    road.prove_tallies()


@on_one_database
def test_the_same_id_at_another_gateway_is_another_message(road: Road, b: GatewayB) -> None:
    through(road, "b", b, 2)
    road.round()
    with road.process.database.write() as connection:
        connection.execute(text("UPDATE delivery SET sender = 'cong-khac' WHERE vendor_id = '70000'"))
    with serve(road) as web:
        assert [report_b(web, road, "70000", 0), report_b(web, road, "70001", 0)] == [204, 204]
    found = road.rows("SELECT vendor_id, status FROM delivery ORDER BY vendor_id")
    assert [tuple(row) for row in found] == [("70000", "accepted"), ("70001", "delivered")]


@on_one_database
def test_a_stranger_cannot_report(road: Road, a: GatewayA) -> None:
    through(road, "a", a, 2)
    road.round()
    first, second = (urlsplit(message.callback).path for message in a.taken)
    query = f"?SMSID={a.taken[0].id}&SendStatus=5&SendSuccess=1"
    with serve(road) as web:
        wrong_mark = first[:-4] + "AAAA"
        others = f"{second.rpartition('/')[0]}/1.1.{second.rpartition('.')[2]}"
        fixed = urlsplit(fixed_address(road.process, "cong-a") or "").path
        for path in (wrong_mark, others, f"{first}/more", fixed + "x", first.rpartition("/")[0]):
            assert web.post(path + query, b"", {}, "GET") in (403, 404), path
        assert web.post(first + "?SMSID=x", b"", {}, "GET") == 403  # no status
        assert web.post(first, b"{", JSON) == 400
        assert web.post(first + query, b"", {}, "PUT") == 405
        # The sandbox, and every other vendor, takes what it always took, and no fixed address.
        assert web.post("/receipts/dien-tap/fixed.x" + query, b"", {}, "GET") in (404, 405)
    assert road.statuses() == {"accepted": 2}


@on_one_database
def test_a_secret_that_the_gateway_sends_along_is_asked_for(
    road: Road, b: GatewayB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_B_REPORTS", "chung-voi-cong")
    before = "      status: status\n    statuses"
    proof = '      proof: {in: header, name: X-Secret, secret: "${GATEWAY_B_REPORTS}"}\n      answer: OK\n'
    through(road, "b", b, 1, edit=(before, f"      status: status\n{proof}    statuses"))
    road.round()
    address = urlsplit(fixed_address(road.process, "cong-b") or "").path
    said = json.dumps({"tranId": 70000, "status": 0})
    with serve(road) as web:
        assert web.post(address, said, JSON) == 403
        assert web.post(address, said, JSON | {"x-secret": "chung"}) == 403
        assert web.post(address, said, JSON | {"x-secret": "chung-voi-cong"}) == 200
    assert road.statuses() == {"delivered": 1}


@on_one_database
def test_our_reference_settles_a_lost_answer_but_only_of_the_senders_own(road: Road, a: GatewayA) -> None:
    """At the fixed address: by the vendor's id, else by our reference if that delivery is this sender's."""
    through(road, "a", a, 2, edit=('        CallbackUrl: "${callback}"\n', ""))
    a.loses = 2
    road.round()
    assert road.statuses() == {"unknown": 2}
    with road.process.database.write() as connection:
        connection.execute(text("UPDATE delivery SET sender = 'cua-nguoi-khac' WHERE id = 2"))
    address = urlsplit(fixed_address(road.process, "cong-a") or "").path
    with serve(road) as web:
        for message in a.taken:
            query = urlsplit(a.report(message, 5, 1)).query
            assert web.post(f"{address}?{query}", b"", {}, "GET") == 204
    assert [tuple(row) for row in road.rows("SELECT id, status FROM delivery ORDER BY id")] == [
        (1, "delivered"), (2, "unknown"),
    ]  # fmt: skip
    assert len(road.rows("SELECT vendor_id FROM early_receipt")) == 1


@on_one_database
def test_an_expired_token_stops_the_sender_and_loses_nothing(road: Road, b: GatewayB) -> None:
    through(road, "b", b, 3)
    b.token = "another"
    done = road.round()
    assert road.statuses() == {"queued": 3}
    assert road.incidents() == {"sender_stopped": 1}
    assert any("cong-b" in problem for problem in done.problems)
    assert b.taken == []


@on_one_database
@pytest.mark.parametrize(("url", "live"), [("https://gateway.example", True), ("http://127.0.0.1:9", False)])
def test_a_gateway_is_live_unless_all_of_it_is_on_this_machine(road: Road, url: str, live: bool) -> None:
    written = text_of("a", url).partition("senders:\n")[2]
    road.write({"loa.yaml": files.loa_yaml(more_senders=written), "campaigns/thu.yaml": files.campaign(
        files.step(sender="cong-a"))})  # fmt: skip
    sender = road.snapshot().senders["cong-a"]
    assert is_live(road.process, sender) is live
    half = sender.model_copy(update={"options": {**sender.options, "poll": {"url": "https://gateway.example"}}})
    assert is_live(road.process, half)
    assert vendor("http").needs_approval


@on_one_database
def test_nothing_the_gateway_says_back_is_readable_in_the_database(road: Road, a: GatewayA) -> None:
    numbers = through(road, "a", a, 1)
    a.refuses["0" + numbers[0][3:]] = "108"  # its error text repeats the number
    road.round()
    [(sealed,)] = road.rows("SELECT detail_sealed FROM attempt")
    detail = road.process.keyring.unseal(bytes(sealed))
    assert "khong hop le" in detail
    assert numbers[0][3:] not in detail


@on_one_database
def test_a_vendor_of_another_package_is_on_the_same_road(
    road: Road, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/adding-a-channel.md, from its page to a delivery: one file, one line."""
    monkeypatch.setenv("BO_CAU_TOKEN", "ngo-va-thoc")
    monkeypatch.syspath_prepend(str(from_the_page(tmp_path_factory.mktemp("ngoai"))))
    loft = Gateway(script=[reply(200, {"ring": f"VN-{ring}", "state": "flying"}) for ring in range(3)])
    with forgotten(), listening(loft):
        keys = f'provider: bo-cau, from: CHUONG, url: "{loft.url}", token: "${{BO_CAU_TOKEN}}", price_per_segment: 1'
        road.write(
            {
                "loa.yaml": files.loa_yaml(more_senders=f"  chuong: {{{keys}}}\n"),
                "campaigns/thu.yaml": files.campaign(files.step(sender="chuong")),
            }
        )
        numbers = road.people(Person(), Person(synthetic=True))
        road.approve()
        assert not is_live(road.process, road.snapshot().senders["chuong"])
        road.round()
    assert sorted(request.json["to"] for request in loft.seen) == sorted(numbers)
    assert road.statuses() == {"accepted": 2}


@on_one_database
def test_a_vendor_that_is_uninstalled_stops_its_own_sender_and_nobody_else(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (files.step("cu", sender="thu"), files.step("moi", sender="dien-tap"))
    road.write(
        {"loa.yaml": files.loa_yaml(more_senders=files.scripted()), "campaigns/thu.yaml": files.campaign(*steps)}
    )
    road.people(Person())
    road.approve()
    open_due(road.process, current_snapshots(load_workspace(road.settings, None)), AREAS)
    monkeypatch.delitem(VENDORS, "scripted")
    done = road.round()
    assert any("scripted" in problem for problem in done.problems)
    assert (road.statuses("cu"), road.statuses("moi")) == ({"queued": 1}, {"accepted": 1})
