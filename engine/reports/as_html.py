"""A report as one HTML file: tables, pictures and letters inside, nothing fetched, no script; made to be printed."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from engine.i18n import language, sentence
from engine.reports.charts.chart import Chart, font_face
from engine.reports.figures import COLUMNS, Figures
from engine.reports.sheets import Cell, Sheet, written

_TEMPLATE = Path(__file__).parent / "report.html.j2"
_SUMMARY = ("targeted", "delivered", "failed", "expired", "delivery_rate", "cost_vnd")


def html(
    title: str,
    as_of: datetime,
    totals: Figures,
    sections: Sequence[tuple[str, Sequence[Sheet]]],
    charts: Sequence[Chart],
) -> str:
    """The page. ``totals`` are its figures in large; ``sections`` are headings with their tables, whose notes stand
    once, at the end.

    Everything a person wrote is escaped by the template; a chart's SVG is ours.
    """
    document = totals.document()
    summary = [
        (sentence(f"reports.head-{name}"), written(document[name], "share" if name == "delivery_rate" else "count"))
        for name in COLUMNS
        if name in _SUMMARY
    ]
    return _template().render(
        lang=language(),
        title=title,
        as_of=sentence("forms.as-of", as_of=f"{as_of:%H:%M %d/%m/%Y}"),
        summary=summary,
        pictures=sentence("forms.pictures"),
        charts=[{"title": one.title, "text": one.text, "svg": Markup(one.svg())} for one in charts],  # noqa: S704
        sections=[(heading, [_table(sheet.without_zeros()) for sheet in sheets]) for heading, sheets in sections],
        notes=list(dict.fromkeys(note for _, sheets in sections for sheet in sheets for note in sheet.notes)),
        font_face=Markup(font_face()) if charts else "",  # noqa: S704
    )


def _table(sheet: Sheet) -> dict[str, Any]:
    kinds = [column.kind for column in sheet.columns]

    def cells(line: Sequence[Cell]) -> list[str]:
        return [written(cell, kind) for cell, kind in zip(line, kinds, strict=True)]

    return {
        "title": sheet.title,
        "columns": sheet.columns,
        "rows": [cells(line) for line in sheet.rows],
        "total": cells(sheet.total) if sheet.total else None,
        "named": kinds.index("word"),  # the cell that heads its line
    }


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_TEMPLATE.read_text("utf-8"))
