"""A small table an officer keeps as CSV: its encoding, its separator, its records, and the place of every cell.

Everything is held in memory (a file of activities has some hundred rows); the lists of a million people are read by
``engine.pipeline.contact_file``.
"""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from engine.content.yamlfile import Place
from engine.errors import LoaError
from engine.text.encodings import decode_table

SEPARATORS = (",", ";", "\t")
HEADER_ROWS = 15  # titles of the agency, the table and the date stand above the header


class Record(NamedTuple):
    """A row: the line it begins on, from 1 (of a workbook: its row), and its cells in NFC without blanks around."""

    line: int
    cells: list[str]
    swallowed: bool = False  # a quote left open has drawn following rows into this one


@dataclass(frozen=True, slots=True)
class TableText:
    """A decoded table. ``lines`` keep their ends; ``first`` is the number of the first one behind ``sep=;``."""

    lines: tuple[str, ...]
    encoding: str
    separator: str
    first: int = 1

    def records(self) -> Iterator[Record]:
        """Every record from the first. Raises ``LoaError`` (``activities.open-quote``) where a quote has no end."""
        lines = self.lines[self.first - 1 :]
        reader = csv.reader(lines, delimiter=self.separator)
        line = self.first
        normalize = unicodedata.normalize
        try:
            for cells in reader:
                # Windows-1258 and macOS write tones apart.
                yield Record(line, [normalize("NFC", cell).strip() for cell in cells])
                line = self.first + reader.line_num
        except csv.Error:
            raise LoaError("activities.open-quote", line=line) from None

    def place(self, line: int, cell: int) -> Place:
        """Where a cell of the record on ``line`` begins; where its last cell does if it has fewer."""
        last, found, quoted = Place(line, 1), 0, False
        if cell == 0:
            return last
        for number in range(line, len(self.lines) + 1):
            text, begun = self.lines[number - 1], number > line
            for column, letter in enumerate(text.rstrip("\r\n"), 1):
                if letter == '"' and (quoted or begun or column == last.column):
                    quoted = not quoted
                elif letter == self.separator and not quoted:
                    found, last, begun = found + 1, Place(number, column + 1), False
                    if found == cell:
                        return last
            if not quoted:
                break
        return last


def read_table(data: bytes, columns_in: Callable[[Sequence[Record]], int]) -> TableText:
    """Decode a table and find its separator: the one with which ``columns_in`` sees most columns in the first rows.

    Raises ``LoaError`` for what is no text (see ``decode_table``) and what the records raise.
    """
    text, encoding = decode_table(data)
    lines = tuple(io.StringIO(text, newline=""))
    named = lines[0].strip("\r\n\"' ").lower() if lines else ""
    if len(named) == 5 and named.startswith("sep="):  # Excel's own first line
        return TableText(lines, encoding, named[4], 2)
    tables = [TableText(lines, encoding, separator) for separator in SEPARATORS]
    return max(tables, key=lambda table: columns_in(list(islice(table.records(), HEADER_ROWS))))
