"""A dashboard over an empty workspace of one campaign, asked without a network; hashing made cheap."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import road_workspace as files
from argon2 import PasswordHasher

from engine.clock import StoppedClock
from engine.pipeline import dashboard_users
from engine.pipeline.process import Process
from engine.store import passwords
from engine.web.dashboard import dashboard

NOW = datetime(2027, 7, 1, 3, 0, tzinfo=UTC)
NAME, PASSWORD = "Nguyễn Thị Mẫu", "con đường về bản mùa lúa chín"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Web:
    """A browser without a network: it keeps its cookies, and says where its forms come from."""

    process: Process
    app: Any
    host: str = "127.0.0.1:8138"
    peer: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, form: dict[str, str] | None = None, method: str | None = None, **headers: str) -> Answer:
        """One request; ``headers`` with underscores for hyphens, an empty one is not sent."""
        sent = {"host": self.host, "cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = b""
        if form is not None:
            body = urlencode(form).encode()
            sent |= {"origin": f"http://{self.host}", "sec-fetch-site": "same-origin"}
            sent["content-type"] = "application/x-www-form-urlencoded"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        where, _, query = path.partition("?")
        scope = {
            "type": "http", "http_version": "1.1", "method": method or ("GET" if form is None else "POST"),
            "scheme": "http", "path": where, "raw_path": where.encode(), "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value],
            "client": (self.peer, 50000), "server": ("127.0.0.1", 8138),
        }  # fmt: skip
        return asyncio.run(self._call(scope, body))

    async def _call(self, scope: dict[str, Any], body: bytes) -> Answer:
        parts: list[Any] = []
        asked: list[bool] = []

        async def receive() -> dict[str, Any]:
            if asked:
                await asyncio.Event().wait()  # it stays until it has its answer
            asked.append(True)
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            parts.append(message)

        await self.app(scope, receive, send)
        pairs = [(name.decode(), value.decode()) for name, value in parts[0]["headers"]]
        given = [value for name, value in pairs if name == "set-cookie"]
        for one in given:
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return Answer(parts[0]["status"], dict(pairs), given, b"".join(part.get("body", b"") for part in parts[1:]))

    def log_in(self, name: str = NAME, password: str = PASSWORD, **more: str) -> Answer:
        return self.ask("/login", {"name": name, "password": password} | more)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real parameters have a test of their own."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(dashboard_users, "_NOBODYS", [])


@pytest.fixture
def web(prepared: Process) -> Iterator[Web]:
    """Nobody has a password yet."""
    files.write(prepared.settings.workspace)
    prepared.clock = StoppedClock(NOW)
    yield Web(prepared, dashboard(prepared))


@pytest.fixture
def guarded(web: Web) -> Web:
    """There is a user, who has not logged in."""
    dashboard_users.add(web.process, NAME, PASSWORD)
    return web


@pytest.fixture
def another(guarded: Web) -> Callable[[], Web]:
    """A second browser before the same dashboard."""
    return lambda: Web(guarded.process, guarded.app)
