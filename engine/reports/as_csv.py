"""A report as CSV (RFC 4180): stable English column names, exact figures, no line of totals to be added twice.

The last line of a frozen report is its id.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from engine.reports.counting import Keys
from engine.reports.dimensions import AREAS, By
from engine.reports.figures import COLUMNS
from engine.reports.places import Place
from engine.reports.report import Report, key_names

_RISKY = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def columns(report: Report) -> tuple[str, ...]:
    """The head of the file: the dimension (an area in three columns), then the contract's figures."""
    return (*key_columns(report.asked.dimensions), *COLUMNS)


def key_columns(dimensions: tuple[By, ...]) -> tuple[str, ...]:
    """The head of the columns that say what a line is about: an area takes three."""
    names = zip(dimensions, key_names(dimensions), strict=True)
    return tuple(
        column
        for by, name in names
        for column in ((f"{name}_era", f"{name}_code", f"{name}_name") if by in AREAS else (name,))
    )


def key_cells(keys: Keys) -> list[str]:
    """What stands in these columns."""
    return [
        harmless(word)
        for key in keys
        for word in ((key.era, key.code or "", key.name) if isinstance(key, Place) else (key,))
    ]


def csv_text(report: Report, *, line_end: str = "\n") -> str:
    """The rows as text; an empty cell stands for null. See ``harmless`` for what a spreadsheet might execute."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow(columns(report))
    for row in report.rows:
        figures = ("" if value is None else value for value in row.figures.document().values())
        writer.writerow([*key_cells(row.keys), *figures])
    if report.frozen is not None:
        writer.writerow(("frozen", report.frozen))
    return written.getvalue()


def table_csv(head: Sequence[str], rows: Iterable[Sequence[object]], line_end: str) -> str:
    """A head and rows as text; cells are written as they are (see ``harmless``)."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow(head)
    writer.writerows(rows)
    return written.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before ``= + - @``, blanks for tabs and returns."""
    printable = cell if cell.isprintable() else "".join(one if one.isprintable() else " " for one in cell)
    printable = printable.strip()
    return f"'{printable}" if printable.startswith(_RISKY) else printable
