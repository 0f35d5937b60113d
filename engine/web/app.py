"""The web side of ``loa run``: the receipts route and a sign of life. Pages come later."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from engine.pipeline.receipt_address import PATH
from engine.pipeline.service import Service
from engine.web.receipts import Receipts


def application(service: Service) -> tuple[Starlette, Receipts]:
    """The ASGI application over one service, and its receipts (to be drained before the process ends)."""
    receipts = Receipts(service)

    async def health(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Mount(PATH, app=receipts), Route("/health", health)]), receipts
