"""A page: a template with the words, numbers and times of the reader's language, escaped by itself."""

from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from engine.clock import VIETNAM
from engine.i18n import LANGUAGES, language, number, sentence
from engine.reports import calendar_words
from engine.reports.standing_words import local
from engine.web.visit import Visit

LIVE_EVERY = 5  # seconds between two looks of a page that looks again by itself


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("engine.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"t": sentence, "number": number, "day": calendar_words.day}
    made.filters |= {"local": local, "iso": _iso, "percent": percent}
    return made


def page(request: Request, template: str, status: int = 200, *, live: bool = False, **about: Any) -> HTMLResponse:
    """``template`` filled in with ``about``. ``live``: the page may be asked to look again by itself.

    That is done by a header and not by an element of the page, and only when the reader has asked for it: a page that
    reloads unasked takes the place away from those who read slowly or by ear.
    """
    visit: Visit = request.scope["state"]["visit"]
    looks_again = live and "live" in request.query_params
    words = (
        _environment()
        .get_template(template)
        .render(
            visit=visit,
            path=request.url.path,
            language=language(),
            others=[(one, _with(request, lang=one)) for one in LANGUAGES if one != language()],
            live={"on": looks_again, "every": LIVE_EVERY, "start": _with(request, live="1"), "stop": _with(request)}
            if live
            else None,
            **about,
        )
    )
    headers = {"refresh": str(LIVE_EVERY)} if looks_again else {}
    return HTMLResponse(words, status, headers | {"content-language": language()})


def _with(request: Request, **more: str) -> str:
    """The address of this page with other choices; what it shows stays."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("lang", "live")]
    if "live" in request.query_params and "lang" in more:
        kept.append(("live", "1"))
    asked = urlencode([*kept, *more.items()])
    return request.url.path + (f"?{asked}" if asked else "")


def percent(share: float | None, decimals: int = 0) -> str:
    """``93,5%``; a dash for nothing."""
    return "—" if share is None else f"{number(share * 100, decimals)}%"


def _iso(instant: datetime) -> str:
    return instant.astimezone(VIETNAM).isoformat(timespec="minutes")
