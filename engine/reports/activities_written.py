"""Activities on the screen and as CSV: planned beside done, one line a kind and measure."""

import csv
import io

from rich.console import Console

from engine.areas.registry import Registry
from engine.content.activity_kinds import kind_label, measure_label
from engine.content.activity_units import unit_label
from engine.i18n import number, sentence
from engine.reports import places
from engine.reports.activities import ActivityLine, ActivityReport
from engine.reports.as_csv import harmless
from engine.reports.as_table import NOTHING
from engine.reports.places import Place
from engine.reports.screen import plain_table

COUNTS = ("kind", "measure", "planned", "done")


def show_activities(console: Console, report: ActivityReport, registry: Registry | None) -> None:
    """Print the lines, then the totals; ``registry`` is needed for areas. Rows left out are named at the end."""
    title = sentence(f"reports.by-{report.asked.by}") if report.asked.by else ""
    if report.totals:
        console.print(sentence("reports.activities-title", dimension=title).strip())
    if report.lines:
        _show(console, report, report.lines, labels(report, registry))
    if report.totals and report.asked.by != "kind":
        console.print(sentence("reports.activities-total"))
        _show(console, report, report.totals, None)
    if report.totals:
        console.print(sentence("reports.activities-apart"))
    if report.left_out:
        console.print(sentence("reports.activities-left-out", rows=number(report.left_out)))


def _show(console: Console, report: ActivityReport, lines: tuple[ActivityLine, ...], names: list[str] | None) -> None:
    table = plain_table()
    if names is not None and report.asked.by != "kind":
        table.add_column(sentence(f"reports.head-{report.asked.by}"), overflow="fold")
    for head in ("kind", "measure"):
        table.add_column(sentence(f"reports.head-{head}"), overflow="fold")
    for head in ("planned", "done", "done-rate"):
        table.add_column(sentence(f"reports.head-{head}"), justify="right", no_wrap=True)
    before = None
    for place, line in enumerate(lines):
        name = [] if names is None or report.asked.by == "kind" else [names[place] if line.key != before else ""]
        before = line.key
        rate = NOTHING if line.rate is None else f"{number(line.rate * 100, 1)}%"
        figures = (_figure(line.planned), _figure(line.done), rate)
        table.add_row(*name, kind_label(line.kind), measure_label(line.measure), *figures)
    console.print(table)


def _figure(figure: int | None) -> str:
    return NOTHING if figure is None else number(figure)


def labels(report: ActivityReport, registry: Registry | None) -> list[str]:
    """What stands at the beginning of each line. What a list gives for a whole district or province says so."""
    found = [line.key for line in report.lines if isinstance(line.key, Place)]
    by_place = places.labels(registry, list(dict.fromkeys(found))) if registry is not None else {}
    return [_label(report, line, by_place) for line in report.lines]


def _label(report: ActivityReport, line: ActivityLine, by_place: dict[Place, str]) -> str:
    key, by = line.key, report.asked.by
    if isinstance(key, Place):
        name = by_place.get(key, key.name)
        wider = key.code is not None and len(key.code) < (3 if by == "district" else 5)
        return sentence("reports.all-of", name=name) if wider else name
    if by == "day":
        return "/".join(reversed(key.split("-")))
    return unit_label(key) if by == "unit" else key


def activities_csv(report: ActivityReport, *, line_end: str = "\n") -> str:
    """The lines as text; an empty cell stands for null. Without a dimension, the totals."""
    by = report.asked.by
    areas = by in ("district", "commune")
    key = ("area_era", "area_code", "area_name") if areas else () if by in (None, "kind") else (by,)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow([*key, *COUNTS])
    for line in report.lines if by else report.totals:
        place = line.key
        words = (place.era, place.code or "", place.name) if isinstance(place, Place) else (place,) if key else ()
        figures = ("" if figure is None else figure for figure in (line.planned, line.done))
        writer.writerow([*map(harmless, words), line.kind, line.measure, *figures])
    return written.getvalue()
