"""The report's sums: per area, day, kind and unit, planned beside done, and nothing added that must stay apart."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from activities_tables import LANG_SON, Tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.areas.registry import load as load_areas
from engine.cli import main
from engine.content.activity_files import load_activities
from engine.content.activity_kinds import KINDS
from engine.reports.activities import ActivityBy, AskedActivities, make_activity_report
from engine.reports.activities_written import activities_csv
from engine.settings import Settings

HEAD = "Hoạt động,Xã,Huyện,Tỉnh,Địa giới,Ngày,Đơn vị,Cuộc KH,Cuộc TH,Người TH,Lượt TH,Tờ KH,Tờ TH\n"
ROWS = (
    "Nói chuyện,Mẫu Sơn,Lộc Bình,,cũ,16/7/2027,Biên phòng,2,1,100,,,\n"
    "Nói chuyện,Ba Sơn,,,2025,16/7/2027,Công an,1,1,50,80,,\n"
    "Tờ rơi,,Lộc Bình,,,17/7/2027,Phụ nữ,,,,,1.000,900\n"
    "Tờ rơi,,,Lạng Sơn,2025,17/7/2027,Phụ nữ,,,,,5.000,\n"
)
Lines = dict[tuple[str, ...], tuple[int | None, int | None]]


def report(tables: Tables, by: ActivityBy | None, text: str = ROWS, **asked: Any) -> Any:
    found = tables({"bien-gioi.csv": HEAD + text})
    assert found.problems == ()
    return make_activity_report(found, load_areas, AskedActivities(("bien-gioi",), by, **asked))


def lines(made: Any) -> Lines:
    found = {}
    for line in made.document()["activities"]:
        key = line.get("area", {}).get("code") if "area" in line else line.get(made.asked.by)
        found[key, line["kind"], line["measure"]] = (line["planned"], line["done"])
    return found


def test_a_district_gets_what_belongs_to_another_or_to_the_whole_province(tables: Tables) -> None:
    made = report(tables, "district")
    assert lines(made) == {
        ("183", "noi-chuyen", "cuoc"): (1, 1), ("183", "noi-chuyen", "nguoi"): (None, 50),
        ("183", "noi-chuyen", "luot"): (None, 80), ("188", "noi-chuyen", "cuoc"): (2, 1),
        ("188", "noi-chuyen", "nguoi"): (None, 100), ("188", "to-roi", "to"): (1000, 900),
        ("20", "to-roi", "to"): (5000, None),
    }  # fmt: skip
    totals = {
        (line["kind"], line["measure"]): (line["planned"], line["done"]) for line in made.document()["activity_totals"]
    }
    assert totals == {
        ("noi-chuyen", "cuoc"): (3, 2), ("noi-chuyen", "nguoi"): (None, 150), ("noi-chuyen", "luot"): (None, 80),
        ("to-roi", "to"): (6000, 900),
    }  # fmt: skip


def test_a_province_stands_among_its_districts(tables: Tables) -> None:
    province, district = (f"Tờ rơi,,{name},Thái Bình,cũ,16/7/2027,Công an,,,,,,7\n" for name in ("", "Thái Thụy"))
    made = report(tables, "district", province + district)
    assert [line.key.code for line in made.lines] == ["341", "34"]


def test_communes_of_the_two_eras_are_mixed(tables: Tables) -> None:
    # Mẫu Sơn (06532) went into today's Mẫu Sơn (06541) with others: whole one way, not the only one back.
    assert ("06541", "noi-chuyen", "cuoc") in lines(report(tables, "commune"))
    legacy = report(tables, "commune", era="legacy")
    places = {(line.key.era, line.key.code) for line in legacy.lines}
    assert ("legacy", "06532") in places and ("legacy", None) in places  # Ba Sơn was several communes


def test_a_commune_whose_district_is_ambiguous_is_given_to_one(tables: Tables) -> None:
    registry = load_areas()
    torn = next(
        c for c in registry.communes("2025") if registry.historic_district("2025", c.code).district_code is None
    )
    province = registry.get("2025", torn.province).name
    made = report(tables, "district", f"Tờ rơi,{torn.code},,{province},2025,16/7/2027,Công an,,,,,,7\n")
    assert lines(made) == {(None, "to-roi", "to"): (None, 7)}


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("day", ["2027-07-16", "2027-07-17"]), ("unit", ["cong-an", "bien-phong", "phu-nu"]),
        ("kind", ["noi-chuyen", "to-roi"]), (None, []),
    ],
)  # fmt: skip
def test_a_dimension_is_missing_or_disordered(tables: Tables, by: ActivityBy | None, keys: list[str]) -> None:
    made = report(tables, by)
    assert list(dict.fromkeys(line.key for line in made.lines)) == keys
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for line in made.lines:
        sums[line.kind, line.measure] += line.done or 0
    assert not by or sums == {(line.kind, line.measure): line.done or 0 for line in made.totals}


def test_days_and_campaigns_not_asked_for_are_counted(tables: Tables) -> None:
    assert {line.kind for line in report(tables, "kind", since=date(2027, 7, 17)).lines} == {"to-roi"}
    assert {line.kind for line in report(tables, "kind", until=date(2027, 7, 16)).lines} == {"noi-chuyen"}
    found = tables({"bien-gioi.csv": HEAD + ROWS, "ven-bien.csv": HEAD + ROWS.replace("16/7", "18/7")})
    one, both, every = (
        make_activity_report(found, load_areas, AskedActivities(campaigns, None)).totals[0].done
        for campaigns in (("bien-gioi",), ("bien-gioi", "ven-bien"), ())
    )
    assert (one, both, every) == (2, 4, 4)


def test_nothing_said_is_shown_as_zero(tables: Tables) -> None:
    made = report(
        tables,
        "kind",
        "Tờ rơi,Ba Sơn,,,2025,16/7/2027,Công an,,,,,5,\nTờ rơi,Ba Sơn,,,2025,17/7/2027,Công an,,,,,5,0\n",
    )
    assert [(line.planned, line.done, line.rate) for line in made.totals] == [(10, 0, 0.0)]
    made = report(tables, "kind", "Tờ rơi,Ba Sơn,,,2025,16/7/2027,Công an,,,,,5,\n")
    assert [(line.planned, line.done, line.rate) for line in made.totals] == [(5, None, None)]


COMMUNES = (("Mẫu Sơn", "Lộc Bình", "cũ"), ("mau son", "cao loc", "legacy"), ("Ba Sơn", "", "2025"),
            ("06541", "", "2025"), ("", "Tràng Định", ""))  # fmt: skip
WRITTEN = {  # what a person may write for a count; the same number each time
    "plain": str,
    "points": lambda n: f"{n:,}".replace(",", "."),
    "commas": lambda n: f"{n:,}",
    "float": lambda n: f"{n}.0",
    "spaces": lambda n: f"{n:,}".replace(",", " "),
}
COUNT = st.none() | st.integers(0, 99_999)
ROW = st.tuples(
    st.sampled_from(sorted(KINDS)), st.sampled_from(COMMUNES), st.integers(1, 30), st.sampled_from(["công an", "LHPN"]),
    st.lists(st.tuples(COUNT, COUNT, st.sampled_from(sorted(WRITTEN))), min_size=1, max_size=2),
)  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=12), separator=st.sampled_from([",", ";"]))
def test_the_sums_differ_from_an_independent_count(workspace: Path, rows: list[Any], separator: str) -> None:
    measures = sorted({measure for kind, *_, counts in rows for measure in KINDS[kind].measures[: len(counts)]})
    titles = [f"{measure} ({side})" for measure in measures for side in ("KH", "thực hiện")]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, lineterminator="\r\n")
    writer.writerow(["Hoạt động", "Xã", "Huyện", "Địa giới", "Ngày", "Đơn vị", *titles, "Ghi chú"])
    by_district: Any = defaultdict(lambda: [None, None])
    by_day: Any = defaultdict(lambda: [None, None])
    district = {"Lộc Bình": "188", "cao loc": "183", "": "183", "Tràng Định": "180"}
    for number, (kind, place, day, unit, counts) in enumerate(rows):
        cells = dict.fromkeys(titles, "")
        for measure, (planned, done, how) in zip(KINDS[kind].measures, counts, strict=False):
            for side, (title, figure) in enumerate((("KH", planned), ("thực hiện", done))):
                if figure is not None:
                    cells[f"{measure} ({title})"] = WRITTEN[how](figure)
                    code = "188" if place[0] == "06541" else district[place[1]]
                    for sums, key in ((by_district, code), (by_day, f"2027-07-{day:02}")):
                        before = sums[key, kind, measure]
                        before[side] = (before[side] or 0) + figure
        if any(cells.values()):
            writer.writerow([kind, *place, f"{day}/7/2027", unit, *cells.values(), f"dòng {number}"])
    (workspace / "activities" / "thu.csv").write_text(written.getvalue(), encoding="utf-8-sig", newline="")
    found = load_activities(workspace, registry=load_areas(), province=LANG_SON)
    assert [problem for problem in found.problems if problem.code not in ("no-count-column",)] == []
    for by, expected in (("district", by_district), ("day", by_day)):
        made = make_activity_report(found, load_areas, AskedActivities((), by))  # type: ignore[arg-type]
        assert {key: list(sides) for key, sides in lines(made).items()} == dict(expected)


def test_the_csv_of_activities_lacks_a_column_or_holds_a_formula(tables: Tables) -> None:
    written = list(csv.DictReader(io.StringIO(activities_csv(report(tables, "district")))))
    assert list(written[0]) == ["area_era", "area_code", "area_name", "kind", "measure", "planned", "done"]
    assert written[0]["area_code"] == "183" and written[-1]["done"] == ""
    assert activities_csv(report(tables, "day")).startswith(
        "day,kind,measure,planned,done\n2027-07-16,noi-chuyen,cuoc,3,2\n"
    )
    assert activities_csv(report(tables, "kind")).startswith("kind,measure,planned,done\n")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("LOA_LANG", "vi")
    monkeypatch.setenv("LOA_CLOCK", "2027-07-20T09:00:00+07:00")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


@pytest.fixture
def reported(prepared: Any, settings: Settings, workspace: Path) -> Path:
    """The workspace with a database and a table, one row of which is wrong."""
    text = HEAD + ROWS + "Nói chuyện,Không Đâu,,,,16/7/2027,Biên phòng,1,,,,,\n"
    (workspace / "activities" / "bien-gioi.csv").write_text(text, encoding="utf-8-sig")
    return workspace


def test_the_contract_of_the_report_changes_with_activities(reported: Path, run: Callable[..., Any]) -> None:
    code, out, _ = run("report", "bien-gioi", "--by", "district", "--json")
    told = json.loads(out)
    assert code == 0
    assert list(told) == [
        "campaign", "by", "as_of", "rows", "totals", "published", "activities", "activity_totals",
        "activities_left_out",
    ]  # fmt: skip
    assert told["activities"][0] == {
        "area": {"era": "legacy", "code": "183", "name": "Huyện Cao Lộc"}, "kind": "noi-chuyen", "measure": "cuoc",
        "planned": 1, "done": 1,
    }  # fmt: skip
    assert (told["rows"], told["activities_left_out"]) == ([], 1)
    told = json.loads(run("report", "bien-gioi", "--by", "step", "--json")[1])
    assert told["activities"] == [] and told["activity_totals"][0]["done"] == 2
    assert "activities" not in json.loads(
        run("report", "bien-gioi", "--by", "step", "--what", "deliveries", "--json")[1]
    )
    (reported / "activities" / "bien-gioi.csv").write_text(HEAD, encoding="utf-8")
    assert list(json.loads(run("report", "bien-gioi", "--by", "district", "--json")[1]))[-1] == "published"


def test_the_second_table_is_missing_or_in_the_first_ones_csv(reported: Path, run: Callable[..., Any]) -> None:
    out = run("report", "bien-gioi", "--by", "district")[1]
    assert "Hoạt động trực tiếp theo huyện" in out and "Tỉnh Lạng Sơn (chung" in out and "1.000" in out
    assert "1 dòng trong thư mục activities có lỗi" in out
    code, out, err = run("report", "bien-gioi", "--by", "district", "--format", "csv")
    assert code == 0 and "noi-chuyen" not in out and "--what activities" in err
    code, out, err = run("report", "bien-gioi", "--by", "unit", "--format", "csv")
    assert out.startswith("unit,kind,measure,planned,done\ncong-an,") and err == ""
    target = reported / "bang.csv"
    assert run("report", "--by", "kind", "--out", str(target))[0] == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbfkind,measure,planned,done\r\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--by", "district"),
        ("bien-gioi", "--by", "unit", "--what", "deliveries"),
        ("bien-gioi", "--by", "sender", "--what", "activities"),
    ],
)
def test_a_question_without_an_answer_is_answered(
    reported: Path, run: Callable[..., Any], arguments: tuple[str, ...]
) -> None:
    code, out, err = run("report", *arguments)
    assert (code, out) == (2, "") and len(err.strip().splitlines()) == 1


def test_check_misses_a_table_or_calls_the_campaign_faulty(reported: Path, run: Callable[..., Any]) -> None:
    told = json.loads(run("check", "--json")[1])
    found = [problem for problem in told["problems"] if problem["file"].startswith("activities/")]
    assert [(one["line"], one["column"], one["severity"], one["code"]) for one in found] == [
        (6, 12, "error", "unknown")
    ]
    assert any(
        one["file"].startswith("activities/") for one in json.loads(run("check", "bien-gioi", "--json")[1])["problems"]
    )
    others = json.loads(run("check", "ven-bien", "--json")[1])["problems"]
    assert not any(one["file"].startswith("activities/") for one in others)
