"""A vendor of clay: a real socket that answers each request from a script, and counts what it has read."""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl

HANG_UP = "hang up"  # the request is read, then the connection is closed
RESET = "reset"  # the request is read, then the connection is torn down (RST)
SILENCE = "silence"  # the request is read, and nothing ever comes


def reply(status: int, body: object = None, headers: dict[str, str] | None = None) -> bytes:
    """An HTTP answer; ``body`` is written as JSON unless it is bytes."""
    written = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(written)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + written


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it was read. ``connection`` counts from 1, in order of opening."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Standin:
    """``script`` holds one answer a request (bytes, ``HANG_UP``, ``RESET`` or ``SILENCE``); the last one repeats."""

    script: Sequence[bytes | str] = ()
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def posts(self) -> int:
        """How many POSTs were read."""
        return sum(request.method == "POST" for request in self.seen)

    def answer_to(self, request: Seen) -> bytes | str:
        """What this request gets; a stand-in that knows more than a script overrides it."""
        return self.script[min(len(self.seen), len(self.script)) - 1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        connection = len(self._writers)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._one(reader, writer, connection):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        """Read one request and answer it; False when the connection is at its end."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Seen(method, target, headers, body, connection)
        self.seen.append(request)
        answer = self.answer_to(request)
        if answer == RESET:
            wire = writer.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if answer in (RESET, HANG_UP):
            return False
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
            return b"Connection: close" not in answer
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port of this machine, at ``url``, for the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0)
