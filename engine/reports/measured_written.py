"""Derived measures, and two reports side by side, on the screen and as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence

from rich.console import Console

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.as_csv import harmless, key_cells, key_columns
from engine.reports.as_table import NOTHING, Column, by_words, show_columns, words_of
from engine.reports.beside import SIDES, Beside, Side
from engine.reports.counting import Keys
from engine.reports.dimensions import By
from engine.reports.figures import COLUMNS
from engine.reports.measured import Measured, Values
from engine.reports.reasons import advice_of
from engine.reports.reasons import words_of as reason_words
from engine.reports.screen import plain_table

NAMED = 20  # communes named on the screen; JSON has all
SHOWN_BESIDE = ("targeted", "delivered", "delivery_rate", "cost_vnd")
_Value = int | float | str | None
_SMALL = ("share", "coverage_rate", "delivery_rate")


def show_measured(console: Console, told: Measured, registry: Registry | None) -> None:
    """Print a measure with its note: what it counts, and what it does not."""
    title = {"what": sentence(f"reports.what-{told.what}"), "dimension": by_words(told.dimensions)}
    as_of = f"{told.as_of:%H:%M %d/%m/%Y}"
    console.print(sentence("reports.measure-title", **title, campaign=told.campaign, as_of=as_of).replace(" :", ":"))
    if told.retired:
        console.print(sentence("reports.retired", runs=number(told.retired)))
    heads = heads_of(told)
    if told.what == "reasons" and not told.rows:
        console.print(sentence("reports.nothing"))
        return
    by_keys = _named(told.dimensions, [row.keys for row in told.rows], registry)
    if told.what == "reasons":
        _show_reasons(console, told, by_keys)
    else:
        every = [*(row.values for row in told.rows), told.totals]
        figures = [Column(sentence(f"reports.head-{head}"), [cell_of(head, one) for one in every]) for head in heads]
        show_columns(console, by_keys, figures)
    for line in communes_said(told):
        console.print(line)
    console.print(sentence(f"reports.note-{told.what}"))


def _named(dimensions: Sequence[By], keys: Sequence[Keys], registry: Registry | None) -> list[Column]:
    """The columns that say what a line is about, with the word for the totals at the end of the first."""
    columns = [
        Column(sentence(f"reports.head-{by}"), [*words_of(by, [one[place] for one in keys], registry), ""])
        for place, by in enumerate(dimensions)
    ]
    if columns:
        columns[0].cells[-1] = sentence("reports.total")
    return columns


def _show_reasons(console: Console, told: Measured, by_keys: list[Column]) -> None:
    """A table of sentences: it folds where it must."""
    heads, table = heads_of(told), plain_table()
    for column in by_keys:
        table.add_column(column.head, overflow="fold")
    for head in heads:
        number_ = head in ("deliveries", "share")
        table.add_column(
            sentence(f"reports.head-{head}"), justify="right" if number_ else "left", no_wrap=number_, overflow="fold"
        )
    for place, row in enumerate(told.rows):
        table.add_row(*(column.cells[place] for column in by_keys), *(cell_of(head, row.values) for head in heads))
    console.print(table)


def heads_of(told: Measured) -> tuple[str, ...]:
    """The columns as people read them, by the names under which the catalogue has their heads."""
    if told.what == "delay":
        return ("delivered", "delay_median", "delay_p95")
    return (*told.columns, "advice") if told.what == "reasons" else told.columns


def cell_of(head: str, values: Values) -> str:
    """What stands below ``head`` (of ``heads_of``)."""
    if head == "advice":
        return advice_of(str(values["reason"] or ""))
    if head in ("delay_median", "delay_p95"):
        return _delay(*(values[f"{head}_{part}"] for part in ("s", "from_s", "to_s")))
    value = values[head]
    if head == "status":
        return sentence(f"reports.status-{value}")
    if head == "reason":
        return reason_words(str(value or ""))
    return _figure(head, value)


def _figure(head: str, value: _Value) -> str:
    if value is None or isinstance(value, str):
        return value or NOTHING
    if head in _SMALL:
        return f"{number(value * 100, 1)}%"
    return number(value, 0 if isinstance(value, int) else 1)


def _delay(seconds: _Value, start: _Value, end: _Value) -> str:
    if not isinstance(start, int):
        return NOTHING
    if not isinstance(end, int) or not isinstance(seconds, int):
        return sentence("reports.over", start=_long(start))
    return sentence("reports.within", estimate=_long(seconds), start=_long(start), end=_long(end))


def _long(seconds: int) -> str:
    if seconds < 60:
        return sentence("reports.seconds", n=number(seconds))
    if seconds < 7200:
        return sentence("reports.minutes", n=number(seconds // 60))
    return sentence("reports.hours", n=number(seconds // 3600))


def communes_said(told: Measured) -> list[str]:
    """Sentences about the communes that nothing reached; none where the measure knows no communes."""
    communes = told.more.get("communes")
    if not communes:
        return []
    addressed, reached = number(communes["addressed"]), number(communes["reached"])
    said = [sentence("reports.communes-reached", addressed=addressed, reached=reached)]
    if communes["none"]:
        names = [place["name"] for place in communes["none"]]
        shown = ", ".join(names[:NAMED])
        if len(names) > NAMED:
            shown += " " + sentence("reports.and-more", count=number(len(names) - NAMED))
        said.append(sentence("reports.communes-none", names=shown))
    if communes["untouched"]:
        said.append(sentence("reports.communes-untouched", count=number(len(communes["untouched"]))))
    return said


def measured_csv(told: Measured, *, line_end: str = "\n") -> str:
    """The rows (without a dimension, the totals) as text; an empty cell stands for null."""
    lines: Iterable[tuple[Keys, Values]] = [(row.keys, row.values) for row in told.rows]
    if not told.dimensions and told.what != "reasons":
        lines = [((), told.totals)]
    cells = ([*key_cells(keys), *(_plain(values[name]) for name in told.columns)] for keys, values in lines)
    return _csv([*key_columns(told.dimensions), *told.columns], cells, line_end)


def _plain(value: _Value) -> float | str:
    return harmless(value) if isinstance(value, str) else "" if value is None else value


def show_beside(console: Console, told: Beside, registry: Registry | None) -> None:
    """Print two reports side by side: what was targeted, confirmed, its rate and cost, each with the difference."""
    dimensions = told.this.asked.dimensions
    console.print(
        sentence(
            "reports.beside-title",
            campaign=told.this.campaign,
            beside=told.beside.campaign,
            dimension=by_words(dimensions),
            as_of=f"{told.this.as_of:%H:%M %d/%m/%Y}",
        )
    )
    if not told.rows:
        console.print(sentence("reports.nothing"))
        return
    sides = (told.this.campaign, told.beside.campaign, sentence("reports.beside-difference"))
    numbers = [row.numbers() for row in (*told.rows, told.totals)]
    columns = [
        Column(
            f"{sentence(f'reports.head-{name}')} {word}", [beside_cell(name, side, one[side][name]) for one in numbers]
        )
        for name in SHOWN_BESIDE
        for side, word in zip(SIDES, sides, strict=True)
    ]
    show_columns(console, _named(dimensions, [row.keys for row in told.rows], registry), columns)
    for note in ("beside-years", "turns", "not-read"):
        console.print(sentence(f"reports.{note}"))


def beside_cell(name: str, side: Side, value: int | float | str | None) -> str:
    """A figure; the difference of two rates is in points, which are no part of anything."""
    if side == "difference" and name == "delivery_rate" and isinstance(value, float):
        return sentence("reports.points", points=number(value * 100, 1))
    return _figure(name, value)


def beside_csv(told: Beside, *, line_end: str = "\n") -> str:
    """Each figure in three columns: ``delivered``, ``delivered_beside``, ``delivered_difference``."""
    heads = [name if side == "this" else f"{name}_{side}" for name in COLUMNS for side in SIDES]
    rows = ((row.keys, row.numbers()) for row in told.rows)
    cells = (
        [*key_cells(keys), *(_plain(numbers[side][name]) for name in COLUMNS for side in SIDES)]
        for keys, numbers in rows
    )
    return _csv([*key_columns(told.this.asked.dimensions), *heads], cells, line_end)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]], line_end: str) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow(head)
    writer.writerows(rows)
    return written.getvalue()
