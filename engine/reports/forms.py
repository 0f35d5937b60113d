"""The forms of a report: what was asked in, bytes with a file's name and media type out. See docs/forms.md.

One place for everybody who hands a report out: ``loa report`` writes ``Made.content`` into a file or prints what is
told, the dashboard answers with it. Nothing here prints, and nothing knows who asks.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.clock import VIETNAM
from engine.errors import UsageError
from engine.pipeline.process import Process
from engine.reports.asking import Asking, asking_of
from engine.reports.freezing import Notice
from engine.reports.telling import one_table, tell
from engine.reports.told import text_content
from engine.reports.wanted import Wanted, derived_dimensions, part_of


@dataclass(frozen=True, slots=True)
class Form:
    """``name`` is its word on the command line and the ending of its files.

    ``file_only``: there is nothing to print. ``whole``: the official report, which has its own dimensions.
    ``passed_on``: made to leave the office, and therefore told in publication units whatever is asked for.
    """

    name: str
    media: str
    file_only: bool = False
    whole: bool = False
    passed_on: bool = False


_OFFICE = "application/vnd.openxmlformats-officedocument"
FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form("table", "text/plain; charset=utf-8"),
        Form("csv", "text/csv; charset=utf-8"),
        Form("json", "application/json"),
        Form("xlsx", f"{_OFFICE}.spreadsheetml.sheet", file_only=True),
        Form("html", "text/html; charset=utf-8", file_only=True, passed_on=True),
        Form("docx", f"{_OFFICE}.wordprocessingml.document", file_only=True, whole=True, passed_on=True),
        Form("pdf", "application/pdf", file_only=True, whole=True, passed_on=True),
    )
}
ENDINGS: dict[str, str] = {
    ".csv": "csv", ".json": "json", ".txt": "table", "": "table",
    ".xlsx": "xlsx", ".html": "html", ".htm": "html", ".docx": "docx", ".pdf": "pdf",
}  # fmt: skip


class Made(NamedTuple):
    """A report as a file: a name without a path, the media type, and all of its bytes."""

    name: str
    media: str
    content: bytes


def quiet(line: str) -> None:
    """A ``Notice`` for those who have nowhere to say it."""


def make(process: Process, wanted: Wanted, form: str, notice: Notice = quiet) -> Made:
    """The report that is ``wanted``, in one of ``FORMS``.

    Raises ``UsageError`` for words that mean nothing together, ``LoaError`` for what is not there or cannot be used.
    """
    its = FORMS[form]
    if not its.file_only:
        told = tell(process, wanted, notice)
        if form == "csv" and (left_out := one_table(told, wanted)):
            notice(left_out)
        return Made(_name(process, wanted, its), its.media, text_content(told, form))
    check_file(wanted, its)
    asked = replace(wanted, publish=wanted.publish or its.passed_on)
    with process.database.one_moment():  # or two tables of one file would not agree while receipts come in
        asking = asking_of(process, asked, notice, publish=asked.publish)
        content = _file(its, asking, asked)
    return Made(_name(process, wanted, its), its.media, content)


def _file(form: Form, asking: Asking, wanted: Wanted) -> bytes:
    if form.whole:
        from engine.reports.official.form import official

        return official(form.name, asking)
    from engine.reports.file_forms import html_form, xlsx_form

    return html_form(asking, wanted) if form.name == "html" else xlsx_form(asking, wanted)


def check_file(wanted: Wanted, form: Form) -> None:
    """Raises ``UsageError`` for what a form that is a file cannot have; costs nothing."""
    if form.whole and (wanted.by or wanted.beside or wanted.what not in (None, "all", "deliveries")):
        raise UsageError("forms.whole-only", format=form.name)
    if not wanted.campaigns and wanted.frozen is None:
        raise UsageError("forms.which-campaign")
    if wanted.derived:
        derived_dimensions(replace(wanted, publish=wanted.publish or form.passed_on))
    elif wanted.by is not None:
        part_of(wanted.what, wanted.by)


def _name(process: Process, wanted: Wanted, form: Form) -> str:
    """``bao-cao-lang-son-30-7-district-20270731-1000.csv``; a frozen report is called by its id.

    Only letters that every file system and every HTTP header takes: keys of campaigns have no others.
    """
    about = [wanted.frozen] if wanted.frozen else list(wanted.campaigns[:1])
    about += [word for word in (wanted.derived, wanted.by) if word and not form.whole]
    if not wanted.frozen:
        about.append(f"{process.clock.now().astimezone(VIETNAM):%Y%m%d-%H%M}")
    words = "-".join(["bao-cao", *about])
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in words)
    return f"{plain}.{'txt' if form.name == 'table' else form.name}"
