"""Runs the sandbox's app: a socket on the loopback address, uvicorn with httptools, a clean stop on SIGTERM."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.errors import LoaError
from engine.sandbox.server import Sandbox

HOST = "127.0.0.1"


class _CuttableProtocol(HttpToolsProtocol):
    """Lets the app cut its connection: ASGI itself has no word for ending a request unanswered."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["cut"] = self.transport.abort


class _Server(uvicorn.Server):
    """uvicorn, ending with our exit code instead of raising the signal again after a clean stop."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.should_exit = True


def listen(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 takes a free one. Raises ``LoaError`` ``sandbox.port``."""
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: without it every
    # answer waited 40 ms for the client's delayed acknowledgement (one after the other: 22 a second instead of 1,300).
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
        opened.listen(2048)
    except OSError as error:
        opened.close()
        raise LoaError("sandbox.port", port=port) from error
    return opened


async def serve(app: Sandbox, opened: socket.socket, ready: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM, SIGINT or cancellation. ``ready`` is called once with the base URL."""
    config = uvicorn.Config(
        app,
        http=_CuttableProtocol,
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        ws="none",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    app.callbacks.start()
    serving = asyncio.create_task(server.serve(sockets=[opened]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        if server.started:
            ready(f"http://{HOST}:{opened.getsockname()[1]}")
        await asyncio.shield(serving)
    finally:
        server.should_exit = True  # whoever cancels this wants the sockets closed, too
        await serving
        await app.callbacks.stop()
        app.close()
