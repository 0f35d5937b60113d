"""Rows of a report from lines of tallies: each line is brought to its keys and added up there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

from sqlalchemy import Connection

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.content.snapshot import Snapshot
from engine.reports import places, tally_queries
from engine.reports.dimensions import AREAS, OF_RUNS, TRAITS, By, source_of
from engine.reports.figures import Figures
from engine.reports.places import Place
from engine.reports.publication import Telling
from engine.reports.tally_queries import Line, RunRow, Summed

Snapshots = Callable[[str], Snapshot]
Keys = tuple[Place | str, ...]
KeyOf = Callable[[Line], Place | str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs to count, and the ``others`` of the same campaigns that are not to be counted.

    ``alone``: only the runs' own tallies may be read, never sums of campaigns. What is published must not change by a
    run that has begun since its units were looked up.
    """

    campaigns: tuple[str, ...]
    runs: Sequence[RunRow]
    others: Sequence[RunRow] = ()
    alone: bool = False


class Zones:
    """The timezone in which a run's day is reckoned: that of the workspace when the run was opened."""

    def __init__(self, snapshot_of: Snapshots) -> None:
        self._snapshot_of = snapshot_of

    def of(self, run: RunRow) -> tzinfo:
        """The run's timezone."""
        return self._snapshot_of(run.digest).zone

    def day(self, run: RunRow) -> date:
        """The local date on which the run was due."""
        return run.due.astimezone(self.of(run)).date()


def counted(
    connection: Connection,
    registry: Callable[[], Registry],
    snapshot_of: Snapshots,
    chosen: Chosen,
    dimensions: tuple[By, ...],
    era: Era,
    telling: Telling | None = None,
    by_run: "ByRun | None" = None,
) -> list[tuple[Keys, Figures]]:
    """(keys, figures) in the settled order of the keys. ``registry`` is called only when areas are asked for.

    ``dimensions`` must be carried by one source (``engine.reports.dimensions``): ``ValueError`` otherwise. ``telling``
    says what a published report tells apart; None: everything. ``by_run`` saves work where several are made.
    """
    found: dict[Keys, Figures] = {}
    if telling is None or not set(dimensions) & {*AREAS, *TRAITS}:
        _add_up(found, connection, chosen, dimensions, Naming(registry, snapshot_of, chosen, era, telling), by_run)
    else:  # some runs of a publication are not divided
        for told in (telling, telling.for_undivided()):
            its_runs = [run for run in chosen.runs if telling.is_undivided(run.id) == (told is not telling)]
            part = Chosen(chosen.campaigns, its_runs, (), alone=True)
            _add_up(found, connection, part, dimensions, Naming(registry, snapshot_of, part, era, told), by_run)
    naming = Naming(registry, snapshot_of, chosen, era, telling)
    orders = [naming.order_of(by) for by in dimensions]
    return sorted(found.items(), key=lambda item: tuple(order(key) for order, key in zip(orders, item[0], strict=True)))


def _add_up(
    found: dict[Keys, Figures],
    connection: Connection,
    chosen: Chosen,
    dimensions: tuple[By, ...],
    naming: "Naming",
    by_run: "ByRun | None",
) -> None:
    area = next((by for by in dimensions if by in AREAS), None)
    if by_run is not None and area is not None and len(dimensions) == 2 and set(dimensions) & set(OF_RUNS):
        other = next(naming.key_of(by) for by in dimensions if by in OF_RUNS)
        for place, run, figures in by_run.of(connection, chosen, area, naming):
            beside = other(Line(tally_queries.NOTHING, run))
            keys: Keys = (place, beside) if dimensions[0] == area else (beside, place)
            found.setdefault(keys, Figures()).include(figures)
        return
    key_of = [naming.key_of(by) for by in dimensions]
    # The campaigns' own sums stand ready; what is not asked for is taken away from them while that is less work.
    if source_of(dimensions) == "place" and not chosen.alone and len(chosen.others) < len(chosen.runs):
        for its_era, commune, figures in tally_queries.by_place(connection, chosen.campaigns):
            line = Line(tally_queries.NOTHING, 0, its_era, commune)
            found.setdefault((key_of[0](line),), Figures()).include(figures)
        others = [run.id for run in chosen.others]
        for line in tally_queries.by_area(connection, others, runs_apart=False, variants=False) if others else ():
            found.setdefault((key_of[0](line),), Figures()).take(*line.sums)
    else:
        for line in _lines(connection, chosen, dimensions):
            keys = tuple([key(line) for key in key_of])
            found.setdefault(keys, Figures()).add(*line.sums)


class ByRun:
    """Figures by area and run, added up once for all the tables that cross an area with what a run has one of.

    Fourteen runs over 3,321 communes are 325,000 lines of tallies, and a freeze has four such tables. It serves tables
    of one transaction and of one publication.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[int, ...], By, Era], list[tuple[Place | str, int, Figures]]] = {}

    def of(
        self, connection: Connection, chosen: Chosen, area: By, naming: "Naming"
    ) -> list[tuple[Place | str, int, Figures]]:
        """(place, run, figures) of the chosen runs, areas along ``area`` as ``naming`` calls them."""
        ids = tuple(run.id for run in chosen.runs)
        key = (ids, area, naming.era)
        if key not in self._known:
            key_of, found = naming.key_of(area), dict[tuple[Place | str, int], Figures]()
            for line in tally_queries.by_area(connection, ids, runs_apart=True, variants=False):
                found.setdefault((key_of(line), line.run), Figures()).add(*line.sums)
            self._known[key] = [(place, run, figures) for (place, run), figures in found.items()]
        return self._known[key]


def _lines(connection: Connection, chosen: Chosen, dimensions: tuple[By, ...]) -> Iterable[Line]:
    ids, source = [run.id for run in chosen.runs], source_of(dimensions)
    if source is None:
        raise ValueError(f"no tallies carry {dimensions}")
    if source == "place":
        return tally_queries.by_area(connection, ids, runs_apart=False, variants=False)
    if source == "area":
        with_runs = any(by not in (*AREAS, "variant") for by in dimensions) or (
            "variant" in dimensions and len(chosen.campaigns) > 1
        )
        return tally_queries.by_area(connection, ids, runs_apart=with_runs, variants="variant" in dimensions)
    if source == "run":
        return tally_queries.by_run(connection, ids)
    if source == "hour":
        return _with_rest(connection, ids, source)
    return tally_queries.by_trait(connection, ids, source)


def _with_rest(connection: Connection, runs: Sequence[int], trait: str) -> Iterator[Line]:
    """A trait that only what was handed over has, and under an empty value all the rest of each run."""
    rest: dict[tuple[int, str], list[int]] = {}
    for line in tally_queries.by_run(connection, runs):
        rest[line.run, line.sums.status] = list(line.sums[1:])
    for line in tally_queries.by_trait(connection, runs, trait):
        left = rest.setdefault((line.run, line.sums.status), [0, 0, 0])
        for place, count in enumerate(line.sums[1:]):
            left[place] -= count
        yield line
    for (run, status), left in rest.items():
        if any(left):
            yield Line(Summed(status, *left), run)


class Naming:
    """How a line's keys are called, and in which order they stand. Also used by what is counted from rows."""

    def __init__(
        self,
        registry: Callable[[], Registry],
        snapshot_of: Snapshots,
        chosen: Chosen,
        era: Era,
        telling: Telling | None = None,
    ) -> None:
        self._registry, self._snapshot_of, self._chosen, self.era = registry, snapshot_of, chosen, era
        self._telling = telling
        self._runs = {run.id: run for run in chosen.runs}
        self._several = len(chosen.campaigns) > 1

    def key_of(self, by: By) -> KeyOf:
        """What a line is called along ``by``. Names that a campaign gives are told apart as ``campaign/step``."""
        runs = self._runs
        if by in AREAS:
            return self._place(by)
        if by in TRAITS and self._telling is not None:
            told, own = self._telling.value(by), self._own if by == "variant" else lambda run, value: value
            return lambda line: told(own(line.run, line.value))
        if by == "variant":
            return lambda line: self._own(line.run, line.value)
        if by in ("hour", "sender", "prefix", "language"):
            return lambda line: line.value
        if by == "day":
            zones = Zones(self._snapshot_of)
            days = {key: zones.day(run).isoformat() for key, run in runs.items()}
            return lambda line: days[line.run]
        if by == "step":
            return lambda line: self._own(line.run, runs[line.run].step)
        if by == "channel":
            return lambda line: runs[line.run].channel
        return lambda line: runs[line.run].campaign

    def order_of(self, by: By) -> Callable[[Any], Any]:
        """What keys along ``by`` are sorted by: codes, days and names; steps and campaigns as they were planned."""
        if by in AREAS:
            return _place_order
        if by == "step":
            steps = {
                f"{campaign}/{step}" if self._several else step: place
                for place, (campaign, step) in enumerate(self._steps())
            }
            return lambda key: steps[key]
        if by == "campaign":
            return self._chosen.campaigns.index
        if by == "hour":
            return lambda key: (key == "", key)
        return lambda key: key

    def _own(self, run: int, name: str) -> str:
        return f"{self._runs[run].campaign}/{name}" if self._several and name else name

    def _place(self, by: By) -> KeyOf:
        registry = self._registry()
        if self._telling is not None:
            fold = self._telling.place(registry, "district" if by == "district" else "commune", self.era)
        else:
            fold = places.districts(registry) if by == "district" else places.communes(registry, self.era)
        known: dict[tuple[str, str], Place] = {}

        def place(line: Line) -> Place:
            key = line.era, line.commune
            found = known.get(key)
            if found is None:
                found = known[key] = fold(*key)
            return found

        return place

    def _steps(self) -> list[tuple[str, str]]:
        """(campaign, step): the newest run's snapshot first, then steps no longer in it."""
        order: dict[tuple[str, str], None] = {}
        for campaign in self._chosen.campaigns:
            its_runs = [run for run in self._chosen.runs if run.campaign == campaign]
            if its_runs:
                newest = self._snapshot_of(its_runs[-1].digest)
                order |= {(campaign, step.id): None for step in newest.campaign.steps}
            order |= {(campaign, run.step): None for run in its_runs}
        return list(order)


def _place_order(place: Place) -> tuple[bool, str, str]:
    return place.order


def within(zones: Zones, runs: Sequence[RunRow], since: date | None, until: date | None) -> Sequence[RunRow]:
    """Those of ``runs`` that were due from ``since`` to ``until``, both included."""
    if since is None and until is None:
        return runs
    days: Mapping[int, date] = {run.id: zones.day(run) for run in runs}
    return [
        run for run in runs if (since is None or days[run.id] >= since) and (until is None or days[run.id] <= until)
    ]
