"""The operator's results: found by our id or number, applied once, and every row that says nothing is named."""

import csv
import json
from pathlib import Path

import pytest
import road_workspace as files
import xlsxwriter
from click.testing import CliRunner
from pipeline_road import AREAS, Person, Road, on_one_database

from engine.cli import loa
from engine.errors import LoaError
from engine.pipeline import operator_files, operator_results
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.open_runs import open_due
from engine.pipeline.operator_results import KNOWN, Result, import_results
from engine.text.accents import fold

SENDER = '  tep: {provider: file, from: BCDTHU, price_per_segment: 850, statuses: {"Máy bận": failed (unreachable)}}\n'


@pytest.fixture
def given(road: Road) -> list[tuple[str, str]]:
    """(our id, number) of five deliveries in a file for an operator."""
    steps = (files.step(sender="tep"), files.step("buoc-hai", when="2027-07-17 08:30", sender="tep"))
    road.write({"loa.yaml": files.loa_yaml(more_senders=SENDER), "campaigns/thu.yaml": files.campaign(*steps)})
    road.people(*(Person() for _ in range(5)))
    road.approve()
    _export(road)
    with (operator_files.outbox_folder(road.process) / "thu-mo-dau-once-1.csv").open(encoding="utf-8-sig") as read:
        return [(row["MA_TIN"], row["SO_DIEN_THOAI"]) for row in csv.DictReader(read)]


def _export(road: Road) -> None:
    open_due(road.process, current_snapshots(load_workspace(road.settings, None)), AREAS)
    operator_files.export_due(road.process)


def _file(road: Road, header: list[str], *rows: list[str], name: str = "ket-qua.csv") -> Path:
    path = road.settings.workspace / name
    if name.endswith("xlsx"):
        book = xlsxwriter.Workbook(str(path))
        sheet = book.add_worksheet()
        for place, row in enumerate([header, *rows]):
            sheet.write_row(place, 0, row)
        book.close()
    else:
        with path.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([header, *rows])
    return path


def _read(road: Road, path: Path, runs: list[int] | None = None, *, dry_run: bool = False) -> Result:
    return import_results(
        road.process, path, operator_results.sender_of_files(road.process, "tep"), runs, dry_run=dry_run
    )


def test_results_are_found_by_our_id_and_reading_them_again_changes_nothing(
    road: Road, given: list[tuple[str, str]]
) -> None:
    words = ["Thành công", "THẤT BẠI", "máy bận", "Đã gửi", "Từ chối nhận tin"]
    rows = [["", key, number, word, "E7"] for (key, number), word in zip(given, words, strict=True)]
    path = _file(road, ["STT", "Mã tin", "SĐT", "Trạng thái", "Mã lỗi"], *rows)
    result = _read(road, path)
    assert (result.rows, result.matched, result.applied, result.unchanged, result.problems) == (5, 5, 4, 1, [])
    assert road.statuses() == {"delivered": 1, "failed": 3, "accepted": 1}
    found = {row[0] for row in road.rows("SELECT reason FROM delivery WHERE status = 'failed'")}
    assert found == {"refused", "unreachable", "opted_out"}
    assert road.rows("SELECT count(*) FROM opt_out") == [(1,)]
    again = _read(road, path)
    assert (again.matched, again.applied, again.unchanged) == (5, 0, 5)
    assert road.rows("SELECT count(*) FROM receipt") == [(5,)]
    [(sealed,)] = road.rows("SELECT payload_sealed FROM receipt WHERE vendor_id = :id", id=given[0][0])
    assert given[0][1] not in bytes(sealed).decode("latin-1")
    road.prove_tallies()


@on_one_database
def test_results_with_numbers_only_are_found_within_the_run(road: Road, given: list[tuple[str, str]]) -> None:
    numbers = ["0" + number[2:] for _, number in given]
    path = _file(road, ["Số điện thoại", "Kết quả"], *([number, "delivered"] for number in numbers), name="kq.xlsx")
    assert _read(road, path).applied == 5
    assert _read(road, path).unchanged == 5
    road.at("2027-07-17 08:30")
    _export(road)  # the same people stand in a second file now
    mixed = _read(road, path)
    assert [problem.code for problem in mixed.problems] == ["several"] * 5
    assert road.statuses("buoc-hai") == {"accepted": 5}
    [(second,)] = road.rows("SELECT id FROM run WHERE step = 'buoc-hai'")
    assert _read(road, path, [second]).applied == 5
    assert road.statuses() == {"delivered": 10}


@on_one_database
def test_rows_that_say_nothing_are_named_and_the_others_kept(road: Road, given: list[tuple[str, str]]) -> None:
    (first, number), (second, _), *_ = given
    path = _file(
        road,
        ["MA_TIN", "SO_DIEN_THOAI", "status"],
        [first, number, "ok la"],
        [first, number, ""],
        [second, number, "success"],
        ["L9-9", "0900999999", "success"],
        ["", "12", "success"],
        ["", "", "success"],
        ["", "", ""],
        [second, "", "success"],
    )
    result = _read(road, path)
    assert [(problem.row, problem.code) for problem in result.problems] == [
        (2, "unknown-word"), (3, "no-word"), (4, "other-number"), (5, "not-found"), (6, "bad-number"), (7, "nobody"),
    ]  # fmt: skip
    assert not any(number[2:] in problem.message or "900999999" in problem.message for problem in result.problems)
    assert (result.rows, result.applied) == (7, 1)
    assert road.statuses() == {"delivered": 1, "accepted": 4}


@on_one_database
def test_a_dry_run_writes_nothing(road: Road, given: list[tuple[str, str]]) -> None:
    path = _file(road, ["MA_TIN", "Trạng thái"], [given[0][0], "Thành công"])
    assert _read(road, path, dry_run=True).matched == 1
    assert road.statuses() == {"accepted": 5}
    assert road.rows("SELECT count(*) FROM receipt") == [(0,)]


@on_one_database
def test_results_of_another_sender_or_without_a_status_are_refused(road: Road, given: list[tuple[str, str]]) -> None:
    with pytest.raises(LoaError, match="provider: file"):
        operator_results.sender_of_files(road.process, "dien-tap")
    with pytest.raises(LoaError, match="dien-tap"):
        operator_results.sender_of_files(road.process, "teep")
    path = _file(road, ["MA_TIN", "SO_DIEN_THOAI"], [given[0][0], given[0][1]])
    with pytest.raises(LoaError, match="MA_TIN"):
        _read(road, path)


def test_every_known_word_is_one_that_folding_gives() -> None:
    assert {word: fold(word) for word in KNOWN} == {word: word for word in KNOWN}


@on_one_database
def test_the_commands_take_a_file_away_and_bring_the_results_back(road: Road, given: list[tuple[str, str]]) -> None:
    out = road.settings.workspace / "cho-nha-mang.csv"

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(loa, ["operator", *arguments], standalone_mode=False)
        assert done.exception is None, done.exception
        return int(done.return_value or 0), done.stdout

    code, said = run("export", "thu", "mo-dau", "--out", str(out), "--by", "Người Lấy", "--json")
    assert (code, json.loads(said)) == (0, {"files": [str(out)]})
    assert out.read_bytes() == (operator_files.outbox_folder(road.process) / "thu-mo-dau-once-1.csv").read_bytes()
    assert road.incidents() == {}, "the file was taken"
    path = _file(road, ["MA_TIN", "Trạng thái"], [given[0][0], "Thành công"], [given[1][0], "???"])
    code, said = run("import", str(path), "--sender", "tep", "--campaign", "thu", "--json")
    document = json.loads(said)
    assert (code, document["applied"], document["problems"][0]["row"]) == (1, 1, 3)
    code, said = run("list", "--json")
    [file] = json.loads(said)["files"]
    assert (file["file"], file["rows"], file["statuses"]) == (
        "thu-mo-dau-once-1.csv", 5, {"accepted": 4, "delivered": 1},
    )  # fmt: skip
    for arguments in (("export", "thu", "buoc-hai", "--out", str(out)), ("address", "tep"), ("address", "khong-co")):
        done = CliRunner().invoke(loa, ["operator", *arguments], standalone_mode=False)
        assert isinstance(done.exception, LoaError), arguments
