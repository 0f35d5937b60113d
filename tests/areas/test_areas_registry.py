"""Codes, eras and history: the traps of reused codes, split communes and abolished districts."""

import pytest

from engine.areas.area import Area
from engine.areas.errors import AmbiguousArea, EraNeeded, UnknownArea
from engine.areas.historic import Historic
from engine.areas.registry import load
from engine.areas.resolve import resolve

REGISTRY = load()


@pytest.mark.parametrize(
    ("code", "before", "today"),
    [("06541", "Xã Yên Khoái", "Xã Mẫu Sơn"), ("06211", "Xã Lộc Yên", "Xã Cao Lộc")],
)
def test_a_reused_code_is_another_place_in_the_other_era(code: str, before: str, today: str):
    assert REGISTRY.get("legacy", code).name == before
    assert REGISTRY.get("2025", code).name == today


def test_an_unknown_code_names_the_era_in_which_it_exists():
    with pytest.raises(UnknownArea) as caught:
        REGISTRY.get("legacy", "26732")
    assert caught.value.candidates == (REGISTRY.get("2025", "26732"),)
    assert "Đặc khu Côn Đảo" in str(caught.value)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("code", ["", "1", "999", "99999", "0654", "06541 ", "Cao Lộc", "１８３"])
def test_a_wrong_code_is_never_an_area(code: str):
    for era in ("legacy", "2025"):
        assert not REGISTRY.has(era, code)
        with pytest.raises(UnknownArea):
            REGISTRY.get(era, code)


def test_an_area_refuses_nonsense():
    with pytest.raises(ValueError):
        Area("2026", "06541", "Xã", "commune", "20", None, 0.0, 0.0)  # type: ignore[arg-type]  # the point
    with pytest.raises(ValueError):
        Area("2025", "6541", "Xã", "commune", "20", None, 0.0, 0.0)


def test_a_commune_that_merged_whole_has_one_successor():
    assert REGISTRY.successors("06541") == (("06541", True),)
    assert REGISTRY.counterpart("legacy", "06541", "2025") == "06541"


def test_a_split_commune_has_no_only_counterpart():
    assert REGISTRY.successors("00016") == (("00004", False), ("00008", False))
    assert REGISTRY.counterpart("legacy", "00016", "2025") is None


def test_namesakes_do_not_leak_into_each_others_history():
    # Hồng Phong of Bình Gia and of Cao Lộc; the source mixed them up
    assert REGISTRY.successors("06079") == (("06079", True),)
    assert [code for code, _ in REGISTRY.sources("06184")] == ["06184", "06190", "06205", "06208", "06214"]
    assert REGISTRY.historic_district("2025", "06184") == Historic("183", "exact")


def test_a_merged_commune_has_no_legacy_counterpart_and_an_unchanged_one_has():
    assert REGISTRY.sources("06541") == (("06532", True), ("06541", True), ("06547", True))
    assert REGISTRY.counterpart("2025", "06541", "legacy") is None
    assert REGISTRY.counterpart("2025", "30781", "legacy") == "30781"
    assert REGISTRY.counterpart("2025", "06541", "2025") == "06541"


def test_a_2025_commune_made_of_part_of_one_commune_has_no_counterpart():
    lonely = [
        area.code
        for area in REGISTRY.communes("2025")
        if len(REGISTRY.sources(area.code)) == 1 and not REGISTRY.sources(area.code)[0][1]
    ]
    assert lonely
    assert all(REGISTRY.counterpart("2025", code, "legacy") is None for code in lonely)


@pytest.mark.parametrize(
    ("zone", "district"), [("11948", "318"), ("19742", "471"), ("20333", "498"), ("21548", "536"), ("26732", "755")]
)
def test_a_special_zone_keeps_its_island_district(zone: str, district: str):
    assert REGISTRY.historic_district("2025", zone) == Historic(district, "zone")
    assert REGISTRY.sources(zone) == ()
    assert REGISTRY.counterpart("2025", zone, "legacy") is None
    assert REGISTRY.communes_of(REGISTRY.get("legacy", district)) == ()


@pytest.mark.parametrize(
    ("code", "historic"),
    [
        ("06541", Historic("188", "exact")),
        ("00004", Historic("001", "whole")),
        ("00097", Historic("002", "majority")),
        ("01090", Historic(None, "ambiguous")),
        ("06886", Historic(None, "ambiguous")),  # all the people of a split commune weigh as a whole one
    ],
)
def test_the_historic_district_of_a_new_commune(code: str, historic: Historic):
    assert REGISTRY.historic_district("2025", code) == historic


def test_a_legacy_commune_keeps_its_own_district():
    assert REGISTRY.historic_district("legacy", "06238") == Historic("183", "exact")


def test_successors_and_sources_are_each_others_mirror():
    forth = {
        (old.code, new, whole) for old in REGISTRY.communes("legacy") for new, whole in REGISTRY.successors(old.code)
    }
    back = {(old, new.code, whole) for new in REGISTRY.communes("2025") for old, whole in REGISTRY.sources(new.code)}
    assert forth == back
    assert len(forth) == 10_566


def test_communes_of_a_place_are_of_its_own_era():
    assert len(REGISTRY.communes_of(REGISTRY.get("2025", "20"))) == 65
    assert {area.district for area in REGISTRY.communes_of(REGISTRY.get("legacy", "183"))} == {"183"}
    assert sum(len(REGISTRY.communes_of(area)) for area in REGISTRY.provinces("legacy")) == 10_035


def test_every_legacy_province_went_whole_into_one_of_today():
    for old in REGISTRY.communes("legacy"):
        today = REGISTRY.province_today(old)
        assert {REGISTRY.get("2025", new).province for new, _ in REGISTRY.successors(old.code)} == {today}


def test_the_surface_is_known_of_all_but_two():
    unknown = [area.code for area in REGISTRY.communes("2025") if REGISTRY.area_km2(area.code) is None]
    assert unknown == ["19147", "19159"]


@pytest.mark.parametrize(
    ("text", "level", "era", "key"),
    [
        ("Cao Bằng", "province", None, ("2025", "04")),
        ("04", "province", None, ("2025", "04")),
        ("tinh lang son", "province", None, ("2025", "20")),
        ("Bến Tre", "province", None, ("legacy", "83")),
        ("Đồng Nai", "province", "legacy", ("legacy", "75")),
        ("75", "province", "2025", ("2025", "75")),
        ("Cao Lộc", "district", None, ("legacy", "183")),
        ("183", "district", None, ("legacy", "183")),
        ("26732", "commune", None, ("2025", "26732")),
        ("Yên Khoái", "commune", None, ("legacy", "06541")),
        ("30781", "commune", None, ("2025", "30781")),  # unchanged: both eras mean the same land
        ("Tiên Hải", "commune", None, ("2025", "30781")),
        # in the organisation's province first, then in the country
        ("Hòa Bình", "district", None, ("legacy", "148")),
        ("Tân Thanh", "commune", "legacy", ("legacy", "06166")),
    ],
)
def test_an_era_is_needed_only_where_the_eras_differ(text, level, era, key):
    within = "25" if text == "Hòa Bình" else "20"
    assert resolve(text, level, era, within).key == key


@pytest.mark.parametrize(
    ("text", "level", "error"),
    [
        ("Đồng Nai", "province", EraNeeded),
        ("75", "province", EraNeeded),
        ("06541", "commune", EraNeeded),
        ("Mẫu Sơn", "commune", AmbiguousArea),
        ("183", "commune", UnknownArea),
        ("20", "district", UnknownArea),
        ("Cao Lok", "district", UnknownArea),
        ("", "district", UnknownArea),
    ],
)
def test_what_is_not_clear_lists_the_choices(text, level, error):
    with pytest.raises(error) as caught:
        resolve(text, level, within="20")
    assert str(caught.value)


def test_eleven_provinces_need_no_era():
    same = [area.code for area in REGISTRY.provinces("legacy") if REGISTRY.same_area(area)[0] == "2025"]
    assert same == ["01", "04", "11", "12", "14", "20", "22", "38", "40", "42", "46"]
