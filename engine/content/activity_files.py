"""``activities/*.csv``: every activity of the workspace, and every problem with its file, line and column.

The files are the only place: an officer edits them in Excel, git keeps their history, and nothing has to be kept in
step with them. A report reads them when it is made (10,000 rows: see bench/activities_bench.py). A file named after a
campaign (``activities/lang-son-30-7.csv``) belongs to it where a row says nothing else.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.areas.registry import Registry
from engine.content.activity import Activity, Campaigns
from engine.content.activity_columns import Columns, find_columns
from engine.content.activity_header import Defaults, Fault, check_columns
from engine.content.activity_kinds import measure_label, shape
from engine.content.activity_place import Places
from engine.content.activity_rows import RowReader
from engine.content.reading import TOP, Severity, problem
from engine.content.table_text import HEADER_ROWS, Record, TableText, read_table
from engine.content.words import BadValue
from engine.content.yamlfile import Place
from engine.errors import LoaError, Problem, reason_of

FOLDER = "activities"
BIGGEST_FILE = 5_000_000  # bytes; 10,000 rows have 1.2 MB
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".ods")


@dataclass(frozen=True, slots=True)
class Activities:
    """What of the files is without error, in their order, and every problem of all of them, sorted.

    ``left_out`` counts the rows that have an error, or stand in a file that cannot be read as a table.
    """

    rows: tuple[Activity, ...]
    problems: tuple[Problem, ...]
    left_out: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedTable:
    """A file as a table: its text and its header."""

    text: TableText
    columns: Columns

    def rows(self) -> Iterator[Record]:
        """The records below the header. Raises ``LoaError`` (``activities.open-quote``)."""
        for record in self.text.records():
            if record.line > self.columns.last_line:
                yield record._replace(swallowed=self._swallowed(record))

    def _swallowed(self, row: Record) -> bool:
        """Whether a cell of several lines holds what are rows of their own: a quote was never closed."""
        width = len(self.columns.header)
        return width > 1 and any(
            line.count(self.text.separator) >= width - 1
            for cell in row.cells
            if "\n" in cell
            for line in cell.split("\n")
        )


class Seen:
    """The rows of all files so far, to find the one that is written twice."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], list[tuple[Activity, str]]] = {}

    def doubts(self, activity: Activity, note: str) -> list[tuple[Severity, BadValue]]:
        """What to say of earlier rows of the same kind, place, days and unit that count the same measure.

        The same figure again is an error: it would be counted twice. Another figure may be another talk of that day;
        notes that differ say that it is.
        """
        key = (
            activity.kind, activity.area.era, activity.area.code, activity.start, activity.end, activity.unit,
            activity.campaign,
        )  # fmt: skip
        earlier = self._seen.get(key)
        if earlier is None:
            self._seen[key] = [(activity, note)]
            return []
        found: list[tuple[Severity, BadValue]] = []
        for before, its_note in earlier:
            if shape(its_note) == shape(note) and (alike := _alike(before, activity)) is not None:
                severity, measure = alike
                code = "activities.twice" if severity == "error" else "activities.alike"
                values = {"file": before.file, "line": before.line, "measure": measure_label(measure)}
                found.append((severity, BadValue(code, **values)))
                break
        earlier.append((activity, note))
        return found


def _alike(before: Activity, activity: Activity) -> tuple[Severity, str] | None:
    """(how bad, which measure) when two rows count one measure on one side: planned or done."""
    figures = {count.measure: count for count in before.counts}
    found: tuple[Severity, str] | None = None
    for count in activity.counts:
        there = figures.get(count.measure)
        for one, other in ((count.planned, there.planned), (count.done, there.done)) if there else ():
            if one is not None and one == other:
                return "error", count.measure
            if one is not None and other is not None:
                found = "warning", count.measure
    return found


def load_activities(
    folder: Path,
    *,
    registry: Registry,
    province: str | None,
    today: date | None = None,
    instead: Mapping[str, bytes] | None = None,
) -> Activities:
    """Load ``folder/activities/*.csv``. Never raises for what an officer wrote.

    ``province`` is the organisation's own (a 2025 code), looked in first; ``today`` adds the warning of what was done
    in days to come. ``instead`` holds the bytes of files (by name) that are about to be written: they count as there.
    """
    campaigns, places, seen = Campaigns(folder), Places(registry, province), Seen()
    rows: list[Activity] = []
    problems: list[Problem] = []
    files: list[str] = []
    left_out = 0
    instead = instead or {}
    for path in _files(folder, instead, problems):
        shown = f"{FOLDER}/{path.name}"
        defaults = Defaults(campaign=path.stem if path.stem in campaigns.keys else "")
        files.append(shown)
        try:
            opened = open_table(instead[path.name] if path.name in instead else read_bytes(path))
        except LoaError as error:
            problems.append(_problem(shown, TOP, Fault(1, 0, "error", error)))
            continue
        except OSError as error:
            problems.append(problem(shown, TOP, "error", "content.cannot-read", reason=reason_of(error)))
            continue
        if opened is None:
            problems.append(problem(shown, TOP, "error", "activities.no-header", rows=HEADER_ROWS))
            continue
        reader = RowReader(shown, opened.columns, places, campaigns, defaults, today)
        reader.faults += check_columns(opened.columns, defaults)
        rows += read_rows(opened.rows(), reader, seen)
        left_out += reader.left_out
        problems += (_problem(shown, opened.text.place(fault.line, fault.cell), fault) for fault in reader.faults)
    return Activities(tuple(rows), tuple(sorted(dict.fromkeys(problems))), left_out, tuple(files))


def read_rows(rows: Iterable[Record], reader: RowReader, seen: Seen) -> list[Activity]:
    """The activities of the rows below a header; what is wrong is in the reader's faults.

    A header with errors lets no row count.
    """
    usable = not any(fault.severity == "error" for fault in reader.faults)
    found: list[Activity] = []
    try:
        for row in rows:
            if reader.says_nothing(row):
                continue
            if not usable:
                reader.left_out += 1
                continue
            if row.swallowed:
                reader.left_out += 1
                reader.faults.append(Fault(row.line, 0, "error", BadValue("activities.open-quote", line=row.line)))
                continue
            activity = reader.read(row)
            if activity is None:
                continue
            doubts = seen.doubts(activity, reader.note(row))
            reader.faults += [Fault(row.line, reader.kind_column, how, error) for how, error in doubts]
            if any(how == "error" for how, _ in doubts):
                reader.left_out += 1
            else:
                found.append(activity)
    except LoaError as error:
        line = int(str(error.values.get("line", 1)))
        reader.faults.append(Fault(line, 0, "error", error))
    return found


def open_table(data: bytes) -> OpenedTable | None:
    """A table and its header; None when none of the first rows is one. Raises ``LoaError`` for what is no text."""

    def known(rows: Sequence[Record]) -> int:
        columns = find_columns(rows)
        return columns.known if columns else 0

    text = read_table(data, known)
    records = []
    for record in text.records():
        records.append(record)
        if len(records) > HEADER_ROWS:
            break
    columns = find_columns(records)
    return OpenedTable(text, columns) if columns else None


def read_bytes(path: Path) -> bytes:
    """The bytes of a file. Raises ``LoaError`` (``content.file-too-big``, ``contacts.empty-file``), ``OSError``."""
    size = path.stat().st_size
    if size > BIGGEST_FILE:
        raise BadValue("content.file-too-big", size=size, limit=BIGGEST_FILE)
    data = path.read_bytes()
    if not data.strip():
        raise BadValue("contacts.empty-file")
    return data


def _files(folder: Path, instead: Collection[str], problems: list[Problem]) -> Iterator[Path]:
    """The tables, by name. What Excel leaves beside an open file (``~$…``) and hidden files are no business of ours."""
    try:
        found = set((folder / FOLDER).iterdir()) if (folder / FOLDER).is_dir() else set()
    except OSError as error:
        problems.append(problem(FOLDER, TOP, "error", "content.cannot-read", reason=reason_of(error)))
        return
    for path in sorted(found | {folder / FOLDER / name for name in instead}):
        shown = f"{FOLDER}/{path.name}"
        if path.name.startswith((".", "~$")) or path.name.endswith(".rejected.csv"):
            continue
        if path.name not in instead and not path.is_file():
            continue
        if path.suffix.lower() in _WORKBOOKS:
            problems.append(problem(shown, TOP, "error", "activities.workbook", file=path.name))
        elif path.suffix.lower() == ".csv":
            yield path


def _problem(file: str, place: Place, fault: Fault) -> Problem:
    return Problem(file, place.line, place.column, fault.severity, fault.code, str(fault.error))
