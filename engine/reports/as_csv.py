"""A report as CSV (RFC 4180): stable English column names, exact figures, no line of totals to be added twice.

The last line of a frozen report is its id.
"""

import csv
import io

from engine.reports.figures import COLUMNS
from engine.reports.places import Place
from engine.reports.report import Report

_RISKY = ("=", "+", "-", "@")


def columns(report: Report) -> tuple[str, ...]:
    """The head of the file: the dimension (an area in three columns), then the contract's figures."""
    by = report.asked.by
    key = ("area_era", "area_code", "area_name") if by in ("district", "commune") else (by,)
    return (*key, *COLUMNS)


def csv_text(report: Report, *, line_end: str = "\n") -> str:
    """The rows as text; an empty cell stands for null. See ``harmless`` for what a spreadsheet might execute."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow(columns(report))
    for row in report.rows:
        key = (row.key.era, row.key.code or "", row.key.name) if isinstance(row.key, Place) else (row.key,)
        figures = ("" if value is None else value for value in row.figures.document().values())
        writer.writerow([*(harmless(word) for word in key), *figures])
    if report.frozen is not None:
        writer.writerow(("frozen", report.frozen))
    return written.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before ``= + - @``, blanks for tabs and returns."""
    printable = "".join(letter if letter.isprintable() else " " for letter in cell).strip()
    return f"'{printable}" if printable.startswith(_RISKY) else printable
