"""Publication units: every area is in one, none stands for too few, and no order of runs makes them finer."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engine.areas import registry as areas
from engine.reports.publication import settle, value_name, values_told
from engine.reports.publication_places import leaf_of, published_fold
from engine.reports.publication_units import (
    EVERYTHING,
    Cell,
    Coarsening,
    Node,
    Unit,
    at_depth,
    coarsening_of,
    common,
    depth_of,
    read,
    written,
)

LEAVES = [(province, province + district, f"{province}{district}{commune}")
          for province, district, commune in itertools.product("pq", "12", "abc")]  # fmt: skip
counts = st.one_of(st.integers(0, 12), st.integers(0, 500))
runs = st.dictionaries(st.sampled_from(LEAVES), counts, max_size=len(LEAVES))
thresholds = st.integers(1, 11)


def sums(units: Coarsening, people: dict[Node, int], depth: int = 3) -> dict[Unit, int]:
    found: dict[Unit, int] = {}
    for path, count in people.items():
        unit = at_depth(units, path, depth)
        found[unit] = found.get(unit, 0) + count
    return found


@given(runs, thresholds, st.integers(1, 3))
def test_a_unit_stands_for_as_many_as_the_threshold_or_for_nobody(people, least, depth):
    if sum(people.values()) >= least:
        units = coarsening_of(people, least)
        assert all(count == 0 or count >= least for count in sums(units, people, depth).values())


@given(runs, thresholds)
def test_whoever_knows_that_each_member_has_somebody_bounds_none_below_the_threshold(people, least):
    units = coarsening_of(people, least)
    for parent in {node[:-1] for node in units.joined}:
        members = {
            node: sum(count for path, count in people.items() if path[: len(node)] == node)
            for node in units.members(parent)
        }
        # The most that one of them can be: all of the group, but one person for each other member.
        assert sum(members.values()) - (len(members) - 1) >= least


@given(st.lists(runs, min_size=1, max_size=4), thresholds)
def test_what_holds_in_each_run_holds_in_the_units_of_all(several, least):
    several = [people for people in several if sum(people.values()) >= least]
    units = common(coarsening_of(people, least) for people in several)
    for people in several:
        for depth in (1, 2, 3):
            assert all(count == 0 or count >= least for count in sums(units, people, depth).values())


@given(st.lists(runs, min_size=1, max_size=4), thresholds, st.randoms(use_true_random=False))
def test_the_order_of_runs_changes_nothing_and_a_further_run_only_makes_units_coarser(several, least, chance):
    each = [coarsening_of(people, least) for people in several]
    shuffled = list(each)
    chance.shuffle(shuffled)
    assert common(each) == common(shuffled) == common([*each, *each])
    fine, coarse = common(each[:-1]), common(each)
    for one, other in itertools.combinations(LEAVES, 2):
        if fine.unit(one) == fine.unit(other):
            assert coarse.unit(one) == coarse.unit(other)


@given(runs, thresholds)
def test_sums_stay_true_at_every_depth(people, least):
    units = coarsening_of(people, least)
    assert {sum(sums(units, people, depth).values()) for depth in range(4)} == {sum(people.values())}


@given(runs, thresholds)
def test_what_is_large_enough_everywhere_is_told_as_it_is(people, least):
    large = {path: count + least for path, count in people.items()}
    assert coarsening_of(large, least) == (Coarsening() if large else Coarsening(frozenset(), frozenset()))


@given(runs, thresholds)
def test_units_are_read_as_they_were_written(people, least):
    units = coarsening_of(people, least)
    assert read(written(units)) == units


def test_the_smallest_others_are_taken_in_and_no_more_than_needed():
    people = {("p", "p1", name): count for name, count in (("a", 3), ("b", 40), ("c", 12), ("d", 50))}
    assert coarsening_of(people, 10).members(("p", "p1")) == (("p", "p1", "a"), ("p", "p1", "c"))
    # 3 and 7 are ten, but then each is known to be between one and nine: a third must come in.
    people[("p", "p1", "c")] = 7
    assert len(coarsening_of(people, 10).members(("p", "p1"))) == 3


def test_a_small_district_is_told_with_the_smallest_other_one_of_its_province():
    people = {("p", "p1", "a"): 4, ("p", "p2", "b"): 30, ("p", "p3", "c"): 20, ("q", "q1", "d"): 60}
    units = coarsening_of(people, 10)
    assert units.unit(("p", "p1", "a")) == units.unit(("p", "p3", "c")) == Unit(("p",), group=True)
    assert units.unit(("p", "p2", "b")) == Unit(("p", "p2", "b"))


def test_what_cannot_reach_it_rises_to_the_whole_district_and_province():
    people = {("p", "p1", "a"): 5, ("p", "p1", "b"): 5, ("p", "p2", "c"): 40}
    assert coarsening_of(people, 10).unit(("p", "p1", "a")) == Unit(("p", "p1"))
    people = {("p", "p1", "a"): 5, ("p", "p2", "b"): 5, ("q", "q1", "c"): 40}
    assert coarsening_of(people, 10).unit(("p", "p2", "b")) == Unit(("p",))
    assert coarsening_of({("p", "p1", "a"): 5, ("q", "q1", "b"): 5}, 10).unit(("q", "q1", "b")) == Unit(EVERYTHING)


@given(st.dictionaries(st.tuples(st.sampled_from(LEAVES), st.sampled_from("xy")), counts), thresholds)
def test_areas_rise_together_until_no_cell_beside_another_dimension_is_small(cells, least):
    people: dict[Node, int] = {}
    for (path, _), count in cells.items():
        people[path] = people.get(path, 0) + count
    units = coarsening_of(people, least)
    crossed = [Cell(1, path, value, count) for (path, value), count in cells.items()]
    depth = depth_of(crossed, units, 3, least)
    found: dict[tuple[Unit, str], int] = {}
    for _, path, value, count in crossed:
        key = at_depth(units, path, depth), value
        found[key] = found.get(key, 0) + count
    assert depth == 0 or all(count == 0 or count >= least for count in found.values())


def test_small_values_are_told_together_and_named():
    told = values_told([{"vi": 900, "hmn": 4, "tyz": 30, "nut": 7}, {"vi": 50}], 10)
    assert value_name(told, "vi") == "vi" and value_name(told, "tyz") == "tyz"
    assert value_name(told, "hmn") == value_name(told, "nut") == "khác (hmn, nut)"
    assert value_name(values_told([{"vi": 9, "hmn": 1}], 10), "vi") == "không tách"


def test_an_old_commune_is_counted_where_its_successor_is_however_it_is_asked():
    """05971 lay in the city of Lạng Sơn and went into Kỳ Lừa, most of which was Cao Lộc's."""
    registry = areas.load()
    assert leaf_of(registry, "legacy", "05971") == leaf_of(registry, "2025", "06187") == ("20", "183", "2025:06187")
    people = {("2025", "06187"): 30, ("legacy", "05971"): 3, ("2025", "06211"): 40}
    units = read((tuple(node.split("/")), told) for node, told in settle(people, registry, 10).units)
    district = published_fold(registry, units, "district", "2025")
    assert district("legacy", "05971") == district("2025", "06187")
    old = published_fold(registry, units, "commune", "legacy")
    assert old("legacy", "05971") == old("2025", "06187")
    assert old("legacy", "05971").name == "Các xã cũ nay thuộc Phường Kỳ Lừa"


def test_units_are_called_so_that_a_reader_knows_what_they_are():
    registry = areas.load()
    people = {("2025", "06211"): 4, ("2025", "06187"): 30, ("2025", "06184"): 80, ("2025", "06541"): 3}
    units = read((tuple(node.split("/")), told) for node, told in settle(people, registry, 10).units)
    fold = published_fold(registry, units, "commune", "2025")
    assert fold("2025", "06541").name == fold("2025", "06184").name == "Các huyện (cũ) gộp (2), Tỉnh Lạng Sơn"
    people["2025", "06541"] = 30
    units = read((tuple(node.split("/")), told) for node, told in settle(people, registry, 10).units)
    fold = published_fold(registry, units, "commune", "2025")
    assert fold("2025", "06211").name == fold("2025", "06187").name == "Các xã gộp (2), Huyện Cao Lộc (cũ)"
    assert fold("2025", "06184").code == "06184"
