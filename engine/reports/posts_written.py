"""Posts on the screen and as CSV: what became of them, and what people made of them."""

import csv
import io

from rich.console import Console

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.as_csv import harmless
from engine.reports.as_table import NOTHING
from engine.reports.places import Place
from engine.reports.posts import FIGURES, PostFigures, PostReport, labels
from engine.reports.screen import plain_table
from engine.status import PostStatus

_ALWAYS = ("posts", "published", "reach", "reactions")


def show_posts(console: Console, report: PostReport, registry: Registry | None) -> None:
    """Print the lines and their totals; columns in which there is nothing are left out."""
    if report.empty:
        return
    title = sentence(f"reports.by-{report.asked.by}") if report.asked.by else ""
    console.print(sentence("reports.posts-title", dimension=title).strip())
    totals = report.totals.document()
    shown = [name for name in totals if name in _ALWAYS or totals[name]]
    table = plain_table(footer=True)
    if report.asked.by:
        table.add_column(sentence(f"reports.head-{report.asked.by}"), sentence("reports.total"), overflow="fold")
    for name in shown:
        table.add_column(sentence(f"reports.post-{name}"), _figure(totals[name]), justify="right", no_wrap=True)
    lines = [figures for _, figures in report.lines] if report.asked.by else []
    for name, figures in zip(labels(report, registry), lines, strict=False):
        table.add_row(name, *_cells(figures, shown))
    console.print(table)
    console.print(sentence("reports.posts-reach"))


def _cells(figures: PostFigures, shown: list[str]) -> list[str]:
    document = figures.document()
    return [_figure(document[name]) for name in shown]


def _figure(figure: int | None) -> str:
    return NOTHING if figure is None else number(figure)


def posts_csv(report: PostReport, *, line_end: str = "\n") -> str:
    """The lines as text, an empty cell for null; without a dimension, the totals."""
    by, areas = report.asked.by, report.asked.by in ("district", "commune")
    key = ("area_era", "area_code", "area_name") if areas else (by,) if by else ()
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow([*key, "posts", *map(str, PostStatus), *FIGURES])
    for place, figures in report.lines if by else [("", report.totals)]:
        words = (place.era, place.code or "", place.name) if isinstance(place, Place) else (place,) if by else ()
        cells = ("" if figure is None else figure for figure in figures.document().values())
        writer.writerow([*map(harmless, words), *cells])
    return written.getvalue()
