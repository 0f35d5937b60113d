"""A report as an Excel workbook: real numbers, heads that stay, filters, and never a formula."""

import io
from collections.abc import Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any

from engine.i18n import sentence
from engine.reports.sheets import Cell, Column, Kind, Sheet, written

_WIDEST = 48  # characters; a longer name is folded
_LINE = 16  # points that a line of a head takes
# What a file of ours never contains, whatever a name says. Numbers in words stay words: "06541" is a code.
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_FORMATS: dict[Kind, str] = {
    "word": "@",
    "code": "@",
    "count": "#,##0",
    "money": "#,##0",
    "share": "0.0%",
    "part": "#,##0.0",
}


def xlsx(sheets: Sequence[Sheet], as_of: datetime) -> bytes:
    """The workbook: one worksheet a sheet, and one that says what the figures mean.

    Thousands and decimals are written as the reader's own Excel writes them. ``as_of`` stands in the file's properties,
    so that the same figures make the same bytes.
    """
    import xlsxwriter

    opened = io.BytesIO()
    book = xlsxwriter.Workbook(opened, _OPTIONS)
    book.set_properties({"title": sheets[0].title, "created": as_of.replace(tzinfo=None), "author": ""})
    formats = _Formats(book)
    for sheet in sheets:
        _write(book.add_worksheet(sentence(f"forms.sheet-{sheet.key.partition('-')[0]}")[:31]), sheet, formats)
    notes = book.add_worksheet(sentence("forms.sheet-notes"))
    notes.set_column(0, 0, 110)
    said = [line for sheet in sheets for line in (sheet.title, *sheet.notes)]
    for row, line in enumerate(dict.fromkeys(said)):
        notes.write_string(row, 0, line, formats.folded)
    book.close()
    return opened.getvalue()


class _Formats:
    """The cell formats of one workbook."""

    def __init__(self, book: Any) -> None:
        font = {"font_name": "Times New Roman", "font_size": 11}
        self.head = book.add_format(
            font
            | {"bold": True, "text_wrap": True, "valign": "vcenter", "align": "center", "border": 1}
            | {"bg_color": "#DBE9F6"}
        )
        self.folded = book.add_format(font | {"text_wrap": True, "valign": "top"})
        self.plain = {kind: book.add_format(font | {"num_format": how, "border": 1}) for kind, how in _FORMATS.items()}
        self.total = {
            kind: book.add_format(font | {"num_format": how, "border": 1, "bold": True, "top": 2})
            for kind, how in _FORMATS.items()
        }


def _write(worksheet: Any, sheet: Sheet, formats: _Formats) -> None:
    lines = 1
    for place, column in enumerate(sheet.columns):
        width = _width(sheet, place, column)
        worksheet.write_string(0, place, column.head, formats.head)
        worksheet.set_column(place, place, width)
        lines = max(lines, len(wrap(column.head, int(width) - 2)))  # bold, and beside the filter's arrow
    worksheet.set_row(0, lines * _LINE)  # LibreOffice gives a folded head no room by itself
    for number, row in enumerate(sheet.rows, 1):
        _line(worksheet, number, row, sheet.columns, formats.plain)
    words = sum(column.kind in ("word", "code") for column in sheet.columns)
    worksheet.freeze_panes(1, words)
    if sheet.rows:
        worksheet.autofilter(0, 0, len(sheet.rows), len(sheet.columns) - 1)
    if sheet.total is not None:  # below the filter's range: sorting and filtering leave it where it is
        _line(worksheet, len(sheet.rows) + 1, sheet.total, sheet.columns, formats.total)
    worksheet.set_landscape()
    worksheet.set_paper(9)  # A4
    worksheet.fit_to_pages(1, 0)
    worksheet.repeat_rows(0)
    worksheet.set_header("&C" + sheet.title.replace("&", "&&")[:200])
    worksheet.set_footer("&C&P/&N")


def _line(worksheet: Any, row: int, cells: Sequence[Cell], columns: Sequence[Column], formats: dict[Kind, Any]) -> None:
    for place, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        how = formats[column.kind]
        if cell is None:
            worksheet.write_blank(row, place, None, how)
        elif isinstance(cell, str):
            worksheet.write_string(row, place, cell, how)
        else:
            worksheet.write_number(row, place, cell, how)


def _width(sheet: Sheet, place: int, column: Column) -> float:
    lines = [*sheet.rows, *([sheet.total] if sheet.total else [])]
    longest = max((len(written(line[place], column.kind)) for line in lines), default=0)
    word = max(len(part) for part in column.head.split())
    return min(max(longest, word + 3, 7) + 2, _WIDEST)
