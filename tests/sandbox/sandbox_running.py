"""A sandbox in a thread of its own, the official SDK pointed at it, and a receiver of callbacks."""

import asyncio
import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from engine.clock import Clock, SystemClock
from engine.sandbox.faults import Faults
from engine.sandbox.server import Sandbox
from engine.sandbox.service import listen, serve

ACCOUNT, TOKEN = "AC" + "0" * 32, "token-of-clay"


@contextlib.contextmanager
def running(
    ledger: Path | None = None,
    clock: Clock | None = None,
    faults: Faults | None = None,
    credentials: tuple[str, str] | None = None,
) -> Iterator[tuple[str, Sandbox]]:
    """Gives the base URL and the app."""
    app = Sandbox(ledger, clock or SystemClock(), faults, credentials)
    opened, urls, loop = listen(0), [], asyncio.new_event_loop()
    begun = threading.Event()

    def ready(url: str) -> None:
        urls.append(url)
        begun.set()

    serving = loop.create_task(serve(app, opened, ready))

    def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(10)
        yield urls[0], app
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(10)


class _Elsewhere(TwilioHttpClient):
    """The SDK's own client; only the host of its addresses is another."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=5)
        self.url, self.answers = url, []

    def request(self, method, url, *rest, **options):
        answer = super().request(method, url.replace("https://api.twilio.com", self.url), *rest, **options)
        self.answers.append(answer)
        return answer

    def close(self) -> None:
        self.session.close()


@contextlib.contextmanager
def sdk(url: str, account: str = ACCOUNT, token: str = TOKEN) -> Iterator[Client]:
    """The unmodified official client."""
    http_client = _Elsewhere(url)
    try:
        yield Client(account, token, http_client=http_client)
    finally:
        http_client.close()


@dataclass
class Receiver:
    """Callbacks in the order in which they came: path with query, signature, form."""

    url: str = ""
    got: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, seconds: float = 10) -> list[tuple[str, str, dict[str, str]]]:
        """Wait until ``count`` callbacks came."""
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.got) >= count, seconds)
            return list(self.got)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """A web server on a free port that keeps what it is told."""
    kept = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            with kept.arrived:
                kept.got.append((self.path, self.headers["X-Twilio-Signature"], form))
                kept.arrived.notify_all()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
