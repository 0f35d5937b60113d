"""A report on the screen, in the officer's words."""

from datetime import date

from rich.console import Console

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports import places
from engine.reports.figures import COLUMNS, Figures
from engine.reports.places import Place
from engine.reports.report import Report
from engine.reports.screen import plain_table

ALWAYS = ("targeted", "delivered", "delivery_rate")  # shown even where they are zero in every row
NOTHING = "—"


def show_table(console: Console, report: Report, registry: Registry | None) -> None:
    """Print ``report``; ``registry`` is needed for areas. Columns that are zero in every row are left out and named.

    ``console`` decides about colours and width: see ``engine.reports.screen``.
    """
    as_of = f"{report.as_of:%H:%M %d/%m/%Y}"
    dimension = sentence(f"reports.by-{report.asked.by}")
    console.print(sentence("reports.title", campaign=report.campaign, dimension=dimension, as_of=as_of))
    if not report.rows:
        console.print(sentence("reports.nothing"))
        return
    totals = report.totals.document()
    shown = [name for name in COLUMNS if name in ALWAYS or totals[name]]
    table = plain_table(footer=True)
    is_area = report.asked.by in ("district", "commune")
    if is_area:
        table.add_column(sentence("reports.head-code"), no_wrap=True)
    table.add_column(sentence(f"reports.head-{report.asked.by}"), sentence("reports.total"), overflow="fold")
    closing = cells(report.totals, shown)
    for name, last in zip(shown, closing, strict=True):
        table.add_column(sentence(f"reports.head-{name}"), last, justify="right", min_width=len(last))
    written = labels(report, registry)
    for row, label in zip(report.rows, written, strict=True):
        code = [row.key.code or NOTHING] if isinstance(row.key, Place) else []
        table.add_row(*code, label, *cells(row.figures, shown))
    console.print(table)
    left_out = [sentence(f"reports.head-{name}") for name in COLUMNS if name not in shown]
    if left_out:
        console.print(sentence("reports.left-out", columns=", ".join(left_out)))
    console.print(sentence("reports.turns"))
    console.print(sentence("reports.not-read"))


def cells(figures: Figures, columns: list[str]) -> list[str]:
    """The figures of a line as people here write them: 19.500 and 93,5%."""
    document = figures.document()
    rate = document["delivery_rate"]
    shown = NOTHING if rate is None else f"{number(rate * 100, 1)}%"
    return [shown if name == "delivery_rate" else number(document[name] or 0) for name in columns]


def labels(report: Report, registry: Registry | None) -> list[str]:
    """What stands at the beginning of each line."""
    found = [row.key for row in report.rows if isinstance(row.key, Place)]
    by_place = places.labels(registry, found) if registry is not None else {}
    return [
        by_place.get(row.key, row.key.name) if isinstance(row.key, Place) else _word(report.asked.by, row.key)
        for row in report.rows
    ]


def _word(by: str, key: str) -> str:
    if by == "day":
        return f"{date.fromisoformat(key):%d/%m/%Y}"
    return key or NOTHING
