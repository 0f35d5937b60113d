"""Derived measures, and two reports side by side, on the screen and as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports.as_csv import harmless, key_cells, key_columns
from engine.reports.as_table import NOTHING, by_words, words_of
from engine.reports.beside import SIDES, Beside, BesideRow
from engine.reports.counting import Keys
from engine.reports.dimensions import By
from engine.reports.figures import COLUMNS
from engine.reports.measured import Measured, Values
from engine.reports.reasons import advice_of
from engine.reports.reasons import words_of as reason_words
from engine.reports.screen import plain_table

NAMED = 20  # communes named on the screen; JSON has all
_SHOWN_BESIDE = ("targeted", "delivered", "delivery_rate", "cost_vnd")
_Value = int | float | str | None
_SMALL = ("share", "coverage_rate", "delivery_rate")


def show_measured(console: Console, told: Measured, registry: Registry | None) -> None:
    """Print a measure with its note: what it counts, and what it does not."""
    title = {"what": sentence(f"reports.what-{told.what}"), "dimension": by_words(told.dimensions)}
    as_of = f"{told.as_of:%H:%M %d/%m/%Y}"
    console.print(sentence("reports.measure-title", **title, campaign=told.campaign, as_of=as_of).replace(" :", ":"))
    if told.retired:
        console.print(sentence("reports.retired", runs=number(told.retired)))
    heads = _heads(told)
    lines = [(row.keys, row.values) for row in told.rows]
    if told.what != "reasons":
        lines.append(((), told.totals))
    elif not lines:
        console.print(sentence("reports.nothing"))
        return
    table = plain_table()
    for by in told.dimensions:
        table.add_column(sentence(f"reports.head-{by}"), overflow="fold")
    for head in heads:
        text = head in ("status", "reason", "advice")
        table.add_column(
            sentence(f"reports.head-{head}"), justify="left" if text else "right", no_wrap=not text, overflow="fold"
        )
    names = _names(told.dimensions, [keys for keys, _ in lines if keys], registry)
    for keys, values in lines:
        first = next(names) if keys else [sentence("reports.total"), *[""] * (len(told.dimensions) - 1)]
        table.add_row(*(first if told.dimensions else []), *(_cell(head, values) for head in heads))
    console.print(table)
    _show_communes(console, told)
    console.print(sentence(f"reports.note-{told.what}"))


def _heads(told: Measured) -> tuple[str, ...]:
    if told.what == "delay":
        return ("delivered", "delay_median", "delay_p95")
    return (*told.columns, "advice") if told.what == "reasons" else told.columns


def _cell(head: str, values: Values) -> str:
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


def _names(dimensions: Sequence[By], keys: Sequence[Keys], registry: Registry | None) -> Iterator[list[str]]:
    columns = [words_of(by, [one[place] for one in keys], registry) for place, by in enumerate(dimensions)]
    return (list(row) for row in zip(*columns, strict=True))


def _show_communes(console: Console, told: Measured) -> None:
    communes = told.more.get("communes")
    if not communes:
        return
    addressed, reached = number(communes["addressed"]), number(communes["reached"])
    console.print(sentence("reports.communes-reached", addressed=addressed, reached=reached))
    if communes["none"]:
        names = [place["name"] for place in communes["none"]]
        shown = ", ".join(names[:NAMED])
        if len(names) > NAMED:
            shown += " " + sentence("reports.and-more", count=number(len(names) - NAMED))
        console.print(sentence("reports.communes-none", names=shown))
    if communes["untouched"]:
        console.print(sentence("reports.communes-untouched", count=number(len(communes["untouched"]))))


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
    table = plain_table()
    for by in dimensions:
        table.add_column(sentence(f"reports.head-{by}"), overflow="fold")
    sides = (told.this.campaign, told.beside.campaign, sentence("reports.beside-difference"))
    for name in _SHOWN_BESIDE:
        for side in sides:
            table.add_column(f"{sentence(f'reports.head-{name}')}\n{side}", justify="right", no_wrap=True)
    labels = _names(dimensions, [row.keys for row in told.rows], registry)
    for row in told.rows:
        table.add_row(*next(labels), *_beside_cells(row))
    table.add_row(sentence("reports.total"), *[""] * (len(dimensions) - 1), *_beside_cells(told.totals))
    console.print(table)
    for note in ("beside-years", "turns", "not-read"):
        console.print(sentence(f"reports.{note}"))


def _beside_cells(row: BesideRow) -> list[str]:
    numbers = row.numbers()
    return [_figure(name, numbers[side][name]) for name in _SHOWN_BESIDE for side in SIDES]


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
