"""The web side of a road, served over real HTTP in a thread of its own."""

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from pipeline_road import Road

from engine.pipeline.receipt_address import signature
from engine.pipeline.service import serving
from engine.web.app import Application

GENUINE = {"x-signature": "clay", "content-type": "application/x-www-form-urlencoded"}


@dataclass
class Web:
    """The web side, served in a thread of its own."""

    road: Road
    port: int

    def post(self, path: str, body: str | bytes, headers: dict[str, str] | None = None, method: str = "POST") -> int:
        """The status of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, GENUINE if headers is None else headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def receipt(self, delivery: int, attempt: int, body: str, sender: str = "thu", mark: str | None = None) -> int:
        """Post a receipt to the address that the delivery's call carried."""
        if mark is None:
            mark = signature(self.road.process.keyring, sender, delivery, attempt)
        return self.post(f"/receipts/{sender}?d={delivery}&a={attempt}&s={mark}", body)


@contextmanager
def serve(road: Road) -> Iterator[Web]:
    """uvicorn on a free port over a service of this road's process."""
    begun, loop, kept = threading.Event(), asyncio.new_event_loop(), {}

    async def main() -> None:
        async with serving(road.process) as service:
            await service.open_due()
            app = Application(service)
            config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", http="httptools")
            server = uvicorn.Server(config)
            server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
            kept["server"], task = server, asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.005)
            kept["port"] = server.servers[0].sockets[0].getsockname()[1]
            begun.set()
            await task
            await app.receipts.drained()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert begun.wait(10)
        yield Web(road, kept["port"])
    finally:
        kept["server"].should_exit = True
        thread.join(10)
        loop.close()
