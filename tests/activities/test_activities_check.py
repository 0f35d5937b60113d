"""Tables of activities as units keep them: what is understood, and every problem at its place."""

import unicodedata
from datetime import date
from pathlib import Path

import pytest
from activities_tables import TODAY, Tables, windows_1258

from engine.areas.registry import load as load_areas
from engine.content.activity import Activity
from engine.content.activity_files import Activities, load_activities
from engine.text.accents import strip

HEAD = "Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,Cuộc (KH),Cuộc (TH),Người (TH),Tờ (TH),Ghi chú\n"
TALK = "Nói chuyện chuyên đề,Mẫu Sơn,Lộc Bình,cũ,16/7/2027,Đồn Biên phòng,3,2,1.300,,\n"


def places(found: Activities) -> list[str]:
    return [f"{p.file.removeprefix('activities/')}:{p.line}:{p.column} {p.severity} {p.code}" for p in found.problems]


def told(row: Activity) -> tuple[object, ...]:
    counts = {count.measure: (count.planned, count.done) for count in row.counts}
    return row.kind, row.area.key, row.start.isoformat(), row.unit, row.campaign, counts


EXPECTED = ("noi-chuyen", ("legacy", "06532"), "2027-07-16", "bien-phong", "bien-gioi",
            {"cuoc": (3, 2), "nguoi": (None, 1300)})  # fmt: skip


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_is_not_read_as_it_was_saved(tables: Tables, separator: str, encoding: str, form: str) -> None:
    text = unicodedata.normalize(form, (HEAD + TALK).replace(",", separator).replace("\n", "\r\n"))  # type: ignore[arg-type]
    found = tables({"bien-gioi.csv": text.encode(encoding)})
    assert places(found) == []
    assert [told(row) for row in found.rows] == [EXPECTED]


def test_a_table_saved_by_an_old_excel_or_without_accents_is_not_read(tables: Tables) -> None:
    old = windows_1258(HEAD + TALK)
    assert [told(row) for row in tables({"bien-gioi.csv": old}).rows] == [EXPECTED]
    assert [told(row) for row in tables({"bien-gioi.csv": strip(HEAD + TALK)}).rows] == [EXPECTED]
    assert [told(row) for row in tables({"bien-gioi.csv": "sep=;\r\n" + (HEAD + TALK).replace(",", ";")}).rows] == [
        EXPECTED
    ]


def test_titles_above_sums_below_and_two_rows_of_header_are_counted(tables: Tables) -> None:
    found = tables({"bien-gioi.csv": (
        "BAN CHỈ ĐẠO 138,,,,,,,,,\nKẾT QUẢ THÁNG 7,,,,,,,,,\n"
        "STT,Hoạt động,Xã,Huyện,Ngày,Đơn vị,Kế hoạch,,Thực hiện,\n"
        ",,,,,,Cuộc,Người,Cuộc,Người\n"
        "1,Nói chuyện,Mẫu Sơn,Lộc Bình,16/7,CA xã,3,900,2,800\n"
        ",Tổng cộng,,,,,3,900,2,800\n"
        "Cộng,,,,,,3,900,2,800\n"
        "2,,,,,,,,,\n"
        ",,,,,,,,Người lập biểu,\n"
    )})  # fmt: skip
    assert [told(row)[-1] for row in found.rows] == [{"cuoc": (3, 2), "nguoi": (900, 800)}]
    assert places(found) == []


def test_a_table_with_one_measure_a_row_is_not_read(tables: Tables) -> None:
    found = tables({"bien-gioi.csv": (
        "Hoạt động,Xã,Địa giới,Ngày,Đơn vị thực hiện,ĐVT,KH,TH,Tỷ lệ %\n"
        "Nói chuyện,Ba Sơn,2025,16/7/2027,Phụ nữ,cuộc,3,2,67%\n"
        "Nói chuyện,Ba Sơn,2025,16/7/2027,Phụ nữ,người,900,800,89%\n"
        "Tờ rơi,Ba Sơn,2025,16/7/2027,Phụ nữ,,19.500,,\n"
        "Lớp tập huấn,Ba Sơn,2025,16/7/2027,Phụ nữ,,3,,\n"
    )})  # fmt: skip
    assert [told(row)[-1] for row in found.rows] == [
        {"cuoc": (3, 2)}, {"nguoi": (900, 800)}, {"to": (19500, None)},
    ]  # fmt: skip
    assert places(found) == ["bien-gioi.csv:5:44 error which-measure"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Nói truyện,Mẫu Sơn,Lộc Bình,cũ,16/7/2027,BP,1,,,,", ["2:1 error unknown-kind", "2:42 error unknown-unit"]),
        ("Nói chuyện,Mẫu Sơn,,cũ,16/7/2027,Biên phòng,1,,,,", ["2:12 error ambiguous"]),
        ("Nói chuyện,Mẫu Son,Lộc Bình,,16/7/2027,Biên phòng,1,,,,", []),
        ("Nói chuyện,06532,,,16/7/2027,Biên phòng,1,,,,", ["2:12 error bare-code"]),
        ("Nói chuyện,06532,,legacy,16/7/2027,Biên phòng,1,,,,", []),
        ("Nói chuyện,06532,,,16/7/2018,Biên phòng,1,,,,", ["2:20 warning outside-period"]),  # legacy by its day
        ("Nói chuyện,Không Đâu,Lộc Bình,,16/7/2027,Biên phòng,1,,,,", ["2:12 error unknown"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,xưa,16/7/2027,Biên phòng,1,,,,", ["2:29 error unknown-era"]),
        ("Nói chuyện,,,,16/7/2027,Biên phòng,1,,,,", ["2:12 error no-place"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,31/6/2027,Biên phòng,1,,,,", ["2:30 error no-such-day"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,1/10/2027,Biên phòng,1,,,,", ["2:30 warning outside-period"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,21/7/2027,Biên phòng,,1,,,", ["2:30 warning done-in-future"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,,,1,,,,", ["2:30 error no-day", "2:31 error no-unit"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,16/7/2027,Biên phòng,-1,1.5,abc,,", [
            "2:51 error negative", "2:54 error not-whole", "2:58 error bad-count"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,16/7/2027,Biên phòng,,,,500,", ["2:54 error not-counted-so"]),
        ("Nói chuyện,Mẫu Sơn,Lộc Bình,,16/7/2027,Biên phòng,,,,,", ["2:51 error no-count"]),
        (',Mẫu Sơn,Lộc Bình,,16/7/2027,"Biên phòng",1,,,,', ["2:1 error no-kind"]),
        ('Nói chuyện,"Mẫu Sơn, Lộc Bình",,cũ,16/7/2027,"Biên ""phòng""",1,x1,,,', ["2:65 error bad-count"]),
        ("Nói chuyện,0912345678,Lộc Bình,,16/7/2027,Biên phòng,1,,,,", ["2:12 error number-for-place"]),
    ],
)  # fmt: skip
def test_a_problem_is_missed_or_told_at_another_place(tables: Tables, row: str, expected: list[str]) -> None:
    found = tables({"bien-gioi.csv": HEAD + row + "\n"}, today=TODAY)
    assert places(found) == [f"bien-gioi.csv:{place}" for place in expected]
    wrong = any(" error " in place for place in expected)
    assert (len(found.rows), found.left_out) == ((0, 1) if wrong else (1, 0))


def test_a_sentence_repeats_letters_taken_apart(tables: Tables) -> None:
    found = tables({"a.csv": unicodedata.normalize("NFD", HEAD + TALK.replace("Nói chuyện", "Hò kéo lưới"))})
    assert "“Hò kéo lưới chuyên đề”" in found.problems[0].message


def test_an_ambiguous_commune_is_told_without_its_candidates(tables: Tables) -> None:
    found = tables({"a.csv": HEAD + TALK.replace(",Lộc Bình,", ",,")})
    assert all(code in found.problems[0].message for code in ("06238", "06532"))
    suggested = tables({"a.csv": HEAD + TALK.replace("Nói chuyện chuyên đề", "Nói chuyên chuyên đề thử")})
    assert "Nói chuyện chuyên đề" in suggested.problems[0].message


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Hoạt động,Xã,Ngày,Đơn vị,Người (TH),Số người", ["1:37 error column-twice"]),
        ("Hoạt động,Xã,Ngày,Đơn vị,Người,Tờ gấp đôi lại", ["1:32 warning unknown-column"]),
        ("Hoạt động,Xã,Ngày,Đơn vị,Người,Họ và tên,SĐT", ["1:32 error personal-column", "1:42 error personal-column"]),
        ("Hoạt động,Xã,Đơn vị", ["1:1 error no-count-column", "1:1 error no-day-column"]),
        ("Hoạt động,Ngày,Người", ["1:1 error no-place-column", "1:1 error no-unit-column"]),
        ("Xã,Ngày,Người", ["1:1 error no-header"]),
        ("Hoạt động,Xã,Ngày,Đơn vị,Người,Ghi chú,STT", []),
    ],
)
def test_a_header_that_loses_figures_is_accepted(tables: Tables, header: str, expected: list[str]) -> None:
    assert places(tables({"a.csv": header + "\n"})) == [f"a.csv:{place}" for place in expected]


def test_a_row_written_twice_is_counted_twice(tables: Tables) -> None:
    again = TALK.replace("1.300", "900")
    found = tables(
        {
            "bien-gioi.csv": HEAD + TALK + TALK + again,
            "b.csv": HEAD.replace("Ghi chú", "Chiến dịch") + TALK.replace(",,\n", ",,bien-gioi\n"),
        }
    )
    assert [row.line for row in found.rows] == [2]  # the last of them repeats the figures of the talks
    assert places(found) == [
        "bien-gioi.csv:2:1 error twice", "bien-gioi.csv:3:1 error twice", "bien-gioi.csv:4:1 error twice",
    ]  # fmt: skip


def test_two_talks_of_a_day_are_refused_or_mixed_up_with_a_plan(tables: Tables) -> None:
    base = "Nói chuyện,Mẫu Sơn,Lộc Bình,,16/7/2027,Biên phòng,"
    found = tables({"bien-gioi.csv": HEAD + "".join(f"{base}{rest}\n" for rest in (
        "3,,,,", ",2,,,", ",,120,,", ",,80,,", ",,80,,buổi chiều", ",,80,,buổi tối", ",,80,,Buổi  tối",
    ))})  # fmt: skip
    # Planned beside done, notes that differ: fine. Another figure: a doubt. The same again: an error.
    assert places(found) == ["bien-gioi.csv:5:1 warning alike", "bien-gioi.csv:8:1 error twice"]
    assert len(found.rows) == 6


def test_an_open_quote_swallows_rows_in_silence(tables: Tables) -> None:
    found = tables({"bien-gioi.csv": HEAD + TALK.replace("Mẫu Sơn", '"Mẫu Sơn') + TALK + TALK})
    assert [place.split(" ")[-1] for place in places(found)] == ["open-quote"] and not found.rows


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("bang.xlsx", b"PK\x03\x04", "workbook"), ("a.csv", b"\0\1\2\3" * 9, "not-a-table"),
        ("a.csv", b"  \n", "empty-file"),
        ("a.csv", b"\xef\xbb\xbf\xff", "damaged-unicode"), ("a.csv", b"x" * 5_000_001, "file-too-big"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_stops_the_check(tables: Tables, name: str, data: bytes, expected: str) -> None:
    found = tables({name: data, "bien-gioi.csv": HEAD + TALK})
    assert [place.split(" ")[-1] for place in places(found)] == [expected] and len(found.rows) == 1


def test_what_excel_leaves_beside_an_open_file_is_read(tables: Tables) -> None:
    found = tables({"~$a.csv": b"\0", ".a.csv.x.part": b"\0", "a.csv.rejected.csv": b"\0", "doc.txt": b"x"})
    assert found.problems == () and found.files == ()


def test_a_name_that_other_provinces_have_too_is_not_looked_up_at_home_first(tables: Tables, workspace: Path) -> None:
    head = "Hoạt động,Xã,Huyện,Địa giới,Ngày,Đơn vị,Tờ\n"
    at_home = tables({"a.csv": head + "Tờ rơi,Tân Tiến,,2025,16/7/2027,Công an,5\n"})
    assert [row.area.key for row in at_home.rows] == [("2025", "06019")]
    tables({"a.csv": head + "Tờ rơi,,Bảo Lâm,,16/7/2027,Công an,5\n"})  # in Cao Bằng, and in Lâm Đồng
    for province, district in (("04", "042"), ("68", "680")):
        found = load_activities(workspace, registry=load_areas(), province=province)
        assert [row.area.key for row in found.rows] == [("legacy", district)]


def test_a_district_or_a_province_stands_for_what_no_commune_is_told_of(tables: Tables) -> None:
    head = "Hoạt động,Xã,Huyện,Tỉnh,Ngày,Đơn vị,Tờ\n"
    found = tables({"a.csv": head + (
        "Tờ rơi,,Lộc Bình,,2018,BCĐ,1\nTờ rơi,Toàn huyện,Cao Lộc,,2018,BCĐ,1\nTờ rơi,,,Thái Bình,2018,BCĐ,1\n"
        "Tờ rơi,Toàn tỉnh,,,2018,BCĐ,1\nTờ rơi,,,Hưng Yên,2027,BCĐ,1\nTờ rơi,,,Hưng Yên,2018,BCĐ,1\n"
    )})  # fmt: skip
    assert places(found) == []
    assert [row.area.key for row in found.rows] == [
        ("legacy", "188"), ("legacy", "183"), ("legacy", "34"), ("legacy", "20"), ("2025", "33"), ("legacy", "33"),
    ]  # fmt: skip


def test_a_row_belongs_to_a_campaign_nobody_named(tables: Tables) -> None:
    head, row = HEAD.replace("Ghi chú", "Chiến dịch"), TALK.rstrip("\n")
    found = tables({
        "bien-gioi.csv": head + row + "\n" + row.replace("16/7", "17/7") + "ven-bien\n",
        "khac.csv": head + row + "\n" + row.replace("16/7", "18/7") + "bien-gio\n",
    })  # fmt: skip
    assert [row.campaign for row in found.rows] == ["bien-gioi", "ven-bien", None]
    assert [place.split(" ")[-1] for place in places(found)] == ["unknown-campaign"]
    assert "bien-gioi" in found.problems[0].message


def test_the_sample_counts_what_thai_binh_reported_for_2018() -> None:
    root = Path(__file__).parents[2]
    found = load_activities(root, registry=load_areas(), province="20", today=date(2026, 1, 1))
    assert found.problems == () and found.left_out == 0
    rows = [row for row in found.rows if row.start.year == 2018]
    assert {row.area.key for row in rows} == {("legacy", "34")}
    assert [(row.kind, count.measure, count.planned, count.done) for row in rows for count in row.counts] == [
        ("lop", "lop", None, 3), ("lop", "nguoi", None, 286),
        ("noi-chuyen", "cuoc", None, 2), ("noi-chuyen", "nguoi", None, 300),
        ("lop", "lop", None, 3), ("lop", "nguoi", None, 300), ("lop", "luot-xa", None, 3),
        ("ban-tin", "ban", None, 3000), ("to-roi", "to", None, 19500), ("gap-go", "nguoi", 126, 91),
    ]  # fmt: skip
    planned = {row.campaign for row in found.rows if row.start.year == 2027}
    assert planned == {path.stem for path in (root / "campaigns").glob("*.yaml")}
