"""What stands before every page of the dashboard: whose name, whose machine, whose session; and what browsers are told.

Receipts never come through here (``app.py``). The rules, and why, in words: docs/dashboard.md.
"""

import socket
from functools import partial
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.clock import real
from engine.i18n import LANGUAGES, language, sentence, speaking
from engine.pipeline.process import Process
from engine.store import web_users
from engine.web import visit
from engine.web.visit import Visit

LANGUAGE_COOKIE = "loa_lang"
_YEAR = 365 * 86_400  # seconds
_OPEN_PATHS = ("/static/", "/login")
# Everything a page needs comes from us; nothing in it runs. ``same-origin`` and not ``no-referrer``: under the latter
# browsers send ``Origin: null`` with our own forms, and the check of where a form comes from would have nothing to see.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Door:
    """Lets a request in to ``pages``, sends it to the login, or refuses it."""

    def __init__(self, process: Process, pages: ASGIApp) -> None:
        self._process, self._pages = process, pages
        self._names = frozenset({socket.gethostname().lower()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        with speaking(_language(request)):
            answer = await self._let_in(request) or self._pages
            await answer(scope, receive, partial(_with_headers, send, request.url.path))

    async def _let_in(self, request: Request) -> Response | None:
        """The answer to a request that is not let in; None for one that is, with its ``visit`` in its state."""
        settings, host = self._process.settings, visit.host_of(request.headers.get("host", ""))
        if not visit.is_our_name(host, settings.public_url, self._names):
            return _said(421, "web.unknown-host")
        found = await run_in_threadpool(self._visit, request, host)
        if found is None:
            return _said(403, "web.closed")
        request.scope.setdefault("state", {})["visit"] = found
        if request.method not in ("GET", "HEAD"):
            if request.method != "POST":
                return _said(405, "web.not-so")
            if not visit.is_same_origin(request.headers, settings.public_url):
                return _said(403, "web.from-elsewhere")
        elif "lang" in request.query_params:
            return self._switch(request)
        if found.guarded and found.user is None and not request.url.path.startswith(_OPEN_PATHS):
            if request.method == "POST":
                return RedirectResponse("/login", 303)
            back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse("/login" + ("" if back == "/" else f"?next={quote(back, safe='')}"), 303)
        return None

    def _visit(self, request: Request, host: str) -> Visit | None:
        """Who asks; None for somebody who may not, because there is no password yet. Blocks on the database."""
        process, token, now = self._process, request.cookies.get(cookie_name(self._process)), real()
        with process.database.read() as connection:
            if not web_users.any_user(connection):
                peer = request.client.host if request.client else ""
                allowed = visit.open_without_password(process.settings.public_url, peer, host)
                return Visit(language(), guarded=False) if allowed else None
            found = web_users.session_of(connection, process.keyring, token, now) if token else None
        if found is None or token is None:
            return Visit(language(), guarded=True)
        name, seen = found
        # A page that looks again by itself is not a person: it keeps nobody logged in.
        if now - seen > web_users.SEEN_EVERY and "live" not in request.query_params:
            with process.database.write() as connection:
                web_users.seen(connection, token, now)
        return Visit(language(), guarded=True, user=name, token=token)

    def _switch(self, request: Request) -> Response:
        """Keep the language somebody has chosen, and show the same page in it."""
        left = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
        answer = RedirectResponse(visit.path_of_ours(request.url.path) + (f"?{urlencode(left)}" if left else ""), 303)
        secure = is_secure(self._process)
        answer.set_cookie(LANGUAGE_COOKIE, language(), max_age=_YEAR, httponly=True, samesite="lax", secure=secure)
        return answer


def is_secure(process: Process) -> bool:
    """Whether cookies go over https only: when the public address is one."""
    return (process.settings.public_url or "").startswith("https://")


def cookie_name(process: Process) -> str:
    """``__Host-`` keeps neighbours under the same domain from setting it; browsers demand https for that."""
    return "__Host-loa" if is_secure(process) else "loa_session"


def _language(request: Request) -> str:
    for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return language()


def _said(status: int, key: str) -> Response:
    return PlainTextResponse(f"{sentence(key)}\n", status)


async def _with_headers(send: Send, path: str, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(raw=message["headers"])
        for name, value in _HEADERS.items():
            headers[name] = value
        # Figures of small communes stay out of every cache; the style sheet is asked for again by its ETag.
        headers["cache-control"] = "no-cache" if path.startswith("/static/") else "no-store"
        message["headers"] = headers.raw
    await send(message)
