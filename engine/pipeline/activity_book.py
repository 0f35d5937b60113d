"""Writing to ``activities/*.csv``: a row more, or a whole list, in one step and never half of it.

The file an officer keeps open in Excel stays theirs: its encoding, mark, separator and line ends are kept, and rows are
only added. What is to be written is first checked as ``loa check`` would, together with all the other files.
"""

import codecs
import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.areas.registry import Registry
from engine.content.activity_columns import Side, column_title
from engine.content.activity_files import FOLDER, OpenedTable, load_activities, open_table
from engine.content.activity_header import Defaults, check_columns
from engine.content.activity_kinds import MEASURE_ORDER, measure_label
from engine.errors import ContentError, LoaError, Problem
from engine.pipeline.activity_writing import bytes_of, replace, table_path, writing
from engine.settings import Settings

# The columns of a new table, before those of its counts.
TITLES: Mapping[str, str] = {
    "kind": "Hoạt động",
    "commune": "Xã",
    "district": "Huyện",
    "province": "Tỉnh",
    "era": "Địa giới",
    "start": "Ngày",
    "end": "Đến ngày",
    "unit": "Đơn vị",
    "campaign": "Chiến dịch",
    "measure": "Đơn vị tính",
    "note": "Ghi chú",
}
_NEW = ("kind", "commune", "district", "province", "era", "start", "end", "unit", "campaign")
_RISKY = ("=", "+", "-", "@")  # what a spreadsheet takes for a formula


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be added: texts by field (``TITLES``), and counts by (measure, side)."""

    texts: Mapping[str, str]
    counts: Mapping[tuple[str, Side], int]


@dataclass(frozen=True, slots=True)
class Added:
    """Where a row went. ``recoded``: the file was in Windows-1258 and is UTF-8 now, which Excel reads too."""

    file: str
    line: int
    warnings: tuple[Problem, ...]
    recoded: bool = False


def add(
    settings: Settings, registry: Registry, entry: Entry, *, name: str, province: str | None, today: date | None
) -> Added:
    """Append ``entry`` to ``activities/<name>.csv``, which is begun if need be.

    Raises ``ContentError`` with everything that is wrong with the row (nothing is written then), and ``LoaError``:
    ``there-already``, ``bad-name``, ``two-row-header``, ``file-has-errors``, ``busy``, ``changed-meanwhile``,
    ``cannot-write``.
    """
    path = table_path(settings, name)
    with writing(settings):
        before = bytes_of(path)
        data, line, recoded = _with_row(path, before, entry)
        shown = f"{FOLDER}/{path.name}"
        folder = settings.workspace
        loaded = load_activities(folder, registry=registry, province=province, today=today, instead={path.name: data})
        found = [problem for problem in loaded.problems if problem.file == shown and problem.line >= line]
        errors = [problem for problem in found if problem.severity == "error"]
        if errors:
            raise ContentError(errors)
        # Of two alike rows the later file's is told: there the same activity may stand already.
        known = load_activities(folder, registry=registry, province=province, today=today).problems
        for problem in loaded.problems:
            if problem.severity == "error" and problem.file != shown and problem not in known:
                raise LoaError("activities.there-already", file=problem.file, line=problem.line)
        replace(path, data, before)
    return Added(shown, line, tuple(found), recoded)


def new_table(rows: Sequence[Entry], notes: Sequence[str] = ()) -> bytes:
    """A whole table: UTF-8 with the mark Excel needs, one column for each measure and side that occurs."""
    counts = sorted(
        {key for row in rows for key in row.counts}, key=lambda key: (MEASURE_ORDER[key[0]], key[1] == "done")
    )
    used = [name for name in _NEW if name in ("kind", "start", "unit") or any(row.texts.get(name) for row in rows)]
    header = [TITLES[name] for name in used] + [column_title(*key) for key in counts] + [TITLES["note"]]
    lines = [_record(header, ",", "\r\n")]
    for place, row in enumerate(rows):
        texts = _texts(row)
        cells = [texts.get(name, "") for name in used]
        cells += [str(row.counts[key]) if key in row.counts else "" for key in counts]
        lines.append(_record([*cells, notes[place] if notes else texts.get("note", "")], ",", "\r\n"))
    return codecs.BOM_UTF8 + "".join(lines).encode()


def _with_row(path: Path, before: bytes | None, entry: Entry) -> tuple[bytes, int, bool]:
    """(the file's new bytes, the line of the first new row, whether it was recoded)."""
    if before is None or not before.strip():
        return new_table([entry]), 2, False
    opened = open_table(before)
    defaults = Defaults(campaign=path.stem)
    if opened is None or any(fault.severity == "error" for fault in check_columns(opened.columns, defaults)):
        raise LoaError("activities.file-has-errors", file=path.name)
    lines = list(opened.text.lines)
    end = _line_end(lines)
    if not lines[-1].endswith(("\n", "\r")):
        lines[-1] += end
    line = len(lines) + 1
    rows, more = _cells(path, opened, entry)
    if more:
        last, width = _header_end(opened)
        padding = width - len(opened.columns.header)
        words = _record([*[""] * padding, *more], opened.text.separator, "")
        lines[last - 1] = lines[last - 1].rstrip("\r\n") + opened.text.separator + words + end
    lines += [_record(cells, opened.text.separator, end) for cells in rows]
    data, recoded = _encoded("".join(lines), opened.text.encoding, before)
    return data, line, recoded


def _cells(path: Path, opened: OpenedTable, entry: Entry) -> tuple[list[list[str]], list[str]]:
    """(the new rows' cells, the headers of columns to be added behind the widest row)."""
    columns = opened.columns
    _, width = _header_end(opened)
    places = dict(columns.fields) | ({"note": columns.notes[0]} if columns.notes else {})
    counted = {(column.measure, column.side): column.place for column in columns.counts}
    by_row = "measure" in places and any(measure is None for measure, _ in counted)
    more: list[str] = []

    def column(title: str) -> int:
        if title not in more:
            more.append(title)
        return width + more.index(title)

    shared = {places[name] if name in places else column(TITLES[name]): text for name, text in _texts(entry).items()}
    rows: list[dict[int, str]] = []
    for (measure, side), count in entry.counts.items():
        if not by_row or (measure, side) in counted:
            there = counted.get((measure, side))
            place = column(column_title(measure, side)) if there is None else there
            row = next((row for row in rows if place not in row and places.get("measure", -1) not in row), None)
            if row is None:
                rows.append(row := dict(shared))
            row[place] = str(count)
        else:
            words = measure_label(measure)
            place = counted[None, side] if (None, side) in counted else column(column_title(measure, side))
            row = next((row for row in rows if row.get(places["measure"]) == words and place not in row), None)
            if row is None:
                rows.append(row := {**shared, places["measure"]: words})
            row[place] = str(count)
    if more and columns.height > 1:
        raise LoaError("activities.two-row-header", file=path.name)
    return [[row.get(place, "") for place in range(max(row) + 1)] for row in rows], more


def _texts(entry: Entry) -> dict[str, str]:
    """The texts that are there, in NFC, none of which a spreadsheet would take for a formula."""
    texts = {name: unicodedata.normalize("NFC", text).strip() for name, text in entry.texts.items() if text.strip()}
    return {name: f"'{text}" if text.startswith(_RISKY) else text for name, text in texts.items()}


def _header_end(opened: OpenedTable) -> tuple[int, int]:
    """(the last line of the header's record, the width of the widest row: behind it columns may be added)."""
    records = list(opened.text.records())
    last = len(opened.text.lines)
    for record in records:
        if record.line > opened.columns.last_line:
            last = record.line - 1
            break
    below = [len(record.cells) for record in records if record.line >= opened.columns.line]
    return last, max([len(opened.columns.header), *below])


def _record(cells: Sequence[str], separator: str, end: str) -> str:
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator=end).writerow(cells)
    return written.getvalue()


def _line_end(lines: Sequence[str]) -> str:
    return "\r\n" if lines[0].endswith("\r\n") else "\n"


def _encoded(text: str, encoding: str, before: bytes) -> tuple[bytes, bool]:
    if encoding == "cp1258":  # has no place for most letters with two marks
        return codecs.BOM_UTF8 + unicodedata.normalize("NFC", text).encode(), True
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if before.startswith(mark):
            return mark + text.encode(name), False
    return text.encode("utf-8" if encoding == "utf-8-sig" else encoding), False
