"""Posts, broadcasts, activities and measures in every form, and in what is frozen: none is lost, none is changed."""

import io
import json
import re
import zipfile
from collections import Counter

import pytest
from docx import Document
from forms_figures import AS_OF, DISTRICTS, REGISTRY, gathered
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from engine.reports import frozen_parts
from engine.reports.activities import ActivityLine, ActivityReport, AskedActivities
from engine.reports.as_docx import docx
from engine.reports.as_xlsx import xlsx
from engine.reports.broadcasts import BroadcastReport, Heard
from engine.reports.measured import Measured, MeasuredRow
from engine.reports.posts import FIGURES, AskedPosts, PostFigures, PostReport
from engine.reports.sheets_beside import broadcasts_sheet, posts_sheet
from engine.reports.sheets_measured import measured_sheet
from engine.status import PostStatus, Status

CAO_LOC = DISTRICTS.rows[1].key


def post_report(name: str = "=HYPERLINK(1)") -> PostReport:
    figures = PostFigures(
        Counter({"published": 2, "queued": 1}), dict.fromkeys(FIGURES) | {"reach": 4_200, "shares": 0}
    )
    hostile = CAO_LOC._replace(code=None, name=name)
    return PostReport(AskedPosts(("lang-son",), "district"), ((CAO_LOC, figures), (hostile, figures)), figures)


BROADCASTS = BroadcastReport("district", ((CAO_LOC, Heard(9, 7, 12, 36, 3, 2)),), Heard(9, 7, 12, 36, 3, 2))
LINE = ActivityLine(CAO_LOC, "to-roi", "to", 1_000, None)
ACTIVITIES = ActivityReport(AskedActivities(("lang-son",), "district"), (LINE,), (LINE._replace(key=""),), 2)
COMMUNES = {"addressed": 2, "reached": 1, "none": [CAO_LOC.document()], "untouched": []}
PEOPLE = {"people_targeted": 90, "people_addressed": 80, "people_reached": 60, "coverage_rate": 0.75}
COVERAGE = Measured(
    "coverage", "lang-son", ("district",), AS_OF, (MeasuredRow((CAO_LOC,), PEOPLE),), PEOPLE, {"communes": COMMUNES}
)
SLOW = {
    "delivered": 60, "delay_median_s": 70, "delay_median_from_s": 60, "delay_median_to_s": 300, "delay_p95_s": None,
    "delay_p95_from_s": 86_400, "delay_p95_to_s": None,
}  # fmt: skip
DELAY = Measured("delay", "lang-son", (), AS_OF, (), SLOW)


def test_what_is_kept_is_read_again_to_the_letter():
    def stored(kept: dict) -> dict:
        return json.loads(json.dumps(kept, sort_keys=True))

    posts = post_report()
    again = frozen_parts.posts_read(stored(frozen_parts.posts_kept(posts)), posts.asked)
    assert json.dumps(again.document()) == json.dumps(posts.document())
    heard = frozen_parts.broadcasts_read(
        stored(frozen_parts.broadcasts_kept(BROADCASTS, "2025")), "district", lines=True
    )
    assert heard == BROADCASTS
    assert (
        frozen_parts.activities_read(stored(frozen_parts.activities_kept(ACTIVITIES)), ACTIVITIES.asked) == ACTIVITIES
    )
    for told in (COVERAGE, DELAY):
        read = frozen_parts.measured_read(stored(frozen_parts.measured_kept(told, "2025")), told)
        assert json.dumps(read.document()) == json.dumps(told.document())


def test_excel_has_numbers_of_posts_broadcasts_and_measures_and_no_formula():
    sheets = [
        posts_sheet(post_report(), REGISTRY, "lang-son"), broadcasts_sheet(BROADCASTS, REGISTRY, "lang-son"),
        measured_sheet(COVERAGE, REGISTRY, numbers=True), measured_sheet(DELAY, None, numbers=True),
    ]  # fmt: skip
    content = xlsx(sheets, AS_OF)
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names == ["Bài đăng", "Loa truyền thanh", "Độ phủ", "Thời gian đến máy", "Ghi chú"]
    head, first, hostile, total = book.get_sheet_by_name("Bài đăng").to_python()
    told = dict(zip(head, first, strict=True))
    assert (told["Bài"], told["Đã đăng"], told["Người xem"], told["Cảm xúc"]) == (3.0, 2.0, 4_200.0, "")
    assert hostile[0] == "=HYPERLINK(1)" and total[0] == "Cộng"
    assert book.get_sheet_by_name("Độ phủ").to_python()[1] == ["Huyện Cao Lộc (cũ)", 90.0, 80.0, 60.0, 0.75]
    assert book.get_sheet_by_name("Thời gian đến máy").to_python()[1][:4] == ["lang-son", 60.0, 70.0, 60.0]
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        for number in range(1, 5):
            sheet = opened.read(f"xl/worksheets/sheet{number}.xml").decode()
            assert "<f>" not in sheet and 'state="frozen"' in sheet and "<autoFilter" in sheet


def test_a_page_keeps_the_zeros_of_a_measure():
    """Nobody opted out: a table without that column would say nothing at all."""
    none = Measured("opt-outs", "lang-son", (), AS_OF, (), {"delivered": 60, "opt_outs": 0, "opt_outs_per_1000": 0.0})
    sheet = measured_sheet(none, None).without_zeros()
    assert [column.head for column in sheet.columns][2] == "Từ chối nhận" and sheet.rows[0][2] == 0


def test_the_official_report_speaks_of_posts_and_loudspeakers_only_where_there_are_any():
    told = _paragraphs(docx(gathered(), REGISTRY))
    assert "loa" not in told.lower().split("ii. kết quả")[1].split("iii. tồn tại")[0] and "Phụ lục III" not in told
    measures = (Measured("coverage", "lang-son", (), AS_OF, (), PEOPLE), DELAY)
    every = {"activities": ACTIVITIES, "posts": post_report("x"), "broadcasts": BROADCASTS, "measures": measures}
    told = _paragraphs(docx(gathered(**every), REGISTRY))
    assert "3. Hoạt động truyền thông trực tiếp" in told and "5. Phát loa truyền thanh" in told
    assert "Có 3 bài đăng trên các trang, 2 bài đã đăng. Số liệu theo địa bàn của trang ở Phụ lục IV." in told
    assert "tổng thời lượng 36 phút, tại 2 xã, phường. Số liệu theo địa bàn ở Phụ lục V." in told
    assert re.findall(r"Phụ lục (\w+)\n", told) == ["I", "II", "III", "IV", "V", "VI"]
    assert "75,0%" in told and "70 giây" not in told and "1 phút (1 phút–5 phút)" in told


def _paragraphs(content: bytes) -> str:
    document = Document(io.BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(one.text for one in document.paragraphs), *cells])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_frozen_report_tells_its_measures_and_an_old_one_its_deliveries(road, loa):
    ids = road.run([{"commune": "06211"}] * 14)
    road.send(ids[0], Status.ACCEPTED, Status.DELIVERED)
    code, first, err = loa("report", "lang-son", "--freeze")
    assert code == 0
    [report_id] = re.findall(r"LS-\S+-\w{4}", err.splitlines()[0])[:1]
    before = [loa("report", "--frozen", report_id, "--what", what) for what in ("coverage", "delay", "cost")]
    assert all(code == 0 and report_id in out for code, out, _ in before)
    road.send(ids[1], Status.ACCEPTED, Status.DELIVERED)
    assert [loa("report", "--frozen", report_id, "--what", what) for what in ("coverage", "delay", "cost")] == before
    assert loa("report", "--frozen", report_id) == (0, first, "")
    code, _, err = loa("report", "--frozen", report_id, "--what", "coverage", "--by", "district")
    assert code == 1 and report_id in err
    _as_of_format_1(road, report_id)
    assert loa("report", "--frozen", "LS-2027-0731-0000")[0] == 0
    code, out, err = loa("report", "--frozen", "LS-2027-0731-0000", "--what", "coverage")
    assert (code, out) == (1, "") and "không giữ" in err


def _as_of_format_1(road, report_id: str) -> None:
    """The same report as an older program kept it."""
    import hashlib

    with road.process.database.write() as connection:
        row = connection.execute(text("SELECT * FROM frozen_report WHERE id = :id"), {"id": report_id}).mappings().one()
        content = json.loads(row["content"])
        for name in ("posts", "broadcasts", "activities", "measures"):
            del content[name]
        written = json.dumps(content | {"format": 1}, ensure_ascii=False)
        old = dict(row) | {"id": "LS-2027-0731-0000", "content": written}
        old["digest"] = hashlib.sha256(written.encode()).hexdigest()
        connection.execute(
            text(f"INSERT INTO frozen_report ({', '.join(old)}) VALUES ({', '.join(':' + name for name in old)})"), old
        )


def test_every_status_of_a_post_is_kept():
    assert len(frozen_parts.posts_kept(post_report())["totals"]) == len(PostStatus) + len(FIGURES)
