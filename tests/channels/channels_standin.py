"""A vendor of clay: a real socket that answers each request from a script, and counts what it has read."""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass, field
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


@dataclass
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    form: dict[str, str]
    connection: int


@dataclass
class Standin:
    """``script`` holds one answer a request (bytes, ``HANG_UP``, ``RESET`` or ``SILENCE``); the last one repeats."""

    script: list = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    def posts(self) -> int:
        return sum(request.method == "POST" for request in self.seen)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        connection = self._connections
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                form = dict(parse_qsl(body.decode(), keep_blank_values=True))
                self.seen.append(Seen(method, target, headers, form, connection))
                answer = self.script[min(len(self.seen), len(self.script)) - 1]
                if answer == HANG_UP:
                    break
                if answer == RESET:
                    wire = writer.get_extra_info("socket")
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                    return
                if answer == SILENCE:
                    continue
                writer.write(answer)
                await writer.drain()
                if b"Connection: close" in answer:
                    break
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self):
        self._connections, self._writers = 0, []
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.sleep(0)
