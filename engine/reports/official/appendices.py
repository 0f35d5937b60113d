"""The appendices beside the two of deliveries: activities, posts, loudspeakers, measures. Each only where there is any.

Each has its number, since the next one counts on from it.
"""

from collections.abc import Sequence
from typing import Any

from engine.areas.registry import Registry
from engine.content.activity_kinds import kind_label, measure_label
from engine.i18n import number, sentence
from engine.reports import activities_written, broadcasts
from engine.reports import posts as of_posts
from engine.reports.measured import Measured
from engine.reports.measured_words import heads_of
from engine.reports.official.gathered import Gathered
from engine.reports.sheets import written
from engine.reports.sheets_measured import measured_sheet

_NUMBERS = ("III", "IV", "V", "VI")
_SAID = ("delivered", "segments", "cost_vnd")  # in the body already
_POSTS = ("posts", "published", "reach", "reactions", "comments", "shares")


def beside(gathered: Gathered, registry: Registry) -> dict[str, Any]:
    """Name → rows for the template, ``<name>_total`` → their sum, ``<name>_number`` → the appendix's number."""
    parts = {
        "activities": _activities(gathered, registry),
        "posts": _posts(gathered, registry),
        "broadcasts": _broadcasts(gathered, registry),
        "measures": _measures(gathered),
    }
    told, total = numbers(gathered), sentence("reports.total")
    posts, heard = gathered.posts, gathered.broadcasts
    totals = {
        "posts_total": _named(total, posts.totals.document(), _POSTS) if posts else {},
        "broadcasts_total": _named(total, heard.totals.document(), broadcasts.COUNTS) if heard else {},
    }
    return totals | parts | {f"{name}_number": told.get(name, "") for name in parts}


def numbers(gathered: Gathered) -> dict[str, str]:
    """Name → the number of each appendix that is there."""
    activities, posts, heard = gathered.activities, gathered.posts, gathered.broadcasts
    there = {
        "activities": activities is not None and activities.lines,
        "posts": posts is not None and not posts.empty,
        "broadcasts": heard is not None and heard.lines,
        "measures": gathered.measures,
    }
    return dict(zip((name for name, one in there.items() if one), _NUMBERS, strict=False))


def _activities(gathered: Gathered, registry: Registry) -> list[dict[str, str]]:
    report = gathered.activities
    if report is None:
        return []
    lines, before = [], None
    for line, name in zip(report.lines, activities_written.labels(report, registry), strict=True):
        counts = ["" if count is None else number(count) for count in (line.planned, line.done)]
        lines.append(
            {
                "name": "" if line.key == before else name,
                "kind": kind_label(line.kind),
                "measure": measure_label(line.measure),
                "planned": counts[0],
                "done": counts[1],
                "rate": "" if line.rate is None else f"{number(line.rate * 100, 1)}%",
            }
        )
        before = line.key
    return lines


def _posts(gathered: Gathered, registry: Registry) -> list[dict[str, str]]:
    report = gathered.posts
    if report is None or report.empty:
        return []
    lines = list(zip(of_posts.labels(report, registry), (one for _, one in report.lines), strict=True))
    return [_named(name, figures.document(), _POSTS) for name, figures in lines]


def _broadcasts(gathered: Gathered, registry: Registry) -> list[dict[str, str]]:
    report = gathered.broadcasts
    if report is None or not report.lines:
        return []
    lines = zip(broadcasts.labels(report, registry), (one for _, one in report.lines), strict=True)
    return [_named(name, heard.document(), broadcasts.COUNTS) for name, heard in lines]


def _named(name: str, figures: dict[str, int] | dict[str, int | None], wanted: Sequence[str]) -> dict[str, str]:
    told = {one: figures[one] for one in wanted}
    return {"name": name} | {one: "—" if value is None else number(value) for one, value in told.items()}


def _measures(gathered: Gathered) -> list[dict[str, str]]:
    """A line a figure: what it is, its value, and once what it means."""
    rows = []
    for told in gathered.measures:
        sheet = measured_sheet(told, None)
        [values] = sheet.rows
        note = sentence(f"reports.note-{told.what}")
        for head, column, cell in zip(heads_of(told), sheet.columns[1:], values[1:], strict=True):
            if head not in _SAID:
                rows.append({"name": _figure(told, column.head), "value": written(cell, column.kind), "note": note})
                note = ""
    return rows


def _figure(told: Measured, head: str) -> str:
    """What a figure is called where its measure is not the table's title: "Thời gian đến máy: trung vị"."""
    what = sentence(f"reports.what-{told.what}")
    return head if told.what == "cost" or head == what else f"{what}: {head[0].lower()}{head[1:]}"
