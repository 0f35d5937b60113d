"""A report on the screen, in the officer's words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from rich.console import Console
from rich.table import Table

from engine.areas.registry import Registry
from engine.i18n import number, sentence
from engine.reports import places
from engine.reports.figures import COLUMNS, Figures
from engine.reports.places import Place
from engine.reports.publication import Publication
from engine.reports.report import Report, Row
from engine.reports.screen import plain_table

ALWAYS = ("targeted", "delivered", "delivery_rate")  # shown even where they are zero in every row
NOTHING = "—"
GAP = 3  # characters between two columns


def show_table(console: Console, report: Report, registry: Registry | None) -> None:
    """Print ``report``; ``registry`` is needed for areas. Columns that are zero in every row are left out and named.

    ``console`` decides about colours and width: see ``engine.reports.screen``.
    """
    as_of = f"{report.as_of:%H:%M %d/%m/%Y}"
    dimension = by_words(report.asked.dimensions)
    console.print(sentence("reports.title", campaign=report.campaign, dimension=dimension, as_of=as_of))
    if not report.rows:
        console.print(sentence("reports.nothing"))
        return
    totals = report.totals.document()
    shown = [name for name in COLUMNS if name in ALWAYS or totals[name]]
    by_column = [cells(row.figures, shown) for row in (*report.rows, Row("", report.totals))]
    columns = [
        Column(sentence(f"reports.head-{name}"), [line[place] for line in by_column])
        for place, name in enumerate(shown)
    ]
    names = _names(report, registry)
    show_columns(console, names, columns)
    left_out = [sentence(f"reports.head-{name}") for name in COLUMNS if name not in shown]
    if left_out:
        console.print(sentence("reports.left-out", columns=", ".join(left_out)))
    console.print(sentence("reports.turns"))
    console.print(sentence("reports.not-read"))
    for line in marks(report):
        console.print(line)


class Marked(Protocol):
    """A report, or a measure: what may be passed on, or is kept."""

    @property
    def published(self) -> Publication | None:
        """Whose units its lines are."""

    @property
    def frozen(self) -> str | None:
        """The id under which it is kept."""


def marks(report: Marked) -> list[str]:
    """What stands below every form of a report that is passed on or kept: the threshold, and the id."""
    lines = []
    if report.published is not None:
        lines.append(sentence("publication.foot", small_cell=number(report.published.small_cell)))
    if report.frozen is not None:
        lines.append(sentence("frozen.mark", id=report.frozen))
    return lines


def show_columns(console: Console, names: list["Column"], columns: list["Column"]) -> None:
    """Print ``columns`` beside ``names``, in as few tables as the screen needs."""
    room = console.width - sum(name.width(whole=True) + GAP for name in names)
    for part in _parts(columns, room):
        console.print(_table(names, part, room))


@dataclass(frozen=True, slots=True)
class Column:
    """A head, and the cells below it with that of the totals at the end."""

    head: str
    cells: list[str]

    def width(self, *, whole: bool = False) -> int:
        """The least width that cuts no cell and breaks the head between words only (``whole``: not at all)."""
        head = self.head if whole else max(self.head.split(), key=len)
        return max(len(text) for text in (head, *self.cells))


def by_words(dimensions: Iterable[str]) -> str:
    """ "theo huyện (cũ), theo bước": along what a report counts."""
    return ", ".join(sentence(f"reports.by-{by}") for by in dimensions)


def _names(report: Report, registry: Registry | None) -> list[Column]:
    """The columns that say what a line is about; the first has the word for the totals at its end."""
    columns: list[Column] = []
    for place, by in enumerate(report.asked.dimensions):
        keys = [row.keys[place] for row in report.rows]
        if place == 0 and any(isinstance(key, Place) for key in keys):
            codes = [key.code or NOTHING for key in keys if isinstance(key, Place)]
            columns.append(Column(sentence("reports.head-code"), [*codes, ""]))
        total = sentence("reports.total") if place == 0 else ""
        columns.append(Column(sentence(f"reports.head-{by}"), [*words_of(by, keys, registry), total]))
    return columns


def _parts(columns: list[Column], room: int) -> Iterator[list[Column]]:
    """The columns in as few tables as a narrow screen needs, so that no figure is ever cut or folded."""
    part: list[Column] = []
    for column in columns:
        if part and sum(one.width() + GAP for one in [*part, column]) > room:
            yield part
            part = []
        part.append(column)
    yield part


def _table(names: list[Column], figures: list[Column], room: int) -> Table:
    """One table. Widths are worked out here: rich shrinks columns below what their cells need."""
    table = plain_table(footer=True)
    spare = room - sum(one.width() + GAP for one in figures)
    for column in (*names, *figures):
        is_name = column in names
        width = column.width(whole=is_name)
        if not is_name:
            wider = min(column.width(whole=True) - width, max(spare, 0))
            width, spare = width + wider, spare - wider
        table.add_column(column.head, column.cells[-1], justify="left" if is_name else "right", width=width)
    for line in zip(*(column.cells[:-1] for column in (*names, *figures)), strict=True):
        table.add_row(*line)
    return table


def cells(figures: Figures, columns: list[str]) -> list[str]:
    """The figures of a line as people here write them: 19.500 and 93,5%."""
    document = figures.document()
    rate = document["delivery_rate"]
    shown = NOTHING if rate is None else f"{number(rate * 100, 1)}%"
    return [shown if name == "delivery_rate" else number(document[name] or 0) for name in columns]


def labels(report: Report, registry: Registry | None) -> list[str]:
    """What stands at the beginning of each line: the value of the first dimension."""
    return words_of(report.asked.by, [row.key for row in report.rows], registry)


def words_of(by: str, keys: Sequence[Place | str], registry: Registry | None) -> list[str]:
    """Keys along ``by`` as people read them; ``registry`` tells places of one name apart."""
    found = list(dict.fromkeys(key for key in keys if isinstance(key, Place)))
    by_place = places.labels(registry, found) if registry is not None else {}
    return [by_place.get(key, key.name) if isinstance(key, Place) else _word(by, key) for key in keys]


def _word(by: str, key: str) -> str:
    if by == "day":
        # two years side by side are told by day and month alone
        return f"{date.fromisoformat(key):%d/%m/%Y}" if len(key) > 5 else f"{key[3:]}/{key[:2]}"
    if by == "hour":
        return sentence("reports.hour", hour=key) if key else sentence("reports.no-hour")
    return key or NOTHING
