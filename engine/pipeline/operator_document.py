"""The file an operator gets: three columns, nothing that says why somebody is in it; whole, or not there at all.

CSV is UTF-8 with a BOM, so that Excel here shows Vietnamese; in XLSX every cell is text, so that no number loses its 0.
"""

import contextlib
import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from engine.channels.file_sender import FileSender
from engine.errors import LoaError, reason_of


def number_as(e164: str, form: str) -> str:
    """A number as the operator wants it: ``84…``, ``0…`` or ``+84…``."""
    return form + e164.removeprefix("+84")


@contextlib.contextmanager
def complete(path: Path) -> Iterator[Path]:
    """A place to write beside ``path``; at the end of the block it is on the disk, whole, under its name.

    Only its owner can read it. Raises ``LoaError`` (``operator.cannot-write``) when the disk refuses, and leaves
    nothing behind then.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in path.parent.glob(f".{path.name}.*.new"):  # by whoever was killed at it
            left.unlink(missing_ok=True)
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield beside
        with beside.open("rb+") as opened:
            os.fsync(opened.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise LoaError("operator.cannot-write", file=path.name, reason=reason_of(error)) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write(path: Path, config: FileSender, rows: Iterable[Sequence[str]]) -> None:
    """Write (id, number, text) rows below the header into ``path``, which is there and empty.

    Raises ``OSError``, or ``LoaError`` as ``check_format`` does.
    """
    header = [config.columns.id, config.columns.number, config.columns.text]
    (_write_xlsx if config.format == "xlsx" else _write_csv)(path, header, rows)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(header)
        for key, number, text in rows:
            writer.writerow([key, number, text])  # the approved words as they are, whatever Excel makes of them


def _write_xlsx(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    check_format("xlsx")
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import XlsxWriterException

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "tmpdir": path.parent}
    book = Workbook(str(path), options)
    sheet = book.add_worksheet()
    for place, cells in enumerate(chain([header], rows)):
        for column, cell in enumerate(cells):
            sheet.write_string(place, column, cell)
    try:
        book.close()
    except XlsxWriterException as error:
        raise OSError(str(error)) from error


def check_format(name: str) -> None:
    """Raise ``LoaError`` (``operator.no-xlsx``) where a list cannot be written in this format here."""
    if name == "xlsx" and find_spec("xlsxwriter") is None:
        raise LoaError("operator.no-xlsx")


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
