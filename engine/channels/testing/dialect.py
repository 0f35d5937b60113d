"""What a vendor's test gives, and how a case is driven: real HTTP to a stand-in, every word looked over for secrets."""

import asyncio
import dataclasses
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.channels.base import Decision, Outcome, Outgoing
from engine.channels.testing.cases import CASES, TELEPORTED, Case
from engine.channels.testing.overhearing import overheard
from engine.channels.testing.standin import HANG_UP, SILENCE, Standin
from engine.channels.transport import Transport
from engine.status import Status

TO = "+84900000123"  # made up
MESSAGE = Outgoing(7, 3, TO, "Xin chào, gọi 111", 3600, "http://127.0.0.1:1/receipts/cong?d=7&a=3&s=mark")
LONG = "Đoạn dài " * 40
SPOKEN = f'{TO} {TO[1:]} 0{TO[3:]} 0900 000 123 "{MESSAGE.body}"'  # what an error text must not give away


async def _send(provider: Any, messages: Sequence[Outgoing]) -> list[Outcome]:
    sent: list[Outcome] = await provider.send(messages)
    return sent


@dataclass(frozen=True)
class Dialect:
    """A vendor as the table meets it.

    ``open(url, transport)`` opens it on a stand-in's address; ``answers`` are its answers by case; ``secrets`` what it
    was opened with; ``has_no`` names optional cases that this vendor has no words for, with the reason;
    ``hand_over(provider, messages)`` makes the calls where that is not ``provider.send``.
    """

    vendor: str
    open: Callable[[str, Transport], Any]
    answers: Mapping[str, bytes]
    secrets: tuple[str, ...]
    has_no: Mapping[str, str] = field(default_factory=dict)
    hand_over: Callable[[Any, Sequence[Outgoing]], Awaitable[list[Outcome]]] = _send


def names(dialect: Dialect) -> list[str]:
    """Every proof that this vendor owes, by name. Raises ``AssertionError`` unless its answers fit the table."""
    wanted = {name for name, case in CASES.items() if not case.script}
    _hold(all(CASES[name].optional for name in dialect.has_no if name in CASES), "a case that no vendor may leave out")
    _hold(dialect.has_no.keys() <= wanted, "it leaves out what is no case")
    missing, surplus = wanted - dialect.answers.keys() - dialect.has_no.keys(), dialect.answers.keys() - wanted
    _hold(not missing, f"cases without an answer of {dialect.vendor}: {sorted(missing)}")
    _hold(not surplus, f"answers of {dialect.vendor} for no case: {sorted(surplus)}")
    spoken = dialect.answers["secret in an error"].decode("utf-8", "replace")
    for secret in (TO[1:], *dialect.secrets):
        _hold(secret in spoken, "the answer for 'secret in an error' gives nothing away: nothing would be proven")
    _hold(TELEPORTED in dialect.answers["unknown status"].decode(), f"'unknown status' must say {TELEPORTED}")
    return [*(name for name in CASES if name not in dialect.has_no), *_MORE]


def prove(dialect: Dialect, name: str) -> None:
    """Drive one proof. Raises ``AssertionError`` with what went wrong."""
    told = (TO[3:], "900 000 123", MESSAGE.body, LONG, *dialect.secrets)
    with overheard(dialect.vendor, Outcome, told, repr(MESSAGE)):
        if name in _MORE:
            _MORE[name](dialect)
        else:
            _meets(dialect, name, CASES[name])


async def meet(
    dialect: Dialect, script: Sequence[bytes | str], messages: Sequence[Outgoing] = (MESSAGE,), *, connections: int = 8
) -> tuple[list[Outcome], Standin]:
    """Hand each message over by itself to a stand-in with this script; the outcomes, and what the stand-in saw."""
    outcomes: list[Outcome] = []
    async with Standin(list(script)).running() as standin:
        patience = 0.6 if SILENCE in script else 20.0  # short only where silence is the case
        provider = dialect.open(standin.url, Transport(connections, patience / 2, patience))
        try:
            for message in messages:
                outcomes += await dialect.hand_over(provider, [message])
        finally:
            await provider.close()
    return outcomes, standin


def _meets(dialect: Dialect, name: str, case: Case) -> None:
    message = dataclasses.replace(MESSAGE, body=LONG) if name == "long text" else MESSAGE
    (outcome,), standin = asyncio.run(meet(dialect, case.script or [dialect.answers[name]], [message]))
    _hold((outcome.delivery_id, outcome.attempt) == (7, 3), "the outcome is of another delivery")
    found = (outcome.status, outcome.decision)
    _hold(found == (case.status, case.decision), f"{found} instead of {(case.status, case.decision)}")
    _hold(case.reason in (None, outcome.reason), f"reason {outcome.reason} instead of {case.reason}")
    _hold(case.vendor_id in (None, bool(outcome.vendor_id)), "the vendor's id")
    _hold(outcome.retry_after == case.retry_after, f"retry_after {outcome.retry_after}")
    _hold(standin.posts() == 1, f"{standin.posts()} POSTs were read")
    if name == "unknown status":
        _hold(TELEPORTED in (outcome.detail or "") or outcome.code == TELEPORTED, "the vendor's word is lost")
    if name == "secret in an error":
        _hold(bool(outcome.detail), "the vendor's words are lost")


def _kept_alive(dialect: Dialect) -> None:
    """Keep-alive warm, request read, connection cut → the server counted one."""
    outcomes, standin = asyncio.run(meet(dialect, [dialect.answers["ordinary"], HANG_UP], [MESSAGE, MESSAGE]))
    _hold([request.connection for request in standin.seen] == [1, 1], "the connection was not kept, or a POST repeated")
    _hold([outcome.status for outcome in outcomes] == [Status.ACCEPTED, Status.UNKNOWN], "the cut one is not unknown")


def _nobody_listens(dialect: Dialect) -> None:
    async def attempt() -> list[Outcome]:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, never listening: refused
            provider = dialect.open(f"http://127.0.0.1:{taken.getsockname()[1]}", Transport())
            outcomes = await dialect.hand_over(provider, [MESSAGE])
            await provider.close()
            return outcomes

    (outcome,) = asyncio.run(attempt())
    found = (outcome.status, outcome.decision, outcome.reason)
    _hold(found == (Status.QUEUED, Decision.RETRY, "no_connection"), f"{found}: it may be sent again, and must be")


def _one_of_three(dialect: Dialect) -> None:
    async def batch() -> list[Outcome]:
        answers = dialect.answers
        async with Standin([answers["ordinary"], HANG_UP, answers["refused"]]).running() as standin:
            provider = dialect.open(standin.url, Transport(1, 10, 20))
            messages = [dataclasses.replace(MESSAGE, delivery_id=number) for number in range(3)]
            outcomes = await dialect.hand_over(provider, messages)
            await provider.close()
            return outcomes

    outcomes = asyncio.run(batch())
    _hold(sorted(outcome.delivery_id for outcome in outcomes) == [0, 1, 2], "an outcome for each message")
    found = sorted(outcome.status for outcome in outcomes)
    _hold(found == ["accepted", "failed", "unknown"], f"one bad answer took others with it: {found}")


_MORE: dict[str, Callable[[Dialect], None]] = {
    "cut kept-alive connection": _kept_alive,
    "no connection": _nobody_listens,
    "one bad answer of three": _one_of_three,
}


def _hold(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)
