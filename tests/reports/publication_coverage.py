"""Published coverage as an attacker sees it: people of several runs, each counted once.

A person is in a set of runs, and nobody outside knows in which. So every cell of the world (run, place, arm) is split
by these sets: the people of a run in a place are those of all sets that have the run. What counts people once over
several runs is then one more sum of cells, and the attacker's arithmetic stays what it is. Granted: that
nobody moved between two runs, which only makes bounds narrower.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

from publication_attacker import Release
from publication_world import Key, Place, Press, World, freezes, targets

Shared = tuple[frozenset[int], Place, str]  # the runs in which these people are, place, arm
Coverage = Callable[[World], Iterator[frozenset[Place]]]  # the areas for which people are counted


def people(world: World) -> dict[Shared, int]:
    """One world of persons behind the counts: whoever is in the smaller run is in the larger one too."""
    found: dict[Shared, int] = {}
    for place, arm in sorted({(place, arm) for _, place, arm in world.cells}):
        counts = {run: world.cells[run, place, arm] for run in world.runs}
        before = 0
        for count in sorted({one for one in counts.values() if one}):
            runs = frozenset(run for run, one in counts.items() if one >= count)
            found[runs, place, arm] = count - before
            before = count
    return found


def split(world: World, key: Key) -> frozenset[Shared]:
    """The cells of a run's people in a place, by all the runs that they may share."""
    run, place, arm = key
    others = [one for one in world.runs if one != run]
    sets = (one for size in range(len(others) + 1) for one in itertools.combinations(others, size))
    return frozenset((frozenset((run, *one)), place, arm) for one in sets)


def releases(world: World, press: Press, coverage: Coverage) -> list[Release]:
    """All that is passed on, and beside every freeze the coverage of the runs that are published by then."""
    truth, known = people(world), {cells: count for freeze in freezes(world, press) for cells, count in freeze}
    # A line over several runs counts turns, and is the sum of the same line of each run, which is published too.
    found = [
        (frozenset().union(*(split(world, key) for key in cells)), count)
        for cells, count in known.items()
        if len({run for run, _, _ in cells}) == 1
    ]
    every = {cell for key in world.cells for cell in split(world, key)}
    for last in range(1, len(world.runs) + 1):
        told = _published(world, press, world.runs[:last])
        for places in coverage(world):
            cells = frozenset(cell for cell in every if cell[1] in places and cell[0] & set(told))
            found.append((cells, sum(truth.get(cell, 0) for cell in cells)))
    return found


def secrets(world: World, press: Press) -> dict[str, frozenset[Shared]]:
    """What nobody may learn, in split cells."""
    return {
        name: frozenset().union(*(split(world, key) for key in keys))
        for name, keys in targets(world, press.registry).items()
        if ", arm " not in name
    }


def _published(world: World, press: Press, runs: Sequence[int]) -> list[int]:
    return [run for run in runs if not press.settle(world.of_run(run), press.registry, world.threshold).withheld]
