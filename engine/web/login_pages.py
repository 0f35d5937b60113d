"""Logging in and out. A wrong name and a wrong password are answered alike, and take as long."""

from threading import BoundedSemaphore
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.clock import monotonic, real
from engine.i18n import sentence
from engine.log import get
from engine.pipeline import dashboard_users
from engine.store import web_users
from engine.web.attempts import WINDOW, Attempts
from engine.web.desk import Desk
from engine.web.door import cookie_name, is_secure
from engine.web.page import page
from engine.web.visit import Visit, way_back

LARGEST = 8 * 1024  # bytes of the form
_AT_ONCE = 2  # Argon2id computations; each takes 64 MiB

_log = get("login")


class Logins:
    """The two forms, and how often a password may be tried."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._attempts, self._turn = desk, Attempts(), BoundedSemaphore(_AT_ONCE)

    def ask(self, request: Request) -> Response:
        """The form; nothing to ask where no password is needed, or somebody is logged in."""
        found: Visit = request.scope["state"]["visit"]
        way = way_back(request.query_params.get("next"))
        if not found.guarded or found.user is not None:
            return RedirectResponse(way, 303)
        return page(request, "login.html", way=way, name="", problem=None)

    def log_in(self, request: Request, form: dict[str, str]) -> Response:
        """Check a name and a password. Blocks for some tenths of a second."""
        found: Visit = request.scope["state"]["visit"]
        name, way = form.get("name", ""), way_back(form.get("next"))
        if not found.guarded:
            return RedirectResponse(way, 303)
        process, address = self._desk.process, request.client.host if request.client else ""
        whose = web_users.name_hash(process.keyring, name).hex()
        answer = self._attempts.begin(whose, address, monotonic())
        if answer != "go":
            if answer == "too-many":  # once, and not at each further try: the log is not for filling
                dashboard_users.record(process, "login_refused", None)
                _log.warning("too_many", address=address)
            told = sentence("web.too-many", minutes=int(WINDOW // 60))
            return page(request, "login.html", 429, way=way, name="", problem=told)
        with self._turn:
            token = dashboard_users.log_in(process, name, form.get("password", ""), real())
        if token is None:
            return page(request, "login.html", 401, way=way, name=name, problem=sentence("web.wrong-password"))
        self._attempts.succeeded(whose, address)
        # A session that was there before ends: nobody who knew its token comes in with this one.
        if found.token is not None and found.user is not None:
            dashboard_users.log_out(process, found.token, found.user)
        response = RedirectResponse(way, 303)
        response.set_cookie(
            cookie_name(process),
            token,
            max_age=int(web_users.LONGEST),
            path="/",
            httponly=True,
            samesite="lax",  # a link in a mail to a page must work; forms are checked by where they come from
            secure=is_secure(process),
        )
        return response

    def log_out(self, request: Request) -> Response:
        """End the session, here and in the browser."""
        found: Visit = request.scope["state"]["visit"]
        if found.token is not None and found.user is not None:
            dashboard_users.log_out(self._desk.process, found.token, found.user)
        response = RedirectResponse("/login" if found.guarded else "/", 303)
        response.delete_cookie(
            cookie_name(self._desk.process),
            path="/",
            httponly=True,
            samesite="lax",
            secure=is_secure(self._desk.process),
        )
        return response


async def read_form(request: Request) -> dict[str, str] | None:
    """The fields of a small form, the last of each; None for one that is too large or no form at all."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return None
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    except ValueError:
        return None
