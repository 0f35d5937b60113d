"""``/l/<token>``: the page of one relay for one broadcast, its print, its audio, and the confirmation.

Whoever has the link is the relay: there is no account. A look never confirms (previews of links look), only the form's
POST does. Nothing in address or page tells whose it is.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from engine.clock import VIETNAM, monotonic
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import broadcasts as road
from engine.pipeline.relay_link import PATH, TOKEN_LENGTH, hash_of
from engine.pipeline.script_sheet import Script, script_of
from engine.pipeline.service import Service
from engine.pipeline.speech import Speech
from engine.reports.script_pages import pdf_of
from engine.reports.script_pdf import letters_missing
from engine.store import broadcasts
from engine.web.allowance import Allowance
from engine.web.relay_page import HEADERS, Page, plain_page, relay_page, written

LARGEST = 4096  # bytes of a form
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
_STATUS = {"no-such-link": 404, "link-over": 410, "slow-down": 429, "bad-form": 400, "later": 503}

T = TypeVar("T")
_log = get("relays")


class Relays:
    """The routes below ``/l``. Looks are counted for each link, misses for each caller: trying finds no link."""

    def __init__(self, service: Service, now: Callable[[], float] = monotonic) -> None:
        self._service, self._process = service, service.process
        self._speech = Speech(service.process.settings)
        self._looks, self._misses = Allowance(60, 60.0, now), Allowance(20, 60.0, now)
        self._heavy = Allowance(10, 60.0, now)  # prints and audio
        self.routes = [
            Route("/{token}", self._page, methods=["GET", "POST"]),
            Route("/{token}/pdf", self._pdf, methods=["GET"]),
            Route("/{token}/audio", self._audio, methods=["GET"]),
        ]

    async def _page(self, request: Request) -> Response:
        found = await self._found(request)
        if isinstance(found, Response):
            return found
        row, script = found
        if request.method == "POST":
            return await self._confirm(request, row, script)
        return self._shown(request, row, script)

    async def _pdf(self, request: Request) -> Response:
        found = await self._found(request, heavy=True)
        if isinstance(found, Response):
            return found
        row, script = found
        try:
            self._still(row)
            content = await asyncio.to_thread(pdf_of, script)
        except LoaError:
            return _plain("no-such-link", _tongue(request))
        headers = {**HEADERS, "content-disposition": 'inline; filename="bai-doc.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    async def _audio(self, request: Request) -> Response:
        found = await self._found(request, heavy=True)
        if isinstance(found, Response):
            return found
        row, script = found
        command = self._command()
        try:
            self._still(row)
        except LoaError:
            command = ()
        file = await self._speech.spoken(command, script.words)
        if file is None:
            return _plain("no-such-link", _tongue(request))
        return FileResponse(file, media_type="audio/wav", headers=HEADERS)

    def _still(self, row: Any) -> None:
        """Refuse what is over or cancelled: its words are not to be read any more."""
        if self._process.clock.now() >= row.closes_at or row.called_off:
            raise LoaError("loudspeaker.link-over")

    def _command(self) -> tuple[str, ...]:
        settings = self._service.files.loudspeaker
        return settings.speech_command if settings is not None else ()

    async def _found(self, request: Request, *, heavy: bool = False) -> tuple[Any, Script] | Response:
        """The broadcast behind the link and its script, or the answer to who has none."""
        token, tongue = request.path_params["token"], _tongue(request)
        caller = request.client.host if request.client else ""
        row: Any = None
        if _TOKEN.fullmatch(token):
            if not (self._heavy if heavy else self._looks).take(token):
                return _plain("slow-down", tongue)
            row = await self._asked(lambda: self._one(hash_of(token)))
            if isinstance(row, Response):
                return row
        if row is None:
            return _plain("no-such-link" if self._misses.take(caller) else "slow-down", tongue)
        return row, script_of(self._process, row, request.query_params.get("lang"))

    def _one(self, token_hash: bytes) -> Any:
        with self._process.database.read() as connection:
            return broadcasts.one(connection, token_hash)

    async def _asked(self, work: Callable[[], T]) -> T | Response:
        """Do it in the thread that writes; a database that cannot be used now is said, not shown."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._service.writer, work)
        except LoaError as error:
            _log.error("relays", code=error.code)
            return _plain("later", "vi")

    def _shown(self, request: Request, row: Any, script: Script, notice: str = "") -> Response:
        now = self._process.clock.now()
        page = relay_page(
            row, script, now, f"{PATH}/{request.path_params['token']}",
            printable=not letters_missing(script.words + script.commune + script.organisation),
            spoken=bool(self._command()), notice=notice,
        )  # fmt: skip
        status = 400 if notice else 410 if now >= row.closes_at else 200
        return _answer(page, status)

    async def _confirm(self, request: Request, row: Any, script: Script) -> Response:
        body = await _body(request)
        word = _word(body) if body is not None else None
        if word is None:
            return self._shown(request, row, script, script.say("bad-form"))
        token = request.path_params["token"]
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(
                self._service.writer, lambda: road.confirm(self._process, hash_of(token), word, by="link")
            )
        except LoaError as error:
            if error.key.startswith("loudspeaker."):
                code = error.key.partition(".")[2]
                return self._shown(request, row, script, script.say(code, **error.values))
            _log.error("relays", code=error.code)
            return _plain("later", script.tongue)
        # After a redirect a reload looks again instead of confirming again.
        return RedirectResponse(f"{PATH}/{token}?lang={script.tongue}", status_code=303, headers=HEADERS)


def _word(body: bytes) -> road.Confirmation | None:
    """The form's three fields; None for anything else."""
    try:
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=8))
        times = fields["times"]
        if not (times.isascii() and times.isdigit() and len(times) <= 4):
            return None
        day, hour = date.fromisoformat(fields["day"]), time.fromisoformat(fields["hour"])
        if day.year not in range(2000, 2200) or hour.tzinfo is not None:
            return None
        return road.Confirmation(int(times), datetime.combine(day, hour, VIETNAM))
    except (KeyError, ValueError):
        return None


async def _body(request: Request) -> bytes | None:
    """The form as it came; None when it is none, or larger than any of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return None
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > LARGEST:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _tongue(request: Request) -> str:
    return "en" if request.query_params.get("lang") == "en" else "vi"


def _plain(code: str, tongue: str) -> Response:
    return _answer(plain_page(code, tongue), _STATUS[code])


def _answer(page: Page, status: int) -> Response:
    return HTMLResponse(written(page), status_code=status, headers=HEADERS)
