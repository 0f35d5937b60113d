"""The operator's results, read back: each row is found by our id, else by its number, and applied as a receipt.

Reading the same file again changes nothing. A row that cannot be found, says nothing known, or bears another number
than its id was given out with (columns that slipped in Excel) is named by its row number, and only that row is left.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.channels.base import ReceiptWord
from engine.channels.file_sender import FileSender
from engine.channels.http_words import Meaning
from engine.content.organisation import Sender
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline import receive
from engine.pipeline.contact_columns import HEADER_ROWS, Columns, FindHeader, field_of
from engine.pipeline.contact_file import Row, open_list
from engine.pipeline.files import load_workspace
from engine.pipeline.process import Process
from engine.pipeline.providers import leaves_by_file, vendor_of
from engine.pipeline.receive import Received
from engine.store import operator_files
from engine.store.outbox import Fate
from engine.text import phone
from engine.text.accents import fold

CHUNK = 250  # rows a transaction
_TITLES = {
    "id": "ma tin, ma tin nhan, id, ref, reference, ma tham chieu",
    "status": "trang thai, ket qua, ket qua gui, tinh trang, status, result",
    "code": "ma loi, loi, error, error code",
}
_WORDS = {
    "delivered": "thanh cong, gui thanh cong, da nhan tin, da den may, delivered, delivrd, success, successful",
    "accepted": "da gui, dang gui, cho gui, da tiep nhan, sent, sending, pending, queued, accepted, enroute",
    "failed": "that bai, gui that bai, khong thanh cong, loi, failed, fail, error, undelivered, undeliv, rejected",
    "expired": "het han, qua han, expired",
    "opt_out": "tu choi nhan tin, tu choi, chan tin, opt out, opted out, blacklist",
}
KNOWN = {word.strip(): Meaning(kind) for kind, words in _WORDS.items() for word in words.split(",")}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row. ``code`` is stable, ``message`` a sentence; neither repeats a number."""

    row: int
    code: str
    message: str


@dataclass(slots=True)
class Result:
    """What reading a file of results came to. ``applied`` moved something; ``unchanged`` said what we knew."""

    rows: int = 0
    matched: int = 0
    applied: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """One row with a known word. ``hashed`` is of its number, if it has a good one."""

    row: int
    key: str
    hashed: bytes | None
    meaning: Meaning
    word: str
    code: str | None
    cells: tuple[str, ...] = field(repr=False)


def any_sender(process: Process, key: str) -> Sender:
    """A sender of the workspace as its files stand. Raises ``LoaError`` (``operator.no-sender``)."""
    loaded = load_workspace(process.settings, None, process.environment)
    known = loaded.workspace.senders if loaded.workspace else {}
    if key not in known:
        raise LoaError("operator.no-sender", sender=key, known=", ".join(sorted(known)) or "-")
    return known[key]


def sender_of_files(process: Process, key: str) -> Sender:
    """The same of the provider ``file``. Raises ``LoaError`` (``operator.no-sender``, ``operator.not-by-file``)."""
    sender = any_sender(process, key)
    if not leaves_by_file(sender):
        raise LoaError("operator.not-by-file", sender=key)
    return sender


def import_results(
    process: Process, path: Path, sender: Sender, runs: Sequence[int] | None, *, dry_run: bool = False
) -> Result:
    """Read an operator's file of results for ``sender``; ``runs`` are the ones a number may belong to (None: any).

    Raises ``LoaError``: what ``open_list`` raises, ``operator.no-header``.
    """
    config: FileSender = sender.config(vendor_of(sender), process.environment)
    try:
        opened = open_list(path, _finder(config))
    except LoaError as error:
        if error.key == "contacts.no-header":
            raise LoaError("operator.no-header", rows=HEADER_ROWS, id=config.columns.id) from None
        raise
    words = KNOWN | {fold(word): meaning for word, meaning in config.statuses.items()}
    result = Result()
    waiting: list[_Read] = []
    for row in opened.rows():
        read = _read(process, row, opened.columns, words, result)
        if read is not None:
            waiting.append(read)
        if len(waiting) == CHUNK:
            _apply(process, sender, runs, waiting, result, dry_run)
            waiting = []
    _apply(process, sender, runs, waiting, result, dry_run)
    result.problems.sort(key=lambda problem: problem.row)
    return result


def _finder(config: FileSender) -> FindHeader:
    """Knows the header of a list of results: a status, and our id or a number, under our titles or usual ones."""
    titles = {shape.strip(): kind for kind, shapes in _TITLES.items() for shape in shapes.split(",")}
    titles |= {_shape(config.columns.id): "id", _shape(config.columns.number): "phone"}

    def find(rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[int, Columns] | None:
        for number, cells in rows:
            if number > HEADER_ROWS:
                break
            places: dict[str, int] = {}
            for place, cell in enumerate(cells):
                kind = titles.get(_shape(cell)) or ("phone" if field_of(cell) == "phone" else None)
                if kind is not None:
                    places.setdefault(kind, place)
            if "status" in places and places.keys() & {"id", "phone"}:
                return number, Columns(tuple(cells), places)
        return None

    return find


def _shape(title: str) -> str:
    return " ".join(fold(title).replace("_", " ").split())


def _read(process: Process, row: Row, columns: Columns, words: Mapping[str, Meaning], result: Result) -> _Read | None:
    def cell(name: str) -> str:
        place = columns.places.get(name)
        return row.cells[place].strip() if place is not None and place < len(row.cells) else ""

    if not any(part.strip() for part in row.cells):
        return None
    result.rows += 1
    word, key, number = cell("status"), cell("id"), cell("phone")
    meaning = words.get(fold(word))
    if meaning is None or meaning.kind.later is None:
        _note(result, row.number, "unknown-word" if word else "no-word", word=word[:40])
        return None
    hashed: bytes | None = None
    if number:
        try:
            hashed = process.keyring.phone_hash(phone.parse(number).e164)
        except phone.PhoneError:
            if not key:
                _note(result, row.number, "bad-number")
                return None
    if not key and hashed is None:
        _note(result, row.number, "nobody")
        return None
    return _Read(row.number, key, hashed, meaning, word, cell("code") or None, tuple(row.cells))


def _apply(
    process: Process, sender: Sender, runs: Sequence[int] | None, reads: list[_Read], result: Result, dry_run: bool
) -> None:
    """Find the deliveries of some rows and apply what the rows say, in one transaction."""
    if not reads:
        return
    with process.database.read() as connection:
        ids = operator_files.by_id(connection, sender.key, [read.key for read in reads if read.key])
        hashes = [read.hashed for read in reads if read.hashed is not None and read.key not in ids]
        numbers = operator_files.by_number(connection, sender.key, hashes, runs)
    batch: list[Received] = []
    for read in reads:
        found = _found(read, ids, numbers, result)
        if found is not None:
            batch.append(_received(process, sender, read, found))
    result.matched += len(batch)
    if dry_run or not batch:
        return
    fates = receive.commit(process, batch)
    result.applied += sum(fate is Fate.APPLIED for fate in fates)
    result.unchanged += sum(fate is not Fate.APPLIED for fate in fates)


def _found(read: _Read, ids: Mapping[str, Any], numbers: Mapping[bytes, list[Any]], result: Result) -> Any:
    """The delivery a row speaks of; None (and noted) when there is none, or more than one."""
    row = ids.get(read.key) if read.key else None
    if row is not None:
        other = read.hashed is not None and row.phone_hash is not None and bytes(row.phone_hash) != read.hashed
        if other:
            _note(result, read.row, "other-number")
        return None if other else row
    rows = numbers.get(read.hashed, []) if read.hashed is not None else []
    if len(rows) != 1:
        _note(result, read.row, "several" if rows else "not-found")
        return None
    return rows[0]


def _received(process: Process, sender: Sender, read: _Read, row: Any) -> Received:
    word = ReceiptWord(
        row.id,
        row.attempt,
        row.vendor_id,
        read.meaning.kind.later,
        read.word[:100],
        code=read.code[:40] if read.code else None,
        reason=read.meaning.why,
        decision=read.meaning.kind.decision,
    )
    payload = json.dumps(read.cells, ensure_ascii=False)
    now, now_real = process.clock.now(), process.seconds.real()
    return Received(word, payload, sender.key, now, now_real, sender.poll_after.total_seconds())


def _note(result: Result, row: int, code: str, **values: object) -> None:
    result.problems.append(Problem(row, code, sentence(f"operator.{code}", **values)))
