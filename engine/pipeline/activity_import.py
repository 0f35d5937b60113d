"""A unit's own list of activities, CSV or XLSX as it was sent, becomes one table of the workspace.

One list is one file of ``activities``: importing it again after mending replaces that file, so nothing counts twice.
Notes and every column that is no figure stay behind: what a unit wrote of people does not enter the workspace.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

from engine.areas.registry import Registry
from engine.content.activity import Activity, Campaigns
from engine.content.activity_columns import Columns, Side, find_columns
from engine.content.activity_files import FOLDER, Seen, load_activities, open_table, read_bytes, read_rows
from engine.content.activity_header import Defaults, Fault, check_columns
from engine.content.activity_kinds import kind_label, shape
from engine.content.activity_place import Places
from engine.content.activity_rows import RowReader
from engine.content.activity_units import unit_label
from engine.content.table_text import HEADER_ROWS, Record
from engine.errors import LoaError, reason_of
from engine.i18n import sentence
from engine.pipeline import contact_columns
from engine.pipeline.activity_book import Entry, new_table
from engine.pipeline.activity_writing import bytes_of, replace, table_path, writing
from engine.pipeline.contact_row import tidy
from engine.pipeline.contact_workbook import is_workbook, read_workbook
from engine.pipeline.rejected_file import RejectedFile
from engine.settings import Settings

_REASONS = frozenset(map(shape, contact_columns.REASON_HEADERS.values()))


@dataclass(frozen=True, slots=True)
class Request:
    """What to import and how. ``name`` is the table's (None: the list's own); ``dry_run`` writes nothing."""

    file: Path
    name: str | None = None
    defaults: Defaults = field(default_factory=Defaults)
    replace: bool = False
    dry_run: bool = False


class RowProblem(NamedTuple):
    """One thing wrong in a row. ``column`` is the header as the list has it."""

    row: int
    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. ``file`` is the table, relative to the workspace; None when nothing could be taken over."""

    rows: int
    imported: int
    problems: tuple[RowProblem, ...]
    warnings: tuple[RowProblem, ...]
    rejected_file: str | None
    file: str | None

    @property
    def rejected(self) -> int:
        """The rows that were not taken over."""
        return self.rows - self.imported

    def document(self) -> dict[str, object]:
        """The result as JSON."""
        return {
            "rows": self.rows,
            "imported": self.imported,
            "rejected": self.rejected,
            "problems": [problem._asdict() for problem in self.problems],
            "rejected_file": self.rejected_file,
            "file": self.file,
        }


class _List(NamedTuple):
    columns: Columns
    rows: tuple[Record, ...]
    separator: str


def import_activities(
    settings: Settings, registry: Registry, request: Request, *, province: str | None, today: date | None
) -> Result:
    """Take over the good rows of a list; the others go to ``<list>.rejected.csv``, ready to be mended.

    Raises ``LoaError`` for a list that cannot be read, ``ContentError`` for a header with errors, and
    ``activities.other-file`` when the table is there already and differs (``replace`` allows it).
    """
    found = _read(request.file)
    path = table_path(settings, request.name or _name_of(request))
    campaigns, places = Campaigns(settings.workspace), Places(registry, province)
    reader = RowReader(f"{FOLDER}/{path.name}", found.columns, places, campaigns, request.defaults, today)
    # What a unit keeps of people is simply not read; the warnings of other columns are told.
    head = [fault for fault in check_columns(found.columns, request.defaults) if fault.code != "personal-column"]
    if any(fault.severity == "error" for fault in head):
        raise LoaError("activities.bad-list", reasons=" ".join(dict.fromkeys(str(f.error) for f in head)))
    seen = Seen()
    others = load_activities(settings.workspace, registry=registry, province=province, instead={path.name: b"-"})
    for activity in others.rows:
        seen.doubts(activity, "")
    activities = read_rows(found.rows, reader, seen)
    faults = [*head, *reader.faults]
    rows = sum(not reader.says_nothing(row) for row in found.rows)
    bad = {fault.line for fault in faults if fault.severity == "error"}
    told = [_told(fault, found.columns) for fault in sorted(faults, key=lambda fault: (fault.line, fault.cell))]
    errors = tuple(one for one, severity in told if severity == "error")
    warnings = tuple(one for one, severity in told if severity == "warning")
    shown = f"{FOLDER}/{path.name}" if activities else None
    if request.dry_run:
        return Result(rows, len(activities), errors, warnings, None, shown)
    data = _table(activities, others.rows, registry, places, path.stem)
    with writing(settings):
        before = bytes_of(path)
        if activities and before is not None and before != data and not request.replace:
            raise LoaError("activities.other-file", file=f"{FOLDER}/{path.name}")
        rejected = _rejected(request.file, found, bad, faults)
        if activities and before != data:
            replace(path, data, before)
    return Result(rows, len(activities), errors, warnings, rejected, shown)


def _read(file: Path) -> _List:
    """The list's rows. Raises ``LoaError``."""
    try:
        if is_workbook(file):
            return _read_workbook(file)
        opened = open_table(read_bytes(file))
        if opened is not None:
            return _List(opened.columns, tuple(opened.rows()), opened.text.separator)
    except FileNotFoundError:
        raise LoaError("activities.no-file", file=file) from None
    except OSError as error:
        raise LoaError("contacts.cannot-read", file=file, reason=reason_of(error)) from None
    raise LoaError("activities.no-header", rows=HEADER_ROWS)


def _read_workbook(file: Path) -> _List:
    def find(rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[int, contact_columns.Columns] | None:
        columns = find_columns([_record(*row) for row in rows])
        return (columns.line, contact_columns.Columns(columns.header, {})) if columns else None

    try:
        book = read_workbook(file, find)
    except LoaError as error:
        if error.key == "contacts.no-header":
            raise LoaError("activities.no-header", rows=HEADER_ROWS) from None
        raise
    rows = [_record(number, cells) for number, cells in book.rows()]
    columns = find_columns(rows)
    assert columns is not None
    return _List(columns, tuple(row for row in rows if row.line > columns.last_line), ",")


def _record(number: int, cells: Sequence[str]) -> Record:
    return Record(number, [tidy(cell) for cell in cells])


def _told(fault: Fault, columns: Columns) -> tuple[RowProblem, str]:
    title = columns.header[fault.cell] if 0 <= fault.cell < len(columns.header) else ""
    return RowProblem(fault.line, title, fault.code, str(fault.error)), fault.severity


def _name_of(request: Request) -> str:
    """The table's name: the campaign's, else the list's own, as a key."""
    plain = re.sub(r"[^a-z0-9]+", "-", shape(request.file.stem)).strip("-")
    return request.defaults.campaign or plain[:64].strip("-")


def _table(
    activities: Sequence[Activity], others: Iterable[Activity], registry: Registry, places: Places, stem: str
) -> bytes:
    """The canonical table of the good rows. Rows that only their notes told apart are numbered instead."""
    seen = Counter(map(_known_by, others))
    notes = []
    for row in activities:
        key = _known_by(row)
        seen[key] += 1
        notes.append(sentence("activities.nth", number=seen[key]) if seen[key] > 1 else "")
    return new_table([entry_of(row, registry, places, stem) for row in activities], notes)


def _known_by(row: Activity) -> tuple[object, ...]:
    return row.kind, row.area.key, row.start, row.end, row.unit, row.campaign


def entry_of(row: Activity, registry: Registry, places: Places, stem: str) -> Entry:
    """The row as this program writes it: names where they mean this one area, else its code."""
    area = row.area
    texts = {"era": area.era, "province": registry.get(area.era, area.province).name}
    if area.level != "province" and area.district is not None:
        texts["district"] = registry.get("legacy", area.district).name
    if area.level == "commune":
        named = places.look_up(area.name, texts.get("district", ""), texts["province"], area.era, False)
        texts["commune"] = area.name if named == area else area.code
    texts |= {"kind": kind_label(row.kind), "unit": unit_label(row.unit), "start": f"{row.start:%d/%m/%Y}"}
    if row.end != row.start:
        texts["end"] = f"{row.end:%d/%m/%Y}"
    if row.campaign and row.campaign != stem:
        texts["campaign"] = row.campaign
    counts: dict[tuple[str, Side], int] = {}
    for measure, planned, done in row.counts:
        if planned is not None:
            counts[measure, "planned"] = planned
        if done is not None:
            counts[measure, "done"] = done
    return Entry(texts, counts)


def _rejected(file: Path, found: _List, bad: set[int], faults: Sequence[Fault]) -> str | None:
    """Keep the rows that were not taken over beside the list; without any, an earlier such file goes."""
    if not bad:
        file.with_name(f"{file.name}.rejected.csv").unlink(missing_ok=True)
        return None
    header = found.columns.header
    reason = next((place for place, title in enumerate(header) if shape(title) in _REASONS), None)
    kept = RejectedFile(file, contact_columns.Columns(header, {}, reason), found.separator)
    kept.open()
    try:
        for row in found.rows:
            if row.line in bad:
                kept.add(row.cells, [str(fault.error) for fault in faults if fault.line == row.line])
    except LoaError:
        kept.close(keep=False)
        raise
    path = kept.close(keep=True)
    return str(path) if path else None
