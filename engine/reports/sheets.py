"""A report as sheets: typed columns and cells that every form but the screen writes in its own way. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.areas.registry import Registry
from engine.content.activity_kinds import kind_label, measure_label
from engine.i18n import number, sentence
from engine.reports import activities_written
from engine.reports.activities import ActivityLine, ActivityReport
from engine.reports.as_table import NOTHING, by_words, words_of
from engine.reports.figures import COLUMNS, Figures
from engine.reports.places import Place
from engine.reports.report import Report

Kind = Literal["word", "code", "count", "money", "share", "part"]  # a part: one decimal
Cell: TypeAlias = str | int | float | None
_KINDS: dict[str, Kind] = {"cost_vnd": "money", "delivery_rate": "share"}


@dataclass(frozen=True, slots=True)
class Column:
    """A head and what stands below it; a ``share`` is a part of 1."""

    head: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its title, its rows and, below them, their sum (None where nothing can be added up)."""

    key: str  # tells sheets of one file apart: ``district``, ``activities``
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    notes: tuple[str, ...] = ()
    whole: bool = False  # a zero says something here: no column is left out for it

    def without_zeros(self) -> "Sheet":
        """Without the counted columns in which every row has nothing; what a page has no room for."""
        if self.whole:
            return self
        lines = [*self.rows, *([self.total] if self.total else [])]
        kept = [
            place
            for place, column in enumerate(self.columns)
            if column.kind in ("word", "code", "share") or any(line[place] for line in lines)
        ]

        def cut(line: tuple[Cell, ...]) -> tuple[Cell, ...]:
            return tuple(line[place] for place in kept)

        columns = tuple(self.columns[place] for place in kept)
        total = cut(self.total) if self.total else None
        return Sheet(self.key, self.title, columns, tuple(cut(line) for line in self.rows), total, self.notes)


def deliveries_sheet(report: Report, registry: Registry | None, notes: Sequence[str] = ()) -> Sheet:
    """A report's rows; ``registry`` is needed for areas. ``notes`` stand below those that every report has."""
    asked = report.asked
    columns: list[Column] = []
    names: list[list[str]] = []
    for place, by in enumerate(asked.dimensions):
        keys = [row.keys[place] for row in report.rows]
        if any(isinstance(key, Place) for key in keys):
            columns.append(Column(sentence("reports.head-code"), "code"))
            names.append([(key.code or "") if isinstance(key, Place) else "" for key in keys])
        columns.append(Column(sentence(f"reports.head-{by}"), "word"))
        names.append([printable(word) for word in words_of(by, keys, registry)])
    before = ["", sentence("reports.total")] if columns[0].kind == "code" else [sentence("reports.total")]
    before += [""] * (len(columns) - len(before))
    columns += [Column(sentence(f"reports.head-{name}"), _KINDS.get(name, "count")) for name in COLUMNS]
    rows = tuple((*words, *_figures(row.figures)) for *words, row in zip(*names, report.rows, strict=True))
    as_of = f"{report.as_of:%H:%M %d/%m/%Y}"
    title = sentence("reports.title", campaign=report.campaign, dimension=by_words(asked.dimensions), as_of=as_of)
    said = (sentence("reports.turns"), sentence("reports.not-read"), *notes)
    total = (*before, *_figures(report.totals)) if report.rows else None
    return Sheet("-".join(asked.dimensions), title, tuple(columns), rows, total, said)


def _figures(figures: Figures) -> tuple[Cell, ...]:
    document = figures.document()
    return tuple(document[name] for name in COLUMNS)


def activities_sheet(report: ActivityReport, registry: Registry | None) -> Sheet:
    """What was done by hand; without a dimension, the totals. Nothing is added up: measures stay apart."""
    by = report.asked.by
    named = by not in (None, "kind")
    columns = [Column(sentence(f"reports.head-{by}"), "word")] if named else []
    for head in ("kind", "measure"):
        columns.append(Column(sentence(f"reports.head-{head}"), "word"))
    columns += [Column(sentence(f"reports.head-{head}"), "count") for head in ("planned", "done")]
    columns.append(Column(sentence("reports.head-done-rate"), "share"))
    lines = report.lines if by else report.totals
    names = activities_written.labels(report, registry) if by else []
    rows = tuple(_activity(line, printable(names[place]) if named else None) for place, line in enumerate(lines))
    title = sentence("reports.activities-title", dimension=sentence(f"reports.by-{by}") if by else "").strip()
    notes = [sentence("reports.activities-apart")]
    if report.left_out:
        notes.append(sentence("reports.activities-left-out", rows=number(report.left_out)))
    return Sheet("activities", title, tuple(columns), rows, None, tuple(notes))


def _activity(line: ActivityLine, name: str | None) -> tuple[Cell, ...]:
    figures = (kind_label(line.kind), measure_label(line.measure), line.planned, line.done, line.rate)
    return figures if name is None else (name, *figures)


def written(cell: Cell, kind: Kind) -> str:
    """A cell as people here write it: 19.500, 93,4%, and a dash where nobody knows."""
    if cell is None:
        return NOTHING
    if isinstance(cell, str):
        return cell
    if kind == "share":
        return f"{number(cell * 100, 1)}%"
    return number(cell, 1 if kind == "part" else 0)


def printable(text: str) -> str:
    """Without what no letter is: tabs, returns, control characters become blanks (a spreadsheet may act on them)."""
    return "".join(" " if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") else letter for letter in text)
