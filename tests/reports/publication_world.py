"""Small provinces with few people, and all that may ever be passed on about them."""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from publication_attacker import Release

from engine.areas import registry as areas
from engine.areas.area import Era
from engine.areas.registry import Registry
from engine.reports import publication as publishing
from engine.reports import publication_places
from engine.reports.publication_units import Cell as Crossing
from engine.reports.publication_units import Coarsening, common, depth_of

THRESHOLD = 5
Place = tuple[str, str]  # era, commune
Key = tuple[int, Place, str]  # run, place, arm

# Two communes of today in Cao Lộc and what went into them; one that went into it from another district (05971); one
# that left Cao Lộc for Văn Quan (06250); two of Lộc Bình, whose code 06541 is another commune in each era; one that
# was split between two communes of today (06622); one that no table has.
PLACES: tuple[Place, ...] = (
    ("2025", "06211"), ("2025", "06187"), ("legacy", "06193"), ("legacy", "05971"), ("legacy", "06250"),
    ("2025", "06541"), ("legacy", "06541"), ("2025", "06565"), ("legacy", "06622"), ("2025", "99999"),
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """People per run, place and arm of the campaign; of each there may be, also where there is nobody."""

    people: Mapping[Key, int]
    threshold: int = THRESHOLD

    @cached_property
    def cells(self) -> dict[Key, int]:
        """Every combination: the attacker is not told which of them are empty."""
        runs, places, arms = ({key[part] for key in self.people} for part in range(3))
        every = itertools.product(sorted(runs), sorted(places), sorted(arms))
        return {key: self.people.get(key, 0) for key in every}

    @property
    def runs(self) -> list[int]:
        """The runs in the order in which they were opened."""
        return sorted({run for run, _, _ in self.cells})

    def of_run(self, run: int) -> dict[Place, int]:
        """People of a run by place."""
        found: dict[Place, int] = {}
        for (its_run, place, _), people in self.cells.items():
            if its_run == run:
                found[place] = found.get(place, 0) + people
        return found


@dataclass(frozen=True)
class Press:
    """How figures are published. The tests replace its parts by plausible mistakes."""

    settle: Callable[..., publishing.Settled] = publishing.settle
    fold: Callable[..., Callable[[str, str], object]] = publication_places.published_fold
    join: Callable[[Sequence[Coarsening]], Coarsening] = common
    value: Callable[[Coarsening, str], str] = publishing.value_name
    depth: Callable[..., int] = depth_of
    undivided: Callable[..., frozenset[int]] = publishing.undivided
    over: str = "campaign"  # the runs whose units hold: of the campaign, or of the cut alone
    withholds: bool = True
    registry: Registry = field(default_factory=areas.load)


def freezes(world: World, press: Press) -> list[list[Release]]:
    """Every line of every report, at every time: after each run a freeze of all there is."""
    return [list(_frozen(world, press, world.runs[:known])) for known in range(1, len(world.runs) + 1)]


def unchanged(world: World, runs: Collection[int]) -> Iterator[tuple[frozenset[Key], frozenset[Key]]]:
    """Places with as many people in each of ``runs`` as in the next: what a neighbour may know who sees nobody come."""
    arms, known = {arm for _, _, arm in world.cells}, sorted(runs)
    for place in {place for _, place, _ in world.cells}:
        here = [frozenset((run, place, arm) for arm in arms) for run in known]
        if len({sum(world.cells[key] for key in keys) for keys in here}) == 1:
            yield from itertools.pairwise(here)


def _cuts(runs: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Steps and days: one run each here; --from and --to: any stretch of them; and the whole."""
    for first, last in itertools.combinations(range(len(runs) + 1), 2):
        yield tuple(runs[first:last])


def _frozen(world: World, press: Press, runs: Sequence[int]) -> Iterator[Release]:
    settled = {run: press.settle(world.of_run(run), press.registry, world.threshold) for run in runs}
    told = [run for run in runs if not (press.withholds and settled[run].withheld)]
    own = {run: publishing.coarsening_stored(settled[run]) for run in runs}
    for cut in _cuts(runs):
        counted = [run for run in cut if run in told]
        base = counted if press.over == "cut" else told
        apart = press.undivided({run: ("", sum(world.of_run(run).values())) for run in told})
        units = press.join([own[run] for run in base if run not in apart])
        by_arm = [_arms(world, run) for run in base if run not in apart]
        values = publishing.values_told(by_arm, world.threshold)
        path = publication_places.paths(press.registry)
        crossings = [
            Crossing(run, path(*place), press.value(values, arm), people)
            for (run, place, arm), people in world.cells.items()
            if run in base and run not in apart
        ]
        deepest = press.depth(crossings, units, 3, world.threshold)
        for key_of in _keys(press, units, values, deepest, apart):
            lines: dict[object, list[Key]] = {}
            for key in world.cells:
                if key[0] in counted:
                    lines.setdefault(key_of(key), []).append(key)
            for line in lines.values():
                yield frozenset(line), sum(world.cells[key] for key in line)  # none: no line, which says as much


VIEWS: tuple[tuple[publication_places.Level, Era], ...] = (
    ("district", "2025"), ("commune", "2025"), ("commune", "legacy")
)  # fmt: skip


def _keys(
    press: Press, units: Coarsening, values: Coarsening, deepest: int, apart: Collection[int]
) -> Iterator[Callable[[Key], object]]:
    """What a cell is told under, along each dimension and pair; runs that are ``apart`` are in one place."""

    def arm(key: Key) -> str:
        return "undivided" if key[0] in apart else press.value(values, key[2])

    yield lambda key: "all"
    yield arm
    for level, era in VIEWS:
        fold = press.fold(press.registry, units, level, era)
        crossed = press.fold(press.registry, units, level, era, deepest)
        yield lambda key, fold=fold: "undivided" if key[0] in apart else fold(*key[1])
        yield lambda key, fold=crossed: ("undivided" if key[0] in apart else fold(*key[1]), arm(key))


def _arms(world: World, run: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for (its_run, _, arm), people in world.cells.items():
        if its_run == run:
            found[arm] = found.get(arm, 0) + people
    return found


def targets(world: World, registry: Registry) -> dict[str, frozenset[Key]]:
    """What nobody may learn: people of a run in a place, a commune of either era, a district counted either way.

    And those of one arm in each of them.
    """
    path = publication_places.paths(registry)
    found: dict[str, set[Key]] = {}
    for key in world.cells:
        run, (era, commune), arm = key
        province, district, today = path(era, commune)
        known = registry.has(era, commune)  # type: ignore[arg-type]
        exact = registry.historic_district(era, commune).district_code if known else None  # type: ignore[arg-type]
        areas_of = (f"{era} {commune}", f"today {today}", f"district {district}", f"exact {exact}", province, "all")
        for name in areas_of:
            found.setdefault(f"run {run}, {name}", set()).add(key)
            found.setdefault(f"run {run}, {name}, arm {arm}", set()).add(key)
    return {name: frozenset(keys) for name, keys in sorted(found.items())}
