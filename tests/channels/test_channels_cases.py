"""One table of cases for every vendor that is reached over HTTP, each over a real socket.

A later vendor joins with one ``Dialect`` below: how it is opened and how its answers are written. A case that
a dialect does not write, or a vendor without a dialect, fails.
"""

import asyncio
import dataclasses
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from channels_standin import HANG_UP, RESET, SILENCE, Standin, reply

from engine.channels import VENDORS
from engine.channels.base import Decision, OpenedWith, Outcome, Outgoing
from engine.channels.transport import Transport
from engine.channels.twilio import TwilioProvider
from engine.clock import SystemClock
from engine.status import Status

IN_PROCESS = {"sandbox"}  # no HTTP; tests of its own
TO, TOKEN = "+84900000123", "s3cret-token-of-clay"
MESSAGE = Outgoing(7, 3, TO, "Xin chào, gọi 111", 3600, "http://127.0.0.1:1/receipts/twilio?d=7&a=3")


@dataclass(frozen=True)
class Case:
    """What must come of an answer; None: not asked. ``script`` for cases that no vendor's words decide."""

    status: Status
    decision: Decision = Decision.NONE
    reason: str | None = None
    vendor_id: bool = False
    script: tuple = ()
    retry_after: float | None = None


CASES: dict[str, Case] = {
    "ordinary": Case(Status.ACCEPTED, vendor_id=True),
    "long text": Case(Status.ACCEPTED, vendor_id=True),
    "delivered at once": Case(Status.DELIVERED, vendor_id=True),
    "throttled": Case(Status.QUEUED, Decision.RETRY, "throttled", retry_after=7.0),
    "throttled without words": Case(Status.QUEUED, Decision.RETRY, "throttled", script=(reply(429, b""),)),
    "sender overloaded": Case(Status.QUEUED, Decision.HOLD_SENDER, "queue_full"),
    "credentials": Case(Status.QUEUED, Decision.STOP_SENDER, "credentials"),
    "refused": Case(Status.FAILED, Decision.NONE, "refused"),
    "opted out": Case(Status.FAILED, Decision.OPT_OUT, "opted_out"),
    "invalid number": Case(Status.FAILED, Decision.NONE, "invalid_number"),
    "landline": Case(Status.FAILED, Decision.NONE, "landline"),
    "sender not registered": Case(Status.QUEUED, Decision.STOP_SENDER, "sender"),
    "vendor broke": Case(Status.UNKNOWN, Decision.NONE, "vendor_error"),
    "bad gateway": Case(Status.UNKNOWN, reason="vendor_error", script=(reply(502, b"<html>oops</html>"),)),
    "refused by something in between": Case(Status.UNKNOWN, reason="vendor_error", script=(reply(400, b"<html>"),)),
    "redirected": Case(
        Status.UNKNOWN, reason="vendor_error", script=(reply(307, b"", {"Location": "http://127.0.0.1:1/"}),)
    ),
    "ambiguous timeout": Case(Status.UNKNOWN, reason="no_answer", script=(SILENCE,)),
    "cut before an answer": Case(Status.UNKNOWN, reason="no_answer", script=(HANG_UP,)),
    "reset before an answer": Case(Status.UNKNOWN, reason="no_answer", script=(RESET,)),
    "cut in mid-answer": Case(
        Status.UNKNOWN,
        reason="no_answer",
        script=(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{",),
    ),
    "not HTTP": Case(Status.UNKNOWN, reason="no_answer", script=(b"220 smtp of clay\r\nConnection: close\r\n\r\n",)),
    "malformed answer": Case(Status.UNKNOWN, reason="malformed", script=(reply(201, b"{not json"),)),
    "answer of another shape": Case(Status.UNKNOWN, reason="malformed", script=(reply(201, [1, 2]),)),
    "unknown status": Case(Status.UNKNOWN, reason="unknown_status", vendor_id=True),
    "secret and number in an error": Case(Status.FAILED, reason="invalid_number"),
}


@dataclass(frozen=True)
class Dialect:
    """A vendor as this table meets it: opened on an address, and its answers by case."""

    open: Callable[[str, Transport], object]
    answers: dict[str, bytes]


def _error(status: int, code: int, words: str = "refused", headers: dict[str, str] | None = None) -> bytes:
    return reply(status, {"code": code, "message": words, "more_info": "x", "status": status}, headers)


def _created(status: str = "queued", segments: str = "1") -> bytes:
    return reply(201, {"sid": "SM" + "a" * 32, "status": status, "num_segments": segments, "error_code": None})


def _twilio(url: str, transport: Transport) -> TwilioProvider:
    config = VENDORS["twilio"].schema.model_validate({"from": "BCD138LS", "account": "AC" + "0" * 32, "token": TOKEN})
    return TwilioProvider(config, OpenedWith(SystemClock(), url), transport)


DIALECTS: dict[str, Dialect] = {
    "twilio": Dialect(
        _twilio,
        {
            "ordinary": _created(),
            "long text": _created(segments="4"),
            "delivered at once": _created("delivered"),
            "throttled": _error(429, 20429, headers={"Retry-After": "7"}),
            "sender overloaded": _error(429, 21611),
            "credentials": _error(401, 20003),
            "refused": _error(400, 21999),
            "opted out": _error(400, 21610),
            "invalid number": _error(400, 21211),
            "landline": _error(400, 21635),
            "sender not registered": _error(400, 21212),
            "vendor broke": _error(500, 20500),
            "unknown status": _created("teleported"),
            "secret and number in an error": _error(
                400, 21211, f"{TO} {TOKEN} {MESSAGE.body} 0900 000 123 token={TOKEN}"
            ),
        },
    ),
}


async def _send(
    dialect: Dialect, script: list, message: Outgoing = MESSAGE, times: int = 1
) -> tuple[list[Outcome], Standin]:
    outcomes: list[Outcome] = []
    async with Standin(script).running() as standin:
        patience = 0.6 if SILENCE in script else 20.0  # short only where silence is the case
        provider = dialect.open(standin.url, Transport(connect_seconds=patience / 2, total_seconds=patience))
        try:
            for _ in range(times):
                outcomes += await provider.send([message])
        finally:
            await provider.close()
    return outcomes, standin


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("vendor", DIALECTS)
def test_every_answer_of_a_vendor_gets_its_one_meaning(vendor: str, case: str) -> None:
    expected, dialect = CASES[case], DIALECTS[vendor]
    message = dataclasses.replace(MESSAGE, body="Đoạn dài " * 40) if case == "long text" else MESSAGE
    [outcome], standin = asyncio.run(_send(dialect, [*expected.script] or [dialect.answers[case]], message))
    assert (outcome.delivery_id, outcome.attempt) == (7, 3)
    assert (outcome.status, outcome.decision) == (expected.status, expected.decision)
    assert expected.reason is None or outcome.reason == expected.reason
    assert bool(outcome.vendor_id) is expected.vendor_id
    assert outcome.retry_after == expected.retry_after
    assert standin.posts() == 1, "a POST was repeated"


@pytest.mark.parametrize("vendor", DIALECTS)
def test_a_vendors_error_text_gives_no_number_text_or_secret_away(vendor: str) -> None:
    dialect = DIALECTS[vendor]
    [outcome], _ = asyncio.run(_send(dialect, [dialect.answers["secret and number in an error"]]))
    for secret in (TO, TO[1:], TOKEN, MESSAGE.body, "0900 000 123"):
        assert secret not in (outcome.detail or "")
    assert outcome.detail
    assert outcome.detail not in repr(outcome)
    assert TO not in repr(MESSAGE)
    assert MESSAGE.body not in repr(MESSAGE)


@pytest.mark.parametrize("vendor", DIALECTS)
def test_an_unknown_status_keeps_the_vendors_word(vendor: str) -> None:
    [outcome], _ = asyncio.run(_send(DIALECTS[vendor], [DIALECTS[vendor].answers["unknown status"]]))
    assert outcome.detail == "teleported"


@pytest.mark.parametrize("vendor", DIALECTS)
def test_a_cut_kept_alive_connection_never_repeats_a_post(vendor: str) -> None:
    """Keep-alive warm, request read, connection cut → the server counted one."""
    dialect = DIALECTS[vendor]
    outcomes, standin = asyncio.run(_send(dialect, [dialect.answers["ordinary"], HANG_UP], times=2))
    assert [request.connection for request in standin.seen] == [1, 1], "the connection was not kept"
    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED, Status.UNKNOWN]
    assert standin.posts() == 2


@pytest.mark.parametrize("vendor", DIALECTS)
def test_no_connection_means_the_message_may_be_sent_again(vendor: str) -> None:
    async def attempt() -> list[Outcome]:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, never listening: refused
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            provider = DIALECTS[vendor].open(url, Transport())
            outcomes = await provider.send([MESSAGE])
            await provider.close()
            return outcomes

    [outcome] = asyncio.run(attempt())
    assert (outcome.status, outcome.decision, outcome.reason) == (Status.QUEUED, Decision.RETRY, "no_connection")


@pytest.mark.parametrize("vendor", DIALECTS)
def test_one_bad_answer_does_not_take_the_batch_with_it(vendor: str) -> None:
    async def batch() -> list[Outcome]:
        answers = DIALECTS[vendor].answers
        async with Standin([answers["ordinary"], HANG_UP, answers["opted out"]]).running() as standin:
            provider = DIALECTS[vendor].open(
                standin.url, Transport(connections=1, connect_seconds=10, total_seconds=20)
            )
            outcomes = await provider.send([dataclasses.replace(MESSAGE, delivery_id=number) for number in range(3)])
            await provider.close()
            return outcomes

    outcomes = asyncio.run(batch())
    assert sorted(outcome.delivery_id for outcome in outcomes) == [0, 1, 2]
    assert sorted(outcome.status for outcome in outcomes) == ["accepted", "failed", "unknown"]


def test_every_vendor_in_the_registry_meets_every_case() -> None:
    assert set(VENDORS) == set(DIALECTS) | IN_PROCESS
    for vendor, dialect in DIALECTS.items():
        assert set(dialect.answers) == {name for name, case in CASES.items() if not case.script}, vendor
