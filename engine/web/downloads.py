"""Taking a report away: which files there are for what is on the page, and how they are made.

What is made to be passed on comes first, in publication units; exact files are for the office and say so in their
names. Text is made in a thread; what has pictures or sheets is made elsewhere, one file at a time.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath
from typing import NamedTuple

from engine.clock import StoppedClock
from engine.errors import UsageError
from engine.pipeline.process import Process, opened
from engine.reports.as_pdf import office
from engine.reports.forms import FORMS, Made, make
from engine.reports.wanted import ONLY_ACTIVITIES, Wanted, derived_dimensions
from engine.settings import Settings
from engine.web.elsewhere import Elsewhere
from engine.web.report_asked import Question

PATIENCE = 180.0  # seconds for one file; LibreOffice has 120 of its own
QUEUE = 30.0  # seconds to wait for another one to be made
PARTS = ("deliveries", "posts", "activities")  # what one table of CSV can be


class Choice(NamedTuple):
    """A file to take away: its form, whether it is in publication units, and its address."""

    form: str
    published: bool
    address: str


@dataclass(frozen=True, slots=True)
class Make:
    """A file, made by a process of its own over the same database, at the same moment."""

    settings: Settings
    now: datetime
    wanted: Wanted
    form: str

    def done(self) -> Made:
        """Make it. Raises ``LoaError`` for what is not there or cannot be used."""
        with opened(self.settings, clock=StoppedClock(self.now)) as process:
            return make(process, self.wanted, self.form)


def choices(question: Question) -> tuple[list[Choice], list[Choice]]:
    """What may be passed on, and what is for the office. What may not be passed on as it was asked for has no file."""
    wanted = question.wanted
    passed = _passed_on(wanted) if wanted is not None else []
    return (
        [Choice(form, True, _address(question, form, published=True)) for form in passed],
        [Choice(form, False, _address(question, form, published=False)) for form in ("xlsx", "csv", "json")],
    )


def _passed_on(wanted: Wanted) -> list[str]:
    if wanted.derived:
        try:
            derived_dimensions(replace(wanted, publish=True))
        except UsageError:
            return []
        return ["html", "xlsx", "csv"]
    if wanted.by in ONLY_ACTIVITIES:  # nothing in it is about people who were written to
        return ["html"]
    return ["docx", *(["pdf"] if office() else []), "html", "xlsx", "csv"]


def _address(question: Question, form: str, *, published: bool) -> str:
    return question.address("/report/file", format=form, **({"publish": "1"} if published else {}))


def download(
    process: Process, elsewhere: Elsewhere, question: Question, form: str, part: str, *, publish: bool
) -> Made:
    """The file. Raises ``LoaError``, and ``KeyError`` for a form that this question does not have."""
    if question.wanted is None:
        raise KeyError("nothing")
    offered = {(one.form, one.published) for some in choices(question) for one in some}
    if (form, publish) not in offered or (part and (form != "csv" or part not in PARTS)):
        raise KeyError(form)
    wanted = replace(question.wanted, publish=publish)
    if FORMS[form].whole:
        wanted = replace(wanted, by=None, what=None)
    elif part:
        wanted = replace(wanted, what=part)
    if FORMS[form].file_only:
        work = Make(process.settings, process.clock.now(), wanted, form)
        made: Made = elsewhere.done(work, patience=PATIENCE, queue=QUEUE)
    else:
        made = make(process, wanted, form)
    return made if publish else made._replace(name=_for_the_office(made.name))


def _for_the_office(name: str) -> str:
    path = PurePath(name)
    return f"{path.stem}-noi-bo{path.suffix}"
