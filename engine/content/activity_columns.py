"""Which column of a table of activities holds what, recognised by its header, in Vietnamese or English.

A count's column names a measure and a side: "Cuộc (KH)", "Thực hiện - người", "Số tờ" (without a side: done). Two
rows of header are one where "Kế hoạch" stands over "cuộc, người". A table may also have one measure a row, named in
"Đơn vị tính", beside bare "Kế hoạch" and "Thực hiện". Notes are read only to tell two rows apart and go nowhere.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from engine.areas.written import AREA_HEADERS
from engine.content.activity_kinds import measure_label, measure_named, shape
from engine.content.table_text import HEADER_ROWS, Record
from engine.i18n import sentence

Side = Literal["planned", "done"]
_WORDS: Final = {
    "kind": "hoat dong, loai hoat dong, hinh thuc, ten hoat dong, noi dung hoat dong, kind, activity, activity kind",
    **{name: words.replace("/", " ") for name, words in AREA_HEADERS.items()},
    "start": "ngay, ngay thuc hien, thoi gian, thoi gian thuc hien, tu ngay, ngay bat dau, date, day, start",
    "end": "den ngay, ngay ket thuc, until, end",
    "unit": (
        "don vi, don vi thuc hien, don vi chu tri, co quan, co quan thuc hien, luc luong, luc luong thuc hien, unit,"
        " implementing unit"
    ),
    "measure": "don vi tinh, dvt, measure, unit of measure",
    "campaign": "chien dich, ma chien dich, campaign",
}
_FIELDS: Final = {word.strip(): name for name, words in _WORDS.items() for word in words.split(",")}
_NOTES: Final = frozenset({"ghi chu", "noi dung", "chuyen de", "doi tuong", "chu de", "note", "notes", "topic"})
_NOT_READ: Final = frozenset(
    {"", "stt", "tt", "so tt", "no", "ty le", "ti le", "%", "ty le %", "dat %", "% dat", "ket qua %", "rate"}
    | {"ly do chua nhap", "why not imported"}
)
# Whoever keeps people in a table of activities keeps them where the whole office, and its backup, reads them.
_PERSONAL: Final = re.compile(
    r"\b(?:ho ten|ho va ten|sdt|so dt|dien thoai|di dong|cccd|cmnd|can cuoc|ngay sinh|nam sinh|dan toc|phone"
    r"|full name|email)\b"
)
_SIDES: Final[tuple[tuple[re.Pattern[str], Side], ...]] = (
    (re.compile(r"\b(?:ke hoach|kh|du kien|chi tieu|planned|plan|target)\b"), "planned"),
    (re.compile(r"\b(?:ket qua thuc hien|da thuc hien|thuc hien|ket qua|thuc te|th|dat|done|actual)\b"), "done"),
)
_FILLING: Final = re.compile(r"\b(?:so luong|tong so|tong|so|luong|of|number)\b")
_BRACKETS: Final = re.compile(r"[()\[\]*]")
SUMMARIES: Final = frozenset({"tong", "cong", "tong cong", "tong so", "total"})


class CountColumn(NamedTuple):
    """A column of counts; without ``measure`` the row names it."""

    place: int
    measure: str | None
    side: Side


@dataclass(frozen=True, slots=True)
class Columns:
    """A recognised header. ``height`` is 1 or 2 rows; ``line`` that on which it begins."""

    line: int
    height: int
    header: tuple[str, ...]
    fields: dict[str, int]
    counts: tuple[CountColumn, ...]
    notes: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    personal: tuple[int, ...] = ()
    twice: tuple[tuple[int, int], ...] = ()
    line_of: dict[int, int] = field(default_factory=dict)  # of columns whose words stand in the second row

    @property
    def known(self) -> int:
        """How many columns mean something: what tells the right separator from the wrong ones."""
        return len(self.fields) + len(self.counts)

    @property
    def last_line(self) -> int:
        """The line on which the header's last row begins."""
        return max([self.line, *self.line_of.values()])


def find_columns(rows: Sequence[Record]) -> Columns | None:
    """The header among the first rows of a table: the first that names the kind of activity and something else."""
    for place, row in enumerate(rows[:HEADER_ROWS]):
        if "kind" not in map(_field, row.cells):
            continue
        single = _columns(row.line, row.cells, 1, {})
        following = rows[place + 1] if place + 1 < len(rows) else None
        if following is not None and (joined := _joined(row, following)) is not None:
            double = _columns(row.line, *joined)
            if double.known > single.known:
                return double
        if single.known > 1:
            return single
    return None


def column_title(measure: str, side: Side) -> str:
    """The header that this program gives a column of counts; it reads it again as the same, in both languages."""
    return f"{measure_label(measure)} ({side_label(side)})"


def side_label(side: Side) -> str:
    """A side in the reader's language: planned or done."""
    return sentence(f"activities.side-{side}")


def count_column(header: str) -> tuple[str | None, Side] | None:
    """(measure, side) of a header, the measure None where it names only a side; None when it is no count."""
    words, side = _words_of(header), None
    for pattern, named in _SIDES:
        words, found = pattern.subn(" ", words)
        side = named if found and side is None else side
    rest = shape(_FILLING.sub(" ", words))
    if not rest:
        return (None, side or "done") if side or words.strip() else None
    measure = measure_named(shape(words)) or measure_named(rest)
    return (measure, side or "done") if measure else None


def _field(header: str) -> str | None:
    return _FIELDS.get(_words_of(header))


def _words_of(header: str) -> str:
    return shape(_BRACKETS.sub(" ", header))


def _columns(line: int, header: Sequence[str], height: int, line_of: dict[int, int]) -> Columns:
    fields: dict[str, int] = {}
    counts: dict[tuple[str | None, Side], CountColumn] = {}
    notes, unknown, personal, twice = [], [], [], []
    for place, cell in enumerate(header):
        words = _words_of(cell)
        name = _FIELDS.get(words)
        if name is not None:
            if name in fields:
                twice.append((fields[name], place))
            fields.setdefault(name, place)
        elif words in _NOTES:
            notes.append(place)
        elif words in _NOT_READ:
            continue
        elif count := count_column(cell):
            if count in counts:
                twice.append((counts[count].place, place))
            counts.setdefault(count, CountColumn(place, *count))
        elif _PERSONAL.search(words):
            personal.append(place)
        else:
            unknown.append(place)
    return Columns(
        line, height, tuple(header), fields, tuple(counts.values()), tuple(notes), tuple(unknown), tuple(personal),
        tuple(twice), line_of,
    )  # fmt: skip


def _joined(upper: Record, lower: Record) -> tuple[list[str], int, dict[int, int]] | None:
    """Two rows of header as one: "Kế hoạch" over "cuộc" and "người" (a merged cell leaves blanks behind it)."""
    width = max(len(upper.cells), len(lower.cells))
    above = [*upper.cells, *[""] * (width - len(upper.cells))]
    below = [*lower.cells, *[""] * (width - len(lower.cells))]
    kind = next(place for place, cell in enumerate(above) if _field(cell) == "kind")
    if below[kind] or not any(below):
        return None
    joined, line_of = list(_spread(above, below)), {}
    for place, cell in enumerate(below):
        if cell:
            line_of[place] = lower.line
    return joined, 2, line_of


def _spread(above: Sequence[str], below: Sequence[str]) -> Iterator[str]:
    over = ""
    for upper, lower in zip(above, below, strict=True):
        over = upper or (over if lower else "")
        yield f"{over} {lower}".strip() if lower else upper
