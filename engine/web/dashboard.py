"""The dashboard: its addresses, and what answers to each. Everything is read; nothing is approved or sent from here."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from engine.errors import LoaError
from engine.i18n import sentence
from engine.log import get
from engine.pipeline.process import Process
from engine.web import campaign_pages
from engine.web.desk import Desk
from engine.web.door import Door
from engine.web.login_pages import Logins, read_form
from engine.web.page import page
from engine.web.report_pages import ReportPages
from engine.web.today import today

_STATIC = Path(__file__).parent / "static"
_log = get("dashboard")


def dashboard(process: Process) -> ASGIApp:
    """The whole of it, behind its door. Pages are made in threads: the event loop sends and receives."""
    desk = Desk(process)
    logins, reports = Logins(desk), ReportPages(desk)

    def shows(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def shown(request: Request) -> Response:
            try:
                return answer(request)
            except (HTTPException, LoaError):
                raise
            except Exception as error:  # not Starlette's handler: it lets the error go on to the server's own log
                _log.error("page", path=request.url.path, kind=type(error).__name__)
                return page(request, "told.html", 500, told=sentence("web.our-bug"))

        return shown

    async def login(request: Request) -> Response:
        if request.method != "POST":
            return await run_in_threadpool(logins.ask, request)
        form = await read_form(request)
        return await run_in_threadpool(logins.log_in, request, form or {})

    routes: list[BaseRoute] = [
        Route("/", shows(partial(today, desk))),
        Route("/campaigns", shows(partial(campaign_pages.campaigns, desk))),
        Route("/campaigns/{key}", shows(partial(campaign_pages.campaign, desk))),
        Route("/report", shows(reports.report)),
        Route("/report/figure/{name}", shows(reports.figure)),
        Route("/report/file", shows(reports.download)),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logins.log_out, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_STATIC, packages=[("engine.reports.charts", "fonts")])),
    ]
    handlers = {HTTPException: _not_here, LoaError: _cannot}
    return Door(process, Starlette(routes=routes, exception_handlers=handlers))  # type: ignore[arg-type]


async def _not_here(request: Request, error: HTTPException) -> Response:
    return await _told(request, error.status_code, "web.not-here" if error.status_code == 404 else "web.not-so")


async def _cannot(request: Request, error: LoaError) -> Response:
    """What a person can mend is said as the commands say it."""
    return await _told(request, 503, None, str(error))


async def _told(request: Request, status: int, key: str | None, words: str = "") -> Response:
    return await run_in_threadpool(page, request, "told.html", status, told=sentence(key) if key else words)
