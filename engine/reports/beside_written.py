"""Two reports side by side, on the screen and as CSV."""

from rich.console import Console

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.as_csv import key_cells, key_columns, table_csv
from engine.reports.as_table import Column, by_words, marks, show_columns
from engine.reports.beside import SIDES, Beside, Side
from engine.reports.figures import COLUMNS
from engine.reports.measured_words import Value, figure, named_columns, plain

SHOWN_BESIDE = ("targeted", "delivered", "delivery_rate", "cost_vnd")


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
    show_columns(console, named_columns(dimensions, [row.keys for row in told.rows], registry), columns)
    for note in ("beside-years", "turns", "not-read"):
        console.print(sentence(f"reports.{note}"))
    for line in marks(told.this):
        console.print(line)


def beside_cell(name: str, side: Side, value: Value) -> str:
    """A figure; the difference of two rates is in points, which are no part of anything."""
    if side == "difference" and name == "delivery_rate" and isinstance(value, float):
        return sentence("reports.points", points=number(value * 100, 1))
    return figure(name, value)


def beside_csv(told: Beside, *, line_end: str = "\n") -> str:
    """Each figure in three columns: ``delivered``, ``delivered_beside``, ``delivered_difference``."""
    heads = [name if side == "this" else f"{name}_{side}" for name in COLUMNS for side in SIDES]
    rows = ((row.keys, row.numbers()) for row in told.rows)
    cells = (
        [*key_cells(keys), *(plain(numbers[side][name]) for name in COLUMNS for side in SIDES)]
        for keys, numbers in rows
    )
    return table_csv([*key_columns(told.this.asked.dimensions), *heads], cells, line_end)
