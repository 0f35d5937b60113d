"""E-mail to relays: each gets one road and stays on it, nothing goes twice, no address leaves its place."""

import asyncio
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
import road_workspace as files
from pipeline_relays import BASE, COMMUNES, WORKSPACE, campaign
from pipeline_road import AREAS, Person, Road, on_one_database
from rehearse_hall import rehearsed, rules
from smtp_standin import HANG_UP, MailServer, beside

from engine.clock import parse_instant
from engine.errors import LoaError
from engine.pipeline import calls, relay_link
from engine.pipeline.broadcasts import Confirmation, confirm, remind_due
from engine.pipeline.preview import preview
from engine.pipeline.service import serving

BOTH = "[thu-dien-tu, thu]"
ADDRESSES = ("can.bo.1@xa.example", "can.bo.2@xa.example")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with beside(MailServer()) as made:
        yield made


def relays(road: Road, server: MailServer, sender: str = BOTH, *, approved: bool = True, **head: str) -> None:
    """Four relays on the day at 07:30, every other one with an address; approved."""
    road.at("2027-07-16 07:30")
    keys = f"host: 127.0.0.1, port: {server.port}, security: none, from: loa@coquan.example, rate: 1000/s"
    loa = files.loa_yaml(more_senders=files.scripted() + f"  thu-dien-tu: {{provider: email, {keys}}}\n")
    road.write(WORKSPACE | {"loa.yaml": loa, "campaigns/thu.yaml": campaign("2027-07-16 17:00", sender, **head)})
    road.process.settings = replace(road.process.settings, public_url=BASE)
    places = (*COMMUNES, COMMUNES[0])
    road.people(
        *(
            Person(place=("2025", code), groups=("loa",), email=ADDRESSES[number // 2] if number % 2 else None)
            for number, code in enumerate(places)
        )
    )
    if approved:
        road.approve()


def letters(server: MailServer) -> list[EmailMessage]:
    return [email.message_from_bytes(mail, policy=email.policy.default) for mail in server.mails]  # type: ignore[misc]


def words(letter: EmailMessage, kind: str = "plain") -> str:
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def token(letter: EmailMessage) -> str:
    found = re.search(rf"{BASE}/l/([\w-]{{16}})\s", words(letter))
    assert found is not None
    return found[1]


def by_sender(road: Road) -> dict[str, tuple[int, int]]:
    """Sender → (deliveries, cost in VND)."""
    return {
        row[0]: (row[1], row[2]) for row in road.rows("SELECT sender, count(*), sum(cost_vnd) FROM delivery GROUP BY 1")
    }


def test_a_relay_gets_both_roads_or_none(road: Road, server: MailServer) -> None:
    relays(road, server)
    [planned] = road.plan().runs
    assert planned.by_sender == {"thu": 2, "thu-dien-tu": 2} and planned.recipients == 4
    road.at("2027-07-16 08:00")
    road.round()
    assert road.statuses() == {"accepted": 4}
    assert by_sender(road) == {"thu": (2, planned.cost_vnd), "thu-dien-tu": (2, 0)}
    road.prove_tallies()
    assert len(road.world.sent) == 2 and {letter["To"] for letter in letters(server)} == set(ADDRESSES)
    assert road.rows("SELECT count(*), count(DISTINCT contact_id) FROM broadcast") == [(4, 4)]
    first, second = letters(server)
    assert (
        first["Subject"] == "Bài đọc trên loa lúc 17:00 ngày 16/07/2027" and first["Message-ID"] != second["Message-ID"]
    )
    assert f'<a href="{BASE}/l/{token(first)}">' in words(first, "html")
    [attached] = first.iter_attachments()
    assert attached.get_filename() == "bai-doc.pdf" and attached.get_content().startswith(b"%PDF")
    road.at("2027-07-16 17:30")
    confirm(
        road.process, relay_link.hash_of(token(first)), Confirmation(1, parse_instant("2027-07-16 17:00")), by="link"
    )
    road.at("2027-07-16 20:00")
    [reminder] = remind_due(road.process)
    road.at("2027-07-17 08:00")
    road.round()
    found = road.rows("SELECT sender, status, count(*) FROM delivery WHERE run_id = :run GROUP BY 1, 2", run=reminder)
    assert sorted(found) == [("thu", "accepted", 2), ("thu-dien-tu", "accepted", 1)]
    again = letters(server)[2]
    assert again["Subject"].startswith("Nhắc") and token(again) == token(second)  # by the road it came, the same link
    assert again["Message-ID"] != second["Message-ID"]
    road.prove_tallies()


@on_one_database
def test_a_mail_server_that_refuses_us_keeps_the_sms_back(road: Road) -> None:
    with beside(MailServer({"MAIL": "530 5.7.0 log in first"})) as server:
        relays(road, server)
        road.at("2027-07-16 08:00")
        road.round()
    found = road.rows("SELECT sender, status, count(*) FROM delivery GROUP BY 1, 2")
    assert sorted(found) == [("thu", "accepted", 2), ("thu-dien-tu", "queued", 2)]
    assert road.incidents()["sender_stopped"] == 1


@on_one_database
def test_an_e_mail_whose_answer_was_lost_goes_out_again(road: Road) -> None:
    with beside(MailServer({"CONTENT": HANG_UP})) as server:
        relays(road, server, "thu-dien-tu")
        road.at("2027-07-16 08:00")
        road.round()
        assert road.statuses() == {"unknown": 2, "excluded": 2}
        for _ in range(3):
            road.later(minutes=16)
            road.round()
        assert len(server.mails) == 2 and road.incidents() == {"no_log": 2}  # a person finds out
        road.at("2027-07-17 08:00")
        remind_due(road.process)
        server.answers = {}
        road.round()
        assert len(server.mails) == 4  # a relay in doubt is reminded as every other one who has not confirmed


@on_one_database
def test_an_e_mail_goes_out_again_after_the_process_died(
    road: Road, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    relays(road, server, "thu-dien-tu")
    road.at("2027-07-16 08:00")

    def died(*_: object) -> None:
        raise LoaError("store.no-server")

    async def main() -> None:
        stop = asyncio.Event()
        async with serving(road.process) as service:
            await service.open_due()
            running = asyncio.create_task(service.dispatcher.run(stop))
            async with asyncio.timeout(30):
                while len(server.mails) < 2:
                    await asyncio.sleep(0.005)
            stop.set()
            await running

    with monkeypatch.context() as patched:  # the server has taken both, and nothing of it is ever written
        patched.setattr(calls.outcomes, "commit", died)
        patched.setattr(calls, "STORE_AGAIN", 0.01)
        asyncio.run(main())
    assert road.statuses() == {"sending": 2, "excluded": 2}
    for _ in range(3):
        road.later(minutes=16)
        road.round()
    assert road.statuses() == {"unknown": 2, "excluded": 2} and road.incidents() == {"no_log": 2}
    assert len(server.mails) == 2


@on_one_database
def test_a_relay_without_an_address_is_forgotten_in_silence(road: Road, server: MailServer) -> None:
    relays(road, server, "thu-dien-tu", approved=False)
    made = road.plan()
    assert made.runs[0].excluded == {"no_email": 2} and made.runs[0].recipients == 2 and made.warnings == []
    with road.process.database.write() as connection:
        connection.exec_driver_sql("UPDATE contact SET email_sealed = NULL")
    assert [one for one in road.plan().warnings if "phat-thanh" in one]
    _, [shown] = preview(road.snapshot(), AREAS, "phat-thanh")
    assert shown.letter == shown.text and shown.cost_vnd == shown.counted.segments == 0


@on_one_database
def test_a_rehearsal_writes_to_somebody_or_carries_an_address_away(road: Road, server: MailServer) -> None:
    relays(road, server)
    with rehearsed(road) as result:
        assert rules(result) == set() and server.connections == 0
        copied: Any = result.process.database
        with copied.read() as connection:
            sealed = connection.exec_driver_sql("SELECT DISTINCT email_sealed FROM contact").scalars().all()
            ways = connection.exec_driver_sql("SELECT sender, count(*) FROM delivery GROUP BY 1 ORDER BY 1").all()
            kept = connection.exec_driver_sql("SELECT DISTINCT status FROM delivery WHERE sender = 'thu-dien-tu'").all()
        assert set(sealed) == {None, b"-"}
        assert dict(map(tuple, ways)).keys() == {"thu", "thu-dien-tu"} and kept == [("accepted",)]
