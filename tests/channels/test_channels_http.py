"""The gateway that is described: its requests as the documents show them, its tables, its look-ups, its refusals."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from gateway_examples import ENVIRONMENT, KEY, SECRET, TOKEN, config_of, text_of

from engine.areas import registry
from engine.channels import KNOWN
from engine.channels.base import (
    BadSender,
    Decision,
    InvalidReceipt,
    LookUpFailed,
    NoLog,
    OpenedWith,
    Outcome,
    Outgoing,
    ReceiptWord,
)
from engine.channels.callback_address import in_path, marks_of
from engine.channels.http_answer import flattened, read, text_at
from engine.channels.http_gateway import HttpProvider
from engine.channels.http_template import filled
from engine.channels.http_words import Meaning, check_pattern, meaning_in, read_meaning
from engine.channels.testing.dialect import MESSAGE
from engine.channels.testing.standin import HANG_UP, Standin, reply
from engine.clock import StoppedClock, parse_instant
from engine.content.workspace import load
from engine.status import Status

LISTING: dict[str, Any] = {
    "url": "{url}/log",
    "query": {"phone": "${to_84}", "page": "${page}"},
    "success": {"field": "ok", "is": "true"},
    "items": "data.list",
    "id": "id",
    "status": "state",
    "created": "at",
    "time": "%d/%m/%Y %H:%M:%S",
    "sender": "name",
    "text": "body",
    "statuses": {"SENT": "accepted", "DONE": "delivered"},
}


def _with(letter: str, script: list[Any], **more: Any) -> Any:
    """Calls on a provider: ``await _with(...)(lambda provider: provider.fetch(...))`` → (what came, stand-in)."""

    async def run(call: Any) -> tuple[Any, Standin]:
        async with Standin(script).running() as standin:
            given = {key: _at(value, standin.url) for key, value in more.items()}
            clock = StoppedClock(parse_instant("2027-07-16 08:30"))
            provider = HttpProvider(config_of(letter, standin.url, **given), OpenedWith(clock))
            try:
                return await call(provider), standin
            finally:
                await provider.close()

    return lambda call: asyncio.run(run(call))


def _at(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {key: _at(part, url) for key, part in value.items()}
    return value.replace("{url}", url) if isinstance(value, str) else value


def _sent(letter: str, said: Any, message: Outgoing = MESSAGE, /, **more: Any) -> tuple[Outcome, Standin]:
    [outcome], standin = _with(letter, [said], **more)(lambda provider: provider.send([message]))
    return outcome, standin


def test_gateway_a_is_asked_as_its_document_says() -> None:
    _, standin = _sent("a", reply(200, {"CodeResult": "100", "SMSID": "x"}))
    [seen] = standin.seen
    assert (seen.method, seen.target) == ("POST", "/MainService.svc/json/SendMultipleMessage_V4_post_json/")
    assert seen.headers["content-type"].startswith("application/json")
    assert seen.json == {
        "ApiKey": KEY, "SecretKey": SECRET, "Phone": "0900000123", "Content": MESSAGE.body, "Brandname": "BCD138LS",
        "SmsType": "2", "IsUnicode": "1", "RequestId": "loa-7-3",
        "CallbackUrl": "http://127.0.0.1:1/receipts/cong/7.3.mark",
    }  # fmt: skip
    plain = dataclasses.replace(MESSAGE, body='Goi 111 "ngay"', receipt_url=None)
    _, standin = _sent("a", reply(200, {"CodeResult": "100", "SMSID": "x"}), plain)
    assert standin.seen[0].json["Content"] == 'Goi 111 "ngay"'
    assert standin.seen[0].json["IsUnicode"] == "0"
    assert "CallbackUrl" not in standin.seen[0].json


def test_gateway_b_is_asked_as_its_document_says() -> None:
    outcome, standin = _sent("b", reply(200, {"status": "success", "data": {"tranId": 77, "totalSMS": 2}}))
    assert (outcome.vendor_id, outcome.segments) == ("77", 2)
    assert standin.seen[0].json == {
        "to": ["84900000123"], "content": MESSAGE.body, "sms_type": 3, "sender": "BCD138LS"
    }  # fmt: skip
    assert standin.seen[0].headers["authorization"].startswith("Basic ")
    assert TOKEN not in str(standin.seen[0].headers)


def test_a_form_and_a_text_answer() -> None:
    """A third shape that is common here: a form in, one number out; a negative one is an error."""
    send = {"url": "{url}/api/", "form": {"u": "ten", "phone": "${to_84}", "sms": "${text}", "bid": "${reference}"}}
    answer = {"format": "text", "success": {"field": "0", "is": "0.."}, "id": "1", "code": "0"}
    more: dict[str, Any] = {
        "send": send, "answer": answer, "codes": {"-1": "stop (credentials)", "-9..-5": "failed (refused)"},
        "poll": None, "callback": None,
    }  # fmt: skip
    outcome, standin = _sent("b", reply(200, b"0|445566\n"), **more)
    assert (outcome.status, outcome.vendor_id) == (Status.ACCEPTED, "445566")
    assert standin.seen[0].form == {"u": "ten", "phone": "84900000123", "sms": MESSAGE.body, "bid": "7-3"}
    found = [_sent("b", reply(200, text), **more)[0] for text in (b"-1|x", b"-7|x", b"-2|x", b"", b"<html>|x")]
    assert [(outcome.status, outcome.reason) for outcome in found] == [
        ("queued", "credentials"), ("failed", "refused"), ("unknown", "unlisted_code"), ("unknown", "malformed"),
        ("unknown", "unlisted_code"),
    ]  # fmt: skip


def test_what_is_filled_in_is_never_looked_at_again() -> None:
    assert filled("${text} ${to_84} ${other}", {"text": "${to_84}", "to_84": "1"}) == "${to_84} 1 ${other}"
    tricky = dataclasses.replace(MESSAGE, body='${to_84}", "Phone": "0900000999')
    _, standin = _sent("a", reply(200, {"CodeResult": "100", "SMSID": "x"}), tricky)
    assert standin.seen[0].json["Content"] == tricky.body
    assert standin.seen[0].json["Phone"] == "0900000123"


def test_a_text_that_the_gateway_cannot_take_stops_the_sender_before_any_call() -> None:
    outcome, standin = _sent("b", HANG_UP, accents="none")
    assert (outcome.status, outcome.decision, outcome.reason) == (Status.QUEUED, Decision.STOP_SENDER, "text")
    assert standin.seen == []


def test_a_gateways_code_and_status_are_stored_in_clear_and_so_hold_no_number() -> None:
    outcome, _ = _sent("a", reply(200, {"CodeResult": "so 0900000123"}))
    assert outcome.code == "so [số]"
    odd = {"SMSID": "m1", "SendStatus": "0900000123", "SendSuccess": "1"}
    assert "0900000123" not in _word("a", "7.3.mark", odd).vendor_status


@pytest.mark.parametrize(("said", "segments"), [(2, 2), (0, None), ("²", None), (1000, None), (None, None)])
def test_a_count_of_segments_is_believed_only_when_it_is_one(said: Any, segments: int | None) -> None:
    outcome, _ = _sent("b", reply(200, {"status": "success", "data": {"tranId": 7, "totalSMS": said}}))
    assert (outcome.status, outcome.segments) == (Status.ACCEPTED, segments)


def test_a_text_that_no_request_can_carry_fails_alone() -> None:
    outcome, standin = _sent("a", HANG_UP, dataclasses.replace(MESSAGE, body="Gọi \ud83d"))
    assert (outcome.status, outcome.reason, standin.seen) == (Status.FAILED, "unreadable", [])


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, b"<html>", (Status.QUEUED, Decision.STOP_SENDER, "account")),
        (401, b"", (Status.QUEUED, Decision.STOP_SENDER, "credentials")),
        (503, {"CodeResult": "99"}, (Status.UNKNOWN, Decision.NONE, "vendor_error")),
        (200, {"CodeResult": "100"}, (Status.UNKNOWN, Decision.NONE, "malformed")),
        (200, {"CodeResult": "100", "SMSID": "x" * 201}, (Status.UNKNOWN, Decision.NONE, "malformed")),
        (200, {"CodeResult": "100", "SMSID": None}, (Status.UNKNOWN, Decision.NONE, "malformed")),
        (200, {"CodeResult": "124"}, (Status.UNKNOWN, Decision.NONE, "duplicate")),
        (200, {"CodeResult": 99}, (Status.FAILED, Decision.NONE, "blocked")),
        (200, {"CodeResult": "146"}, (Status.QUEUED, Decision.STOP_SENDER, "text")),
    ],
)
def test_only_what_is_definite_is_called_so(status: int, body: Any, expected: tuple[Any, ...]) -> None:
    outcome, _ = _sent("a", reply(status, body))
    assert (outcome.status, outcome.decision, outcome.reason) == expected


def test_a_status_in_the_answer_to_a_hand_over_is_read_too() -> None:
    answer = {"success": {"field": "ok", "is": "1"}, "id": "id", "status": "state", "code": "err"}
    more: dict[str, Any] = {"answer": answer, "statuses": {"D": "delivered", "F": "failed"}}
    found = {
        state: _sent("a", reply(200, {"ok": 1, "id": 5, "state": state, "err": "99"}), **more)[0] for state in "DFX"
    }
    assert (found["D"].status, found["D"].reason) == (Status.DELIVERED, None)
    assert (found["F"].status, found["F"].reason, found["F"].vendor_id) == (Status.FAILED, "blocked", "5")
    assert (found["X"].status, found["X"].reason, found["X"].detail) == (Status.UNKNOWN, "unknown_status", "X")


@pytest.mark.parametrize(
    ("letter", "answer", "status", "target"),
    [
        ("a", {"CodeResponse": "100", "SendStatus": 5, "SendSuccess": 1}, "delivered", "RefId=m%2F1&ApiKey="),
        ("a", {"CodeResponse": "100", "SendStatus": 5, "SendSuccess": 0}, "failed", ""),
        ("a", {"CodeResponse": "100", "SendStatus": 1, "SendSuccess": 0}, "accepted", ""),
        ("a", {"CodeResponse": "100", "SendStatus": 99, "SendSuccess": 0}, "unknown", ""),
        ("b", {"status": "success", "data": [{"phone": "84…", "status": 0}]}, "delivered", "/status/m%2F1"),
        ("b", {"status": "success", "data": [{"status": 63}]}, "accepted", ""),
        ("b", {"status": "success", "data": [{"status": 64}]}, "failed", ""),
    ],
)
def test_a_message_is_asked_about_by_the_gateways_id(letter: str, answer: Any, status: str, target: str) -> None:
    message, standin = _with(letter, [reply(200, answer)])(lambda provider: provider.fetch("m/1"))
    assert message.status == status
    assert (message.created_at, message.vendor_id) == (datetime(2027, 7, 16, 1, 30, tzinfo=UTC), "m/1")
    assert target in standin.seen[0].target
    assert standin.seen[0].method == "GET"


@pytest.mark.parametrize(
    ("answer", "reason", "decision", "retry_after"),
    [
        (reply(429, b"", {"Retry-After": "3"}), "throttled", Decision.RETRY, 3.0),
        (reply(200, {"CodeResponse": "101"}), "credentials", Decision.STOP_SENDER, None),
        (reply(200, {"CodeResponse": "105"}), "vendor_error", Decision.NONE, None),
        (reply(200, {"CodeResponse": "99"}), "vendor_error", Decision.NONE, None),
        (reply(200, {"CodeResponse": "100"}), "malformed", Decision.NONE, None),
        (reply(500, b"oops"), "vendor_error", Decision.NONE, None),
        (reply(200, b"{"), "vendor_error", Decision.NONE, None),
        (HANG_UP, "no_answer", Decision.NONE, None),
    ],
)
def test_a_question_without_a_good_answer_proves_nothing(
    answer: Any, reason: str, decision: Decision, retry_after: float | None
) -> None:
    with pytest.raises(LookUpFailed) as failed:
        _with("a", [answer])(lambda provider: provider.fetch("m1"))
    assert (failed.value.reason, failed.value.decision, failed.value.retry_after) == (reason, decision, retry_after)


def test_without_a_poll_or_a_listing_nobody_is_asked() -> None:
    with pytest.raises(NoLog):
        _with("a", [HANG_UP], poll=None)(lambda provider: provider.fetch("m1"))
    with pytest.raises(NoLog):
        _with("a", [HANG_UP])(lambda provider: provider.list_to("+84900000123"))


def _item(key: str, at: str = "16/07/2027 08:31:05", **more: Any) -> dict[str, Any]:
    return {"id": key, "state": "SENT", "at": at, "name": "BCD138LS", "body": "x"} | more


def _page(*items: dict[str, Any]) -> bytes:
    return reply(200, {"ok": True, "data": {"list": list(items)}})


def test_every_page_of_a_listing_is_read_and_its_times_are_vietnams() -> None:
    script = [
        _page(_item("1"), _item("2", state="odd")),
        _page(_item("3", "16/07/2027 09:00:00", state="DONE")),
        _page(),
    ]
    found, standin = _with("a", script, listing=LISTING)(lambda provider: provider.list_to("+84900000123"))
    assert [(message.vendor_id, message.status) for message in found] == [
        ("3", "delivered"), ("1", "accepted"), ("2", "unknown"),
    ]  # fmt: skip
    assert found[1].created_at == datetime(2027, 7, 16, 1, 31, 5, tzinfo=UTC)
    assert (found[0].sender, found[0].body) == ("BCD138LS", "x")
    assert [request.target for request in standin.seen] == [f"/log?phone=84900000123&page={page}" for page in (1, 2, 3)]


@pytest.mark.parametrize(
    ("script", "more", "reason"),
    [
        ([_page(_item("1"))], {}, "incomplete"),  # it never ends
        ([_page(_item("1"), _item("2"))], {"query": {"phone": "${to_84}"}, "most": 2}, "incomplete"),
        ([_page(_item("1", at="yesterday"))], {}, "malformed"),
        ([_page({"id": "1"})], {}, "malformed"),
        ([reply(200, {"ok": True, "data": {}})], {}, "malformed"),
        ([reply(200, {"ok": False})], {}, "vendor_error"),
    ],
)
def test_a_listing_that_is_not_whole_proves_no_absence(script: list[Any], more: dict[str, Any], reason: str) -> None:
    with pytest.raises(LookUpFailed, match=reason):
        _with("a", script, listing=LISTING | more)(lambda provider: provider.list_to("+84900000123"))


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("iso", "2027-07-16T01:31:05+00:00", 5),
        ("iso", "2027-07-16 08:31:05", 5),
        ("seconds", "1815701465", 5),
        ("milliseconds", "1815701465000", 5),
    ],
)
def test_times_of_a_listing_in_every_form(form: str, text: str, expected: int) -> None:
    script = [_page(_item("1", text)), _page()]
    found, _ = _with("a", script, listing=LISTING | {"time": form})(lambda provider: provider.list_to("+84900000123"))
    assert found[0].created_at == datetime(2027, 7, 16, 1, 31, expected, tzinfo=UTC)


def _word(
    letter: str, path: str, form: dict[str, str], headers: dict[str, str] | None = None, **more: Any
) -> ReceiptWord:
    word, _ = _with(letter, [], **more)(
        lambda provider: _now(provider.read_receipt(f"https://loa.example/receipts/cong/{path}", headers or {}, form))
    )
    return word


async def _now(value: Any) -> Any:
    return value


def test_a_report_says_whose_it_is_by_its_address_its_reference_or_its_id() -> None:
    said = {"SMSID": "m1", "SendStatus": "5", "SendSuccess": "1"}
    assert _word("a", "7.3.mark", said) == ReceiptWord(7, 3, "m1", Status.DELIVERED, "5/1")
    assert _word("a", "fixed.mark", said) == ReceiptWord(None, 0, "m1", Status.DELIVERED, "5/1")
    assert _word("a", "fixed.mark", said | {"RequestId": "loa-12-2"}).delivery_id == 12
    assert _word("a", "fixed.mark", said | {"RequestId": "loa-x-2"}).delivery_id is None
    assert _word("a", "7.3.mark", said | {"RequestId": "loa-12-2"}).delivery_id == 7
    odd = _word("a", "7.3.mark", said | {"SendStatus": "99"})
    assert (odd.status, odd.vendor_status) == (None, "99/1")
    assert _word("b", "fixed.m", {"tranId": "77", "status": "64"}).reason == "unreachable"


@pytest.mark.parametrize(
    ("path", "form", "more"),
    [
        ("7.mark", {"SMSID": "m1", "SendStatus": "5", "SendSuccess": "1"}, {}),
        ("", {"SMSID": "m1", "SendStatus": "5", "SendSuccess": "1"}, {}),
        ("7.3.mark", {"SendStatus": "5", "SendSuccess": "1"}, {}),
        ("7.3.mark", {"SMSID": "m1", "SendStatus": "5"}, {}),
        ("7.3.mark", {"SMSID": "m1", "SendStatus": "5", "SendSuccess": "1"}, {"callback": None, "send": None}),
    ],
)
def test_a_report_that_lacks_something_is_refused(path: str, form: dict[str, str], more: dict[str, Any]) -> None:
    if "send" in more:
        more = {"callback": None, "send": {"url": "{url}", "form": {"to": "${to_84}", "text": "${text}"}}}
    with pytest.raises(InvalidReceipt):
        _word("a", path, form, **more)


def test_an_address_with_its_marks_in_the_path_says_what_the_query_said() -> None:
    assert in_path("https://loa.example/receipts/a%20b?d=7&a=3&s=m.k") == "https://loa.example/receipts/a%20b/7.3.m.k"
    assert marks_of("https://loa.example/receipts/a/7.3.m.k?SMSID=1.2.3") == (7, 3, "m.k")
    assert marks_of("https://loa.example/receipts/a/fixed.mark") == (None, 0, "mark")
    assert [marks_of(f"https://x/receipts/a/{end}") for end in ("a", "7.x.m", "-1.2.m", "²." * 3)] == [None] * 4


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("failed", Meaning("failed")),
        ("Failed ( blocked )", Meaning("failed", "blocked")),
        ("dừng (balance)", Meaning("stop", "balance")),
        ("đến máy", Meaning("delivered")),
        ("opt-out", Meaning("opt_out")),
    ],
)
def test_meanings_in_words(text: str, meaning: Meaning) -> None:
    assert read_meaning(text) == meaning


@pytest.mark.parametrize("text", ["", "sent", "failed blocked", "failed (because)", "failed (blocked", None, "()"])
def test_words_without_a_meaning_are_refused(text: Any) -> None:
    with pytest.raises(BadSender):
        read_meaning(text)


def test_a_table_prefers_what_is_said_exactly() -> None:
    table = {"*": Meaning("unknown"), "1..9": Meaning("failed"), "5": Meaning("delivered"), "-1": Meaning("stop")}
    found = {value: meaning_in(table, (value,)).word for value in ("5", "6", "-1", "-5", "10", "x", "٣")}  # type: ignore[union-attr]
    assert found == {
        "5": "delivered", "6": "failed", "-1": "stop", "-5": "unknown", "10": "unknown", "x": "unknown", "٣": "failed",
    }  # fmt: skip
    assert meaning_in({"5/*": Meaning("failed"), "5/1": Meaning("delivered")}, ("5", "1")) == Meaning("delivered")
    assert meaning_in({"5": Meaning("failed")}, ("5", "1")) is None
    for pattern in ("", "9..1", "1..x", "a..b", "5/", "x" * 65):
        with pytest.raises(BadSender):
            check_pattern(pattern)


def test_answers_are_read_whatever_they_are() -> None:
    assert read(b'\xef\xbb\xbf{"a": 1}', "json") == {"a": 1}
    assert read(b"a=1&b=", "form") == {"a": "1", "b": ""}
    assert read(b" OK: 5 | x ", "text") == ["OK: 5", "x"]
    for broken in (b"[" * 100_000, b"\xff", b"", b"{"):
        assert read(broken, "json") is None
    tree = {"a": [{"b": True, "c": 1.0, "d": None, "e": {"f": "x"}}]}
    ways = [("a", "0", key) for key in "bcde"]
    assert [text_at(tree, way) for way in ways] == ["true", "1", None, None]
    assert text_at(tree, ("a", "7", "b")) is None
    assert flattened({"a": {"b": [1, {"c": False}]}, "d": None}) == {"a.b.0": "1", "a.b.1.c": "false"}
    assert len(flattened({str(number): number for number in range(1000)})) == 200


# What ``loa check`` says of the example with one thing spoiled: the code, and what stands at the place it names.
URL = "https://gateway-a.example/MainService.svc/json/SendMultipleMessage_V4_post_json/"
SPOILED = [
    (URL, "http://gateway-a.example/x", "http-plain", "http://gateway-a"),
    (URL, "gateway-a.example/x", "http-address", "gateway-a"),
    (URL, "https://a:b@gateway-a.example/x", "http-address", "https://a:b"),
    (URL, URL + "?api_key=abc", "http-secret-in-address", "https://"),
    (URL, URL + "${to_84}", "http-person-in-address", "https://"),
    ('"${GATEWAY_A_SECRET}"\n        Phone', "abcdef\n        Phone", "secret-written", "abcdef"),
    ('"${text}"', '"${txt}"', "unknown-place", '"${txt}"'),
    ('"${text}"', '"${id}"', "http-place", '"${id}"'),
    ('"${text}"', "chào", "http-missing-place", "url: https"),
    ("json:\n        ApiKey", "jsn:\n        ApiKey", "unknown-key", "jsn:"),
    ("field: CodeResult, is", "field: Code Result, is", "http-way", "Code Result"),
    ('is: "100"}\n      id', 'is: "9..1"}\n      id', "http-pattern", '"9..1"'),
    ("failed (blocked) ", "faild (blocked) ", "http-meaning", "faild"),
    ("failed (blocked) ", "failed (becaus) ", "http-reason", "failed (becaus)"),
    ('"5/1": delivered', '"5/": delivered', "http-pattern", "delivered"),
    ("        status: [SendStatus, SendSuccess]\n        code", "        code", "http-no-status", "success:"),
    ('RefId: "${id}"', 'RefId: "1"', "http-missing-place", "url: https"),
    ("    send:\n", "    send:\n      method: GET\n", "http-post-only", "GET"),
    ("    send:\n", "    send:\n      headers: {Host: x}\n", "http-header", "x}"),
    ("    send:\n", '    send:\n      headers: {X-To: "${to_84}"}\n', "http-header", '"${to_84}"}'),
    ("    send:\n", "    send:\n      headers: {X-Api-Key: abc}\n", "secret-written", "abc}"),
    ("    send:\n", '    send:\n      basic: "a:b"\n', "secret-written", '"a:b"'),
    ("    send:\n", "    send:\n      bare: [Content]\n", "http-bare", '"${text}"'),
    ("    send:\n", "    send:\n      form: {a: b}\n", "http-one-body", "form:"),
    ("    poll:\n", "    poll:\n      form: {a: b}\n", "http-get-body", "form:"),
    ("    codes:\n", "    listing: {url: https://x, items: a, id: b, status: c, created: d, time: now}\n    codes:\n",
     "http-time", "now}"),
    ("    callback:\n      id: SMSID\n      status: [SendStatus, SendSuccess]\n      reference: RequestId\n", "",
     "http-no-callback", "url: https"),
    ("  cong-a:\n", "  cong-a:\n    accents: maybe\n", "not-one-of", "maybe"),
]  # fmt: skip


def _checked(folder: Path, text: str, environment: dict[str, str]) -> list[tuple[str, str]]:
    """Every problem of a workspace with this sender: its code, and the text at its place."""
    head = 'organisation: {name: Ban Chỉ đạo 138 tỉnh Lạng Sơn, province: "20"}\n'
    (folder / "loa.yaml").write_text(head + text, encoding="utf-8")
    found = load(folder, vendors=KNOWN, registry=registry.load(), environment=environment)
    lines = (head + text).splitlines()
    return [(problem.code, lines[problem.line - 1][problem.column - 1 :]) for problem in found.problems]


@pytest.mark.parametrize("letter", ["a", "b"])
def test_the_worked_examples_have_no_fault(letter: str, tmp_path: Path) -> None:
    assert _checked(tmp_path, text_of(letter, f"https://gateway-{letter}.example"), ENVIRONMENT) == []


@pytest.mark.parametrize("environment", [ENVIRONMENT, {}], ids=["set", "unset"])
@pytest.mark.parametrize(("before", "after", "code", "there"), SPOILED, ids=[f"{row[2]} {row[3]}" for row in SPOILED])
def test_every_fault_of_a_described_gateway_is_named_at_its_place(
    before: str, after: str, code: str, there: str, environment: dict[str, str], tmp_path: Path
) -> None:
    text = text_of("a", "https://gateway-a.example")
    assert before in text
    problems = _checked(tmp_path, text.replace(before, after, 1), environment)
    assert any(said == code and at.startswith(there) for said, at in problems), problems


def test_no_sentence_of_ours_repeats_a_secret(tmp_path: Path) -> None:
    text = text_of("a", "https://gateway-a.example").replace('"${GATEWAY_A_SECRET}"', "very-secret-thing", 1)
    (tmp_path / "loa.yaml").write_text(text, encoding="utf-8")
    found = load(tmp_path, vendors=KNOWN, registry=registry.load(), environment=ENVIRONMENT)
    assert "secret-written" in {problem.code for problem in found.problems}
    assert not any("very-secret-thing" in str(problem) for problem in found.problems)
