"""A table as a page shows it, whatever it counts: heads that open to their meaning, lines, and a last line."""

from dataclasses import dataclass, replace
from itertools import groupby

from markupsafe import Markup

from engine.reports.defined import PART_OF, label
from engine.web.pictures import bar


@dataclass(frozen=True, slots=True)
class Head:
    """A column of figures. ``figure`` is the name under which it opens; None: it is words, or has no meaning to open.

    Heads that follow each other with the same ``group`` stand under it.
    """

    words: str
    figure: str | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line is about, its cells as people read them, and the figures in them (None: words, or nobody knows)."""

    names: tuple[str, ...]
    cells: tuple[str, ...]
    values: tuple[float | None, ...] = ()
    bar: Markup | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """``names`` are the heads of the columns that say what a line is about; ``notes`` stand below.

    ``folds``: its cells are sentences, so that on a narrow screen it becomes a list. ``csv`` is the part under which it
    can be taken away alone.
    """

    key: str
    title: str
    names: tuple[str, ...]
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    total: Line | None = None
    notes: tuple[str, ...] = ()
    folds: bool = False
    csv: str | None = None

    @property
    def has_bars(self) -> bool:
        """Whether lines have bars."""
        return any(line.bar is not None for line in self.lines)

    @property
    def groups(self) -> list[tuple[Head, int]]:
        """The upper row of heads, each with how many columns it spans; empty where there is only one row."""
        if not any(head.group for head in self.heads):
            return []
        return [(next(some), 1 + sum(1 for _ in some)) for _, some in groupby(self.heads, lambda one: one.group)]

    @property
    def opens(self) -> bool:
        """Whether a head of it opens to its meaning."""
        return any(head.figure for head in self.heads)

    def column(self, figure: str) -> "Table | None":
        """This table with one column alone, and bars of it; None where it has no such column."""
        at = next((place for place, head in enumerate(self.heads) if head.figure == figure), None)
        if at is None:
            return None
        most = max((line.values[at] or 0 for line in self.lines), default=0)
        lines = tuple(_only(line, at, most) for line in self.lines)
        total = None if self.total is None else _only(self.total, at, None)
        return replace(self, heads=(self.heads[at],), lines=lines, total=total, folds=False)


def _only(line: Line, at: int, most: float | None) -> Line:
    value = line.values[at]
    drawn = bar(value / most) if most and value is not None else bar(0) if most is not None else None
    return Line(line.names, (line.cells[at],), (value,), drawn)


def head(figure: str) -> Head:
    """The column of a figure by its name."""
    return Head(label(figure), figure if figure in PART_OF else None)
