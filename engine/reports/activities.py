"""What was done by hand, planned beside done: per old district, commune, day, kind or unit. Pure.

A line is one kind counted in one measure; nothing else is ever added up, so that people and turns, sheets and copies
stay apart. Areas follow the rule of deliveries (``engine.reports.places``); what a list gives for a whole district or
province is shown as that, since nobody can tell its communes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

from engine.areas.area import Area, Era
from engine.areas.registry import Registry
from engine.content.activity import Activity
from engine.content.activity_files import Activities
from engine.content.activity_kinds import KIND_ORDER, MEASURE_ORDER
from engine.content.activity_units import UNIT_ORDER
from engine.reports import places
from engine.reports.places import Place

ActivityBy = Literal["district", "commune", "day", "kind", "unit"]
ACTIVITY_DIMENSIONS: tuple[ActivityBy, ...] = ("district", "commune", "day", "kind", "unit")


@dataclass(frozen=True, slots=True)
class AskedActivities:
    """What is to be counted. No campaigns: everything there is. ``by`` None: the totals alone.

    ``since`` and ``until`` are local dates, both included; an activity is reckoned to the day it begins.
    """

    campaigns: tuple[str, ...]
    by: ActivityBy | None
    era: Era = "2025"
    since: date | None = None
    until: date | None = None


class ActivityLine(NamedTuple):
    """One kind in one measure, at one value of the dimension. None: nobody wrote such a figure, which is not zero."""

    key: Place | str
    kind: str
    measure: str
    planned: int | None
    done: int | None

    @property
    def rate(self) -> float | None:
        """done / planned; None where nothing was planned, or nobody has said yet what was done."""
        return self.done / self.planned if self.planned and self.done is not None else None

    def document(self) -> dict[str, int | str | None]:
        """The line without its key, as JSON has it."""
        return {"kind": self.kind, "measure": self.measure, "planned": self.planned, "done": self.done}


@dataclass(frozen=True, slots=True)
class ActivityReport:
    """Lines and totals in their settled order. ``left_out``: rows of the files with errors, counted nowhere."""

    asked: AskedActivities
    lines: tuple[ActivityLine, ...]
    totals: tuple[ActivityLine, ...]
    left_out: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.totals

    def document(self) -> dict[str, Any]:
        """The keys that a report's JSON has for activities."""
        return {
            "activities": [{**self._key(line), **line.document()} for line in self.lines],
            "activity_totals": [line.document() for line in self.totals],
            "activities_left_out": self.left_out,
        }

    def _key(self, line: ActivityLine) -> dict[str, Any]:
        if isinstance(line.key, Place):
            return {"area": line.key.document()}
        return {self.asked.by or "": line.key}


def make_activity_report(
    activities: Activities, registry: Callable[[], Registry], asked: AskedActivities
) -> ActivityReport:
    """Count what was asked for. ``registry`` is called only when areas are."""
    chosen = [row for row in activities.rows if _wanted(asked, row)]
    lines: list[ActivityLine] = []
    if asked.by is not None:
        key_of = _keys(asked, registry) if chosen else str
        lines = _lines((key_of(row), row) for row in chosen)
        if asked.by == "kind":
            lines = [line._replace(key=line.kind) for line in lines]
        elif asked.by == "unit":
            lines.sort(key=lambda line: UNIT_ORDER[str(line.key)])
        else:
            lines.sort(key=lambda line: _order(line.key))
    return ActivityReport(asked, tuple(lines), tuple(_lines(("", row) for row in chosen)), activities.left_out)


def _wanted(asked: AskedActivities, row: Activity) -> bool:
    if asked.campaigns and row.campaign not in asked.campaigns:
        return False
    return (asked.since is None or row.start >= asked.since) and (asked.until is None or row.start <= asked.until)


def _keys(asked: AskedActivities, registry: Callable[[], Registry]) -> Callable[[Activity], Place | str]:
    if asked.by in ("district", "commune"):
        fold = _fold(registry(), asked)
        known: dict[Area, Place] = {}

        def place(row: Activity) -> Place:
            found = known.get(row.area)
            if found is None:
                found = known[row.area] = fold(row.area)
            return found

        return place
    if asked.by == "day":
        return lambda row: row.start.isoformat()
    return (lambda row: row.unit) if asked.by == "unit" else (lambda row: row.kind)


def _fold(registry: Registry, asked: AskedActivities) -> Callable[[Area], Place]:
    """An area to the district or commune it counts for; a wider one stands for itself."""
    fold = places.districts(registry) if asked.by == "district" else places.communes(registry, asked.era)

    def place(area: Area) -> Place:
        if area.level != "commune":
            return Place(area.era, area.code, area.name)
        return fold(area.era, area.code)

    return place


def _order(key: Place | str) -> tuple[int, str, str]:
    """By code; then what is wider than the others (districts among communes, provinces), then what has no code."""
    if isinstance(key, str):
        return 0, key, ""
    return (-len(key.code), key.code, key.era) if key.code else (0, "", key.era)


def _lines(pairs: Iterable[tuple[Place | str, Activity]]) -> list[ActivityLine]:
    """The sums, by kind and measure within each key; keys in the order in which they came."""
    sums: dict[tuple[Place | str, str, str], list[int | None]] = {}
    keys: dict[Place | str, int] = {}
    for key, row in pairs:
        keys.setdefault(key, len(keys))
        for measure, planned, done in row.counts:
            sides = sums.setdefault((key, row.kind, measure), [None, None])
            if planned is not None:
                sides[0] = (sides[0] or 0) + planned
            if done is not None:
                sides[1] = (sides[1] or 0) + done
    ordered = sorted(sums, key=lambda at: (keys[at[0]], KIND_ORDER[at[1]], MEASURE_ORDER[at[2]]))
    return [ActivityLine(*at, *sums[at]) for at in ordered]
