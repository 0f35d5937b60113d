"""Derived figures and two campaigns side by side, as an officer asks for them: on the screen, as JSON, as CSV."""

import csv
import io
import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from engine.areas.registry import load
from engine.reports.asking import Asking
from engine.reports.beside import Beside
from engine.reports.beside_written import show_beside
from engine.reports.delays import BUCKETS, MEDIAN, P95, Quantile, quantile
from engine.reports.measured import MEASURES
from engine.reports.report import Asked, make_report
from engine.reports.sheets_measured import measured_sheet
from engine.status import Status
from engine.store.outbox import Change
from engine.store.tables import Contact, ContactImport, OptOut, table_of

DUE = datetime.fromisoformat("2027-07-16T08:30+07:00")
# What is asked of the database is held against an independent count on both by test_reports_history.py.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LAST_YEAR = DUE.replace(year=2026)


@pytest.fixture
def sent(road):
    """Two steps: three delivered of five in Cao Lộc, one in Lộc Bình that failed, one in Ba Sơn that was excluded."""
    ids = road.run([{"variant": "a"}, {"variant": "b"}, {}, {"commune": "06541"}, {"reason": "capped"}])
    road.send(ids[0], Status.ACCEPTED, Status.DELIVERED, minutes=0.5)
    road.send(ids[1], Status.ACCEPTED, Status.DELIVERED, minutes=20)
    road.send(ids[2], Status.ACCEPTED)
    attempt = road.claim(ids[3])
    road.move(Change(ids[3], attempt, Status.FAILED, DUE, f"SM{ids[3]}", reason="landline", handed=True))
    (again,) = road.run([{}], step="canh-bao", due=DUE + timedelta(days=4))
    road.send(again, Status.ACCEPTED, Status.DELIVERED, at=DUE + timedelta(days=4), minutes=90)
    return road


def document(loa, *arguments: str) -> dict:
    code, out, err = loa("report", "lang-son", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_coverage_counts_people_once_and_names_the_communes_with_none(sent, loa):
    told = document(loa, "--what", "coverage", "--by", "district")
    assert told["totals"] == {
        "people_targeted": 5, "people_addressed": 4, "people_reached": 2, "coverage_rate": 0.5,
    }  # fmt: skip
    assert {row["area"]["name"]: row["people_reached"] for row in told["rows"]} == {
        "Huyện Cao Lộc": 2, "Huyện Lộc Bình": 0,
    }  # fmt: skip
    communes = told["communes"]
    assert (communes["addressed"], communes["reached"]) == (2, 1)
    assert [place["code"] for place in communes["none"]] == ["06541"]
    assert "06211" not in {place["code"] for place in communes["untouched"]}
    assert "06184" in {place["code"] for place in communes["untouched"]}  # of the province, and nothing went there
    _, out, _ = loa("report", "lang-son", "--what", "coverage")
    for words in ("Thuê bao cần gửi", "50,0%", "Cần gửi mà chưa lượt nào đến: Xã Mẫu Sơn", "không có nghĩa là đã đọc"):
        assert words in out, words


def test_people_nobody_can_tell_any_more_are_not_told_as_nobody(sent, loa):
    with sent.process.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM delivery")
        connection.exec_driver_sql("UPDATE run SET retired_at = finished_at, finished_at = finished_at")
        connection.exec_driver_sql("UPDATE run SET retired_at = '2028-01-01 00:00:00.000000'")
    for what, name in (("coverage", "people_reached"), ("opt-outs", "opt_outs")):
        told = document(loa, "--what", what)
        assert (told["totals"][name], told["retired_runs"]) == (None, 2)
        _, out, _ = loa("report", "lang-son", "--what", what)
        assert "hết thời hạn lưu" in out and "không còn biết" in out
        assert "hết thời hạn lưu" in loa("report", "lang-son", "--what", what, "--format", "csv")[1].splitlines()[-1]
        sheet = measured_sheet(Asking(sent.process, ("lang-son",), "2025", None, None, False).measured(what), None)
        assert "không còn biết" in sheet.rows[0] and any("hết thời hạn lưu" in note for note in sheet.notes)
    assert document(loa, "--what", "delay")["totals"]["delivered"] == 3  # tallies stay


def test_a_delay_is_told_with_the_range_it_is_known_to(sent, loa):
    told = document(loa, "--what", "delay")["totals"]
    assert (told["delivered"], told["delay_median_from_s"], told["delay_median_to_s"]) == (3, 300, 1800)
    assert (told["delay_p95_from_s"], told["delay_p95_to_s"]) == (1800, 7200)
    by_step = document(loa, "--what", "delay", "--by", "step")["rows"]
    assert [(row["step"], row["delivered"]) for row in by_step] == [("mo-dau", 2), ("canh-bao", 1)]
    _, out, _ = loa("report", "lang-son", "--what", "delay", "--by", "step")
    assert "(5 phút–30 phút)" in out or "(0 giây–1 phút)" in out


def test_quantiles_at_the_edges(database_url):
    assert quantile({}, MEDIAN) is None
    assert quantile({"1m": 1}, MEDIAN) == Quantile(60, 0, 60)
    assert quantile({"1m": 50, "5m": 50}, MEDIAN) == Quantile(60, 0, 60)
    assert quantile({"1m": 49, "5m": 51}, MEDIAN) == Quantile(65, 60, 300)
    assert quantile({"1m": 95, ">24h": 5}, P95) == Quantile(60, 0, 60)
    assert quantile({"1m": 94, ">24h": 6}, P95) == Quantile(None, 86_400, None)
    with pytest.raises(ValueError, match="bucket"):
        quantile({"3d": 1}, MEDIAN)
    assert list(BUCKETS) == ["1m", "5m", "30m", "2h", "12h", "24h", ">24h"]


def test_reasons_say_what_to_do(sent, loa):
    rows = document(loa, "--what", "reasons")["rows"]
    assert [(row["status"], row["reason"], row["deliveries"], row["share"]) for row in rows] == [
        ("failed", "landline", 1, 1.0), ("excluded", "capped", 1, 1.0),
    ]  # fmt: skip
    _, out, _ = loa("report", "lang-son", "--what", "reasons")
    assert "số máy bàn" in out and "Thay bằng số di động trong danh sách" in out


def test_cost_is_all_that_was_spent_by_what_arrived(sent, loa):
    told = document(loa, "--what", "cost", "--by", "step")
    # three of the first step's four were confirmed or not, and all four were handed over
    assert told["totals"]["cost_per_delivered_vnd"] == pytest.approx(5 * 1700 / 3)
    assert [row["step"] for row in told["rows"]] == ["mo-dau", "canh-bao"]


def test_a_measure_of_nothing_is_null_and_no_error(road, loa, campaign_file):
    campaign_file("nghe-an")
    for what, columns in MEASURES.items():
        code, out, _ = loa("report", "nghe-an", "--what", what, "--json")
        told = json.loads(out)
        assert (code, told["rows"]) == (0, [])
        assert set(told["totals"]) == set(columns)
        assert not any(told["totals"].values())
        assert loa("report", "nghe-an", "--what", what)[0] == 0


def test_csv_has_the_json_keys_as_columns(sent, loa):
    for what, columns in MEASURES.items():
        by = ("--by", "district") if what == "coverage" else ("--by", "step")
        _, out, _ = loa("report", "lang-son", "--what", what, *by, "--format", "csv")
        key = ["area_era", "area_code", "area_name"] if what == "coverage" else ["step"]
        assert next(csv.reader(io.StringIO(out))) == [*key, *columns]
        told = document(loa, "--what", what, *by)
        assert len(out.splitlines()) == 1 + len(told["rows"])


def test_two_years_side_by_side_by_day_and_month(sent, loa):
    (before,) = sent.run([{}], campaign="nam-ngoai", due=LAST_YEAR)
    sent.send(before, Status.ACCEPTED, Status.DELIVERED, at=LAST_YEAR)
    sent.run([{}], campaign="nam-ngoai", due=LAST_YEAR + timedelta(days=30))
    told = document(loa, "--by", "day", "--beside", "nam-ngoai")
    assert (told["campaign"], told["beside"]) == ("lang-son", "nam-ngoai")
    found = {
        row["day"]: tuple(row[side]["targeted"] for side in ("this", "beside", "difference")) for row in told["rows"]
    }
    assert found == {"07-16": (5, 1, 4), "07-20": (1, 0, 1), "08-15": (0, 1, -1)}
    assert told["totals"]["difference"]["delivered"] == 2
    # the bounds are those of each year
    told = document(loa, "--by", "day", "--beside", "nam-ngoai", "--from", "2027-07-16", "--to", "2027-07-31")
    assert [row["day"] for row in told["rows"]] == ["07-16", "07-20"]
    _, out, _ = loa("report", "lang-son", "--by", "day", "--beside", "nam-ngoai")
    assert "lang-son bên cạnh nam-ngoai theo ngày đến lịch" in out and "16/07" in out
    _, out, _ = loa("report", "lang-son", "--by", "district", "--beside", "nam-ngoai", "--format", "csv")
    assert out.startswith("area_era,area_code,area_name,targeted,targeted_beside,targeted_difference,")


def test_two_dimensions_stand_beside_each_other(sent, loa):
    told = document(loa, "--by", "district,step")
    assert told["by"] == "district,step"
    assert [(row["area"]["code"], row["step"], row["targeted"]) for row in told["rows"]] == [
        ("183", "mo-dau", 4), ("183", "canh-bao", 1), ("188", "mo-dau", 1),
    ]  # fmt: skip
    told = document(loa, "--by", "district,commune")
    assert {"district", "commune"} < set(told["rows"][0])
    _, out, _ = loa("report", "lang-son", "--by", "district,step")
    assert "theo huyện, thị xã, thành phố (cũ), theo bước" in out and "Huyện Lộc Bình (cũ)" in out
    _, out, _ = loa("report", "lang-son", "--by", "variant,step", "--format", "csv")
    assert out.startswith("variant,step,targeted,")


def test_hours_of_what_was_not_handed_over_are_empty_and_last(sent, loa):
    told = document(loa, "--by", "hour")
    assert [(row["hour"], row["targeted"]) for row in told["rows"]] == [("08", 5), ("", 1)]
    _, out, _ = loa("report", "lang-son", "--by", "hour")
    assert "08 giờ" in out and "chưa giao" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "district,hour"), "Với district chỉ ghép được: campaign, commune, step, day, channel, variant"),
        (("--by", "district,district"), "Không lập được bảng theo district,district"),
        (("--by", "step,day,channel"), "Không lập được bảng theo step,day,channel"),
        (("--by", "kind,day"), "chỉ dùng cho hoạt động trực tiếp"),
        (("--by", "day,unit"), "chỉ dùng cho hoạt động trực tiếp"),
        (("--what", "delay", "--by", "district"), "--what delay không tính được theo district"),
        (("--what", "coverage", "--by", "step"), "Chọn --by trong: district, commune"),
        (("--what", "coverage", "--by", "unit"), "--by unit chỉ dùng cho hoạt động trực tiếp"),
        (("--what", "deliveries"), "Thiếu tùy chọn '--by'"),
        (("--what", "cost", "--beside", "lang-son"), "không dùng cùng --what cost"),
        (
            ("--by", "day", "--from", "2027-07-17", "--to", "2027-07-16", "--beside", "lang-son"),
            "--from sau ngày ở --to",
        ),
        (("--what", "cost", "--from", "2027-07-17", "--to", "2027-07-16"), "--from sau ngày ở --to"),
    ],
)
def test_what_cannot_be_told_is_said_with_what_can(sent, loa, arguments, said):
    code, out, err = loa("report", "lang-son", *arguments)
    assert (code, out) == (2, "")
    assert said in err, err


def test_an_unknown_campaign_beside_is_one_sentence(sent, loa):
    code, out, err = loa("report", "lang-son", "--by", "day", "--beside", "lang-sn")
    assert (code, out) == (1, "")
    assert "lang-son" in err and "Traceback" not in err


@pytest.mark.parametrize("width", [80, 100])
def test_no_figure_is_cut_beside_on_a_narrow_screen(sent, width):
    from rich.console import Console

    asked = Asked(("lang-son",), "district")
    made = make_report(sent.process.database, load, sent.process.snapshot, asked, DUE)
    for row in made.rows:
        row.figures.cost_vnd = 98_765_432_100
    written = io.StringIO()
    show_beside(Console(file=written, width=width), Beside(made, made), load())
    told = written.getvalue()
    assert told.count("98.765.432.100") == 4 and told.count("197.530.864.200") == 2
    assert max(map(len, told.splitlines())) <= width


def opted_out(road, contact: int, at: datetime) -> None:
    """A contact with this id, and its opt-out."""
    with road.process.database.write() as connection:
        if connection.exec_driver_sql("SELECT 1 FROM contact_import").first() is None:
            connection.execute(
                insert(table_of(ContactImport)).values(
                    source="thử", basis="thử", consent=True, file_digest="0", started_at=DUE,
                    rows=0, imported=0, updated=0, unchanged=0, rejected=0,
                )
            )  # fmt: skip
        row = {
            "id": contact, "phone_hash": b"%d" % contact, "phone_sealed": b"x", "era": "2025", "commune": "06211",
            "language": "vi", "consent": True, "prefix": "090", "bucket": 0, "synthetic": True, "import_id": 1,
            "updated_at": DUE,
        }  # fmt: skip
        connection.execute(insert(table_of(Contact)), [row])
        connection.execute(insert(table_of(OptOut)), [{"phone_hash": b"%d" % contact, "at": at, "source": "hotline"}])


def test_an_opt_out_belongs_to_the_last_delivery_within_seven_days(sent, loa):
    """Contacts 1 and 2 were reached on the 16th, 1 again on the 20th; 3 was accepted only."""
    again = DUE + timedelta(days=4)
    opted_out(sent, 1, again)  # at the very moment of the hand-over
    opted_out(sent, 2, DUE + timedelta(days=7))  # handed over exactly seven days before: too long ago
    opted_out(sent, 3, DUE + timedelta(days=1))
    told = document(loa, "--what", "opt-outs", "--by", "step")
    assert [(row["step"], row["opt_outs"]) for row in told["rows"]] == [("mo-dau", 0), ("canh-bao", 1)]
    assert told["totals"]["opt_outs_per_1000"] == pytest.approx(1000 / 3)
    by_hour = document(loa, "--what", "opt-outs", "--by", "hour")["rows"]
    assert {row["hour"]: row["opt_outs"] for row in by_hour} == {"08": 1, "": 0}
    with sent.process.database.write() as connection:
        connection.exec_driver_sql("UPDATE opt_out SET at = datetime(at, '-1 second') || '.000000'")
    told = document(loa, "--what", "opt-outs", "--by", "step")
    assert [(row["step"], row["opt_outs"]) for row in told["rows"]] == [("mo-dau", 2), ("canh-bao", 0)]


def test_help_and_tables_speak_english_too(sent, loa, monkeypatch):
    monkeypatch.setenv("LOA_LANG", "en")
    for what, words in (("coverage", "Reached at least once"), ("reasons", "What to do"), ("delay", "Median")):
        code, out, _ = loa("report", "lang-son", "--what", what)
        assert code == 0 and words in out
    assert "opt-outs" in loa("report", "--help")[1]
