"""An activity by hand: what, where, when, by whom, and how much of it, planned and done."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from engine.areas.area import Area
from engine.content import yamlfile
from engine.content.campaign import Period
from engine.content.reading import read_model
from engine.errors import LoaError


class Count(NamedTuple):
    """How much, in one measure; None where nothing is said, which is not zero."""

    measure: str
    planned: int | None
    done: int | None


@dataclass(frozen=True, slots=True)
class Activity:
    """One row of ``activities/*.csv``. ``start`` and ``end`` are local dates, both included.

    ``area`` is a commune, or a district or province where the list tells no more. ``campaign`` is None for what belongs
    to none. It is reckoned to the day it begins.
    """

    file: str
    line: int
    kind: str
    area: Area
    start: date
    end: date
    unit: str
    campaign: str | None
    counts: tuple[Count, ...]


class Campaigns:
    """The campaigns of a workspace as far as activities need them: which there are, and their periods."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "campaigns"
        self.keys = frozenset(path.stem for path in self._folder.glob("*.yaml"))
        self._periods: dict[str, Period | None] = {}

    def period(self, key: str) -> Period | None:
        """The period of a campaign; None when its file does not say one. A faulty file is ``loa check``'s matter."""
        if key not in self._periods:
            self._periods[key] = self._read(key)
        return self._periods[key]

    def _read(self, key: str) -> Period | None:
        try:
            tree = yamlfile.read(self._folder / f"{key}.yaml").tree
        except (OSError, LoaError):
            return None
        written = yamlfile.at(tree, ("period",)) if tree is not None else None
        reading = read_model(Period, written, key) if written is not None else None
        return reading.value if reading is not None and not reading.problems else None


def year_in(period: Period | None, day: int, month: int) -> int | None:
    """The year in which a day without one lies in ``period``; None when there is none, or two."""
    if period is None:
        return None
    found = [year for year in _years(period) if _in(period, year, month, day)]
    return found[0] if len(found) == 1 else None


def _years(period: Period) -> Iterable[int]:
    return range(period.start.year, period.end.year + 1)


def _in(period: Period, year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day) in period
    except ValueError:
        return False
