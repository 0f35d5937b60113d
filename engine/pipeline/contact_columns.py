"""Which column of a commune's list holds what: recognised by its header, in Vietnamese or English.

Headers are compared without accents, case, dots, stars and what stands in brackets, so that "Số ĐT (*)" and
"SO DT" are one. A column that is not recognised is never read into anything that is stored.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.areas.written import AREA_HEADERS
from engine.errors import LoaError
from engine.text.accents import fold

HEADER_ROWS = 15  # titles of the agency, the list and the date stand above the header

_WORDS = {
    "phone": (
        "sdt, dt, so dt, dien thoai, so dien thoai, so dien thoai di dong, dien thoai di dong, di dong, so di dong,"
        " dtdd, sdt di dong, so dtdd, so may, so thue bao, thue bao, phone, phone number, mobile, mobile phone, tel,"
        " telephone"
    ),
    "email": (
        "email, e/mail, mail, dia chi email, dia chi e/mail, hop thu, hop thu dien tu, thu dien tu,"
        " dia chi thu dien tu, email address, e/mail address"
    ),
    "name": "ho va ten, ho ten, ho & ten, ten, hoten, ten nguoi nhan, name, full name",
    **AREA_HEADERS,
    "groups": "nhom, nhom doi tuong, ten nhom, groups, group",
    "language": "ngon ngu, tieng, language",
    "consent": "dong y, dong y nhan tin, consent",
    "synthetic": "synthetic",
}
_FIELDS = {word.strip(): field for field, words in _WORDS.items() for word in words.split(",")}
# Read only where no column names the commune: a code without its era says nothing.
_COMMUNE_CODES = frozenset({"ma xa", "ma xa/phuong", "ma phuong", "commune code"})
# The column this program adds to rejected rows; dropped when such a file comes back mended.
REASON_HEADERS = {"vi": "Lý do chưa nhập", "en": "Why not imported"}
_REASONS = frozenset(map(fold, REASON_HEADERS.values()))


@dataclass(frozen=True, slots=True)
class Columns:
    """A recognised header. ``places`` is field → column; ``reason`` the column of an earlier import's reasons."""

    header: tuple[str, ...]
    places: dict[str, int]
    reason: int | None = None

    def title(self, field: str) -> str:
        """The header of a field as the file has it; the field's own name where the file lacks it."""
        place = self.places.get(field)
        return field if place is None else self.header[place].strip()


# From the first rows of a file to the header and its row number; None: there is none.
FindHeader: TypeAlias = Callable[[Iterable[tuple[int, Sequence[str]]]], tuple[int, Columns] | None]


def field_of(header: str) -> str | None:
    """The field a header names; None for a column that is not for us."""
    return _FIELDS.get(_shape(header))


def read_header(cells: Sequence[str]) -> Columns | None:
    """The columns of a row, if it is a header: one that has a column for the phone.

    Raises ``LoaError`` (``contacts.column-twice``) when two columns say they hold the same.
    """
    places: dict[str, int] = {}
    codes = reason = None
    for place, cell in enumerate(cells):
        shape = _shape(cell)
        field = _FIELDS.get(shape)
        if shape in _COMMUNE_CODES:
            codes = place
        elif shape in _REASONS:
            reason = place
        elif field in places:
            if "phone" in map(field_of, cells):
                first = cells[places[field]].strip()
                raise LoaError("contacts.column-twice", first=first, second=cell.strip())
        elif field is not None:
            places[field] = place
    if "phone" not in places:
        return None
    if codes is not None:
        places.setdefault("commune", codes)
    return Columns(tuple(cells), places, reason)


def find_header(rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[int, Columns] | None:
    """The header and its row number, among the first rows of a file."""
    for number, cells in rows:
        if number > HEADER_ROWS:
            break
        columns = read_header(cells)
        if columns is not None:
            return number, columns
    return None


def _shape(header: str) -> str:
    plain = re.sub(r"\(.*?\)|[.*:]", "", fold(header))
    return re.sub(r"\s*[/,-]\s*", "/", plain).strip()
