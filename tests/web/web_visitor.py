"""A browser without a network, for the tests of the dashboard."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from engine.pipeline.process import Process

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
