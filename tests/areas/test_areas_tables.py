"""The committed tables: complete, compact, unchanged since their version was written."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from engine.areas.historic import Historic, Part, historic_district
from engine.areas.registry import load
from engine.areas.tables import FOLDER, rows_of


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "make_area_tables.py"
    spec = importlib.util.spec_from_file_location("make_area_tables", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_no_unit_of_either_era_is_missing():
    registry = load()
    assert len(registry.provinces("2025")) == 34
    assert len(registry.communes("2025")) == 3_321
    assert len(registry.provinces("legacy")) == 63
    assert len(registry.districts()) == 696
    assert len(registry.communes("legacy")) == 10_035
    assert sum(area.name.startswith("Đặc khu ") for area in registry.communes("2025")) == 13


def test_tables_stay_small_enough_to_commit():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_500_000


def test_a_hand_edited_table_is_noticed_by_its_version(tool: ModuleType):
    assert load().version == tool.digest(FOLDER)


def test_tables_are_in_a_stable_order_with_unix_line_ends():
    for file in FOLDER.glob("*.tsv"):
        content = file.read_bytes()
        lines = content.decode().splitlines()
        assert b"\r" not in content
        assert lines == sorted(lines, key=lambda line: line.split("\t")), file.name


def test_the_licence_of_the_source_travels_with_its_data():
    assert "MIT License" in (FOLDER / "LICENSE-vietnamadminunits.txt").read_text("utf-8")


def test_every_area_lies_in_viet_nam_and_in_its_parents():
    registry = load()
    for era in ("legacy", "2025"):
        for area in registry.communes(era):
            assert 7.5 < area.lat < 23.5 and 102 < area.lon < 117.5, area
            assert registry.has(era, area.province)
            if era == "legacy":
                assert registry.get("legacy", area.district or "").province == area.province


def test_the_historic_rule_gives_the_counts_of_the_domain():
    rules = Counter(row[7] for row in rows_of(FOLDER, "communes_2025.tsv"))
    assert rules == {"exact": 3_019, "whole": 95, "majority": 151, "ambiguous": 51, "zone": 5}


def test_whole_and_split_communes_add_up():
    split = [row[0] for row in rows_of(FOLDER, "successions.tsv") if " " in row[1]]
    assert (len(split), 10_035 - len(split)) == (441, 9_594)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([Part("318", True, False)], Historic("318", "zone")),
        ([Part("1", True), Part("1", False)], Historic("1", "exact")),
        ([Part("1", False), Part("1", False)], Historic("1", "exact")),
        ([Part("1", True), Part("2", False), Part("2", False)], Historic("1", "whole")),
        ([Part("1", True), Part("1", True), Part("2", True)], Historic("1", "majority")),
        ([Part("1", False), Part("1", False), Part("2", False)], Historic("1", "majority")),
        ([Part("1", True), Part("2", True)], Historic(None, "ambiguous")),
        ([Part("1", False), Part("2", False)], Historic(None, "ambiguous")),
        # pieces don't break a tie of entire communes: 25768 Phú An of the tables
        ([Part("1", True), Part("1", False), Part("2", True)], Historic(None, "ambiguous")),
        (
            [Part("1", True), Part("1", True), Part("2", True), Part("2", True), Part("3", True)],
            Historic(None, "ambiguous"),
        ),
    ],
)
def test_a_district_is_never_guessed(parts: list[Part], expected: Historic):
    assert historic_district(parts) == expected


def test_a_commune_without_parts_is_refused():
    with pytest.raises(ValueError):
        historic_district([])


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("Thị Trấn Prao", "Thị trấn Prao"),
        ("Thành Phố Đồng Hới", "Thành phố Đồng Hới"),
        ("Xã Đồng ý", "Xã Đồng Ý"),
        ("Xã é Tòng", "Xã É Tòng"),
        ("xã  Vạn Phú", "Xã Vạn Phú"),
        ("Xã Nông Trường", "Xã Nông Trường"),
        ("Thị trấn Nông Trường Phong Hải", "Thị trấn Nông trường Phong Hải"),
        ("Phường Văn Miếu - Quốc Tử Giám", "Phường Văn Miếu - Quốc Tử Giám"),
    ],
)
def test_names_have_one_spelling_of_types_and_capitals(tool: ModuleType, written: str, clean: str):
    assert tool.clean(written) == clean


def test_mends_stop_when_the_source_changed_under_them(tool: ModuleType):
    legacy = [
        {"wardCode": code, "districtCode": "1", "wardKey": code}
        for line in tool.NAMESAKES
        for code in (line[0], line[2])
    ]
    with pytest.raises(SystemExit):
        tool.mend(tool.Source(legacy, [], set()))
