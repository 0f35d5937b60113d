"""A contact list as a file: CSV in whatever encoding and separator, or a workbook.

Rows are numbered as Excel shows them, from 1 with titles and header counted. A CSV is read in pieces, whatever
its size; a workbook is held in memory, so a long one is refused with the advice to save it as CSV.
"""

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from engine.errors import LoaError, reason_of
from engine.pipeline.contact_columns import HEADER_ROWS, Columns, FindHeader, find_header
from engine.pipeline.contact_workbook import is_workbook, read_workbook
from engine.text.encodings import UTF8_SIGNS, utf_16

_SEPARATORS = (",", ";", "\t")
_PIECE = 1 << 20
csv.field_size_limit(131_072)


class Row(NamedTuple):
    """One row below the header. ``swallowed``: a quote left open has drawn following rows into this one."""

    number: int
    cells: list[str]
    swallowed: bool = False


@dataclass(slots=True)
class ListFile:
    """A list that can be read several times. ``digest`` is the SHA-256 of the file's bytes.

    ``read`` gives the fraction of the file read so far, for a progress bar.
    """

    path: Path
    digest: str
    separator: str
    header_row: int
    columns: Columns
    _open: Callable[[Callable[[float], None]], Iterator[Row]] = field(repr=False)

    def rows(self, read: Callable[[float], None] = lambda fraction: None) -> Iterator[Row]:
        """Every row below the header, empty ones too. Raises ``LoaError`` when the file breaks off."""
        return islice(self._open(read), self.header_row, None)


def open_list(path: Path, find: FindHeader = find_header) -> ListFile:
    """Look into a file: encoding, separator, header. Reads it once through for its digest.

    ``find`` knows the header of another kind of list than a commune's.

    Raises ``LoaError``: ``folder``, ``no-file``, ``cannot-read``, ``empty-file``, ``not-a-table``, ``encoding``,
    ``damaged-unicode``, ``no-header``, ``column-twice``, and those of ``contact_workbook``.
    """
    if path.is_dir():  # some systems say only that permission is lacking
        raise LoaError("contacts.folder", file=path)
    try:
        if is_workbook(path):
            return _open_workbook(path, find)
        return _open_csv(path, find)
    except FileNotFoundError:
        raise LoaError("contacts.no-file", file=path) from None
    except OSError as error:
        raise LoaError("contacts.cannot-read", file=path, reason=reason_of(error)) from None


def _open_workbook(path: Path, find: FindHeader) -> ListFile:
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    book = read_workbook(path, find)

    def rows(read: Callable[[float], None]) -> Iterator[Row]:
        for number, cells in book.rows():
            if number % 1000 == 0:
                read(number / book.height)
            yield Row(number, cells)

    return ListFile(path, digest.hexdigest(), ",", book.header_row, book.columns, rows)


def _open_csv(path: Path, find: FindHeader) -> ListFile:
    encoding, digest = survey(path)
    directive = _separator_directive(path, encoding)
    best: tuple[int, Columns, str] | None = None
    fault: LoaError | None = None
    for separator in [directive] if directive else _SEPARATORS:
        first = islice(_csv_rows(path, encoding, separator, bool(directive), 0), HEADER_ROWS)
        try:
            found = find((row.number, row.cells) for row in first)
        except LoaError as error:
            fault = fault or error
            continue
        # The right separator is the one that shows most columns; a wrong one shows one long cell.
        if found and (best is None or len(found[1].places) > len(best[1].places)):
            best = (*found, separator)
    if best is None:
        raise fault or LoaError("contacts.no-header", rows=HEADER_ROWS)
    header_row, columns, separator = best
    width = len(columns.header)

    def rows(read: Callable[[float], None]) -> Iterator[Row]:
        return _csv_rows(path, encoding, separator, bool(directive), width, read)

    return ListFile(path, digest, separator, header_row, columns, rows)


def survey(path: Path) -> tuple[str, str]:
    """(encoding, SHA-256) of a text file, from all of its bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        start = opened.read(4096)
        if not start.strip():
            raise LoaError("contacts.empty-file")
        encoding = utf_16(start) or "utf-8-sig"
        opened.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        is_unicode, nul, utf8_signs = True, False, False
        while piece := opened.read(_PIECE):
            digest.update(piece)
            if encoding == "utf-8-sig":
                nul = nul or b"\0" in piece
                utf8_signs = utf8_signs or any(sign in piece for sign in UTF8_SIGNS)
            is_unicode = is_unicode and _decodes(decoder, piece)
        is_unicode = is_unicode and _decodes(decoder, b"", final=True)
    if nul:
        raise LoaError("contacts.not-a-table")
    if is_unicode:
        return encoding, digest.hexdigest()
    if encoding != "utf-8-sig" or start.startswith(codecs.BOM_UTF8) or utf8_signs:
        raise LoaError("contacts.damaged-unicode")
    with path.open("rb") as opened:
        decoder = codecs.getincrementaldecoder("cp1258")()
        while piece := opened.read(_PIECE):
            if not _decodes(decoder, piece):
                raise LoaError("contacts.encoding")
    return "cp1258", digest.hexdigest()


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def _separator_directive(path: Path, encoding: str) -> str | None:
    """The separator that Excel's own first line ``sep=;`` names."""
    with path.open(encoding=encoding) as opened:
        first = opened.readline(16).strip("\ufeff\r\n\"' ")
    return first[4] if len(first) == 5 and first.lower().startswith("sep=") else None


def _csv_rows(
    path: Path,
    encoding: str,
    separator: str,
    directive: bool,
    width: int,
    read: Callable[[float], None] = lambda fraction: None,
) -> Iterator[Row]:
    """Every row of a CSV from the first, cells as they stand. ``width`` is the header's number of columns."""
    size = path.stat().st_size or 1
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding, newline="") as opened:
        reader = csv.reader(opened, delimiter=separator)
        number = line = 0
        try:
            if directive:
                next(reader)
                line = reader.line_num
            for cells in reader:
                number += 1
                if number % 1000 == 0:
                    read(raw.tell() / size)
                swallowed = reader.line_num - line > 1 and _swallowed(cells, separator, width)
                line = reader.line_num
                yield Row(number, cells, swallowed)
        except csv.Error:
            raise LoaError("contacts.open-quote", row=number + 1) from None


def _swallowed(cells: list[str], separator: str, width: int) -> bool:
    """Whether a cell of several lines holds what are rows of their own: a quote was never closed."""
    return width > 1 and any(
        line.count(separator) >= width - 1 for cell in cells if "\n" in cell for line in cell.split("\n")
    )
