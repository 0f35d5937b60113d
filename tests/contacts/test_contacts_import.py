"""Importing twice, half, or beside a running dispatch must leave each person once, with the right data and no trace."""

import csv
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from contacts_lists import HEADER, bring, codes, person, stored, write
from sqlalchemy import text
from test_contacts_file import workbook

from engine.areas import registry
from engine.clock import StoppedClock, parse_instant
from engine.errors import LoaError
from engine.pipeline import import_contacts as importing
from engine.pipeline.contact_care import erase, export
from engine.pipeline.process import Process
from engine.store import suppression

NUMBER = "+84900000{:03d}"


def counts(result: importing.Result) -> tuple[int, ...]:
    found = result.counts()
    assert found["rows"] == found["imported"] + found["updated"] + found["unchanged"] + found["rejected"]
    return tuple(found.values())


def imports(process: Process) -> list[Any]:
    with process.database.read() as connection:
        return list(connection.execute(text("SELECT * FROM contact_import ORDER BY id")).mappings())


def test_a_list_comes_in_and_coming_again_changes_nothing(prepared: Process, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ",Nhóm", person(1) + ",Lao động đi xa", person(2, "Mẫu Sơn,Cao Lộc") + ",")
    assert counts(bring(prepared, path)) == (2, 2, 0, 0, 0)
    first = stored(prepared)
    assert first[NUMBER.format(1)] == (
        "Người Thử 001", "legacy", "06541", "vi", False, {"UBND xã": {"lao-dong-di-xa"}}, False, False,
    )  # fmt: skip
    assert first[NUMBER.format(2)].commune == "06238"
    assert counts(bring(prepared, path)) == (2, 0, 0, 2, 0)
    assert stored(prepared) == first
    assert counts(bring(prepared, workbook_of(path, tmp_path))) == (2, 0, 0, 2, 0)


def workbook_of(path: Path, folder: Path) -> Path:
    with path.open(encoding="utf-8", newline="") as opened:
        rows: list[list[object]] = [
            [int(cell) if cell.isdigit() else cell for cell in row] for row in csv.reader(opened)
        ]
    return workbook(folder / "list.xlsx", rows)


def test_each_import_is_recorded_with_its_ground_and_counts(prepared: Process, tmp_path: Path) -> None:
    prepared.clock = StoppedClock(parse_instant("2027-07-01T08:00+07:00"))
    path = write(tmp_path, HEADER, person(1), person(2, "Không Có,Lộc Bình"))
    bring(prepared, path, source=" Hội Phụ nữ ", basis="Kế hoạch 87", defaults={"consent": True})
    (row,) = imports(prepared)
    assert (row["source"], row["basis"], bool(row["consent"])) == ("Hội Phụ nữ", "Kế hoạch 87", True)
    assert [row[name] for name in ("rows", "imported", "updated", "unchanged", "rejected")] == [2, 1, 0, 0, 1]
    assert row["finished_at"] is not None
    assert len(row["file_digest"]) == 64
    with prepared.database.read() as connection:
        assert connection.execute(text("SELECT action, subject FROM audit")).one() == ("contacts.import", "import 1")
        assert connection.execute(text("SELECT import_id FROM contact")).scalar_one() == row["id"]


def test_only_what_changed_is_updated(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER + ",Ngôn ngữ,Đồng ý", *(person(n) + ",Tày,có" for n in range(1, 7))))
    path = write(
        tmp_path,
        HEADER + ",Ngôn ngữ,Đồng ý",
        person(1) + ",,",  # says nothing new
        person(2, name="Người Thử Khác") + ",,",
        person(3, "Mẫu Sơn,Cao Lộc") + ",,",
        person(4) + ",Nùng,",
        person(5) + ",,không",
        "6,,0900000006,Yên Khoái,Lộc Bình,,",  # no name: the one we have stays
    )
    assert counts(bring(prepared, path)) == (6, 0, 4, 2, 0)
    found = stored(prepared)
    assert [found[NUMBER.format(n)].name for n in (1, 2, 6)] == ["Người Thử 001", "Người Thử Khác", "Người Thử 006"]
    assert [found[NUMBER.format(n)].commune for n in (1, 3)] == ["06541", "06238"]
    assert [found[NUMBER.format(n)].language for n in (1, 4)] == ["tyz", "nut"]
    assert [found[NUMBER.format(n)].consent for n in (1, 2, 5)] == [True, True, False]


def test_groups_are_replaced_within_their_source_only(prepared: Process, tmp_path: Path) -> None:
    def lists(groups: str, source: str) -> tuple[int, ...]:
        return counts(bring(prepared, write(tmp_path, HEADER + ",Nhóm", f"{person(1)},{groups}"), source=source))

    def groups() -> dict[str, set[str]]:
        return stored(prepared)[NUMBER.format(1)].groups

    assert lists("Nhóm A; Nhóm B", "xã")[1] == 1
    assert lists("Nhóm B; Nhóm C", "huyện")[2] == 1
    assert groups() == {"xã": {"nhom-a", "nhom-b"}, "huyện": {"nhom-b", "nhom-c"}}
    assert lists("Nhóm C", "huyện")[2] == 1
    assert groups() == {"xã": {"nhom-a", "nhom-b"}, "huyện": {"nhom-c"}}
    assert lists("Nhóm C", "huyện")[3] == 1
    assert counts(bring(prepared, write(tmp_path, HEADER, person(1)), source="xã"))[3] == 1  # no column: untouched
    assert groups() == {"xã": {"nhom-a", "nhom-b"}, "huyện": {"nhom-c"}}
    assert lists("", "xã")[2] == 1
    assert groups() == {"huyện": {"nhom-c"}}


def test_one_number_with_different_data_is_rejected_in_both_rows(prepared: Process, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER,
        person(1),
        person(2),
        "3,Người Thử 001,(+84) 900 000 001,Tú Mịch,Lộc Bình",
        "4,Người Thử 002,900000002,xã yên khoái,H. Lộc Bình",  # the same, written otherwise
        person(5),
        person(5, name="Người Thử Khác"),
        person(5),
        person(1, "Không Có,Lộc Bình"),  # wrong by itself; the good ones are not in conflict with it
    )
    result = bring(prepared, path)
    assert counts(result) == (8, 1, 0, 1, 6)
    assert codes(result) == [
        *((row, "phone-twice") for row in (2, 4, 6, 7, 8)),
        (9, "unknown"),
    ]
    assert "dòng 4" in result.problems[0].message
    assert "dòng 2" in result.problems[1].message
    assert stored(prepared).keys() == {NUMBER.format(2)}


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.reader(opened))


def test_rejected_rows_wait_beside_the_list_and_come_back_mended(prepared: Process, tmp_path: Path) -> None:
    header = HEADER + ",CCCD"
    path = write(tmp_path, "DANH SÁCH", header, person(1) + ",x1", "2,Người Thử 002,O900000002,Yên Khoái,Lộc Bình,x2")
    result = bring(prepared, path)
    rejected = tmp_path / "list.csv.rejected.csv"
    assert result.rejected_file == rejected
    assert rejected.read_bytes().startswith(b"\xef\xbb\xbf")
    assert stat.S_IMODE(rejected.stat().st_mode) == 0o600
    rows = read_csv(rejected)
    assert rows[0] == [*header.split(","), "Lý do chưa nhập"]
    assert rows[1][:-1] == ["2", "Người Thử 002", "O900000002", "Yên Khoái", "Lộc Bình", "x2"]
    assert "Dòng 4" in rows[1][-1]
    assert "Số ĐT" in rows[1][-1]
    again = bring(prepared, rejected)  # as it is: rejected again, without a second column of reasons
    assert counts(again)[-1] == 1
    assert again.rejected_file
    assert read_csv(again.rejected_file)[0] == rows[0]
    rejected.write_bytes(rejected.read_bytes().replace(b"O9", b"09"))
    assert counts(bring(prepared, rejected)) == (1, 1, 0, 0, 0)
    assert not again.rejected_file.exists()
    assert len(stored(prepared)) == 2


def test_the_file_of_rejected_rows_is_replaced_and_goes_when_there_are_none(prepared: Process, tmp_path: Path) -> None:
    rejected = tmp_path / "list.csv.rejected.csv"
    assert bring(prepared, write(tmp_path, HEADER, person(1, "Không Có,Lộc Bình"), person(2, ","))).rejected_file
    assert len(read_csv(rejected)) == 3
    assert bring(prepared, write(tmp_path, HEADER, person(1, "Không Có,Lộc Bình"))).rejected_file
    assert len(read_csv(rejected)) == 2
    assert bring(prepared, write(tmp_path, HEADER, person(1))).rejected_file is None
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["list.csv"]


def test_a_semicolon_list_keeps_its_separator(prepared: Process, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER.replace(",", ";"), person(1, "Không Có;Lộc Bình").replace(",", ";"))
    result = bring(prepared, path)
    assert result.rejected_file
    assert result.rejected_file.read_text("utf-8-sig").startswith("STT;Họ và tên;")


def test_a_dry_run_counts_the_same_and_leaves_nothing(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER, person(1), person(2)))
    path = write(
        tmp_path, HEADER, person(1), person(2, "Mẫu Sơn,Cao Lộc"), person(3), person(3), person(4, "Không Có,Lộc Bình")
    )
    before = stored(prepared)
    dry = bring(prepared, path, dry_run=True)
    assert counts(dry) == (5, 1, 1, 2, 1)
    assert dry.rejected_file is None
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["list.csv"]
    assert stored(prepared) == before
    assert len(imports(prepared)) == 1
    real = bring(prepared, path)
    assert counts(real) == counts(dry)
    assert real.problems == dry.problems


def test_consent_is_there_only_where_it_was_said(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER, person(1)))
    bring(prepared, write(tmp_path, HEADER, person(2)), defaults={"consent": True})
    bring(prepared, write(tmp_path, HEADER + ",consent", person(3) + ",no"), defaults={"consent": True})
    found = stored(prepared)
    assert [found[NUMBER.format(n)].consent for n in (1, 2, 3)] == [False, True, False]
    bring(prepared, write(tmp_path, HEADER, person(2)))  # a list that says nothing takes nothing back
    assert stored(prepared)[NUMBER.format(2)].consent


def test_who_has_opted_out_stays_so_on_every_list(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER, person(1)))
    hashes = [prepared.keyring.phone_hash(NUMBER.format(n)) for n in (1, 2)]
    with prepared.database.write() as connection:
        suppression.opt_out(connection, hashes, at=prepared.clock.now(), source="hotline")
    bring(
        prepared,
        write(tmp_path, HEADER, *(person(n, "Mẫu Sơn,Cao Lộc") for n in (1, 2, 3))),
        defaults={"consent": True},
    )
    found = stored(prepared)
    assert [found[NUMBER.format(n)].opted_out for n in (1, 2, 3)] == [True, True, False]


def test_synthetic_people_are_marked_and_a_real_one_never_becomes_so(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER, person(1)))
    bring(prepared, write(tmp_path, HEADER, person(1), person(2)), synthetic=True)
    assert [stored(prepared)[NUMBER.format(n)].synthetic for n in (1, 2)] == [False, True]
    bring(prepared, write(tmp_path, HEADER, person(2)))
    assert not stored(prepared)[NUMBER.format(2)].synthetic


def test_no_number_and_no_name_is_readable_in_what_was_written(prepared: Process, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, person(1), person(2), person(2, name="Người Thử Khác"))
    bring(prepared, path)
    prepared.database.close()
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name not in ("list.csv", "list.csv.rejected.csv"):
            content = file.read_bytes()
            assert b"90000000" not in content, file.name
            assert "Người Thử".encode() not in content, file.name


def test_nothing_is_stored_of_a_file_that_breaks_off(prepared: Process, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, person(1), '2,"Người Thử', *(person(3) for _ in range(5000)))
    with pytest.raises(LoaError):
        bring(prepared, path)
    assert stored(prepared) == {}
    assert imports(prepared) == []
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["list.csv"]


def test_ground_and_place_are_asked_for_before_anything_else(prepared: Process, tmp_path: Path) -> None:
    path = write(tmp_path, "phone", "0900000001")
    for options, code in (
        ({"source": " "}, "no-ground"),
        ({"basis": ""}, "no-ground"),
        ({}, "no-commune-column"),
        ({"defaults": {"commune": "Mẫu Sơn"}}, "ambiguous"),
        ({"defaults": {"commune": "06541"}}, "bare-code"),
    ):
        with pytest.raises(LoaError) as refused:
            bring(prepared, path, **options)
        assert refused.value.code == code
    assert counts(bring(prepared, path, defaults={"commune": "06541", "era": "2025"})) == (1, 1, 0, 0, 0)
    assert stored(prepared)[NUMBER.format(1)].era == "2025"


def test_many_chunks_and_a_list_of_every_fate(
    prepared: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_LARGEST", 7)
    monkeypatch.setattr(importing, "_SMALLEST", 3)
    monkeypatch.setattr(importing, "_BATCH", 11)
    lines = [person(n) for n in range(100)] + [person(n) for n in range(0, 100, 10)] + [person(200, "Không Có,")] * 5
    progress: list[float] = []
    path = write(tmp_path, HEADER, *lines)
    request = importing.Request(path, "xã", "Kế hoạch thử")
    result = importing.import_contacts(prepared, request, registry.load(), progress=progress.append)
    assert counts(result) == (115, 100, 0, 10, 5)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert len(stored(prepared)) == 100


def test_problems_are_listed_up_to_a_limit_and_all_kept(
    prepared: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_PROBLEMS", 3)
    result = bring(prepared, write(tmp_path, HEADER, *(person(n, "Không Có,Lộc Bình") for n in range(9))))
    assert (len(result.problems), result.rejected) == (3, 9)
    assert result.rejected_file
    assert len(read_csv(result.rejected_file)) == 10


class Killed(BaseException):
    pass


def test_killed_in_the_middle_it_can_simply_be_run_again(
    prepared: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_LARGEST", 10)
    monkeypatch.setattr(importing, "_SMALLEST", 10)
    monkeypatch.setattr(importing._Import, "_write", dying_after(2, importing._Import._write))
    path = write(tmp_path, HEADER, *(person(n) for n in range(50)))
    with pytest.raises(Killed):
        bring(prepared, path)
    (row,) = imports(prepared)
    reached = len(stored(prepared))
    assert 0 < reached < 50
    assert (row["imported"], row["finished_at"]) == (reached, None)
    monkeypatch.undo()
    assert counts(bring(prepared, path)) == (50, 50 - reached, 0, reached, 0)
    assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["list.csv"]


def dying_after(times: int, write_chunk: Any) -> Any:
    left = [times]

    def dying(*arguments: Any) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        write_chunk(*arguments)

    return dying


def test_a_folder_that_cannot_be_written_to_is_noticed_before_anything_is_stored(
    prepared: Process, tmp_path: Path
) -> None:
    path = write(tmp_path, HEADER, person(1))
    (tmp_path / "list.csv.rejected.csv.part").mkdir()
    with pytest.raises(LoaError) as refused:
        bring(prepared, path)
    assert refused.value.code == "cannot-write"
    assert stored(prepared) == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_writer_gets_its_turn_while_an_import_runs(prepared: Process, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, *(f"{n},Người Thử,09000{n:05d},Yên Khoái,Lộc Bình" for n in range(8_000)))
    failed: list[BaseException] = []

    def work() -> None:
        try:
            bring(prepared, path)
        except BaseException as error:
            failed.append(error)

    importer = threading.Thread(target=work)
    importer.start()
    waits = []
    while importer.is_alive():
        begun = time.perf_counter()
        with prepared.database.write() as connection:
            connection.execute(text("SELECT 1"))
        waits.append(time.perf_counter() - begun)
    importer.join()
    assert not failed
    assert len(stored(prepared)) == 8_000
    assert len(waits) > 10
    # Nobody waits for the whole import, whatever the machine: most waits are a small part of it.
    assert sorted(waits)[len(waits) * 9 // 10] < sum(waits) / 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_loses_nothing_and_says_so(
    prepared: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(prepared, write(tmp_path, HEADER, person(1)))

    def full(*_: Any, **__: Any) -> None:
        raise LoaError("store.disk-full") from sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(importing.ContactList, "write", full)
    with pytest.raises(LoaError) as refused:
        bring(prepared, write(tmp_path, HEADER, person(1), person(2)))
    assert refused.value.code == "disk-full"
    assert stored(prepared).keys() == {NUMBER.format(1)}


def addresses(process: Process) -> list[str | None]:
    """The addresses as they are stored, opened; in the order of the contacts."""
    with process.database.read() as connection:
        found = connection.execute(text("SELECT email_sealed FROM contact ORDER BY phone_hash")).scalars()
        return [None if sealed is None else process.keyring.unseal(bytes(sealed)) for sealed in found]


def test_an_address_is_lost_or_said_where_nobody_may_read_it(
    prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = HEADER + ",Thư điện tử"
    bring(prepared, write(tmp_path, header, person(1) + ",Can.Bo@THƯ.example"))
    assert addresses(prepared) == ["Can.Bo@xn--th-e0a.example"]
    with prepared.database.read() as connection:
        assert b"Can.Bo" not in bytes(connection.execute(text("SELECT email_sealed FROM contact")).scalar_one())
    assert counts(bring(prepared, write(tmp_path, HEADER, person(1)))) == (1, 0, 0, 1, 0)  # says nothing of it
    assert counts(bring(prepared, write(tmp_path, header, person(1) + ","))) == (1, 0, 0, 1, 0)
    assert counts(bring(prepared, write(tmp_path, header, person(1) + ",moi@xa.example"))) == (1, 0, 1, 0, 0)
    assert addresses(prepared) == ["moi@xa.example"]
    wrong = bring(prepared, write(tmp_path, header, person(1) + ',"can.bo@xa,example"', person(2) + ",can.bo@xa"))
    assert codes(wrong) == [(2, "email-comma"), (3, "email-domain")] and addresses(prepared)[0] == "moi@xa.example"
    assert wrong.rejected_file is not None
    said = wrong.rejected_file.read_text("utf-8") + str(wrong.problems) + str(capsys.readouterr())
    assert "can.bo" not in said and "Thư điện tử" in said
    assert counts(bring(prepared, write(tmp_path, header, person(1) + ",-"))) == (1, 0, 1, 0, 0)
    assert addresses(prepared) == [None]  # taken away: an SMS again


def test_an_address_stays_when_its_person_is_erased(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER + ",Email", person(1) + ",can.bo@xa.example"))
    out = tmp_path / "all.csv"
    export(prepared, out, by=None)
    assert "can.bo@xa.example" in out.read_text("utf-8-sig")  # the one way out, beside the number
    erase(prepared, NUMBER.format(1), by=None)
    assert addresses(prepared) == []
