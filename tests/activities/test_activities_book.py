"""Writing tables: nothing half written, nothing of the officer's own file changed, nobody's data taken in."""

import json
import multiprocessing
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from activities_tables import LANG_SON, TODAY, windows_1258

from engine.areas.registry import load as load_areas
from engine.cli import main
from engine.content.activity_files import load_activities
from engine.errors import ContentError, LoaError
from engine.pipeline import activity_book
from engine.pipeline.activity_book import Entry, add
from engine.settings import Settings

HEAD = "Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,Cuộc (KH),Cuộc (TH),Ghi chú\r\n"
PLANNED = "Nói chuyện,Mẫu Sơn,Lộc Bình,cũ,16/7/2027,Biên phòng,2,,\r\n"
TEXTS = {
    "kind": "Nói chuyện", "commune": "Mẫu Sơn", "district": "Lộc Bình", "era": "legacy", "start": "16/7/2027",
    "unit": "Biên phòng",
}  # fmt: skip


def rows(here: Settings) -> list[Any]:
    found = load_activities(here.workspace, registry=load_areas(), province=LANG_SON)
    assert not [problem for problem in found.problems if problem.severity == "error"], found.problems
    return [
        (row.file, row.area.code, {count.measure: (count.planned, count.done) for count in row.counts})
        for row in found.rows
    ]


def put(here: Settings, counts: Any, texts: dict[str, str] | None = None, name: str = "bien-gioi") -> Any:
    entry = Entry(TEXTS | (texts or {}), counts)
    return add(here, load_areas(), entry, name=name, province=LANG_SON, today=TODAY)


def test_the_first_activity_begins_a_table_excel_can_read(here: Settings) -> None:
    added = put(here, {("cuoc", "done"): 1, ("nguoi", "done"): 1300}, {"note": "=1+1"})
    path = here.workspace / "activities" / "bien-gioi.csv"
    assert (added.file, added.line) == ("activities/bien-gioi.csv", 2)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") and b"\r\n" in path.read_bytes()
    assert ",'=1+1" in path.read_text(encoding="utf-8-sig")
    assert rows(here) == [("activities/bien-gioi.csv", "06532", {"cuoc": (None, 1), "nguoi": (None, 1300)})]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_adding_changes_what_the_officer_wrote(here: Settings, mark: bytes, separator: str, end: str) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    before = (HEAD + PLANNED.rstrip()).replace(",", separator).replace("\r\n", end)
    path.write_bytes(mark + before.encode())
    path.chmod(0o640)
    put(here, {("cuoc", "done"): 2})
    data = path.read_bytes()
    assert data.startswith(mark + before.encode() + end.encode()) and data.count(b"\xef\xbb\xbf") == bool(mark)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [sums for *_, sums in rows(here)] == [{"cuoc": (2, None)}, {"cuoc": (None, 2)}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_in_utf_16_is_broken_by_a_row_in_another_encoding(here: Settings, encoding: str) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    path.write_bytes(mark + (HEAD + PLANNED).encode(encoding))
    put(here, {("cuoc", "done"): 2})
    assert path.read_bytes().startswith(mark + (HEAD + PLANNED).encode(encoding)) and len(rows(here)) == 2


def test_a_table_of_an_old_excel_loses_its_accents(here: Settings) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    path.write_bytes(windows_1258(HEAD + PLANNED))
    assert put(here, {("cuoc", "done"): 2}).recoded
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") and len(rows(here)) == 2


def test_a_measure_the_table_lacks_lands_in_the_wrong_column(here: Settings) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    long = PLANNED.replace("2,,", '2,,"lời\r\nhai dòng",ngoài bảng')
    path.write_text('"Hoạt\n động"' + HEAD.removeprefix("Hoạt động") + long, encoding="utf-8", newline="")
    put(here, {("cuoc", "done"): 2, ("nguoi", "done"): 300}, {"province": "Lạng Sơn"})
    put(here, {("nguoi", "planned"): 500})
    assert [sums for *_, sums in rows(here)] == [
        {"cuoc": (2, None)}, {"cuoc": (None, 2), "nguoi": (None, 300)}, {"nguoi": (500, None)},
    ]  # fmt: skip
    assert long in path.read_bytes().decode()


def test_a_table_with_one_measure_a_row_gets_a_row_for_each(here: Settings) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    path.write_text("Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,ĐVT,KH,TH\n", encoding="utf-8")
    put(here, {("cuoc", "planned"): 3, ("cuoc", "done"): 2, ("nguoi", "done"): 300})
    assert [sums for *_, sums in rows(here)] == [{"cuoc": (3, 2)}, {"nguoi": (None, 300)}]


@pytest.mark.parametrize(
    ("texts", "counts", "codes"),
    [
        ({"commune": "Không Đâu"}, {("cuoc", "done"): 1}, {"unknown"}),
        ({"start": "31/6/2027", "unit": "x"}, {("to", "done"): 1}, {"no-such-day", "unknown-unit", "not-counted-so"}),
        ({}, {("cuoc", "planned"): 2}, {"twice"}),
        ({"unit": ""}, {("cuoc", "planned"): 3}, {"no-unit"}),
    ],
)
def test_a_wrong_or_repeated_activity_is_written(
    here: Settings, texts: dict[str, str], counts: Any, codes: set[str]
) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    path.write_bytes((HEAD + PLANNED).encode())
    (here.workspace / "activities" / "khac.csv").write_text("hỏng", encoding="utf-8")  # another file's fault
    with pytest.raises(ContentError) as caught:
        put(here, counts, texts)
    assert {problem.code for problem in caught.value.problems} == codes
    assert path.read_bytes() == (HEAD + PLANNED).encode()
    assert [each.name for each in path.parent.iterdir() if "part" in each.name] == []


def test_an_activity_that_a_later_file_has_is_written_again(here: Settings) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    path.write_bytes((HEAD + PLANNED).encode())
    with pytest.raises(LoaError, match=r"activities/bien-gioi\.csv, dòng 2"):
        put(here, {("cuoc", "planned"): 2}, {"campaign": "bien-gioi"}, name="a")
    assert not (here.workspace / "activities" / "a.csv").exists()
    put(here, {("cuoc", "planned"): 2}, {"campaign": "bien-gioi", "note": "buổi chiều"}, name="a")
    assert len(rows(here)) == 2


def test_somebody_elses_change_is_overwritten(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = here.workspace / "activities" / "bien-gioi.csv"
    path.write_bytes((HEAD + PLANNED).encode())
    real = activity_book.load_activities

    def meanwhile(*arguments: Any, **named: Any) -> Any:
        path.write_bytes((HEAD + PLANNED + "x").encode())
        return real(*arguments, **named)

    monkeypatch.setattr(activity_book, "load_activities", meanwhile)
    with pytest.raises(LoaError, match="vừa bị chương trình khác sửa"):
        put(here, {("cuoc", "done"): 2})
    assert path.read_bytes() == (HEAD + PLANNED + "x").encode()


def _many(workspace: Path, first: int) -> None:
    here = Settings(workspace, "sqlite://", None, None, True)
    for number in range(first, first + 6):
        put(here, {("cuoc", "done"): number}, {"start": f"{number}/7/2027"})


def test_two_at_once_lose_a_row(here: Settings) -> None:
    both = [
        multiprocessing.get_context("fork").Process(target=_many, args=(here.workspace, first)) for first in (1, 11)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert sorted(sums["cuoc"][1] for *_, sums in rows(here)) == [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]


def test_a_name_leads_out_of_the_folder_or_a_header_cannot_grow(here: Settings) -> None:
    with pytest.raises(LoaError, match="không dùng được"):
        put(here, {("cuoc", "done"): 2}, name="../loa")
    path = here.workspace / "activities" / "bien-gioi.csv"
    path.write_text("Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,Kế hoạch,\n,,,,,,Cuộc,Người\n", encoding="utf-8")
    put(here, {("cuoc", "planned"): 2})
    with pytest.raises(LoaError, match="tiêu đề hai dòng"):
        put(here, {("cuoc", "done"): 2})


@pytest.fixture
def run(here: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["activity", *arguments])
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


Run = Callable[..., tuple[int, str, str]]


def test_add_and_list_speak_json_as_documented(run: Run, here: Settings) -> None:
    common = ("add", "--commune", "Ba Sơn", "--era", "2025", "--date", "16/7/2027", "--unit", "phụ nữ", "--json")
    code, out, err = run(
        *common, "--kind", "nói chuyện", "--planned", "2 cuộc", "--done", "1 cuộc", "--done", "1.300 người",
        "--campaign", "bien-gioi",
    )  # fmt: skip
    assert (code, json.loads(out), err) == (0, {"file": "activities/bien-gioi.csv", "line": 2}, "")
    assert json.loads(run(*common, "--kind", "to-roi", "--done", "5 tờ")[1])["file"] == "activities/2027.csv"
    told = json.loads(run("list", "bien-gioi", "--kind", "noi-chuyen", "--from", "1/7/2027", "--json")[1])
    assert told == {"activities": [{
        "file": "activities/bien-gioi.csv", "line": 2, "campaign": "bien-gioi", "kind": "noi-chuyen",
        "area": {"era": "2025", "code": "06196", "name": "Xã Ba Sơn"}, "from": "2027-07-16", "to": "2027-07-16",
        "unit": "phu-nu", "counts": [
            {"measure": "cuoc", "planned": 2, "done": 1}, {"measure": "nguoi", "planned": None, "done": 1300},
        ]}], "left_out": 0}  # fmt: skip
    assert "Xã Ba Sơn" in run("list")[1] and "to-roi" in run("kinds")[1]
    assert {"kinds", "measures", "units"} == set(json.loads(run("kinds", "--json")[1]))
    assert run(*common, "--kind", "to-roi")[0] == 2
    assert run(*common, "--kind", "to-roi", "--done", "5 con")[0] == 1
    assert run(*common, "--kind", "to-roi", "--done", "5 tờ", "--campaign", "bien-goi")[0] == 1
    code, out, err = run(*common, "--kind", "to-roi", "--done", "5 tờ")  # the same again
    assert (code, out) == (1, "") and "Chưa ghi gì" in err and "activities/2027.csv, dòng 2" in err


LIST = (
    ("UBND XÃ BA SƠN", "", "", "", "", "", "", "", ""),
    ("STT", "Hoạt động", "Ngày", "Đơn vị", "Kế hoạch", "", "Thực hiện", "", "Người phụ trách"),
    ("", "", "", "", "Cuộc", "Người", "Cuộc", "Người", ""),
    (1, "Nói chuyện", datetime(2027, 7, 16), "Công an xã", 2, 300, 2, 286.0, "Bà Thật Tên"),  # noqa: DTZ001
    (2, "Nói chuyện", 46585, "Hội LHPN", 1, "", 1, "1.200", "Ông Thật Tên"),
    (3, "Nói chuyện", "18/7/2027", "Đoàn xã", 1, 19.5, "", "", ""),
    (4, "Nói chuyện", "19/7/2027", "Đoàn xã", "", "", 1, "", ""),
    ("", "Tổng cộng", "", "", 4, 300, 4, 1486, ""),
)


def workbook(path: Path) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet, days = book.add_worksheet(), book.add_format({"num_format": "dd/mm/yyyy"})
    for row, cells in enumerate(LIST):
        for column, cell in enumerate(cells):
            if isinstance(cell, datetime):
                sheet.write_datetime(row, column, cell, days)
            else:
                sheet.write(row, column, cell)
    sheet.merge_range(1, 4, 1, 5, "Kế hoạch")
    sheet.merge_range(1, 6, 1, 7, "Thực hiện")
    book.close()
    return path


def test_a_units_own_workbook_is_misread_or_takes_people_in(run: Run, here: Settings, tmp_path: Path) -> None:
    file = workbook(tmp_path / "Báo cáo Ba Sơn.xlsx")
    arguments = ("import", str(file), "--commune", "Ba Sơn", "--era", "2025", "--campaign", "bien-gioi", "--json")
    dry = json.loads(run(*arguments, "--dry-run")[1])
    assert dry["imported"] == 3 and not (here.workspace / "activities" / "bien-gioi.csv").exists()
    code, out, _ = run(*arguments)
    told = json.loads(out)
    assert (code, told["rows"], told["imported"], told["rejected"]) == (1, 4, 3, 1)
    assert [(one["row"], one["column"], one["code"]) for one in told["problems"]] == [
        (6, "Kế hoạch Người", "not-whole")
    ]
    assert told["file"] == "activities/bien-gioi.csv"
    assert [(where, sums) for _, where, sums in rows(here)] == [
        ("06196", {"cuoc": (2, 2), "nguoi": (300, 286)}), ("06196", {"cuoc": (1, 1), "nguoi": (None, 1200)}),
        ("06196", {"cuoc": (None, 1)}),
    ]  # fmt: skip
    found = load_activities(here.workspace, registry=load_areas(), province=LANG_SON)
    assert [row.start for row in found.rows] == [date(2027, 7, 16), date(2027, 7, 17), date(2027, 7, 19)]
    assert "Thật Tên" not in (here.workspace / "activities" / "bien-gioi.csv").read_text(encoding="utf-8-sig")
    rejected = Path(told["rejected_file"]).read_text(encoding="utf-8-sig")
    assert "19.5" in rejected and "19.500" in rejected and "286" not in rejected


def test_a_list_imported_again_is_counted_twice_or_replaces_an_officers_file(
    run: Run, here: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "thang 7.csv"
    row = "Tờ rơi,Mẫu Sơn,Lộc Bình,legacy,16/7/2027,Công an,5,{}\n"
    head = "Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,Tờ,Ghi chú\n"
    file.write_text(head + row.format("sáng") + row.format("chiều"), encoding="utf-8")
    first, again = json.loads(run("import", str(file), "--json")[1]), json.loads(run("import", str(file), "--json")[1])
    assert first == again == {
        "rows": 2, "imported": 2, "rejected": 0, "problems": [], "rejected_file": None,
        "file": "activities/thang-7.csv",
    }  # fmt: skip
    assert [sums for *_, sums in rows(here)] == [{"to": (None, 5)}] * 2  # told apart, though their notes stay behind
    assert "sáng" not in (here.workspace / "activities" / "thang-7.csv").read_text(encoding="utf-8-sig")
    file.write_text(head + row.format(""), encoding="utf-8")
    code, out, err = run("import", str(file))
    assert (code, out) == (1, "") and "--replace" in err and len(rows(here)) == 2
    assert run("import", str(file), "--replace")[0] == 0 and len(rows(here)) == 1
    # The same row in another table is refused: it counts already.
    code, out, _ = run("import", str(file), "--file", "khac", "--json")
    assert code == 1 and json.loads(out)["problems"][0]["code"] == "twice" and len(rows(here)) == 1


def test_a_second_talk_told_apart_by_a_note_left_behind_becomes_the_first_one_again(
    run: Run, here: Settings, tmp_path: Path
) -> None:
    head, row = (
        "Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,Tờ,Ghi chú\n",
        "Tờ rơi,Mẫu Sơn,Lộc Bình,cũ,16/7/2027,Công an,5,",
    )
    (here.workspace / "activities" / "cua-toi.csv").write_text(head + row + "\n", encoding="utf-8")
    file = tmp_path / "cua-xa.csv"
    file.write_text(head + row + "buổi chiều\n", encoding="utf-8")
    assert run("import", str(file))[0] == 0
    assert len(rows(here)) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x01\x02\x00\x03\xff" * 50, "không phải danh sách"),
        ("Xã,Ngày\n".encode(), "tiêu đề"),
        ("Hoạt động,Xã,Tờ\n".encode(), "Ngày"),
        (None, "Không tìm thấy"),
    ],
)
def test_a_list_that_is_none_is_taken_over(run: Run, tmp_path: Path, data: bytes | None, words: str) -> None:
    file = tmp_path / "x.csv"
    if data is not None:
        file.write_bytes(data)
    code, out, err = run("import", str(file))
    assert (code, out) == (1, "") and words in err and len(err.strip().splitlines()) == 1
