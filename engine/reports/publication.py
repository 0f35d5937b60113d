"""What may be passed on: the runs, areas and words a published report tells apart, one answer a campaign.

The units of a run are settled when its rows are written (``settle``) and never change. A report uses the finest
coarsening that is no finer than the units of *any* run of its campaigns, also when it was asked for one step or one day
only: reports of two cuts then tell nothing side by side that a report of each run alone would not. A run that reached
fewer people than the threshold in all is in no published figure. See docs/publication.md for whom this stops.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.content.snapshot import Snapshot
from engine.i18n import sentence
from engine.reports import publication_units as units
from engine.reports.places import Fold
from engine.reports.publication_places import DEPTH, Level, paths, published_fold
from engine.reports.publication_units import EVERYTHING, Cell, Coarsening
from engine.reports.tally_queries import WHOLE_RUN, runs_of
from engine.store import publications
from engine.store.database import Database
from engine.store.publications import Settled

SEPARATOR = ", "
TENTH = 10  # see ``undivided``
# How deliveries went, not who people are: as statuses, they may be small within one run, not over the campaign.
COURSE = ("hour", "delay", "reason")


def settle(people: Mapping[tuple[str, str], int], registry: Registry, small_cell: int) -> Settled:
    """The units of one run from the people it targeted by (era, commune). Pure."""
    path = paths(registry)
    leaves: dict[units.Node, int] = {}
    for place, count in people.items():
        leaf = path(*place)
        leaves[leaf] = leaves.get(leaf, 0) + count
    coarsening = units.coarsening_of(leaves, small_cell)
    withheld = sum(people.values()) < small_cell
    told = () if withheld else tuple(("/".join(node), how) for node, how in units.written(coarsening))
    return Settled(small_cell, registry.version, withheld, told)


def coarsening_stored(settled: Settled) -> Coarsening:
    """The units of a run as ``settle`` wrote them."""
    return units.read((tuple(node.split("/")) if node else EVERYTHING, told) for node, told in settled.units)


@dataclass(frozen=True, slots=True)
class Publication:
    """What may be told of some campaigns.

    ``runs`` are those that may be published, each with its campaign; ``areas`` how areas are told; ``values`` how the
    values of a dimension are, and ``depths`` how deep areas go beside it (filled as they are asked for).
    ``small_cell`` is the highest threshold of the runs.
    """

    runs: Mapping[int, str]
    small_cell: int
    areas: Coarsening
    values: dict[str, Coarsening] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    undivided: frozenset[int] = frozenset()  # of ``runs``: those that no table divides by area or by whom they reach

    def document(self) -> dict[str, Any]:
        """As JSON, for a frozen report. The dimensions are those that have been asked for."""
        return {
            "runs": [[run, campaign] for run, campaign in sorted(self.runs.items())],
            "small_cell": self.small_cell,
            "areas": [[list(node), told] for node, told in units.written(self.areas)],
            "values": {
                by: [[list(node), how] for node, how in units.written(told)] for by, told in sorted(self.values.items())
            },
            "depths": self.depths,
            "undivided": sorted(self.undivided),
        }


def from_document(document: Mapping[str, Any]) -> Publication:
    """The publication that ``document`` wrote."""
    return Publication(
        dict(document["runs"]),
        document["small_cell"],
        units.read(document["areas"]),
        {by: units.read(rows) for by, rows in document["values"].items()},
        dict(document["depths"]),
        frozenset(document["undivided"]),
    )


class Telling:
    """How one report of a publication calls what it counts: its dimensions decide how deep areas may go."""

    def __init__(
        self,
        publication: Publication,
        connection: Connection,
        campaigns: Sequence[str],
        dimensions: Sequence[str],
    ) -> None:
        self._publication, self._connection = publication, connection
        self._several, self._dimensions = len(campaigns) > 1, dimensions
        self._nowhere = False

    def for_undivided(self) -> "Telling":
        """How the runs are told that are not divided: all of them in one place, and under one value."""
        other = copy(self)
        other._nowhere = True
        return other

    def is_undivided(self, run: int) -> bool:
        """Whether no table divides a run by area, language, sender, prefix or arm."""
        return run in self._publication.undivided

    def place(self, registry: Registry, level: Level, era: Era) -> Fold:
        """(era, commune) → the place under which it is published.

        With what a run has one of (step, day, channel) areas may always be crossed: the units hold in each run. With
        the arms of a campaign they rise, together, to where no cell is small.
        """
        deepest = 0 if self._nowhere else DEPTH["commune"]
        if deepest and "variant" in self._dimensions:
            deepest = self._beside_variants(registry)
        return published_fold(registry, self._publication.areas, level, era, deepest)

    def value(self, by: str) -> Callable[[str], str]:
        """value of dimension ``by``, as an exact report calls it → what it is published as."""
        if self._nowhere and by not in COURSE:
            return lambda value: sentence("publication.all-values")
        told = self._told(by)
        return lambda value: value_name(told, value)

    def together(self, by: str) -> Callable[[str], str]:
        """value of dimension ``by`` → the values, separated by commas, with which it is told as one."""
        told = self._told(by)

        def members(value: str) -> str:
            unit = told.unit((value,))
            if unit.group:
                return SEPARATOR.join(member[0] for member in told.members(EVERYTHING))
            return value if unit.node else sentence("publication.all-values")

        return members

    def _told(self, by: str) -> Coarsening:
        known, one = self._publication.values, self._publication
        if by not in known:
            found = {
                run: {self._own(run, value) if by == "variant" else value: count for value, count in of_run.items()}
                for run, of_run in _people(self._connection, one.runs, by).items()
                if by in COURSE or run not in one.undivided
            }
            known[by] = values_told([_summed(found.values())] if by in COURSE else found.values(), one.small_cell)
        return known[by]

    def _own(self, run: int, value: str) -> str:
        return f"{self._publication.runs[run]}/{value}" if self._several and value else value

    def _beside_variants(self, registry: Registry) -> int:
        depths, one = self._publication.depths, self._publication
        if "variant" not in depths:
            path, told = paths(registry), self.value("variant")
            cells = [
                Cell(run, path(era, commune), told(self._own(run, variant)), people)
                for run, era, commune, variant, people in publications.people_by_commune_and_variant(
                    self._connection, one.runs.keys() - one.undivided
                )
            ]
            depths["variant"] = units.depth_of(cells, one.areas, DEPTH["commune"], one.small_cell)
        return depths["variant"]


def publication_of(
    database: Database,
    registry: Callable[[], Registry],
    snapshot_of: Callable[[str], Snapshot],
    campaigns: Sequence[str],
) -> Publication:
    """What may be published of ``campaigns`` now. Settles the runs of before there were units, which writes.

    A run that was settled by other area tables is settled anew for this publication alone: nodes of one tree mean
    nothing in another.
    """
    with database.read() as connection:
        runs = {run.id: run for run in runs_of(connection, campaigns)}
        found = publications.settled(connection, campaigns)
        version = registry().version
        wanting = [run for run in runs if run not in found or found[run].area_table != version]
        people = {run: publications.people_by_commune(connection, run) for run in wanting}
        sizes = {run: sum(of_run.values()) for run, of_run in _people(connection, runs, WHOLE_RUN).items()}
    for run, by_commune in people.items():
        if not by_commune:  # it is opening, or was missed: there is nothing to publish yet
            continue
        before = found.get(run)
        small_cell = before.small_cell if before else snapshot_of(runs[run].digest).privacy.small_cell
        found[run] = settle(by_commune, registry(), small_cell)
        if before is None:
            with database.write() as connection:
                publications.keep(connection, run, found[run])
    told = {run: one for run, one in found.items() if not one.withheld}
    apart = undivided({run: (runs[run].campaign, sizes.get(run, 0)) for run in told})
    return Publication(
        {run: runs[run].campaign for run in sorted(told)},
        max((one.small_cell for one in told.values()), default=1),
        units.common(coarsening_stored(one) for run, one in told.items() if run not in apart),
        undivided=apart,
    )


def undivided(sizes: Mapping[int, tuple[str, int]]) -> frozenset[int]:
    """Which runs no table divides: those to fewer than a tenth of the people of their campaign's largest. Pure.

    ``sizes`` is run → (campaign, people). A handful of helpers all over a province would make one line of all its
    districts, and of all languages, for every run of the campaign: they are told in a line of their own instead.
    """
    largest: dict[str, int] = {}
    for campaign, people in sizes.values():
        largest[campaign] = max(people, largest.get(campaign, 0))
    return frozenset(run for run, (campaign, people) in sizes.items() if people * TENTH < largest[campaign])


def _summed(people: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for of_run in people:
        for value, count in of_run.items():
            found[value] = found.get(value, 0) + count
    return found


def _people(connection: Connection, runs: Iterable[int], by: str) -> dict[int, dict[str, int]]:
    if by == "variant":
        return publications.people_by_variant(connection, runs)
    found = publications.people_by_trait(connection, runs, by)
    if by in COURSE:  # what was never handed over has no hour: it is told under an empty value
        for run, of_run in publications.people_by_trait(connection, runs, WHOLE_RUN).items():
            handed = found.setdefault(run, {})
            handed[""] = sum(of_run.values()) - sum(handed.values())
    return found


def values_told(people: Iterable[Mapping[str, int]], small_cell: int) -> Coarsening:
    """How the values of a dimension are told, from the people of each run by value. Pure."""
    return units.common(
        units.coarsening_of({(value,): count for value, count in of_run.items() if count > 0}, small_cell)
        for of_run in people
        if any(count > 0 for count in of_run.values())
    )


def value_name(told: Coarsening, value: str) -> str:
    """What a value is published as: itself, "khác (…)" with all that are told together, or "không tách"."""
    unit = told.unit((value,))
    if unit.group:
        members = (member[0] or "—" for member in told.members(EVERYTHING))
        return sentence("publication.others", values=SEPARATOR.join(members))
    return value if unit.node else sentence("publication.all-values")
