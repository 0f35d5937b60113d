"""The official report: the decree's layout measured in the file, sentences that say no more than the figures do."""

import io
import re
import shutil
import subprocess
import sys
import time
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Mm
from forms_figures import COMMUNES, DISTRICTS, REGISTRY, dot, figures, gathered, report

from engine.errors import LoaError
from engine.i18n import speaking
from engine.reports.as_docx import FORM, docx, form_of
from engine.reports.as_pdf import office, pdf
from engine.reports.charts.chart import Chart
from engine.reports.official import words
from engine.reports.official.filling import filling
from engine.reports.report import Row

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import make_report_template


@pytest.fixture(scope="module")
def made() -> bytes:
    return docx(gathered(), REGISTRY)


@pytest.fixture(scope="module")
def document(made: bytes) -> Any:
    return Document(io.BytesIO(made))


def lines(document) -> list[str]:
    """Every paragraph in the order of the file, those of tables too."""
    return ["".join(part.text or "" for part in one.iter(qn("w:t"))) for one in document.element.body.iter(qn("w:p"))]


def test_the_page_is_the_decrees(document):
    assert len(document.sections) == 3  # the report and its two appendices
    for section in document.sections:
        assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
        top, bottom, left, right = (
            round(getattr(section, f"{side}_margin").mm, 1) for side in ("top", "bottom", "left", "right")
        )
        assert 20 <= top <= 25 and 20 <= bottom <= 25
        assert 30 <= left <= 35 and 15 <= right <= 20
        assert section.different_first_page_header_footer
    first = document.sections[0]
    assert "PAGE" in first.header._element.xml and first.header.paragraphs[0].alignment == 1
    assert "PAGE" not in first.first_page_header._element.xml
    starts = [one._sectPr.findall(qn("w:pgNumType")) for one in document.sections]
    assert [len(one) for one in starts] == [0, 1, 1] and starts[1][0].get(qn("w:start")) == "1"


def test_letters_are_times_new_roman_of_the_decrees_sizes(document):
    body = document.styles["Loa Body"]
    assert (
        body.font.name == "Times New Roman" and body.font.size.pt in (13, 14) and body.paragraph_format.alignment == 3
    )
    xml = document.styles.element.xml
    assert 'w:eastAsia="Times New Roman"' in xml and 'w:cs="Times New Roman"' in xml
    sizes = {run.text: run.font.size.pt for table in document.tables[:1] for cell in table.rows[0].cells
             for one in cell.paragraphs for run in one.runs if run.text}  # fmt: skip
    assert sizes["CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"] == 13
    assert sizes["Độc lập - Tự do - Hạnh phúc"] == 14
    used = set(re.findall(r'w:ascii="([^"]+)"', document.element.body.xml))
    assert used <= {"Times New Roman"}


def test_the_parts_stand_in_the_decrees_order(document):
    told = lines(document)
    order = [
        "UBND tỉnh Lạng Sơn", "Ban Chỉ đạo 138 tỉnh Lạng Sơn", "Số:        /BC-BCĐ",
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Lạng Sơn, ngày 31 tháng 7 năm 2027",
        "BÁO CÁO", "I. TÌNH HÌNH", "II. KẾT QUẢ", "1. Kết quả chung", "2. Kết quả theo địa bàn",
        "III. TỒN TẠI, HẠN CHẾ", "IV. PHƯƠNG HƯỚNG, ĐỀ XUẤT, KIẾN NGHỊ", "Nơi nhận:", "- UBND tỉnh (báo cáo);",
        "- Công an tỉnh;", "- Lưu: VT.", "TM. BAN CHỈ ĐẠO", "KT. TRƯỞNG BAN", "PHÓ TRƯỞNG BAN", "Nông Văn A",
        "Phụ lục I", "Phụ lục II",
    ]  # fmt: skip
    places = [told.index(line) for line in order]
    assert places == sorted(places)
    assert not [line for line in told if "{{" in line or "{%" in line]


def test_figures_are_written_as_here_and_never_called_read(document):
    told = "\n".join(lines(document))
    assert "nhà mạng xác nhận 22.155 lượt, đạt 93,8%; không gửi được 1.283 lượt; quá hạn 94 lượt" in told
    assert "từ ngày 01/7/2027 đến ngày 30/9/2027" in told
    assert "Nguyên nhân chính: thuê bao không liên lạc được (900 lượt); số không tồn tại (383 lượt)." in told
    assert "thấp hơn mức chung (93,8%): Huyện Lộc Bình (cũ) (82,7%); Các huyện" in told
    assert "đã đọc" not in told and not re.search(r"\d,\d{3}", told)


def test_appendices_hold_every_row_and_its_sum(document):
    districts, communes = document.tables[-2:]
    rows = [[cell.text for cell in row.cells] for row in districts.rows]
    assert rows[2] == ["2", "Huyện Cao Lộc (cũ)", "16.349", "25", "16.324", "15.900", "320", "44", "60", "97,4%"]
    assert rows[-1][1:3] == ["Cộng", "23.679"] and rows[-1][-1] == "93,8%"
    assert len(communes.rows) == len(COMMUNES.rows) + 2
    for table in (districts, communes):
        assert table.rows[0]._tr.findall(f".//{qn('w:tblHeader')}")


def test_every_picture_has_its_words(made, document):
    told = document.element.body.findall(f".//{qn('wp:docPr')}")
    assert [one.get("name") for one in told] == ["funnel", "course", "district", "map-commune"]
    assert all(len(one.get("descr")) > 80 and one.get("title") for one in told)
    assert all(inline.extent.cx <= Mm(160) for inline in document.inline_shapes._inline_lst)
    with zipfile.ZipFile(io.BytesIO(made)) as opened:
        assert len([name for name in opened.namelist() if name.endswith(".png")]) == 4


def test_hostile_words_are_words(document):
    told = "\n".join(lines(document))
    assert "Hưởng ứng ngày 30/7 <&>  “bẫy”" in told  # the control character is a blank


def test_an_english_screen_makes_no_english_report():
    with speaking("en"):
        told = filling_in_vietnamese()
    assert told["place_and_date"] == "Lạng Sơn, ngày 31 tháng 7 năm 2027"


def filling_in_vietnamese() -> dict[str, Any]:
    with speaking("vi"):
        return filling(gathered(), REGISTRY)


def test_nothing_is_said_of_what_is_not_there():
    none = {
        "district": report("district"),
        "commune": report("commune"),
        "day": report("day"),
        "channel": report("channel"),
    }
    told = filling(gathered(reports=none, reasons=()), REGISTRY)
    assert told["results"] == [
        {"heading": "1. Kết quả chung", "lines": ["Trong kỳ báo cáo chưa có lượt tin nào."], "pictures": []}
    ]
    assert told["shortcomings"][0] == "Không có lượt tin nào không gửi được hoặc quá hạn."
    assert len(told["directions"]) == 1 and told["activities"] == [] and told["districts"] == []
    fine = report("district", Row(DISTRICTS.rows[0].key, figures(delivered=500)))
    all_well = gathered(reports={"district": fine, "day": report("day", Row("2027-07-30", figures(delivered=500)))})
    assert not [line for line in words.shortcomings(all_well, {}) if "không gửi được," in line or "thấp hơn" in line]


def test_a_few_deliveries_make_no_place_the_best():
    few = report("district", *DISTRICTS.rows[:3], Row(DISTRICTS.rows[3].key, figures(delivered=29)))
    [told] = words.by_place(gathered(reports={"district": few}), {})
    assert "gộp" not in told and "97,4%" in told and "82,7%" in told


@pytest.mark.parametrize(("day", "told"), [(date(2027, 2, 3), "03/02/2027"), (date(2027, 3, 10), "10/3/2027")])
def test_days_and_months_have_the_decrees_zeros(day, told):
    assert words.decree_date(day) == told


def test_the_form_is_the_one_the_script_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(make_report_template, "TARGET", tmp_path / "bao-cao.docx")
    make_report_template.main()
    assert (tmp_path / "bao-cao.docx").read_bytes() == FORM.read_bytes()


# --- an office's own form ------------------------------------------------------------------------------


@pytest.fixture
def no_pictures(monkeypatch):
    monkeypatch.setattr(Chart, "png", lambda chart: dot())


def own(tmp_path: Path, *texts: str) -> Path:
    document = Document()
    for text in texts:
        document.add_paragraph(text)
    path = tmp_path / "mau.docx"
    document.save(str(path))
    return path


def test_an_office_uses_its_own_form(no_pictures, tmp_path):
    form = own(tmp_path, "Đơn vị: {{ organisation }}", "{%p for row in districts %}", "{{ row.name }}", "{%p endfor %}")
    told = lines(Document(io.BytesIO(docx(gathered(), REGISTRY, form=form))))
    assert "Đơn vị: Ban Chỉ đạo 138 tỉnh Lạng Sơn" in told and "Huyện Cao Lộc (cũ)" in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ nhung_gi }}", "không tồn tại: nhung_gi"),
        ("{{ organisation.__class__.__mro__ }}", "bao-cao|mau.docx"),
        ("{% if %}", "viết sai"),
        ("{{ organisation | khong_co }}", "viết sai"),
    ],
)
def test_a_slip_in_the_form_is_one_sentence(no_pictures, tmp_path, text, why):
    with pytest.raises(LoaError, match=why):
        docx(gathered(), REGISTRY, form=own(tmp_path, text))


def test_a_form_that_is_none_is_one_sentence(no_pictures, tmp_path):
    (tmp_path / "mau.docx").write_bytes(b"PK no")
    with pytest.raises(LoaError, match=r"không phải là tệp Word"):
        docx(gathered(), REGISTRY, form=tmp_path / "mau.docx")
    with zipfile.ZipFile(tmp_path / "zip.docx", "w") as opened:
        opened.writestr("a", "b")
    with pytest.raises(LoaError, match=r"không phải là tệp Word"):
        docx(gathered(), REGISTRY, form=tmp_path / "zip.docx")
    assert form_of(tmp_path, None) is None
    for named, why in (("../x.docx", "phải nằm trong"), ("khong.docx", "không có tệp này")):
        with pytest.raises(LoaError, match=why):
            form_of(tmp_path, named)


# --- PDF -----------------------------------------------------------------------------------------------


def test_no_libreoffice_is_one_sentence(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("engine.reports.as_pdf._PLACES", ())
    with pytest.raises(LoaError, match="chưa có LibreOffice"):
        pdf(b"")


def test_a_libreoffice_that_hangs_is_ended_with_its_children(tmp_path):
    program = tmp_path / "soffice"
    program.write_text(f"#!/bin/sh\n(sleep 60; touch {tmp_path}/alive) &\nsleep 60\n")
    program.chmod(0o755)
    began = time.monotonic()
    with pytest.raises(LoaError, match="LibreOffice chưa ghi xong"):
        pdf(b"x", program=str(program), patience=0.2)
    assert time.monotonic() - began < 30


def test_a_libreoffice_that_writes_nothing_is_one_sentence(tmp_path):
    program = tmp_path / "soffice"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    with pytest.raises(LoaError, match="không ghi được PDF"):
        pdf(b"x", program=str(program))


def _has_the_letters() -> bool:
    """Whether a machine has the decree's letters, or ones as wide, for Vietnamese too (fonts-liberation has not)."""
    if shutil.which("fc-match") is None:
        return False
    asked = ["fc-match", "-f", "%{family}", "Times New Roman:charset=1ee5"]
    found = subprocess.run(asked, capture_output=True, encoding="utf-8").stdout
    return re.search("Times New Roman|Liberation Serif|Tinos", found) is not None


@pytest.mark.skipif(
    office() is None or shutil.which("pdftotext") is None or not _has_the_letters(),
    reason="needs LibreOffice, poppler and Times New Roman or fonts-liberation2",
)
def test_the_printed_page_keeps_the_margins_and_numbers(made, tmp_path):
    """Measured on paper: where the outermost words stand, and which pages carry which number."""
    (tmp_path / "r.pdf").write_bytes(pdf(made))
    done = subprocess.run(
        ["pdftotext", "-bbox", str(tmp_path / "r.pdf"), "-"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    pages = done.stdout.split("<page ")[1:]
    point = 25.4 / 72
    heads = []
    for page in pages:
        width, height = (float(one) * point for one in re.findall(r'width="([\d.]+)" height="([\d.]+)"', page)[0])
        assert (round(width), round(height)) == (210, 297)
        found = [
            [float(one) * point for one in match[:4]] + [match[4]]
            for match in re.findall(r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)<', page)
        ]
        inside = [one for one in found if one[1] > 19 and one[3] < 277.5]
        assert min(one[0] for one in inside) >= 29.5 and max(one[2] for one in inside) <= 195.5
        above = [one for one in found if one[3] < 20]
        heads.append(" ".join(str(one[4]) for one in above))
        assert all(abs((one[0] + one[2]) / 2 - (30 + 195) / 2) < 2 for one in above)
    appendix = next(place for place, page in enumerate(pages) if ">Phụ<" in page and ">BIỂU<" in page)
    assert heads[0] == "" and heads[1:appendix] == [str(place) for place in range(2, appendix + 1)]
    assert heads[appendix] == ""
    fonts = subprocess.run(
        ["pdffonts", str(tmp_path / "r.pdf")], capture_output=True, encoding="utf-8", check=True
    ).stdout
    assert re.search("TimesNewRoman|LiberationSerif|Tinos", fonts)


def test_the_docs_name_all_that_a_form_can_be_filled_with():
    told = (Path(__file__).parents[2] / "docs" / "forms.md").read_text("utf-8")
    table = told.partition("What can be filled in:")[2]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert named == set(filling(gathered(), REGISTRY))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reasons_are_words_and_none_is_small(road):
    from engine.pipeline.process import Process
    from engine.reports.asking import Asking
    from engine.reports.official.reasons import failure_reasons
    from engine.status import Status
    from engine.store.outbox import Change

    ids = road.run([{}] * 4)
    for delivery, reason in zip(ids, ("capped", "capped", "opted_out", "của_ai_đó"), strict=True):
        attempt = road.claim(delivery)
        road.move(Change(delivery, attempt, Status.FAILED, road.process.clock.now(), None, reason=reason))
    process: Process = road.process
    asking = Asking(process, ("lang-son",), "2025", None, None, publish=False)
    told = asking.measured("reasons")
    assert [one.deliveries for one in failure_reasons(told)] == [2, 1]
    assert [one.deliveries for one in failure_reasons(told, 2)] == [2]
