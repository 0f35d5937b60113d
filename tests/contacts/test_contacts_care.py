"""Opt-outs, erasure, statistics and the export: what people may ask of an office."""

import csv
import stat
import sys
from pathlib import Path

import pytest
from contacts_lists import HEADER, bring, person, stored, write

from engine.areas import registry
from engine.errors import LoaError
from engine.pipeline import contact_care
from engine.pipeline.process import Process
from engine.text.phone import PhoneError

ONE, TWO = "0900000001", "0900000002"


@pytest.fixture
def listed(prepared: Process, tmp_path: Path) -> Process:
    bring(prepared, write(tmp_path, HEADER, person(1), person(2)))
    return prepared


def test_an_opt_out_is_forgotten_when_the_person_is_listed_again(listed: Process, tmp_path: Path) -> None:
    recorded, marked, wrong = contact_care.opt_out(
        listed, ["0900 000 001", "", "không phải số"], source="đường dây nóng"
    )
    assert (recorded, marked, [place for place, _ in wrong]) == (1, 1, [3])
    bring(listed, write(tmp_path, HEADER, person(1, name="Người Thử Khác")))
    assert stored(listed)["+84900000001"].opted_out
    assert not stored(listed)["+84900000002"].opted_out


def test_a_number_we_do_not_hold_yet_is_written_to_after_its_first_import(prepared: Process, tmp_path: Path) -> None:
    assert contact_care.opt_out(prepared, [ONE], source="nhà mạng")[:2] == (1, 0)
    bring(prepared, write(tmp_path, HEADER, person(1)))
    assert stored(prepared)["+84900000001"].opted_out


def test_an_erased_person_comes_back_with_the_next_list(listed: Process, tmp_path: Path) -> None:
    assert contact_care.erase(listed, ONE, by="Người Thử")
    assert set(stored(listed)) == {"+84900000002"}
    assert not contact_care.erase(listed, ONE, by=None)
    bring(listed, write(tmp_path, HEADER, person(1)))
    assert stored(listed)["+84900000001"].opted_out


def test_erasing_something_that_is_no_number_erases_somebody(listed: Process) -> None:
    with pytest.raises(PhoneError):
        contact_care.erase(listed, "0900", by=None)
    assert len(stored(listed)) == 2


def test_the_figures_of_the_lists_are_not_those_of_the_contacts(listed: Process) -> None:
    contact_care.opt_out(listed, [ONE], source="đường dây nóng")
    found = contact_care.stats(listed, registry.load())
    assert (found["contacts"], found["opted_out"], found["opt_out_list"]) == (2, 1, 1)
    assert found["by_language"] == {"vi": 2}
    assert found["by_district"] == [{"area": {"era": "legacy", "code": "188", "name": "Huyện Lộc Bình"}, "contacts": 2}]
    assert [(one["source"], one["basis"]) for one in found["imports"]] == [("UBND xã", "Kế hoạch thử")]  # type: ignore[attr-defined]


def test_an_export_cannot_be_imported_again_or_is_open_to_others(listed: Process, tmp_path: Path) -> None:
    path = tmp_path / "ra.csv"
    assert contact_care.export(listed, path, by="Người Thử") == 2
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = list(csv.DictReader(path.open(encoding="utf-8-sig")))
    assert sorted((row["phone"], row["name"], row["era"]) for row in rows) == [
        (ONE, "Người Thử 001", "legacy"),
        (TWO, "Người Thử 002", "legacy"),
    ]
    result = bring(listed, path)
    assert (result.rejected, result.imported) == (0, 0)


def test_an_export_overwrites_a_file(listed: Process, tmp_path: Path) -> None:
    path = tmp_path / "co-san.csv"
    path.write_text("đừng mất", encoding="utf-8")
    with pytest.raises(LoaError):
        contact_care.export(listed, path, by=None)
    assert path.read_text(encoding="utf-8") == "đừng mất"


@pytest.mark.parametrize("text", ["phone,name\n0900000001,x\n", "Số ĐT;Tên\r\n0900000001;x\r\n", "\ufeff0900000001\n"])
def test_a_list_of_opt_outs_loses_its_first_line_or_keeps_its_header(text: str) -> None:
    assert contact_care.numbers_in(text) == [ONE]


def test_a_name_becomes_a_formula_in_a_spreadsheet(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER, '1,"=1+1",0900000001,Yên Khoái,Lộc Bình'))
    path = tmp_path / "ra.csv"
    contact_care.export(prepared, path, by=None)
    assert next(csv.DictReader(path.open(encoding="utf-8-sig")))["name"] == "'=1+1"
