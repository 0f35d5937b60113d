"""Excel, HTML and the command that writes them: real numbers, no formula, nothing fetched, nothing exact passed on."""

import io
import re
import zipfile

import pytest
from forms_figures import AS_OF, DISTRICTS, NAMES, REGISTRY, dot, figures, report
from lxml import etree
from python_calamine import CalamineWorkbook

from engine.i18n import sentence
from engine.reports.activities import ActivityLine, ActivityReport, AskedActivities
from engine.reports.as_csv import harmless
from engine.reports.as_html import html
from engine.reports.as_xlsx import xlsx
from engine.reports.charts.bars import by_place
from engine.reports.charts.chart import Chart
from engine.reports.dimensions import DIMENSIONS
from engine.reports.forms import make
from engine.reports.report import Row
from engine.reports.sheets import activities_sheet, deliveries_sheet, printable, written
from engine.reports.wanted import Wanted

HOSTILE = ["=1+1", "+84912345678", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "http://x.vn", "＝1"]


def part(content: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return opened.read(name).decode()


def test_excel_has_numbers_where_figures_are_and_text_where_codes_are():
    content = xlsx([deliveries_sheet(DISTRICTS, REGISTRY)], AS_OF)
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.sheet_names == ["Huyện (cũ)", "Ghi chú"]
    head, _, cao_loc, *_, total = book.get_sheet_by_name("Huyện (cũ)").to_python()
    assert head[:4] == ["Mã", "Huyện (cũ)", "Tổng lượt", "Không gửi"] and head[-1] == "Tỷ lệ"
    assert cao_loc[:3] == ["183", "Huyện Cao Lộc (cũ)", 16_349.0]
    assert cao_loc[-1] == pytest.approx(15_900 / 16_324)
    assert total[1:3] == ["Cộng", 23_679.0]
    notes = [row[0] for row in book.get_sheet_by_name("Ghi chú").to_python()]
    assert any("không có nghĩa là “đã đọc”" in line for line in notes)


def test_a_folded_head_has_room_for_all_its_lines():
    """LibreOffice takes the height that the file says: without one, lines of the head lie over each other."""
    sheet = part(xlsx([deliveries_sheet(DISTRICTS, REGISTRY)], AS_OF), "xl/worksheets/sheet1.xml")
    head = re.search(r'<row r="1"[^>]*ht="(\d+)[^>]*customHeight="1"', sheet)
    assert head is not None and int(head[1]) >= 32


def test_excel_heads_stay_filters_work_and_the_sum_is_outside_them():
    sheet = part(xlsx([deliveries_sheet(DISTRICTS, REGISTRY)], AS_OF), "xl/worksheets/sheet1.xml")
    assert 'xSplit="2" ySplit="1" topLeftCell="C2"' in sheet and 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:O5"/>' in sheet and '<row r="6"' in sheet  # four places; their sum is line 6
    assert 'paperSize="9"' in sheet and 'orientation="landscape"' in sheet
    styles = part(xlsx([deliveries_sheet(DISTRICTS, REGISTRY)], AS_OF), "xl/styles.xml")
    assert 'formatCode="0.0%"' in styles


@pytest.mark.parametrize("cell", HOSTILE)
def test_no_cell_of_excel_is_a_formula_or_a_link(cell):
    content = xlsx([deliveries_sheet(report("step", Row(cell, figures(queued=1))), None)], AS_OF)
    sheet = part(content, "xl/worksheets/sheet1.xml")
    assert "<f>" not in sheet and "hyperlink" not in sheet
    [_, line, *_] = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert line[0] == printable(cell)


def test_the_same_figures_make_the_same_file():
    sheets = [deliveries_sheet(DISTRICTS, REGISTRY)]
    assert xlsx(sheets, AS_OF) == xlsx(sheets, AS_OF)


def test_wide_signs_are_signs_too():
    assert harmless("＝1+1") == "'＝1+1" and harmless("＠x") == "'＠x" and harmless("x＝1") == "x＝1"


def by_hand() -> ActivityReport:
    line = ActivityLine(DISTRICTS.rows[0].key, "to-roi", "to", 1_000, 900)
    return ActivityReport(AskedActivities((), "district"), (line, line._replace(measure="ban", done=None)), (line,), 2)


def test_activities_are_a_sheet_without_a_sum():
    sheet = activities_sheet(by_hand(), REGISTRY)
    assert sheet.total is None and sheet.rows[0][1:] == ("Tờ rơi", "tờ", 1_000, 900, 0.9)
    assert sheet.rows[1][-2:] == (None, None) and "2 dòng" in sheet.notes[-1]
    assert written(None, "count") == "—" and written(0.9345, "share") == "93,5%"


def page(**changes) -> str:
    wanted = {"sheets": [deliveries_sheet(DISTRICTS, REGISTRY), activities_sheet(by_hand(), REGISTRY)], "charts": []}
    wanted |= changes
    return html("Báo cáo <b>&", AS_OF, DISTRICTS.totals, [("Lượt tin", wanted["sheets"])], wanted["charts"])


def test_the_page_is_one_file_that_runs_and_fetches_nothing():
    told = page(charts=[by_place(DISTRICTS, NAMES)])
    assert "<script" not in told and not re.search(r'(?:src|href)="', told) and "@import" not in told
    assert all(url.startswith("data:") for url in re.findall(r'url\("([^"]+)', told))
    assert "default-src 'none'" in told and "@page{size:A4" in told
    assert "<svg" in told and 'role="img"' in told
    assert "http" not in told.replace("http://www.w3.org/", "").replace("http-equiv", "")


def test_the_page_can_be_heard_as_well_as_seen():
    root = etree.HTML(page(charts=[by_place(DISTRICTS, NAMES)]))
    assert root.get("lang") == "vi" and root.findtext(".//h1") == "Báo cáo <b>&"
    for table in root.iter("table"):
        assert table.findtext("caption")
        assert {one.get("scope") for one in table.iter("th")} == {"col", "row"}
    assert "Xác nhận trên cần gửi: Huyện Cao Lộc (cũ) 15.900/16.324 (97,4%)" in root.findtext(".//figure/p")
    assert next(one.text for one in root.findall(".//dl/div/dd")) == "23.679"


def test_columns_of_zeros_are_left_out_of_a_page():
    heads = [one.text for one in etree.HTML(page()).find(".//table").iter("th") if one.get("scope") == "col"]
    assert "Đã hủy" not in heads and "Chờ gửi" not in heads and "Quá hạn" in heads


def test_hostile_names_are_words_on_a_page():
    sheet = deliveries_sheet(report("step", Row('<img src=x onerror="a()">', figures(queued=1))), None)
    told = page(sheets=[sheet])
    assert "<img" not in told and "&lt;img src=x" in told


one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def configure(settings, more: str = "") -> None:
    text = 'organisation: {name: Ban Chỉ đạo, province: "20"}\nsenders: {a: {provider: sandbox, from: X}}\n'
    (settings.workspace / "loa.yaml").write_text(text + more, encoding="utf-8")


# --- the command ---------------------------------------------------------------------------------------


@pytest.fixture
def small_and_large(road, monkeypatch):
    """Twelve people in Cao Lộc, eleven in Lộc Bình, and two in Mẫu Sơn, whom no published figure may tell apart."""
    people = [{"commune": "06211"}] * 12 + [{"commune": "06529"}] * 11 + [{"commune": "06541"}] * 2
    monkeypatch.setattr(Chart, "_drawn", lambda chart: '<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    monkeypatch.setattr(Chart, "png", lambda chart: dot())
    return road.run([dict(one) for one in people])


@one_database
def test_the_command_writes_each_form_by_its_ending(small_and_large, loa, tmp_path, settings):
    for ending in ("xlsx", "html"):
        code, out, err = loa("report", "lang-son", "--out", tmp_path / f"r.{ending}")
        assert (code, out) == (0, "") and f"r.{ending}" in err
    book = CalamineWorkbook.from_path(tmp_path / "r.xlsx")
    deliveries, measures = book.sheet_names[:5], book.sheet_names[5:-1]
    assert deliveries == ["Huyện (cũ)", "Xã, phường", "Ngày", "Bước", "Kênh"] and book.sheet_names[-1] == "Ghi chú"
    assert measures == ["Độ phủ", "Thời gian đến máy", "Lý do chưa đến", "Chi phí một lượt", "Từ chối nhận tin"]
    assert book.get_sheet_by_name("Độ phủ").to_python()[-1] == ["Cộng", 25.0, 25.0, 0.0, 0.0]
    exact = [row[0] for row in book.get_sheet_by_name("Xã, phường").to_python()]
    assert "06541" in exact  # for the office


@one_database
def test_whoever_asks_gets_bytes_with_a_name_and_a_media_type(small_and_large, road, settings):
    made = make(road.process, Wanted(("lang-son",), "commune"), "csv")
    assert made[:2] == ("bao-cao-lang-son-commune-20270731-1000.csv", "text/csv; charset=utf-8")
    assert made.content.startswith(b"\xef\xbb\xbfarea_era") and b"06541" in made.content  # for the office
    page = make(road.process, Wanted(("lang-son",), "commune"), "html")
    assert page.name.endswith("-1000.html") and b"06541" not in page.content  # to be passed on, whoever asks


@one_database
def test_what_is_passed_on_tells_no_small_place(small_and_large, loa, tmp_path):
    code, _, _ = loa("report", "lang-son", "--by", "commune", "--out", tmp_path / "r.html")
    told = (tmp_path / "r.html").read_text("utf-8")
    assert code == 0 and "Mẫu Sơn" not in told and "06541" not in told
    assert "dưới 10 thuê bao được gộp" in told
    loa("report", "lang-son", "--by", "commune", "--publish", "--out", tmp_path / "r.xlsx")
    first = CalamineWorkbook.from_path(tmp_path / "r.xlsx").get_sheet_by_index(0).to_python()
    assert not [row for row in first if "06541" in row]


@one_database
def test_the_official_report_tells_no_small_place_and_carries_its_id(small_and_large, loa, tmp_path, settings):
    configure(settings)
    code, _, err = loa("report", "lang-son", "--freeze", "--out", tmp_path / "r.docx")
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "r.docx") as opened:
        words = {name: opened.read(name).decode() for name in opened.namelist() if name.endswith(".xml")}
    assert "Mẫu Sơn" not in words["word/document.xml"] and "Xã Cao Lộc" in words["word/document.xml"]
    frozen_id = re.search(r"[A-Z]{2}-\d{4}-\d{4}-\w{4}", err)[0]
    assert [name for name, text in words.items() if "footer" in name and frozen_id in text]
    again = tmp_path / "again.docx"
    assert loa("report", "--frozen", frozen_id, "--out", again)[0] == 0
    assert part(again.read_bytes(), "word/document.xml") == words["word/document.xml"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["lang-son", "--format", "docx"], "--out"),
        (["lang-son", "--by", "day", "--format", "docx", "--out", "x.docx"], "báo cáo đầy đủ"),
        (["lang-son", "--format", "xlsx", "--json", "--out", "x.xlsx"], "không đi cùng nhau"),
        (["--format", "html", "--out", "x.html"], "Hãy nêu tên chiến dịch"),
        (["lang-son", "--what", "coverage", "--by", "district", "--out", "x.html"], "một số chung cho cả chiến dịch"),
        (["lang-son", "--by", "language", "--beside", "nghe-an", "--out", "x.html"], "chỉ đặt cạnh nhau theo"),
    ],
)
@one_database
def test_a_call_that_cannot_be_is_one_sentence(campaign_file, loa, arguments, why):
    campaign_file("lang-son")
    code, _, err = loa("report", *arguments)
    assert code == 2 and why in err


@one_database
def test_check_finds_a_form_that_is_not_there(loa, settings, campaign_file):
    configure(settings, "report:\n  template: mau.docx\n")
    code, out, err = loa("check")
    assert "mau.docx" in out + err and "bad-template" in out + err
    assert code == 0  # no sending waits for a form


@one_database
def test_the_form_an_office_gets_is_one_it_can_use(loa, settings, tmp_path, small_and_large):
    configure(settings, "report:\n  template: mau-bao-cao.docx\n")
    code, out, _ = loa("new", "report-form")
    assert code == 0 and "{{ }}" in out
    assert loa("new", "report-form")[0] == 1  # never over a form that somebody has changed
    assert loa("check")[0] == 0
    assert loa("report", "lang-son", "--out", tmp_path / "r.docx")[0] == 0


@one_database
def test_two_campaigns_are_drawn_side_by_side(small_and_large, road, loa, tmp_path, settings):
    road.run([{"commune": "06211"}] * 15, campaign="lang-son-truoc")
    configure(settings)
    for ending in ("html", "docx"):
        code, _, err = loa("report", "lang-son-truoc", "lang-son", "--out", tmp_path / f"r.{ending}")
        assert code == 0, err
    assert "So sánh lang-son-truoc và lang-son" in (tmp_path / "r.html").read_text("utf-8")
    document = part((tmp_path / "r.docx").read_bytes(), "word/document.xml")
    assert 'name="years"' in document and "báo cáo kết quả thực hiện các chiến dịch" in document


@one_database
def test_nothing_done_by_hand_is_one_sentence_and_no_empty_file(small_and_large, loa, tmp_path):
    for ending in ("xlsx", "html"):
        code, _, err = loa("report", "lang-son", "--by", "kind", "--out", tmp_path / f"r.{ending}")
        assert code == 1 and "Chưa có hoạt động trực tiếp nào" in err and not (tmp_path / f"r.{ending}").exists()


def test_every_dimension_has_a_sheet_of_its_name():
    names = [sentence(f"forms.sheet-{by}") for by in DIMENSIONS]
    assert len(set(names)) == len(names) and all(len(name) <= 31 for name in names)
