"""The attacker of docs/publication.md learns of no area that somebody is there and fewer than the threshold."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from publication_attacker import Knowledge, found
from publication_coverage import Coverage, people, releases, secrets
from publication_world import PLACES, THRESHOLD, Key, Place, Press, World, freezes, targets, unchanged

from engine.areas import registry as areas
from engine.reports import places
from engine.reports.publication import settle
from engine.reports.publication_units import Coarsening

# Each of these beats at least one mistake that a publication function could make.
NASTY = World(
    {
        (1, ("2025", "06211"), "a"): 9, (1, ("2025", "06187"), "a"): 2, (1, ("legacy", "05971"), "a"): 1,
        (1, ("2025", "06565"), "b"): 12, (1, ("legacy", "06250"), "b"): 1, (1, ("legacy", "06541"), "a"): 6,
        (2, ("2025", "06211"), "a"): 7, (2, ("2025", "06187"), "a"): 8, (2, ("2025", "06565"), "b"): 4,
        (2, ("2025", "06541"), "a"): 20, (2, ("legacy", "06622"), "a"): 1,
        (3, ("2025", "06211"), "a"): 1,
        (4, ("2025", "06565"), "a"): 30, (4, ("2025", "06541"), "b"): 3, (4, ("2025", "06211"), "a"): 6,
    }
)  # fmt: skip
NEIGHBOUR = World(
    {
        (1, ("2025", "06211"), "a"): 9, (1, ("2025", "06187"), "a"): 3,
        (2, ("2025", "06211"), "a"): 9, (2, ("2025", "06187"), "a"): 8,
    }
)  # fmt: skip
HELPERS = World(
    {
        (1, ("2025", "06211"), "a"): 300, (1, ("2025", "06565"), "a"): 200,
        (2, ("2025", "06211"), "a"): 4, (2, ("2025", "06565"), "a"): 3,
    }
)  # fmt: skip
# Two communes that are told together in every run, and one that grows: people who are in one of the runs only.
SHARED = World(
    {
        (1, ("2025", "06211"), ""): 3, (1, ("2025", "06187"), ""): 9, (1, ("2025", "06565"), ""): 12,
        (2, ("2025", "06211"), ""): 2, (2, ("2025", "06187"), ""): 9, (2, ("2025", "06565"), ""): 14,
    }
)  # fmt: skip
ARMS = World({(1, ("2025", "06211"), "a"): 20, (1, ("2025", "06211"), "b"): 2, (1, ("2025", "06565"), "b"): 30})


def learnt(world: World, press: Press) -> Iterator[str]:
    """What the attacker learns from all freezes together, and from each beside all that did not change since.

    Who has seen that nobody came or went is kept from people of areas, not from the arms in which they are: those are
    drawn by lot, and say nothing about anybody.
    """
    secrets, kept = targets(world, press.registry), freezes(world, press)
    of_areas = {name: cells for name, cells in secrets.items() if ", arm " not in name}
    everything = {cells: people for freeze in kept for cells, people in freeze}
    yield from found(everything.items(), secrets, world.cells, world.threshold)
    for freeze in kept:
        runs = {run for cells, _ in freeze for run, _, _ in cells}
        yield from found(freeze, of_areas, world.cells, world.threshold, unchanged(world, runs))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    places_used = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=5, unique=True))
    cells: dict[Key, int] = {}
    for run in range(1, draw(st.integers(1, 3)) + 1):
        for place in places_used:
            for arm in draw(st.sampled_from([("",), ("a", "b")])):
                people = draw(st.one_of(st.integers(0, THRESHOLD + 2), st.integers(0, 40)))
                if people:
                    cells[run, place, arm] = people
    return World(cells)


@settings(max_examples=150)
@given(worlds())
@example(NASTY)
@example(ARMS)
@example(NEIGHBOUR)
@example(HELPERS)
def test_nobody_learns_of_fewer_people_than_the_threshold(world: World) -> None:
    assert list(learnt(world, Press())) == []


def exact_communes(press: Press) -> Press:
    """Every commune told apart, however small."""
    return replace(press, settle=lambda people, registry, least: settle(people, registry, 1))


def units_of_the_cut(press: Press) -> Press:
    """Each report by the units of the runs that it counts, and of no others."""
    return replace(press, over="cut")


def exact_in_the_other_era(press: Press) -> Press:
    """Units for today's communes, exact old ones."""

    def fold(registry, units, level, era, deepest=3):  # type: ignore[no-untyped-def]
        if level == "commune" and era == "legacy":
            return places.communes(registry, era)
        return press.fold(registry, units, level, era, deepest)

    return replace(press, fold=fold)


def exact_districts(press: Press) -> Press:
    """Units for communes; districts counted as an exact report does, old communes where they lay."""

    def fold(registry, units, level, era, deepest=3):  # type: ignore[no-untyped-def]
        return places.districts(registry) if level == "district" else press.fold(registry, units, level, era, deepest)

    return replace(press, fold=fold)


def small_runs_too(press: Press) -> Press:
    """A run to fewer people than the threshold is counted."""
    return replace(press, withholds=False)


def arms_at_the_commune(press: Press) -> Press:
    """Areas crossed with arms at the level of the units, without rising."""
    return replace(press, depth=lambda cells, units, deepest, least: deepest)


def left_out_beside_the_total(press: Press) -> Press:
    """A small commune is left out of the table, and the district tells it by what is missing."""

    def fold(registry, units, level, era, deepest=3):  # type: ignore[no-untyped-def]
        alone = Coarsening(frozenset(), units.closed)
        return press.fold(registry, alone if level == "commune" else units, level, era, deepest)

    return replace(press, fold=fold)


def only_the_newest_run(press: Press) -> Press:
    """The units of the newest run for all that were before it."""
    return replace(press, join=lambda found: found[-1] if found else Coarsening())


MISTAKES = (
    exact_communes, units_of_the_cut, exact_in_the_other_era, exact_districts, small_runs_too, arms_at_the_commune,
    left_out_beside_the_total, only_the_newest_run,
)  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_the_attacker_would_find_the_mistake(mistake: Callable[[Press], Press]) -> None:
    assert any(next(learnt(world, mistake(Press())), None) for world in (ARMS, NEIGHBOUR, HELPERS, NASTY))


def whole(world: World) -> Iterator[frozenset[Place]]:
    """People of the whole campaign, as coverage is published."""
    yield frozenset(place for _, place, _ in world.cells)


def by_commune(world: World) -> Iterator[frozenset[Place]]:
    """The mistake: people of each commune."""
    yield from (frozenset({place}) for _, place, _ in world.cells)


def learnt_beside(world: World, coverage: Coverage) -> list[str]:
    """What the attacker learns from all freezes together and the coverage of each."""
    press = Press()
    return list(found(releases(world, press, coverage), secrets(world, press), people(world), world.threshold))


@settings(max_examples=20)
@given(worlds())
@example(NASTY)
@example(SHARED)
def test_people_counted_once_over_the_whole_campaign_tell_of_no_place(world: World) -> None:
    assert learnt_beside(world, whole) == []


def test_the_attacker_would_find_people_counted_once_by_commune() -> None:
    assert any(learnt_beside(world, by_commune) for world in (NEIGHBOUR, HELPERS, SHARED))


def test_the_attackers_arithmetic_is_right() -> None:
    """Two lines that overlap bound what neither tells: x + y = 10 and y + z = 3 leave 7 … 10 for x."""
    known = Knowledge([(frozenset("xy"), 10), (frozenset("yz"), 3)])
    assert known.bounds(frozenset("x")) == (Fraction(7), Fraction(10))
    assert known.bounds(frozenset("y")) == (Fraction(0), Fraction(3))
    assert Knowledge([(frozenset("xy"), 10), (frozenset("x"), 4)]).bounds(frozenset("y")) == (Fraction(6), Fraction(6))
    assert known.bounds(frozenset("w")) == (Fraction(0), Fraction(-1))


def test_the_nasty_world_has_something_to_hide() -> None:
    small = [
        name
        for name, cells in targets(NASTY, areas.load()).items()
        if 0 < sum(NASTY.cells[cell] for cell in cells) < NASTY.threshold
    ]
    assert len(small) > 10
