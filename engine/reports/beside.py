"""Two reports side by side, one year beside another: the same lines, both figures, and the difference. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from engine.reports.counting import Keys
from engine.reports.figures import COLUMNS, Figures, total
from engine.reports.report import Asked, Report, key_document

Side = Literal["this", "beside", "difference"]
SIDES: tuple[Side, ...] = ("this", "beside", "difference")
Numbers = dict[str, int | float | None]


@dataclass(frozen=True, slots=True)
class BesideRow:
    """One line: what it is about, the figures of the report asked for, and those beside it (zeros where it has none).

    A day is told as ``07-16``, since the same day of another year is what it is compared with.
    """

    keys: Keys
    this: Figures
    beside: Figures

    def numbers(self) -> dict[Side, Numbers]:
        """Both documents of figures, and this one less the other; None where one of them is None."""
        this, beside = self.this.document(), self.beside.document()
        return {
            "this": this,
            "beside": beside,
            "difference": {name: _less(this[name], beside[name]) for name in COLUMNS},
        }


@dataclass(frozen=True, slots=True)
class Beside:
    """Two reports by the same dimensions, line by line: the first one's order, then what only the other has."""

    this: Report
    beside: Report

    @property
    def rows(self) -> tuple[BesideRow, ...]:
        """The lines of both."""
        mine, theirs = _by_keys(self.this), _by_keys(self.beside)
        every = [*mine, *(keys for keys in theirs if keys not in mine)]
        if "day" in self.this.asked.dimensions:
            every.sort(key=str)
        return tuple(BesideRow(keys, mine.get(keys, Figures()), theirs.get(keys, Figures())) for keys in every)

    @property
    def totals(self) -> BesideRow:
        """The sums of both."""
        return BesideRow((), self.this.totals, self.beside.totals)

    def document(self) -> dict[str, Any]:
        """As JSON: each line has ``this``, ``beside`` and ``difference``, each with the contract's figures."""
        dimensions = self.this.asked.dimensions
        return {
            "campaign": self.this.campaign,
            "beside": self.beside.campaign,
            "by": ",".join(dimensions),
            "as_of": self.this.as_of.isoformat(timespec="seconds"),
            "rows": [key_document(dimensions, row.keys) | row.numbers() for row in self.rows],
            "totals": self.totals.numbers(),
            "published": self.this.published is not None,
        }


def other_year(asked: Asked, campaign: str, years: int) -> Asked:
    """What to ask of ``campaign``, whose days lie ``years`` after those of ``asked`` (29 February: the day before)."""
    return replace(asked, campaigns=(campaign,), since=_moved(asked.since, years), until=_moved(asked.until, years))


def _moved(day: date | None, years: int) -> date | None:
    if day is None:
        return None
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _by_keys(report: Report) -> dict[Keys, Figures]:
    brought: list[Callable[[Any], Any]] = [
        (lambda key: key[5:]) if by == "day" else (lambda key: key) for by in report.asked.dimensions
    ]
    found: dict[Keys, Figures] = {}
    for row in report.rows:
        keys = tuple(one(key) for one, key in zip(brought, row.keys, strict=True))
        found[keys] = total((found[keys], row.figures)) if keys in found else row.figures
    return found


def _less(this: float | None, beside: float | None) -> int | float | None:
    return None if this is None or beside is None else this - beside
