"""A file of phone numbers and nothing else we need: a table with a column for them, or a number on each line.

For the Do-Not-Call list, which comes as a workbook, as CSV, or as plain lines, with and without a header.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.errors import LoaError
from engine.pipeline.contact_file import ListFile, open_list, survey
from engine.pipeline.contact_workbook import first_sheet, is_workbook

_SEPARATORS = str.maketrans({";": ",", "\t": ",", "|": ","})
_FEWEST_DIGITS = 7  # fewer make no number of a telephone: a running number, a province's code


class Listed(NamedTuple):
    """What a row says where its number should stand."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class NumberList:
    """A list that can be read. ``digest`` is the SHA-256 of the file's bytes."""

    digest: str
    _rows: Callable[[], Iterator[Listed]] = field(repr=False)

    def numbers(self) -> Iterator[Listed]:
        """Every row with something in it, in the order of the file."""
        return self._rows()


def open_numbers(path: Path) -> NumberList:
    """Look into a file. Raises ``LoaError`` as ``contact_file.open_list`` does, but needs no header."""
    try:
        listed = open_list(path)
    except LoaError as error:
        if error.code != "no-header":
            raise
        return _without_header(path)
    return NumberList(listed.digest, lambda: _of_column(listed))


def _of_column(listed: ListFile) -> Iterator[Listed]:
    place = listed.columns.places["phone"]
    for row in listed.rows():
        text = row.cells[place].strip() if place < len(row.cells) else ""
        if text:
            yield Listed(row.number, text)


def _without_header(path: Path) -> NumberList:
    if is_workbook(path):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return NumberList(digest, lambda: _first_numbers(enumerate(first_sheet(path), 1)))
    encoding, digest = survey(path)

    def rows() -> Iterator[Listed]:
        with path.open("rb") as raw, io.TextIOWrapper(raw, encoding, newline="") as opened:
            lines = (line.lstrip("\ufeff").translate(_SEPARATORS) for line in opened)
            yield from _first_numbers(enumerate(csv.reader(lines), 1))

    return NumberList(digest, rows)


def _first_numbers(rows: Iterator[tuple[int, Sequence[str]]]) -> Iterator[Listed]:
    """Of each row the first cell with the digits of a telephone number; titles above the first such row are passed."""
    begun = False
    for number, cells in rows:
        written = [cell.strip() for cell in cells if cell.strip()]
        found = next((cell for cell in written if sum(map(str.isdigit, cell)) >= _FEWEST_DIGITS), None)
        begun |= found is not None
        if found is not None:
            yield Listed(number, found)
        elif begun and written:
            yield Listed(number, written[0])
