"""The web side of ``loa run``: the receipts route and a sign of life. Pages come later.

Receipts are let in before Starlette: its middleware and routing cost a receipt as much as verifying it.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from engine.pipeline.receipt_address import PATH
from engine.pipeline.service import Service
from engine.web.receipts import Receipts, Receive, Scope, Send


class Application:
    """The ASGI application over one service; ``receipts`` are to be drained before the process ends."""

    def __init__(self, service: Service) -> None:
        self.receipts = Receipts(service)
        self._pages = Starlette(routes=[Route("/health", _health)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(f"{PATH}/"):
            await self.receipts(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")
