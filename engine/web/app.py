"""The web side of ``loa run``: the receipts route, the relays' pages, a sign of life, and the dashboard.

Receipts are let in before Starlette: its middleware and routing cost a receipt as much as verifying it.
"""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from engine.pipeline.receipt_address import PATH
from engine.pipeline.service import Service
from engine.web.dashboard import dashboard
from engine.web.receipts import Receipts, Receive, Scope, Send
from engine.web.relays import Relays


class Application:
    """The ASGI application over one service; ``receipts`` are to be drained before the process ends.

    ``silent_part`` names a part of the process that has stopped working, if there is one.
    """

    def __init__(self, service: Service, silent_part: Callable[[], str | None] = lambda: None) -> None:
        self.receipts = Receipts(service)
        self._silent_part = silent_part
        # What the public may see comes first; the dashboard takes the rest, behind its own door.
        public = [Route("/health", self._health), *Relays(service).routes]
        self._pages = Starlette(routes=[*public, Mount("/", dashboard(service.process))])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(f"{PATH}/"):
            await self.receipts(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _health(self, _: Request) -> PlainTextResponse:
        """200 while every part is at work, for a load balancer or a monitor; 503 and the part otherwise."""
        part = self._silent_part()
        return PlainTextResponse("ok\n") if part is None else PlainTextResponse(f"{part}\n", status_code=503)
