"""A contact list in an Excel workbook, read by calamine (16 times as fast as openpyxl, but all in memory)."""

import datetime
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from engine.errors import LoaError
from engine.i18n import number
from engine.pipeline.contact_columns import HEADER_ROWS, Columns, FindHeader, find_header

MOST_ROWS = 200_000  # about 250 MB while it is read
_MOST_BYTES = 1 << 30  # unpacked: a small archive can hold a flood
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class Workbook:
    """The one sheet of a workbook that is a contact list."""

    header_row: int
    columns: Columns
    height: int
    _sheet: CalamineSheet = field(repr=False)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row from the first, cells as text, numbered as Excel shows them."""
        for place, cells in enumerate(self._sheet.iter_rows(), 1):
            yield place, [_text(cell) for cell in cells]


def is_workbook(path: Path) -> bool:
    """Whether the file's first bytes are those of a workbook, whatever its name says."""
    with path.open("rb") as opened:
        return opened.read(8).startswith((_ZIP, _OLE))


def read_workbook(path: Path, find: FindHeader = find_header) -> Workbook:
    """Open the one sheet in whose first rows ``find`` sees a header; hidden sheets are left alone.

    Raises ``LoaError``: ``bad-workbook``, ``password``, ``too-many-rows``, ``no-header``, ``several-sheets``,
    ``column-twice``.
    """
    try:
        _refuse_flood(path)
        book = CalamineWorkbook.from_path(path)
        found: list[tuple[str, Workbook]] = []
        for about in book.sheets_metadata:
            if str(about.visible) != "SheetVisibleEnum.Visible" or str(about.typ) != "SheetTypeEnum.WorkSheet":
                continue
            sheet = book.get_sheet_by_name(about.name)
            if sheet.end is None:
                continue
            height = sheet.end[0] + 1
            if height > MOST_ROWS:
                raise LoaError("contacts.too-many-rows", limit=number(MOST_ROWS))
            header = find(
                (place, [_text(cell) for cell in cells])
                for place, cells in zip(range(1, HEADER_ROWS + 1), sheet.iter_rows(), strict=False)
            )
            if header:
                found.append((about.name, Workbook(*header, height, sheet)))
    except PasswordError:
        raise LoaError("contacts.password") from None
    except (CalamineError, zipfile.BadZipFile):
        raise LoaError("contacts.bad-workbook") from None
    if not found:
        raise LoaError("contacts.no-header", rows=HEADER_ROWS)
    if len(found) > 1:
        raise LoaError("contacts.several-sheets", sheets=", ".join(name for name, _ in found))
    return found[0][1]


def first_sheet(path: Path) -> Iterator[list[str]]:
    """Every row of the first sheet that is shown, cells as text. Raises ``LoaError`` as ``read_workbook`` does."""
    try:
        _refuse_flood(path)
        book = CalamineWorkbook.from_path(path)
        shown = [
            about.name
            for about in book.sheets_metadata
            if str(about.visible) == "SheetVisibleEnum.Visible" and str(about.typ) == "SheetTypeEnum.WorkSheet"
        ]
        if not shown:
            raise LoaError("contacts.empty-file")
        for cells in book.get_sheet_by_name(shown[0]).iter_rows():
            yield [_text(cell) for cell in cells]
    except PasswordError:
        raise LoaError("contacts.password") from None
    except (CalamineError, zipfile.BadZipFile):
        raise LoaError("contacts.bad-workbook") from None


def _refuse_flood(path: Path) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            if sum(part.file_size for part in packed.infolist()) > _MOST_BYTES:
                raise LoaError("contacts.too-many-rows", limit=number(MOST_ROWS))


def _text(cell: Any) -> str:
    """A cell as the text a person would have typed: no ``.0`` on whole numbers, ISO dates."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)
