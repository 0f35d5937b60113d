"""The forms in which a report can be taken away from its page; a new writer of ``engine.reports`` is one line here."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from engine.reports.as_csv import csv_text
from engine.reports.report import Report


@dataclass(frozen=True, slots=True)
class Form:
    """``name`` is the file's ending and the catalogue's ``web.form-<name>``; ``write`` gives the file's bytes."""

    name: str
    media: str
    write: Callable[[Report], bytes]


def _csv(report: Report) -> bytes:
    return b"\xef\xbb\xbf" + csv_text(report, line_end="\r\n").encode()  # as Excel expects it


def _json(report: Report) -> bytes:
    return (json.dumps(report.document(), ensure_ascii=False, indent=2) + "\n").encode()


FORMS = {
    form.name: form for form in (Form("csv", "text/csv; charset=utf-8", _csv), Form("json", "application/json", _json))
}
