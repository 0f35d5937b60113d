"""Makes engine/reports/official/bao-cao.docx, the form of an official report as Decree 30/2020/NĐ-CP lays it out.

Run as: python tools/make_report_template.py. The result is a docxtpl file (Jinja inside Word); an office may copy it,
change it in Word and name its own in loa.yaml (``report: template: …``). docs/forms.md lists what can be filled in.
"""

import sys
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.section import WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Mm, Pt

TARGET = Path(__file__).parent.parent / "engine" / "reports" / "official" / "bao-cao.docx"
FONT = "Times New Roman"
TOP, BOTTOM, LEFT, RIGHT = 20, 20, 30, 15  # millimetres; the decree: 20–25, 20–25, 30–35, 15–20
DAY = (2026, 1, 1, 0, 0, 0)  # of every entry in the file, so that the same script makes the same bytes


def main() -> None:
    document = Document()
    for paragraph in list(document.paragraphs):
        paragraph._element.getparent().remove(paragraph._element)
    styles(document)
    page(document.sections[0])
    body(document)
    appendix(document, "I", "BIỂU SỐ LIỆU THEO HUYỆN, THỊ XÃ, THÀNH PHỐ (CŨ)", "districts")
    appendix(document, "II", "BIỂU SỐ LIỆU THEO XÃ, PHƯỜNG", "communes")
    beside(document)
    document.core_properties.author = ""
    document.core_properties.title = "Báo cáo"
    document.core_properties.comments = ""
    made = BytesIO()
    document.save(made)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(settled(made.getvalue()))
    print(TARGET, TARGET.stat().st_size, file=sys.stderr)


def settled(content: bytes) -> bytes:
    """The same zip without the moment it was written in, and without the picture Word shows of the library's sample."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/thumbnail.jpeg":
                continue
            if name == "_rels/.rels":
                start = data.index(b"<Relationship ", 0)
                parts = data[start:].split(b"<Relationship ")
                kept = [part for part in parts if b"thumbnail" not in part]
                data = data[:start] + b"<Relationship ".join(kept)
                if not data.endswith(b"</Relationships>"):
                    data += b"</Relationships>"
            target.writestr(zipfile.ZipInfo(name, DAY), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def styles(document: Any) -> None:
    normal = document.styles["Normal"]
    fonts(normal, 14)
    normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.space_before = Pt(0)
    text = document.styles.add_style("Loa Body", WD_STYLE_TYPE.PARAGRAPH)
    text.base_style = normal
    fonts(text, 14)
    text.paragraph_format.alignment = ALIGN.JUSTIFY
    text.paragraph_format.first_line_indent = Cm(1.27)
    text.paragraph_format.space_after = Pt(6)
    text.paragraph_format.line_spacing = 1.1
    cell = document.styles.add_style("Loa Cell", WD_STYLE_TYPE.PARAGRAPH)
    cell.base_style = normal
    fonts(cell, 11)
    for level, name in ((1, "Heading 1"), (2, "Heading 2")):
        heading = document.styles[name]
        fonts(heading, 14)
        heading.font.bold = True
        heading.font.italic = False
        heading.font.color.rgb = None
        color = heading.element.rPr.find(qn("w:color"))
        if color is not None:
            heading.element.rPr.remove(color)
        heading.paragraph_format.first_line_indent = Cm(1.27)
        heading.paragraph_format.space_before = Pt(6 if level == 1 else 3)
        heading.paragraph_format.space_after = Pt(6)
        heading.paragraph_format.keep_with_next = True


def fonts(style: Any, size: float) -> None:
    """Times New Roman for every script; where it is not installed, Word and LibreOffice take Tinos or Liberation."""
    style.font.name = FONT
    style.font.size = Pt(size)
    rfonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for script in ("ascii", "hAnsi", "cs", "eastAsia"):
        rfonts.set(qn(f"w:{script}"), FONT)
    for theme in ("asciiTheme", "hAnsiTheme", "cstheme", "eastAsiaTheme"):
        rfonts.attrib.pop(qn(f"w:{theme}"), None)
    language = style.element.rPr.find(qn("w:lang"))
    if language is None:
        language = OxmlElement("w:lang")
        style.element.rPr.append(language)
    for which in ("val", "eastAsia"):
        language.set(qn(f"w:{which}"), "vi-VN")


def page(section: Any, *, restart: bool = False) -> None:
    """A4 portrait; the page's number in the middle of the head from the second page on."""
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(TOP), Mm(BOTTOM)
    section.left_margin, section.right_margin = Mm(LEFT), Mm(RIGHT)
    section.header_distance, section.footer_distance = Mm(10), Mm(9)
    section.different_first_page_header_footer = True
    if restart:
        if section._sectPr.find(qn("w:pgNumType")) is None:  # a new section is a copy of the one before
            numbering = OxmlElement("w:pgNumType")
            numbering.set(qn("w:start"), "1")
            section._sectPr.find(qn("w:cols")).addprevious(numbering)
        return
    head = section.header.paragraphs[0]
    head.alignment = ALIGN.CENTER
    field(head, "PAGE", 13)
    for foot in (section.footer, section.first_page_footer):
        line = foot.paragraphs[0]
        line.alignment = ALIGN.CENTER
        run(line, "{{ marks }}", 9, italic=True)


def field(paragraph: Any, code: str, size: float) -> None:
    for kind, text in (("begin", None), (None, code), ("separate", None), ("text", "2"), ("end", None)):
        one = paragraph.add_run()
        one.font.size = Pt(size)
        if kind is None:
            element = OxmlElement("w:instrText")
            element.set(qn("xml:space"), "preserve")
            element.text = f" {text} "
        elif kind == "text":
            element = OxmlElement("w:t")
            element.text = text
        else:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        one._r.append(element)


def run(
    paragraph: Any, text: str, size: float, *, bold: bool = False, italic: bool = False, upper: bool = False
) -> Any:
    one = paragraph.add_run(text)
    one.font.size = Pt(size)
    one.bold, one.italic = bold or None, italic or None
    if upper:
        one.font.all_caps = True
    return one


def line(place: Any, text: str, size: float = 14, *, align: Any = ALIGN.CENTER, after: float = 0, **how: bool) -> Any:
    paragraph = place.add_paragraph()
    paragraph.alignment = align
    paragraph.paragraph_format.space_after = Pt(after)
    if text:
        run(paragraph, text, size, **how)
    return paragraph


def rule(place: Any, indent: float) -> None:
    """A line below a heading, shorter than it: the paragraph's upper border between two indents (millimetres)."""
    paragraph = place.add_paragraph()
    paragraph.paragraph_format.left_indent = paragraph.paragraph_format.right_indent = Mm(indent)
    paragraph.paragraph_format.line_spacing = Pt(6)
    paragraph.paragraph_format.space_before = Pt(2)
    borders = OxmlElement("w:pBdr")
    top = OxmlElement("w:top")
    for key, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "auto")):
        top.set(qn(f"w:{key}"), value)
    borders.append(top)
    paragraph._p.get_or_add_pPr().find(qn("w:spacing")).addprevious(borders)  # the schema knows one order only


def block(document: Any, widths: Sequence[float]) -> Sequence[Any]:
    """A row of cells without borders, each empty; widths in millimetres."""
    table = document.add_table(1, len(widths))
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    table.autofit = False
    grid(table, widths)
    for cell in table.rows[0].cells:
        cell._tc.remove(cell.paragraphs[0]._p)
        margins(cell, 0)  # so that the state's name stays on one line
    return table.rows[0].cells


def grid(table: Any, widths: Sequence[float]) -> None:
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for row in table.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Mm(width)


def body(document: Any) -> None:
    left, right = block(document, (66, 99))
    line(left, "{{ parent }}", 13, upper=True)
    line(left, "{{ organisation }}", 13, bold=True, upper=True)
    rule(left, 22)
    line(left, "Số: {{ number }}", 13)
    line(right, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 13, bold=True)
    line(right, "Độc lập - Tự do - Hạnh phúc", 14, bold=True)
    rule(right, 16)
    line(right, "{{ place_and_date }}", 14, italic=True)
    line(document, "", 14)
    line(document, "BÁO CÁO", 14, bold=True)
    line(document, "{{ subject }}", 14, bold=True)
    rule(document, 58)
    line(document, "", 8)
    text(document, "{{ opening }}")
    heading(document, "I. TÌNH HÌNH")
    each(document, "line", "situation")
    heading(document, "II. KẾT QUẢ")
    control(document, "for part in results")
    heading(document, "{{ part.heading }}", 2)
    each(document, "line", "part.lines")
    control(document, "for picture in part.pictures")
    figure = line(document, "{{ picture.image }}", 12, after=2)
    figure.paragraph_format.keep_with_next = True
    line(document, "{{ picture.caption }}", 12, italic=True, after=8)
    control(document, "endfor")
    control(document, "endfor")
    heading(document, "III. TỒN TẠI, HẠN CHẾ")
    each(document, "line", "shortcomings")
    heading(document, "IV. PHƯƠNG HƯỚNG, ĐỀ XUẤT, KIẾN NGHỊ")
    each(document, "line", "directions")
    text(document, "{{ closing }}")
    signature(document)


def heading(document: Any, words: str, level: int = 1) -> None:
    document.add_heading(words, level)


def text(document: Any, words: str) -> None:
    document.add_paragraph(words, style="Loa Body")


def control(document: Any, words: str) -> None:
    """A paragraph that docxtpl takes away: what stands between it and its end is repeated, or left out."""
    document.add_paragraph("{%p " + words + " %}")


def each(document: Any, name: str, names: str) -> None:
    control(document, f"for {name} in {names}")
    text(document, "{{ " + name + " }}")
    control(document, "endfor")


def signature(document: Any) -> None:
    line(document, "", 8)
    left, right = block(document, (77, 88))
    line(left, "Nơi nhận:", 12, align=ALIGN.LEFT, bold=True, italic=True)
    control(left, "for recipient in recipients")
    line(left, "{{ recipient }}", 11, align=ALIGN.LEFT)
    control(left, "endfor")
    control(right, "for words in authority")
    line(right, "{{ words }}", 14, bold=True, upper=True)
    control(right, "endfor")
    for _ in range(5):
        line(right, "", 14)
    line(right, "{{ signer }}", 14, bold=True)
    row = right._tc.getparent()
    whole = OxmlElement("w:cantSplit")
    row.get_or_add_trPr().append(whole)


def appendix(document: Any, number: str, title: str, rows: str) -> None:
    section(document)
    head(document, number, title)
    heads = (
        "TT", "Địa bàn", "Tổng lượt", "Không gửi", "Cần gửi", "Nhà mạng xác nhận", "Không gửi được", "Quá hạn",
        "Chưa có kết quả", "Tỷ lệ",
    )  # fmt: skip
    fields = ("place", "name", "targeted", "left_out", "to_send", "delivered", "failed", "expired", "waiting", "rate")
    widths = (9, 39, 15, 14, 15, 16, 14, 13, 15, 15)
    table(document, heads, fields, widths, rows, words=2, total=f"{rows}_total")
    line(document, "{{ units }}", 11, align=ALIGN.JUSTIFY, italic=True)


def beside(document: Any) -> None:
    """The further appendices, each there only where it has a row: their breaks stand inside the conditions."""
    optional(
        document, "activities", "HOẠT ĐỘNG TRUYỀN THÔNG TRỰC TIẾP THEO HUYỆN (CŨ)",
        ("Địa bàn", "Hoạt động", "Đơn vị tính", "Kế hoạch", "Thực hiện", "Đạt"),
        ("name", "kind", "measure", "planned", "done", "rate"), (42, 46, 26, 18, 18, 15), words=3,
    )  # fmt: skip
    optional(
        document, "posts", "BÀI ĐĂNG TRÊN CÁC TRANG THEO HUYỆN (CŨ)",
        ("Địa bàn của trang", "Số bài", "Đã đăng", "Người xem", "Cảm xúc", "Bình luận", "Chia sẻ"),
        ("name", "posts", "published", "reach", "reactions", "comments", "shares"), (54, 16, 18, 21, 18, 19, 19),
        words=1, total="posts_total",
    )  # fmt: skip
    optional(
        document, "broadcasts", "PHÁT LOA TRUYỀN THANH THEO HUYỆN (CŨ)",
        ("Địa bàn", "Lượt nhờ phát", "Đã báo phát", "Lượt phát", "Phút phát", "Xã được nhờ", "Xã đã phát"),
        ("name", "planned", "confirmed", "times", "minutes", "communes_planned", "communes"),
        (54, 18, 19, 18, 18, 19, 19), words=1, total="broadcasts_total",
    )  # fmt: skip
    optional(
        document, "measures", "MỘT SỐ CHỈ SỐ CHUNG CỦA TIN NHẮN",
        ("Chỉ số", "Giá trị", "Cách tính"), ("name", "value", "note"), (48, 42, 75), words=1, justified="note",
    )  # fmt: skip


def optional(
    document: Any, rows: str, title: str, heads: Sequence[str], fields: Sequence[str], widths: Sequence[float], *,
    words: int, total: str | None = None, justified: str = "",
) -> None:  # fmt: skip
    control(document, f"if {rows}")
    section(document)
    head(document, "{{ " + rows + "_number }}", title)
    table(document, heads, fields, widths, rows, words=words, total=total, justified=justified)
    control(document, "endif")


def section(document: Any) -> None:
    """A section of its own, whose pages are numbered from 1 again, as the decree has it for each appendix."""
    page(document.add_section(WD_SECTION.NEW_PAGE), restart=True)


def head(document: Any, number: str, title: str) -> None:
    line(document, f"Phụ lục {number}", 14, bold=True)
    line(document, title, 14, bold=True)
    line(document, "(Kèm theo Báo cáo số {{ number }} {{ dated }} của {{ organisation }})", 14, italic=True, after=8)


def table(
    document: Any, heads: Sequence[str], fields: Sequence[str], widths: Sequence[float], rows: str, *,
    words: int, total: str | None, justified: str = "",
) -> None:  # fmt: skip
    made = document.add_table(4 + (total is not None), len(heads))
    made.style = "Table Grid"
    made.alignment = WD_TABLE_ALIGNMENT.CENTER
    made.autofit = False
    for cell, word in zip(made.rows[0].cells, heads, strict=True):
        fill(cell, word, ALIGN.CENTER, bold=True)
    repeated = OxmlElement("w:tblHeader")
    made.rows[0]._tr.get_or_add_trPr().append(repeated)
    made.rows[1].cells[0].paragraphs[0].add_run("{%tr for row in " + rows + " %}")
    for place, (cell, name) in enumerate(zip(made.rows[2].cells, fields, strict=True)):
        how = ALIGN.CENTER if name == "place" else ALIGN.LEFT if place < words or name == justified else ALIGN.RIGHT
        fill(cell, "{{ row." + name + " }}", how)
    made.rows[3].cells[0].paragraphs[0].add_run("{%tr endfor %}")
    if total is not None:
        for place, (cell, name) in enumerate(zip(made.rows[4].cells, fields, strict=True)):
            fill(cell, "{{ " + total + "." + name + " }}", ALIGN.LEFT if place < words else ALIGN.RIGHT, bold=True)
    for row in made.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    grid(made, widths)
    for cell in (cell for row in made.rows for cell in row.cells):
        margins(cell)
        cell.paragraphs[0].style = "Loa Cell"  # also where a figure is missing, or the line would be taller


def margins(cell: Any, twentieths: int = 57) -> None:
    """Narrow cells: a millimetre (in twentieths of a point) on each side instead of two."""
    around = OxmlElement("w:tcMar")
    for side in ("left", "right"):
        element = OxmlElement(f"w:{side}")
        element.set(qn("w:w"), str(twentieths))
        element.set(qn("w:type"), "dxa")
        around.append(element)
    cell._tc.get_or_add_tcPr().append(around)


def fill(cell: Any, words: str, align: Any, *, bold: bool = False) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.alignment = align
    run(paragraph, words, 11, bold=bold)


if __name__ == "__main__":
    main()
