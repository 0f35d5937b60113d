"""Derived measures on the screen and as CSV."""

from collections.abc import Iterable

from rich.console import Console

from engine.areas.registry import Registry
from engine.i18n import sentence
from engine.reports.as_csv import key_cells, key_columns, table_csv
from engine.reports.as_table import Column, marks, show_columns
from engine.reports.counting import Keys
from engine.reports.measured import Measured, Values
from engine.reports.measured_words import communes_said, figure, heads_of, missing, named_columns, plain, said, title_of
from engine.reports.screen import plain_table


def show_measured(console: Console, told: Measured, registry: Registry | None) -> None:
    """Print a measure with its note: what it counts, and what it does not."""
    console.print(title_of(told))
    for line in missing(told):
        console.print(line)
    heads = heads_of(told)
    if told.what == "reasons" and not told.rows:
        console.print(sentence("reports.nothing"))
        return
    by_keys = named_columns(told.dimensions, [row.keys for row in told.rows], registry)
    if told.what == "reasons":
        _show_reasons(console, told, by_keys)
    else:
        every = [*(row.values for row in told.rows), told.totals]
        figures = [
            Column(sentence(f"reports.head-{head}"), [cell_of(told, head, one) for one in every]) for head in heads
        ]
        show_columns(console, by_keys, figures)
    for line in (*communes_said(told), sentence(f"reports.note-{told.what}"), *marks(told)):
        console.print(line)


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
        table.add_row(
            *(column.cells[place] for column in by_keys), *(cell_of(told, head, row.values) for head in heads)
        )
    console.print(table)


def cell_of(told: Measured, head: str, values: Values) -> str:
    """What stands below ``head`` (of ``heads_of``)."""
    if head in ("advice", "delay_median", "delay_p95", "status", "reason"):
        return said(head, values)
    if values[head] is None and told.retired:
        return sentence("reports.no-longer-known")
    return figure(head, values[head])


def measured_csv(told: Measured, *, line_end: str = "\n") -> str:
    """The rows (without a dimension, the totals) as text; an empty cell stands for null.

    Where nobody can tell a figure any more, the last line says so; a frozen measure ends with its id.
    """
    lines: Iterable[tuple[Keys, Values]] = [(row.keys, row.values) for row in told.rows]
    if not told.dimensions and told.what != "reasons":
        lines = [((), told.totals)]
    cells = ([*key_cells(keys), *(plain(values[name]) for name in told.columns)] for keys, values in lines)
    ends = [("note", line) for line in missing(told)]
    ends += [("frozen", told.frozen)] if told.frozen else []
    return table_csv([*key_columns(told.dimensions), *told.columns], [*cells, *ends], line_end)
