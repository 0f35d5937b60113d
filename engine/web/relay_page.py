"""What the page behind a relay's link says: made from a broadcast, without a word about the relay. No scripts."""

import base64
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from sqlalchemy import Row

from engine.clock import VIETNAM
from engine.i18n import sentence_in
from engine.pipeline.script_sheet import Script

_TEMPLATES = Path(__file__).parent / "templates"
_AHEAD = timedelta(minutes=30)  # a relay who opens the page so long before the hour has not read it yet

STYLE = (_TEMPLATES / "relay.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; media-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the address is the key: it must not travel to anybody else
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Form:
    """The confirmation, filled in as it most likely was: one tap is enough."""

    action: str
    heading: str
    times_name: str
    times: int
    day_name: str
    day: str
    hour_name: str
    hour: str
    button: str
    until: str


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown. Empty parts are left out."""

    tongue: str
    title: str
    organisation: str = ""
    other: str = ""
    other_name: str = ""
    notice: str = ""
    good: bool = False
    facts: tuple[tuple[str, str], ...] = ()
    language: str = "vi"
    lines: tuple[str, ...] = field(default=(), repr=False)
    pdf: str = ""
    pdf_name: str = ""
    no_pdf: str = ""
    audio: str = ""
    audio_name: str = ""
    machine: str = ""
    form: Form | None = None


def written(page: Page) -> str:
    """The page as HTML; every value is escaped."""
    return _template().render(page=page, style=_Safe(STYLE))


def plain_page(key: str, tongue: str) -> Page:
    """A page that only says something: no such link, over, slower."""
    return Page(tongue, sentence_in(tongue, "loudspeaker.page-title"), notice=sentence_in(tongue, f"loudspeaker.{key}"))


def relay_page(
    row: Row[Any], script: Script, now: datetime, here: str, *, printable: bool, spoken: bool, notice: str = ""
) -> Page:
    """The page of one broadcast at ``now``; ``here`` is its own address on this server.

    ``printable``: there is a PDF of it; ``spoken``: a machine can read it; ``notice``: what was wrong with a form.
    """
    say, other = script.say, "en" if script.tongue == "vi" else "vi"
    page = Page(script.tongue, say("page-title"), script.organisation, other, say("page-language"))
    if now >= row.closes_at:
        return replace(page, notice=say("link-over"))
    asked = f"?lang={script.tongue}"
    form = _form(row, script, now, f"{here}{asked}")
    if row.called_off and row.times is None:  # what was read before that counts all the same
        return replace(page, notice=notice or say("page-cancelled"), form=form)
    good = not notice and row.times is not None
    if good:
        notice = say("page-noted", times=row.times, moment=script.moment(row.read_at))
    return replace(
        page,
        notice=notice,
        good=good,
        facts=(
            (say("page-where"), script.commune),
            (say("page-when"), script.moment(script.planned_at)),
            (say("page-length"), script.length),
        ),
        language=script.language,
        lines=tuple(line for line in script.words.split("\n") if line.strip()),
        pdf=f"{here}/pdf{asked}" if printable else "",
        pdf_name=say("page-pdf"),
        no_pdf="" if printable else say("page-no-pdf"),
        audio=f"{here}/audio" if spoken else "",
        audio_name=say("page-audio"),
        machine=say("page-machine"),
        form=form,
    )


def _form(row: Row[Any], script: Script, now: datetime, action: str) -> Form | None:
    """None until shortly before the hour: nobody confirms in the morning what is to be read in the evening."""
    if row.times is None and now < row.planned_at - _AHEAD:
        return None
    at = (row.read_at or min(row.planned_at, now)).astimezone(VIETNAM)
    say = script.say
    return Form(
        action=action,
        heading=say("page-confirm"),
        times_name=say("page-times"),
        times=row.times or 1,
        day_name=say("page-day"),
        day=f"{at:%Y-%m-%d}",
        hour_name=say("page-hour"),
        hour=f"{at:%H:%M}",
        button=say("page-button") if row.times is None else say("page-change"),
        until=say("page-until", moment=script.moment(row.closes_at)),
    )


class _Safe(str):
    """Our own style sheet, which needs no escaping."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(_TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.get_template("relay.html")
