"""Derived measures, and two reports side by side, as sheets: what they count stands in their notes. Pure."""

from collections.abc import Sequence
from datetime import datetime

from engine.areas.registry import Registry
from engine.i18n import sentence
from engine.reports.as_table import by_words, marks, words_of
from engine.reports.beside import SIDES, Beside
from engine.reports.beside_written import SHOWN_BESIDE
from engine.reports.counting import Keys
from engine.reports.dimensions import By
from engine.reports.measured import Measured, Values
from engine.reports.measured_words import communes_said, heads_of, missing, said, title_of
from engine.reports.sheets import Cell, Column, Kind, Sheet, printable

_KINDS: dict[str, Kind] = {
    "coverage_rate": "share", "share": "share", "delivery_rate": "share", "cost_vnd": "money",
    "cost_per_delivered_vnd": "money", "opt_outs_per_1000": "part", "status": "word", "reason": "word",
    "advice": "word", "delay_median": "word", "delay_p95": "word",
}  # fmt: skip


def measured_sheet(told: Measured, registry: Registry | None, *, numbers: bool = False) -> Sheet:
    """One measure. ``numbers``: delays as seconds with the ends of their range, for a spreadsheet; else in words.

    What nobody can tell any more is said in words, in its cells and in a note.
    """
    heads = told.columns if numbers and told.what == "delay" else heads_of(told)
    by: Sequence[str] = told.dimensions or (() if told.what == "reasons" else ("campaign",))
    columns = [Column(sentence(f"reports.head-{one}"), "word") for one in by]
    columns += [Column(sentence(f"reports.head-{head}"), _KINDS.get(head, "count")) for head in heads]

    def line(names: Sequence[str], values: Values) -> tuple[Cell, ...]:
        return (*map(printable, names), *(_cell(told, head, values) for head in heads))

    if told.dimensions or told.what == "reasons":
        named = _named(told.dimensions, [row.keys for row in told.rows], registry) or [[]] * len(told.rows)
        rows = tuple(line(names, row.values) for names, row in zip(named, told.rows, strict=True))
    else:
        rows = (line([told.campaign], told.totals),)
    total = None
    if told.dimensions and told.what != "reasons":
        total = line([sentence("reports.total"), *[""] * (len(by) - 1)], told.totals)
    notes = [*missing(told), *communes_said(told), sentence(f"reports.note-{told.what}"), *marks(told)]
    return Sheet(told.what.replace("-", "_"), title_of(told), tuple(columns), rows, total, tuple(notes), whole=True)


def _cell(told: Measured, head: str, values: Values) -> Cell:
    if _KINDS.get(head) == "word":
        return said(head, values)
    value = values[head]
    if value is None and told.retired:
        return sentence("reports.no-longer-known")
    return value


def beside_sheet(told: Beside, registry: Registry | None) -> Sheet:
    """Two reports side by side: each figure of this one, of the other, and the difference."""
    dimensions = told.this.asked.dimensions
    columns = [Column(sentence(f"reports.head-{by}"), "word") for by in dimensions]
    words = (told.this.campaign, told.beside.campaign, sentence("reports.beside-difference"))
    for name in SHOWN_BESIDE:
        head = sentence(f"reports.head-{name}")
        columns += [Column(printable(f"{head} {word}"), _KINDS.get(name, "count")) for word in words]
    named = _named(dimensions, [row.keys for row in told.rows], registry)
    before = [sentence("reports.total"), *[""] * (len(dimensions) - 1)]
    rows = [
        (*map(printable, names), *(row.numbers()[side][name] for name in SHOWN_BESIDE for side in SIDES))
        for names, row in zip([*named, before], [*told.rows, told.totals], strict=True)
    ]
    title = sentence(
        "reports.beside-title", campaign=told.this.campaign, beside=told.beside.campaign,
        dimension=by_words(dimensions), as_of=_written(told.this.as_of),
    )  # fmt: skip
    notes = [sentence(f"reports.{note}") for note in ("beside-years", "turns", "not-read")] + marks(told.this)
    return Sheet("beside", title, tuple(columns), tuple(rows[:-1]), rows[-1] if told.rows else None, tuple(notes))


def _named(dimensions: Sequence[By], keys: Sequence[Keys], registry: Registry | None) -> list[list[str]]:
    columns = [words_of(by, [one[place] for one in keys], registry) for place, by in enumerate(dimensions)]
    return [list(line) for line in zip(*columns, strict=True)]


def _written(instant: datetime) -> str:
    return f"{instant:%H:%M %d/%m/%Y}"
