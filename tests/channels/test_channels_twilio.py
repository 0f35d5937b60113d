"""Twilio's words, signatures and look-ups, and the keys of its senders."""

import asyncio
import dataclasses
import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from twilio.request_validator import RequestValidator

from engine.channels import VENDORS, vendor
from engine.channels.base import (
    BadSender,
    Decision,
    InvalidReceipt,
    LookUpFailed,
    OpenedWith,
    Outcome,
    Outgoing,
    VendorMessage,
)
from engine.channels.testing.standin import HANG_UP, Standin, reply
from engine.channels.transport import Transport
from engine.channels.twilio import TwilioProvider
from engine.channels.twilio_errors import ERRORS, STATUSES, meaning_of
from engine.channels.twilio_receipts import is_signed
from engine.clock import SystemClock
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.breaker import Word, said
from engine.status import Status

ACCOUNT, TOKEN = "AC" + "0" * 32, "token-of-clay"
URL = "https://loa.example/receipts/twilio?d=41&a=2"


def _config(**keys: object) -> object:
    return vendor("twilio").schema.model_validate({"from": "BCD138LS", "account": ACCOUNT, "token": TOKEN} | keys)


def _provider(url: str | None = None, patience: float = 20.0, **keys: object) -> TwilioProvider:
    transport = Transport(connect_seconds=patience / 2, total_seconds=patience)
    return TwilioProvider(_config(**keys), OpenedWith(SystemClock(), url), transport)


def _word(form: dict[str, str], url: str = URL, token: str = TOKEN) -> object:
    async def read() -> object:
        provider = _provider()
        try:
            signed = RequestValidator(token).compute_signature(url, form)
            return provider.read_receipt(url, {"x-twilio-signature": signed}, form)
        finally:
            await provider.close()

    return asyncio.run(read())


def _form(status: str, code: int | None = None) -> dict[str, str]:
    form = {"MessageSid": "SM" + "a" * 32, "MessageStatus": status, "AccountSid": ACCOUNT, "To": "+84900000123"}
    return form | ({"ErrorCode": str(code)} if code else {})


# CHANNELS' table, written a second time: what a code is in a receipt, and what it is as the answer to a create.
RECEIPT_AND_CREATE = [
    (20429, Status.FAILED, Status.QUEUED, Decision.RETRY),
    (21611, Status.FAILED, Status.QUEUED, Decision.HOLD_SENDER),
    (30001, Status.FAILED, Status.QUEUED, Decision.HOLD_SENDER),
    (30003, Status.FAILED, Status.FAILED, Decision.NONE),
    (21211, Status.FAILED, Status.FAILED, Decision.NONE),
    (21214, Status.FAILED, Status.FAILED, Decision.NONE),
    (21610, Status.FAILED, Status.FAILED, Decision.OPT_OUT),
    (21614, Status.FAILED, Status.FAILED, Decision.NONE),
    (21635, Status.FAILED, Status.FAILED, Decision.NONE),
    (21612, Status.FAILED, Status.FAILED, Decision.NONE),
    (30004, Status.FAILED, Status.FAILED, Decision.NONE),
    (30005, Status.FAILED, Status.FAILED, Decision.NONE),
    (30006, Status.FAILED, Status.FAILED, Decision.NONE),
    (30007, Status.FAILED, Status.FAILED, Decision.HOLD_SENDER),
    (20003, Status.FAILED, Status.QUEUED, Decision.STOP_SENDER),
    (20005, Status.FAILED, Status.QUEUED, Decision.STOP_SENDER),
    (30002, Status.FAILED, Status.QUEUED, Decision.STOP_SENDER),
    (30008, Status.FAILED, Status.FAILED, Decision.NONE),
    (30036, Status.EXPIRED, Status.EXPIRED, Decision.NONE),
    (39999, Status.FAILED, Status.FAILED, Decision.NONE),
]


@pytest.mark.parametrize(("code", "in_receipt", "at_create", "decision"), RECEIPT_AND_CREATE)
def test_every_error_code_means_what_the_table_says(
    code: int, in_receipt: Status, at_create: Status, decision: Decision
) -> None:
    word = _word(_form("undelivered", code))
    assert (word.status, word.decision, word.code) == (in_receipt, decision, str(code))
    assert meaning_of(code).at_create is at_create


@pytest.mark.parametrize(
    ("said", "status"),
    [
        *((word, Status.ACCEPTED) for word in ("accepted", "scheduled", "queued", "sending", "sent")),
        ("delivered", Status.DELIVERED),
        ("read", Status.DELIVERED),
        *((word, Status.FAILED) for word in ("undelivered", "failed", "canceled")),
        *((word, None) for word in ("receiving", "received", "teleported")),
    ],
)
def test_every_status_word_has_one_meaning_and_an_unknown_one_none(said: str, status: Status | None) -> None:
    word = _word(_form(said))
    assert (word.status, word.vendor_status, word.delivery_id, word.attempt) == (status, said, 41, 2)


def test_no_final_word_sends_a_delivery_back_into_the_queue() -> None:
    assert {meaning.final for meaning in ERRORS.values()} == {Status.FAILED, Status.EXPIRED}
    assert set(STATUSES.values()) == {Status.ACCEPTED, Status.DELIVERED, Status.FAILED}


def test_a_code_beside_a_good_status_changes_nothing() -> None:
    assert _word(_form("delivered", 30003)).status is Status.DELIVERED


@pytest.mark.parametrize(
    ("url", "form", "token", "reason"),
    [
        (URL, _form("sent"), "another token", "signature"),
        (URL, _form("sent") | {"AccountSid": "AC" + "1" * 32}, TOKEN, "account"),
        (URL, {"MessageStatus": "sent"}, TOKEN, "form"),
        (URL, {"MessageSid": "SM1"}, TOKEN, "form"),
        (URL.replace("d=41", ""), _form("sent"), TOKEN, "address"),
        (URL.replace("a=2", "a=two"), _form("sent"), TOKEN, "address"),
        (URL.replace("a=2", "a=-2"), _form("sent"), TOKEN, "address"),
        (URL + "&d=42", _form("sent"), TOKEN, "address"),
    ],
)
def test_a_receipt_that_is_not_twilios_or_not_ours_is_refused(
    url: str, form: dict[str, str], token: str, reason: str
) -> None:
    with pytest.raises(InvalidReceipt, match=reason):
        _word(form, url, token)


def test_a_receipt_with_one_field_changed_is_refused() -> None:
    signed = RequestValidator(TOKEN).compute_signature(URL, _form("sent"))
    assert is_signed(URL, _form("sent"), signed, TOKEN)
    assert not is_signed(URL, _form("delivered"), signed, TOKEN)
    assert not is_signed(URL.replace("d=41", "d=42"), _form("sent"), signed, TOKEN)
    assert not is_signed(URL, _form("sent"), "", TOKEN)
    assert not is_signed(URL, _form("sent"), "đ", TOKEN)


@settings(deadline=None)  # a wall-clock limit fails on a busy machine and says nothing about the code
@given(
    st.sampled_from(
        ["https://loa.example", "http://loa.example:8138", "https://loa.example:443", "http://127.0.0.1:80"]
    ),
    st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=6),
    st.sampled_from(["", ":443", ":80", ":8138"]),
)
@example("https://loa.example", {"Body": "Xin chào"}, "")
def test_our_check_of_a_signature_agrees_with_the_sdks(base: str, form: dict[str, str], signed_port: str) -> None:
    url = f"{base}/r?d=1&a=1"
    signed_url = f"{base.rsplit(':', 1)[0] if base.count(':') > 1 else base}{signed_port}/r?d=1&a=1"
    reference = RequestValidator(TOKEN)
    signature = reference.compute_signature(signed_url, form)
    assert is_signed(url, form, signature, TOKEN) == reference.validate(url, form, signature)


def _resource(sid: str, second: int = 0, **keys: object) -> dict[str, object]:
    when = f"Fri, 16 Jul 2027 01:00:{second:02d} +0000"
    return {"sid": sid, "status": "sent", "from": "BCD138LS", "to": "+84900000123", "body": "x"} | {
        "date_created": when, "error_code": None, "messaging_service_sid": None, "num_segments": "1"
    } | keys  # fmt: skip


def _look(script: list, how: str, what: str) -> tuple[object, Standin]:
    async def run() -> tuple[object, Standin]:
        async with Standin(script).running() as standin:
            provider = _provider(standin.url)
            try:
                return await getattr(provider, how)(what), standin
            finally:
                await provider.close()

    return asyncio.run(run())


def test_every_page_of_the_vendors_log_is_read_newest_first() -> None:
    second = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=%2B84900000123&PageSize=1000&Page=1&PageToken=PA1"
    pages = [
        reply(
            200, {"messages": [_resource("SM1", 1), _resource("SM2", 9, status="received")], "next_page_uri": second}
        ),
        reply(200, {"messages": [_resource("SM3", 5, status="odd")], "next_page_uri": None}),
    ]
    found, standin = _look(pages, "list_to", "+84900000123")
    assert [message.vendor_id for message in found] == ["SM3", "SM1"]
    assert (found[0].status, found[0].detail) == (Status.UNKNOWN, "odd")
    assert standin.seen[0].target == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=%2B84900000123&PageSize=1000"
    assert standin.seen[1].target == second
    assert found[1].created_at == datetime(2027, 7, 16, 1, 0, 1, tzinfo=UTC)


def test_a_message_is_fetched_or_known_to_be_absent() -> None:
    found, _ = _look([reply(200, _resource("SM1", status="undelivered", error_code=30003))], "fetch", "SM1")
    assert isinstance(found, VendorMessage)
    assert (found.status, found.code, found.reason) == (Status.FAILED, "30003", "unreachable")
    absent, _ = _look([reply(404, {"code": 20404, "message": "no", "status": 404})], "fetch", "SM1")
    assert absent is None


@pytest.mark.parametrize("how", ["fetch", "list_to"])
@pytest.mark.parametrize(
    ("answer", "reason", "decision", "retry_after"),
    [
        (reply(429, {"code": 20429}, {"Retry-After": "3"}), "throttled", Decision.RETRY, 3.0),
        (reply(401, {"code": 20003}), "credentials", Decision.STOP_SENDER, None),
        (reply(500, b"oops"), "vendor_error", Decision.NONE, None),
        (reply(404, b"<html>"), "vendor_error", Decision.NONE, None),
        (reply(200, b"{"), "malformed", Decision.NONE, None),
        (reply(200, {"messages": [{}]}), "malformed", Decision.NONE, None),
        (HANG_UP, "no_answer", Decision.NONE, None),
    ],
)
def test_a_log_that_cannot_be_read_proves_nothing(
    how: str, answer: object, reason: str, decision: Decision, retry_after: float | None
) -> None:
    with pytest.raises(LookUpFailed) as failed:
        _look([answer], how, "+84900000123")
    assert (failed.value.reason, failed.value.decision, failed.value.retry_after) == (reason, decision, retry_after)
    assert "84900000123" not in str(failed.value)


def test_a_request_says_what_twilio_documents_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    message = Outgoing(1, 1, "+84900000123", "Tiền & việc = 111?", 99_999, "http://127.0.0.1:1/r?d=1&a=1")

    async def run(message: Outgoing, **keys: object) -> Standin:
        async with Standin([reply(201, _resource("SM1")), reply(200, {"messages": []})]).running() as standin:
            provider = _provider(standin.url, **keys)
            await provider.send([message])
            await provider.list_to(message.to) if keys else None
            await provider.close()
            return standin

    caplog.set_level(logging.DEBUG)
    [seen] = asyncio.run(run(message)).seen
    assert (seen.method, seen.target) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert seen.form == {
        "To": message.to, "From": "BCD138LS", "Body": message.body, "ValidityPeriod": "36000",
        "StatusCallback": message.receipt_url,
    }  # fmt: skip
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.headers["user-agent"].startswith("twilio-python/")
    bare = dataclasses.replace(message, receipt_url=None, valid_seconds=0)
    seen = asyncio.run(run(bare, messaging_service="MG" + "0" * 32, **{"from": None}, region="sg1", edge="x1")).seen[0]
    assert seen.form["MessagingServiceSid"] == "MG" + "0" * 32
    assert (seen.form["ValidityPeriod"], "From" in seen.form, "StatusCallback" in seen.form) == ("1", False, False)
    for secret in ("84900000123", "việc", TOKEN):
        assert secret not in caplog.text


def test_region_and_edge_reach_the_address() -> None:
    async def run() -> tuple[str, bool]:
        provider = _provider(region="sg1", edge="singapore")
        await provider.close()
        return str(provider._address), provider.live

    address, live = asyncio.run(run())
    assert address == f"https://api.singapore.sg1.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert live


@pytest.mark.parametrize(
    ("url", "live"), [(None, True), ("https://relay.example", True), ("http://127.0.0.1:8139", False)]
)
def test_only_a_loopback_address_is_not_live(url: str | None, live: bool) -> None:
    async def run() -> bool:
        provider = vendor("twilio").open("brandname", _config(), OpenedWith(SystemClock(), url))
        await provider.close()
        return provider.live

    assert asyncio.run(run()) is live


def test_the_password_never_crosses_the_network_in_clear() -> None:
    async def run() -> None:
        TwilioProvider(_config(), OpenedWith(SystemClock(), "http://relay.example"))

    with pytest.raises(BadSender):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"from": "MORE THAN ELEVEN"}, "bad-sender-name"),
        ({"from": "1234567890123456"}, "bad-sender-name"),
        ({"from": "BCĐ138"}, "bad-sender-name"),
        ({"from": None}, "one-sender"),
        ({"messaging_service": "MG" + "0" * 32}, "one-sender"),
        ({"from": None, "messaging_service": "MG1"}, "bad-messaging-service"),
        ({"account": "AC1"}, "bad-account"),
        ({"region": "evil.example/"}, "bad-place"),
    ],
)
def test_a_sender_that_twilio_cannot_use_is_refused_with_a_sentence(keys: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _config(**keys)
    [error] = refused.value.errors()
    assert error["ctx"]["error"].key == f"channels.{key}"
    assert str(error["ctx"]["error"])


def test_good_senders_are_taken_and_secrets_stay_hidden() -> None:
    for sender in ("BCD138LS", "+84900000123", "19001", "CA-138"):
        assert _config(**{"from": sender}).sender == sender
    written = _config(account="${TWILIO_ACCOUNT_SID}", token="${TWILIO_AUTH_TOKEN}")
    assert written.account == "${TWILIO_ACCOUNT_SID}"
    assert TOKEN not in repr(_config())
    schema = vendor("twilio").schema.model_json_schema()
    assert schema["properties"]["token"]["secret"] is True


def test_an_unknown_vendor_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("vi", "en"):
        monkeypatch.setenv("LOA_LANG", language)
        with pytest.raises(LoaError, match="twilio"):
            vendor("twillio")
        assert "${TWILIO_ACCOUNT_SID}" in sentence("channels.bad-account")
    assert all(name == entry.name for name, entry in VENDORS.items())


def test_the_adapter_and_the_sandbox_speak_together_over_http() -> None:
    """Send, callback-less settle by fetch and list, against the real server: 40 numbers, each once."""
    from engine.sandbox.server import Sandbox
    from engine.sandbox.service import listen, serve

    async def run(ledger: Path) -> None:
        urls: asyncio.Queue[str] = asyncio.Queue()
        app = Sandbox(ledger, SystemClock())
        serving = asyncio.create_task(serve(app, listen(0), urls.put_nowait))
        provider = _provider(await urls.get())
        batch = [Outgoing(number, 1, f"+84900000{number:03d}", "Xin chào", 600, None) for number in range(40)]
        outcomes = await provider.send(batch)
        taken = [outcome for outcome in outcomes if outcome.status is Status.ACCEPTED]
        assert len(taken) == len(app.log) == 40 - sum(outcome.reason == "opted_out" for outcome in outcomes)
        first = taken[0]
        [listed] = await provider.list_to(batch[first.delivery_id].to)
        fetched = await provider.fetch(first.vendor_id)
        assert listed.vendor_id == fetched.vendor_id == first.vendor_id
        assert (listed.sender, fetched.status, first.segments) == (provider.sender, Status.ACCEPTED, 1)
        assert await provider.fetch("SM" + "f" * 32) is None
        await provider.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder) / "ledger.jsonl"))


def test_whatever_fails_only_an_unknown_outcome_may_hide_an_accepted_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise that everything else stands on: accepted is in the vendor's log, queued and failed never are."""
    from engine.sandbox.faults import Faults
    from engine.sandbox.server import Sandbox
    from engine.sandbox.service import listen, serve

    async def run() -> tuple[dict[str, set[str]], list[str]]:
        urls: asyncio.Queue[str] = asyncio.Queue()
        app = Sandbox(None, SystemClock(), Faults(error_rate=0.2, drop_response_rate=0.2, rate=60))
        serving = asyncio.create_task(serve(app, listen(0), urls.put_nowait))
        provider = _provider(await urls.get())
        batch = [Outgoing(number, 1, f"+84900000{number:03d}", "Xin chào", 600, None) for number in range(200)]
        by_status: dict[str, set[str]] = {status: set() for status in Status}
        for outcome in await provider.send(batch):
            by_status[outcome.status].add(batch[outcome.delivery_id].to)
        logged = [message.to for message in app.log]
        await provider.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return by_status, logged

    # The gate's second stands still: how many are throttled must not depend on how busy the machine is.
    monkeypatch.setattr("engine.sandbox.server.clocks.monotonic", lambda: 5.0)
    by_status, logged = asyncio.run(run())
    assert len(by_status[Status.QUEUED]) == 140
    assert len(logged) == len(set(logged)), "one POST made two messages"
    assert by_status[Status.ACCEPTED] <= set(logged) <= by_status[Status.ACCEPTED] | by_status[Status.UNKNOWN]
    assert all(by_status[status] for status in (Status.ACCEPTED, Status.UNKNOWN, Status.QUEUED))
    assert set(logged) & by_status[Status.UNKNOWN], "no answer was lost after the message was taken"


def test_words_that_no_request_can_carry_are_refused_here_and_not_in_doubt() -> None:
    """``unknown`` would be looked up for a quarter of an hour, proven absent, and tried for ever."""

    async def send() -> tuple[Outcome, int]:
        async with Standin([HANG_UP]).running() as standin:
            provider = _provider(standin.url)
            try:
                [outcome] = await provider.send([Outgoing(1, 1, "+84900000123", "Gọi \ud83d", 60, None)])
            finally:
                await provider.close()
            return outcome, standin.posts()

    outcome, posts = asyncio.run(send())
    assert (outcome.status, outcome.reason, posts) == (Status.FAILED, "unreadable", 0)
    assert said(outcome).word is Word.NOTHING, "a probe that never left proves nothing about the sender"
