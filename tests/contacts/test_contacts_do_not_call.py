"""The Do-Not-Call list: whoever is on it gets no advertising, whatever breaks off, and no number is kept in clear."""

import json
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
from contacts_lists import HEADER, bring, person, write
from sqlalchemy import text

from engine.areas import registry
from engine.cli import main
from engine.clock import StoppedClock, parse_instant
from engine.errors import LoaError
from engine.pipeline import contact_care
from engine.pipeline.do_not_call import Result, import_list
from engine.pipeline.process import Process
from engine.store import do_not_call

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def listed(process: Process) -> set[bytes]:
    with process.database.read() as connection:
        return {bytes(row[0]) for row in connection.execute(text("SELECT phone_hash FROM do_not_call"))}


def hashes(process: Process, *places: int) -> set[bytes]:
    return {process.keyring.phone_hash(f"+84900000{place:03d}") for place in places}


def plain(folder: Path, *lines: str, name: str = "dnc.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def load(process: Process, path: Path, *, whole: bool = False, listed_on: date | None = None) -> Result:
    return import_list(process, path, source="Cục ATTT", whole=whole, listed_on=listed_on)


def workbook(path: Path, *rows: list[object]) -> Path:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate(rows):
            sheet.write_row(number, 0, cells)
    return path


@ONE_DATABASE
@pytest.mark.parametrize(
    "content",
    [
        "0900000001\n84900000002\n",
        "Danh sách Không quảng cáo\n\n+84 900 000 001\n(84) 900000002\n",
        "STT;Số thuê bao;Ngày đăng ký\n1;0900000001;01/07/2027\n2;0900000002;02/07/2027\n",
        "1,0900000001,01/07/2027\n2,0900000002,02/07/2027\n",
        "\ufeff0900000001\r\n0900000002\r\n0900000002\r\n",
    ],
)
def test_a_list_is_read_however_it_is_delivered(prepared: Process, tmp_path: Path, content: str) -> None:
    path = tmp_path / "dnc.csv"
    path.write_text(content, encoding="utf-8", newline="")
    result = load(prepared, path)
    assert (result.numbers, result.added, result.rejected, result.problems) == (2, 2, 0, [])
    assert listed(prepared) == hashes(prepared, 1, 2)


@ONE_DATABASE
@pytest.mark.parametrize("header", [[["STT", "Số thuê bao"]], [["Danh sách của Cục"], []], []])
def test_a_workbook_is_read_with_and_without_a_header(
    prepared: Process, tmp_path: Path, header: list[list[object]]
) -> None:
    path = workbook(tmp_path / "dnc.xlsx", *header, [1, 84900000001.0], [2, "0900000002"])
    assert load(prepared, path).numbers == 2
    assert listed(prepared) == hashes(prepared, 1, 2)


def test_a_list_twice_is_one_and_a_whole_one_takes_out_what_it_lacks(prepared: Process, tmp_path: Path) -> None:
    first = plain(tmp_path, "0900000001", "0900000002")
    assert (load(prepared, first).added, load(prepared, first).added) == (2, 0)
    added = load(prepared, plain(tmp_path, "0900000003"))
    assert (added.numbers, added.added, added.removed, len(listed(prepared))) == (1, 1, 0, 3)
    whole = load(prepared, plain(tmp_path, "0900000003", "0900000004"), whole=True)
    assert (whole.numbers, whole.added, whole.removed) == (2, 1, 2)
    assert listed(prepared) == hashes(prepared, 3, 4)


@ONE_DATABASE
def test_a_row_that_cannot_be_read_takes_nothing_out_of_the_former_list(prepared: Process, tmp_path: Path) -> None:
    """It may be the very number that was on it."""
    load(prepared, plain(tmp_path, "0900000001"))
    path = plain(tmp_path, "0900000002", "09000000O1x", "024 3825 1234", "19001234")
    result = load(prepared, path, whole=True)
    assert (result.rows, result.skipped, result.rejected, result.removed) == (4, 2, 1, 0)
    assert [(row, code) for row, code, _ in result.problems] == [(2, "letters")]
    assert listed(prepared) == hashes(prepared, 1, 2)


@ONE_DATABASE
def test_an_import_that_breaks_off_forbids_too_much_and_never_too_little(
    prepared: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(prepared, plain(tmp_path, "0900000001", "0900000002"))
    monkeypatch.setattr(do_not_call, "CHUNK", 2)
    real, calls = do_not_call.add, []

    def add(*arguments: object) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]  # as it was called

    new = plain(tmp_path, *(f"09000000{place}" for place in (11, 12, 13, 14)))
    with monkeypatch.context() as killed:
        killed.setattr(do_not_call, "add", add)
        with pytest.raises(KeyboardInterrupt):
            load(prepared, new, whole=True)
    assert listed(prepared) == hashes(prepared, 1, 2, 11, 12)
    with prepared.database.read() as connection:
        newest = do_not_call.newest(connection)
        assert newest is not None and newest["id"] == 1  # the broken one is no list
    load(prepared, new, whole=True)
    assert listed(prepared) == hashes(prepared, 11, 12, 13, 14)


@ONE_DATABASE
def test_a_file_without_numbers_or_a_list_of_tomorrow_changes_nothing(prepared: Process, tmp_path: Path) -> None:
    prepared.clock = StoppedClock(parse_instant("2027-07-16 08:30"))
    load(prepared, plain(tmp_path, "0900000001"))
    good = plain(tmp_path, "0900000002", name="khac.txt")
    for path, options, key in (
        (plain(tmp_path, "Không có số nào", name="rong.txt"), {"whole": True}, "no-numbers"),
        (tmp_path / "khong-co.txt", {}, "no-file"),
        (good, {"listed_on": date(2027, 7, 17)}, "list-to-come"),
    ):
        with pytest.raises(LoaError) as refused:
            load(prepared, path, **options)  # type: ignore[arg-type]  # one set of options each
        assert refused.value.code == key
    with pytest.raises(LoaError, match="--source"):
        import_list(prepared, good, source="  ")
    assert listed(prepared) == hashes(prepared, 1)


@ONE_DATABASE
def test_the_statistics_count_the_list_and_the_contacts_on_it(prepared: Process, tmp_path: Path) -> None:
    bring(prepared, write(tmp_path, HEADER, person(1), person(2)))
    load(prepared, plain(tmp_path, "0900000001", "0900000009"), listed_on=date(2026, 7, 1))
    found = contact_care.stats(prepared, registry.load())["do_not_call"]
    assert isinstance(found, dict)
    assert (found["numbers"], found["contacts"], found["source"], found["date"]) == (2, 1, "Cục ATTT", "2026-07-01")
    assert [(one["numbers"], one["added"], one["finished"]) for one in found["imports"]] == [(2, 2, True)]


@ONE_DATABASE
def test_no_number_is_kept_in_clear(prepared: Process, tmp_path: Path) -> None:
    load(prepared, plain(tmp_path, "0900000001", "khong phai so 0900000123x"))
    kept = b"".join(path.read_bytes() for path in (tmp_path / ".loa").glob("loa.db*"))
    assert b"900000001" not in kept and b"900000123" not in kept


@ONE_DATABASE
def test_the_command_answers_in_json_and_in_words(
    prepared: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = plain(tmp_path, "0900000001", "sai 09000000")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["contacts", *arguments])
        return int(left.value.code or 0), *capsys.readouterr()

    code, out, _ = run("do-not-call", "import", str(path), "--source", "Cục ATTT", "--date", "01/07/2026", "--json")
    document = json.loads(out)
    assert (code, list(document)) == (
        1, ["rows", "numbers", "added", "removed", "skipped", "rejected", "problems"],
    )  # fmt: skip
    assert list(document["problems"][0]) == ["row", "code", "message"]
    code, out, err = run("do-not-call", "import", str(path), "--source", "Cục ATTT", "--replace")
    assert (code, "Đã nhập danh sách Không quảng cáo: 1 số" in out, "chưa bỏ số nào" in err) == (1, True, True)
    code, out, _ = run("stats")
    assert code == 0 and "Danh sách Không quảng cáo: 1 số, 0 số" in out
    assert run("do-not-call", "import", str(path))[0] == 2
