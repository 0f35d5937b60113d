"""Tables for people, CSV for spreadsheets, files that are whole or not there."""

import csv
import io
import json
import os
import stat
from datetime import datetime

import pytest
from rich.console import Console

from engine.areas.registry import load
from engine.clock import VIETNAM
from engine.errors import LoaError
from engine.reports.as_csv import csv_text, harmless
from engine.reports.as_table import labels, show_table
from engine.reports.figures import COLUMNS, Figures
from engine.reports.places import Place
from engine.reports.report import Asked, Report, Row
from engine.reports.screen import console_for
from engine.reports.written_file import write_file
from engine.status import Status

AS_OF = datetime(2027, 7, 31, 10, 0, tzinfo=VIETNAM)


def figures(**counts: int) -> Figures:
    made = Figures(segments=counts.pop("segments", 0), cost_vnd=counts.pop("cost_vnd", 0))
    for status, deliveries in counts.items():
        made.statuses[Status(status)] += deliveries
    return made


def report(by, *rows: Row) -> Report:
    return Report(Asked(("lang-son",), by), AS_OF, rows)


def screen(made: Report, registry=None) -> str:
    written = io.StringIO()
    show_table(console_for(written), made, registry)
    return written.getvalue()


CAO_LOC = Place("legacy", "183", "Huyện Cao Lộc")


def test_the_table_speaks_the_officers_words():
    told = screen(
        report("district", Row(CAO_LOC, figures(delivered=18_220, failed=1_280, segments=39_000, cost_vnd=33_150_000))),
        load(),
    )
    assert "Báo cáo lang-son theo huyện, thị xã, thành phố (cũ), số liệu lúc 10:00 31/07/2027" in told
    for word in ("Huyện Cao Lộc (cũ)", "19.500", "33.150.000", "93,4%", "Tổng lượt", "Nhà mạng xác nhận", "Cộng"):
        assert word in told, word
    assert "không có nghĩa là “đã đọc”" in told


def test_columns_of_zeros_are_left_out_and_named():
    told = screen(report("step", Row("mo-dau", figures(queued=3))))
    head = told.splitlines()[2]
    assert "Chờ gửi" in head and "Nhà mạng xác nhận" in head
    assert "Quá hạn" not in head and "Đã hủy" not in head
    assert "Không hiện các cột bằng 0 ở mọi dòng: Không gửi, Đang gửi" in told


def test_nothing_folds_or_colours_outside_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    long = "một-bước-có-tên-rất-dài-" * 8
    told = screen(report("step", Row(long, figures(delivered=1, failed=2, expired=3, segments=4, cost_vnd=5))))
    assert "\x1b" not in told
    [line] = [line for line in told.splitlines() if long in line]
    assert "16,7%" in line


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_no_figure_is_cut_on_a_narrow_screen(width):
    """As rich does by itself: 12.000.000 became 12.000 on 120 columns."""
    full = figures(**{str(status): 1_234_567 for status in Status}, segments=7_654_321, cost_vnd=98_765_432_100)
    written = io.StringIO()
    show_table(Console(file=written, width=width, markup=False), report("district", Row(CAO_LOC, full)), load())
    lines = written.getvalue().splitlines()
    for figure, times in (("1.234.567", 9), ("11.111.103", 1), ("7.654.321", 1), ("98.765.432.100", 1), ("14,3%", 1)):
        shown = [word for line in lines if "Cao Lộc" in line for word in line.split()]
        assert shown.count(figure) == times, figure
    assert max(map(len, lines)) <= width


def test_a_name_is_never_markup():
    told = screen(report("step", Row("[red]:smile:", figures(delivered=1))))
    assert "[red]:smile:" in told


def test_places_of_one_name_are_told_apart():
    two = [Place("legacy", "06238", "Xã Mẫu Sơn"), Place("legacy", "06532", "Xã Mẫu Sơn")]
    chau_thanh = [place for place in load().districts() if place.name == "Huyện Châu Thành"][:2]
    two += [Place("legacy", area.code, area.name) for area in chau_thanh]
    written = labels(report("commune", *(Row(place, figures(queued=1)) for place in two)), load())
    assert written[:2] == ["Xã Mẫu Sơn (cũ), Huyện Cao Lộc", "Xã Mẫu Sơn (cũ), Huyện Lộc Bình"]
    assert len(set(written)) == 4 and all(label.startswith("Huyện Châu Thành (cũ), Tỉnh ") for label in written[2:])


def test_today_is_not_called_old_and_the_unclear_is_not_either():
    places = [Place("2025", "06211", "Xã Cao Lộc"), Place("2025", None, "Không rõ xã")]
    made = report("commune", *(Row(place, figures(queued=1)) for place in places))
    assert labels(made, load()) == ["Xã Cao Lộc", "Không rõ xã"]


def test_days_are_written_as_here_and_no_variant_as_a_dash():
    assert labels(report("day", Row("2027-07-16", figures(queued=1))), None) == ["16/07/2027"]
    assert labels(report("variant", Row("", figures(queued=1))), None) == ["—"]


def test_csv_has_the_json_keys_as_columns():
    made = report(
        "district", Row(CAO_LOC, figures(delivered=1, excluded=1)), Row(Place("legacy", None, "?"), figures())
    )
    first, second = csv.DictReader(io.StringIO(csv_text(made)))
    assert list(first) == ["area_era", "area_code", "area_name", *COLUMNS]
    assert (first["area_code"], first["targeted"], first["delivered"], first["delivery_rate"]) == (
        "183",
        "2",
        "1",
        "1.0",
    )
    assert (second["area_code"], second["delivery_rate"]) == ("", "")
    assert next(csv.reader(io.StringIO(csv_text(report("step")))))[0] == "step"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell):
    made = report("step", Row(cell, figures(queued=1)))
    [row] = csv.DictReader(io.StringIO(csv_text(made), newline=""))
    assert row["step"] == "'" + cell.strip()
    assert harmless("mo-dau") == "mo-dau"


def test_a_file_is_whole_or_what_it_was(tmp_path, monkeypatch):
    path = tmp_path / "report.csv"
    path.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LoaError, match="ổ đĩa hết chỗ"):
        write_file(path, b"after")
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["report.csv"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_only_the_owner_reads_the_file(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text("before")
    path.chmod(0o644)
    write_file(path, b"after")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"after"


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(LoaError, match="Không ghi được tệp"):
        write_file(tmp_path / "no" / "report.csv", b"x")


def test_the_ending_chooses_the_form(road, loa, tmp_path):
    road.run([{}])
    for ending in ("csv", "json", "txt"):
        code, out, err = loa("report", "lang-son", "--by", "district", "--out", tmp_path / f"r.{ending}")
        assert (code, out) == (0, "")
        assert f"r.{ending}" in err
    assert (tmp_path / "r.csv").read_bytes().startswith(b"\xef\xbb\xbfarea_era,")
    assert (tmp_path / "r.csv").read_bytes().count(b"\r\n") == 2
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["totals"]["targeted"] == 1
    assert "Huyện Cao Lộc (cũ)" in (tmp_path / "r.txt").read_text("utf-8")


def test_csv_on_a_pipe_has_no_mark_and_json_stays_alone_on_stdout(road, loa, tmp_path):
    road.run([{}])
    _, out, _ = loa("report", "lang-son", "--by", "step", "--format", "csv")
    assert out.startswith("step,targeted,") and out.splitlines()[1].startswith("mo-dau,1,")
    _, out, _ = loa("report", "lang-son", "--by", "step", "--json", "--format", "csv", "--out", tmp_path / "r")
    assert json.loads(out)["rows"][0]["step"] == "mo-dau"
    assert b"step,targeted" in (tmp_path / "r").read_bytes()
    _, out, _ = loa("report", "lang-son", "--by", "step", "--format", "json")
    assert json.loads(out)["by"] == "step"


def test_the_table_reaches_the_screen_in_both_languages(road, loa, monkeypatch):
    road.run([{}])
    code, out, err = loa("report", "lang-son", "--by", "district")
    assert (code, err) == (0, "")
    assert "Huyện Cao Lộc (cũ)" in out and "\x1b" not in out
    monkeypatch.setenv("LOA_LANG", "en")
    _, out, _ = loa("report", "lang-son", "--by", "district")
    assert "Huyện Cao Lộc (old)" in out and 'does not mean "read"' in out
