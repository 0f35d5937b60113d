"""Which failures prove that nothing was sent, each with a real socket."""

import asyncio
import socket
import sys

import aiohttp
import pytest

from engine.channels import transport
from engine.channels.addresses import is_loopback
from engine.channels.testing.standin import HANG_UP, RESET, SILENCE, Standin, reply
from engine.channels.transport import Answer, NeverSent, NoAnswer, Transport


async def _call(url: str, method: str = "POST", connect_seconds: float = 10.0, total_seconds: float = 20.0) -> Answer:
    calls = Transport(connect_seconds=connect_seconds, total_seconds=total_seconds)
    try:
        return await calls.call(method, url, {}, b"x=1")
    finally:
        await calls.close()


def _against(script: list, **limits: float) -> Answer:
    async def run() -> Answer:
        async with Standin(script).running() as standin:
            return await _call(standin.url, **limits)

    return asyncio.run(run())


def test_a_refused_connection_was_never_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NeverSent):
            asyncio.run(_call(f"http://127.0.0.1:{taken.getsockname()[1]}/"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a connect hanging on a full backlog")
def test_a_connect_that_hangs_was_never_sent() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        with pytest.raises(NeverSent):
            asyncio.run(_call(f"http://127.0.0.1:{deaf.getsockname()[1]}/", connect_seconds=0.2, total_seconds=3))
        for filler in fillers:
            filler.close()


def test_a_name_that_does_not_resolve_was_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object, **__: object) -> list:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", nowhere)
    with pytest.raises(NeverSent):
        asyncio.run(_call("http://vendor.invalid/"))


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad\r\n\r\n", b""], ids=["not TLS", "silent"])
def test_a_failed_tls_handshake_was_never_sent(greeting: bytes) -> None:
    async def run() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await reader.read(1)
            writer.write(greeting)

        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        try:
            port = server.sockets[0].getsockname()[1]
            await _call(f"https://127.0.0.1:{port}/", connect_seconds=0.2, total_seconds=3)
        finally:
            server.close()
            for writer in writers:
                writer.transport.abort()

    with pytest.raises(NeverSent):
        asyncio.run(run())


def test_a_connect_may_not_outlast_the_call() -> None:
    """Or the total limit would end a connect with an exception that proves nothing."""
    with pytest.raises(ValueError, match="connect"):
        Transport(connect_seconds=5, total_seconds=5)


def test_waiting_in_vain_for_a_free_connection_was_never_sent() -> None:
    async def run() -> tuple[object, object, int]:
        async with Standin([SILENCE]).running() as standin:
            calls = Transport(connections=1, connect_seconds=0.5, total_seconds=1.2)
            first, second = await asyncio.gather(
                *(calls.call("POST", standin.url, {}, b"x=1") for _ in range(2)), return_exceptions=True
            )
            await calls.close()
            return first, second, standin.posts()

    first, second, posts = asyncio.run(run())
    assert (type(first), type(second), posts) == (NoAnswer, NeverSent, 1)


def test_a_closed_transport_never_sends() -> None:
    async def run() -> None:
        calls = Transport()
        await calls.close()
        await calls.call("POST", "http://127.0.0.1:9/", {}, b"")

    with pytest.raises(NeverSent):
        asyncio.run(run())


@pytest.mark.parametrize(
    "script",
    [
        [HANG_UP],
        [RESET],
        [SILENCE],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n"],
        [b"garbage\r\nConnection: close\r\n\r\n"],
    ],
    ids=["cut", "reset", "silence", "half a body", "broken chunks", "not HTTP"],
)
def test_what_happens_after_the_request_was_written_proves_nothing(script: list) -> None:
    with pytest.raises(NoAnswer):
        patience = 1.0 if SILENCE in script else 20.0
        _against(script, connect_seconds=patience / 2, total_seconds=patience)


def test_a_post_is_not_among_the_methods_aiohttp_repeats() -> None:
    """The library's own rule, beside the behaviour that the table of cases holds."""
    assert "POST" not in aiohttp.client.IDEMPOTENT_METHODS


def test_an_endless_answer_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 100)
    with pytest.raises(NoAnswer):
        _against([reply(200, b"x" * 200)])
    with pytest.raises(NoAnswer):
        _against(
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nc8\r\n"
                + b"x" * 200
                + b"\r\n0\r\n\r\n"
            ]
        )


def test_a_call_ends_within_thirty_seconds() -> None:
    assert transport.CONNECT_SECONDS < transport.TOTAL_SECONDS <= 29  # aiohttp rounds up to a whole second


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "Fri, 16 Jul 2027 01:00:30 GMT", "Date": "Fri, 16 Jul 2027 01:00:00 GMT"}, 30.0),
        ({"Retry-After": "Fri, 16 Jul 2027 01:00:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert _against([reply(429, b"", headers)]).retry_after == seconds


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://127.0.0.1:8139", True),
        ("http://localhost", True),
        ("http://[::1]:1/", True),
        ("http://127.8.9.1", True),
        ("https://api.twilio.com", False),
        ("http://localhost.example", False),
        ("http://10.0.0.1", False),
        ("nothing", False),
    ],
)
def test_only_this_machine_counts_as_a_stand_in(url: str, answer: bool) -> None:
    assert is_loopback(url) is answer
