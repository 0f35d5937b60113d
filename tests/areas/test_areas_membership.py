"""Membership across the eras: nobody outside is taken in, nobody inside is silently left out."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.areas.area import Key, Membership
from engine.areas.errors import UnknownArea
from engine.areas.membership import Selection, membership
from engine.areas.registry import load

REGISTRY = load()
IN, AMBIGUOUS = Membership.IN, Membership.AMBIGUOUS
COMMUNES: list[Key] = [area.key for era in ("legacy", "2025") for area in REGISTRY.communes(era)]
PROVINCES: list[Key] = [area.key for era in ("legacy", "2025") for area in REGISTRY.provinces(era)]
DISTRICTS: list[Key] = [area.key for area in REGISTRY.districts()]


def of(**kinds: tuple[Key, ...]) -> dict[Key, Membership]:
    return membership(Selection(**kinds), REGISTRY)


def test_a_legacy_contact_is_in_a_2025_set_when_its_only_successor_is():
    found = of(communes=(("2025", "06541"),))
    assert found == {
        ("2025", "06541"): IN,
        ("legacy", "06532"): IN,
        ("legacy", "06541"): IN,
        ("legacy", "06547"): IN,
    }


def test_a_split_commune_is_in_only_when_all_candidates_are():
    assert of(communes=(("2025", "00004"),))["legacy", "00016"] is AMBIGUOUS
    assert of(communes=(("2025", "00004"), ("2025", "00008")))["legacy", "00016"] is IN
    assert ("legacy", "00016") not in of(communes=(("2025", "06541"),))


def test_a_2025_contact_is_in_a_legacy_set_when_its_whole_area_came_from_it():
    one = of(communes=(("legacy", "06541"),))
    assert one == {("legacy", "06541"): IN, ("2025", "06541"): AMBIGUOUS}
    three = of(communes=(("legacy", "06532"), ("legacy", "06541"), ("legacy", "06547")))
    assert three["2025", "06541"] is IN


def test_two_districts_together_hold_what_neither_holds_alone():
    # Thông Nguyên 01090 came half from Hoàng Su Phì (032), half from Quang Bình (035)
    assert of(districts=(("legacy", "032"),))["2025", "01090"] is AMBIGUOUS
    assert of(districts=(("legacy", "032"), ("legacy", "035")))["2025", "01090"] is IN


@pytest.mark.parametrize(
    "place", [("legacy", "755"), ("legacy", "77"), ("2025", "79"), ("2025", "26732")], ids=lambda key: "-".join(key)
)
def test_a_special_zone_is_in_whatever_holds_its_island(place: Key):
    kind = {2: "provinces", 3: "districts", 5: "communes"}[len(place[1])]
    assert of(**{kind: (place,)})["2025", "26732"] is IN


def test_kinds_are_conditions_together():
    district, tagged = (("legacy", "183"),), (("2025", "06184"), ("2025", "06541"))
    both = of(districts=district, tags=tagged)
    assert both["2025", "06184"] is IN
    assert both["legacy", "06184"] is IN
    assert ("2025", "06541") not in both
    assert ("2025", "06211") not in both


def test_conditions_that_exclude_each_other_leave_nobody():
    # 01090 is in doubt for either district; nobody of it can live in both
    assert of(districts=(("legacy", "032"),), tags=(("legacy", "035"),)) == {}


def test_the_whole_country_is_never_meant_by_leaving_areas_out():
    with pytest.raises(ValueError):
        membership(Selection(), REGISTRY)


def test_an_area_that_does_not_exist_is_an_error_not_an_empty_set():
    with pytest.raises(UnknownArea):
        of(communes=(("2025", "99999"),))


def test_all_provinces_hold_all_communes_of_both_eras():
    for era in ("legacy", "2025"):
        found = of(provinces=tuple(area.key for area in REGISTRY.provinces(era)))
        assert set(found) == set(COMMUNES)
        assert set(found.values()) == {IN}


def some(keys: list[Key], most: int = 6) -> st.SearchStrategy[tuple[Key, ...]]:
    return st.lists(st.sampled_from(keys), max_size=most).map(tuple)


NEAR = [key for key in COMMUNES if key[1].startswith(("000", "065"))]  # so that eras and neighbours meet
SELECTIONS = st.builds(
    Selection,
    provinces=some(PROVINCES, 2),
    districts=some(DISTRICTS, 3),
    communes=st.one_of(some(COMMUNES), some(NEAR, 20)),
    tags=some(COMMUNES + DISTRICTS),
)


def expanded(keys: tuple[Key, ...], era: str) -> set[str]:
    return {c.code for key in keys if key[0] == era for c in REGISTRY.communes_of(REGISTRY.get(*key))}


@settings(max_examples=60, deadline=None)
@given(st.one_of(some(COMMUNES), some(NEAR, 40), some(DISTRICTS), some(PROVINCES)))
def test_one_kind_is_what_the_design_says_commune_by_commune(keys: tuple[Key, ...]):
    if not keys:
        return
    old, new = expanded(keys, "legacy"), expanded(keys, "2025")
    islands = {key[1] for key in keys if key[0] == "legacy"}
    found = of(communes=keys)
    for commune in REGISTRY.communes("legacy"):
        candidates = [code in new for code, _ in REGISTRY.successors(commune.code)]
        expected = IN if commune.code in old or all(candidates) else AMBIGUOUS if any(candidates) else None
        assert found.get(commune.key) == expected, commune
    for commune in REGISTRY.communes("2025"):
        parts = REGISTRY.parts(commune.code)
        candidates = [
            code in old or bool(len(code) == 3 and islands & set(REGISTRY.legacy_place(code))) for code in parts
        ]
        expected = IN if commune.code in new or all(candidates) else AMBIGUOUS if any(candidates) else None
        assert found.get(commune.key) == expected, commune


@settings(max_examples=60, deadline=None)
@given(SELECTIONS)
def test_several_kinds_are_never_wider_than_any_of_them(selection: Selection):
    kinds = selection.kinds()
    if not kinds:
        return
    together = membership(selection, REGISTRY)
    alone = [membership(Selection(communes=kind), REGISTRY) for kind in kinds]
    for commune, word in together.items():
        assert all(commune in one for one in alone)
        assert word is AMBIGUOUS or all(one[commune] is IN for one in alone)
    for commune in set.intersection(*(set(one) for one in alone)):
        if all(one[commune] is IN for one in alone):
            assert together[commune] is IN


@settings(max_examples=60, deadline=None)
@given(some(COMMUNES, 10), st.sampled_from(COMMUNES))
def test_one_more_area_never_takes_anybody_out(keys: tuple[Key, ...], more: Key):
    before = of(communes=keys) if keys else {}
    after = of(communes=(*keys, more))
    assert after[more] is IN
    for commune, word in before.items():
        assert after[commune] is IN or word is AMBIGUOUS


def test_membership_stays_fast_enough_to_plan_every_audience():
    selection = Selection(provinces=tuple(area.key for area in REGISTRY.provinces("2025")))
    membership(selection, REGISTRY)
    taken = []
    for _ in range(5):
        began = time.process_time()
        membership(selection, REGISTRY)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.25  # CPU seconds; 7-13 ms on a quiet machine: a loop per commune would take minutes
