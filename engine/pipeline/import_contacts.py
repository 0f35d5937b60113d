"""Import of a contact list: idempotent by phone, while messages go out, killed and run again at will.

The list is read through first, its good rows going into temporary tables; nothing is stored before that. Then it is
stored by the chunk: compared with what is known outside of the lock, written in one transaction that holds SQLite's
lock for some 20 ms. Comparing the next chunk leaves the lock free for about as long, so a dispatcher that asks once a
millisecond gets its turn. Counts are written with each chunk: an import that was killed says truthfully how far it
came; run again, what was stored is ``unchanged``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from engine.areas.registry import Registry
from engine.clock import monotonic
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.contact_file import ListFile, Row, open_list
from engine.pipeline.contact_place import Misplaced, Places, WrittenPlace
from engine.pipeline.contact_row import Defaults, Rest, RowProblem, RowReader
from engine.pipeline.process import Process
from engine.pipeline.rejected_file import RejectedFile
from engine.store import audit, contacts
from engine.store.contact_list import ContactList, ListedRest, ListedRow
from engine.store.crypto import bucket_of
from engine.store.database import Reserved
from engine.store.locks import LifeLock

MOST_PROBLEMS = 10_000  # listed; the rest is only counted and kept in the file of rejected rows
_HELD = 0.010  # seconds of the lock to aim at before the commit, which takes about as long again
_SMALLEST, _LARGEST = 50, 2000  # rows a chunk
_READ_SHARE = 0.4  # of the time, for the progress bar
_BATCH = 2000
_KEPT = 50_000

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What the officer asks for. ``source`` names the list, ``basis`` its legal ground in words."""

    file: Path
    source: str
    basis: str
    defaults: Defaults = field(default_factory=Defaults)
    dry_run: bool = False
    synthetic: bool = False


@dataclass(slots=True)
class Result:
    """What came of it. ``rows`` = imported + updated + unchanged + rejected; a repeated row is ``unchanged``."""

    rows: int = 0
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    rejected_file: Path | None = None

    def counts(self) -> dict[str, int]:
        """The five counts by name."""
        names = ("rows", "imported", "updated", "unchanged", "rejected")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, Any]:
        """The document of ``--json``."""
        return {
            **self.counts(),
            "problems": [problem._asdict() for problem in self.problems],
            "rejected_file": str(self.rejected_file) if self.rejected_file else None,
        }


def import_contacts(
    process: Process,
    request: Request,
    registry: Registry,
    *,
    province: str | None = None,
    progress: Progress = lambda fraction: None,
) -> Result:
    """Import a list. ``province`` (2025 code) is where communes are looked for first; ``progress`` hears 0…1.

    Good rows are kept whatever the others are. Raises ``LoaError`` when the file as a whole cannot be used: then
    nothing is stored.
    """
    if not request.source.strip() or not request.basis.strip():
        raise LoaError("contacts.no-ground")
    listed = open_list(request.file)
    places = Places(registry, province)
    _refuse_useless_defaults(listed, places, request.defaults)
    return _Import(process, request, listed, RowReader(listed.columns, places, request.defaults)).run(progress)


def _refuse_useless_defaults(listed: ListFile, places: Places, defaults: Defaults) -> None:
    """One error instead of one a row, when the commune given for the whole file is itself no commune."""
    if "commune" in listed.columns.places or not defaults.commune:
        return
    if {"district", "province", "era"} & listed.columns.places.keys():
        return  # rows say more, which may settle it
    found = places.look_up(WrittenPlace(defaults.commune, defaults.district, "", defaults.era))
    if isinstance(found, Misplaced):
        raise found.error


class _Import:
    def __init__(self, process: Process, request: Request, listed: ListFile, reader: RowReader) -> None:
        self._request, self._list, self._reader = request, listed, reader
        self._database, self._keyring, self._clock = process.database, process.keyring, process.clock
        self._source = request.source.strip()
        self._rejected = RejectedFile(listed.path, listed.columns, listed.separator)
        self._result = Result()
        self._import_id = 0
        self._life: LifeLock | None = None
        self._now = process.clock.now()
        self._rests: dict[Rest, int] = {}
        self._new_rests: list[ListedRest] = []
        self._last_rest = 0
        self._size = min(500, _LARGEST)

    def run(self, progress: Progress) -> Result:
        """Read, then store."""
        store, finished = not self._request.dry_run, False
        try:
            if store:
                self._rejected.open()  # a folder that cannot be written to is noticed before anything is stored
            with self._database.reserve() as reserved:
                listed = ContactList(reserved)
                self._read(listed, lambda read: progress(read * _READ_SHARE))
                repeated, conflicts = listed.settle()
                self._result.unchanged += repeated
                if conflicts:
                    self._reject_conflicts(listed)
                if store:
                    self._begin(reserved)
                self._store(listed, reserved, progress)
                if store:
                    self._finish(reserved)
            finished = True
        finally:
            if self._life is not None:
                self._life.let_go(forget=True)
            if store:
                self._result.rejected_file = self._rejected.close(keep=finished)
        self._result.problems.sort(key=lambda problem: problem.row)
        progress(1.0)
        return self._result

    def _read(self, listed: ContactList, progress: Progress) -> None:
        """Put every good row into ``listed``, sealed; reject the others."""
        waiting = self._good_rows(progress)
        while batch := list(islice(waiting, _BATCH)):
            listed.add(batch, self._new_rests)
            self._new_rests = []

    def _good_rows(self, progress: Progress) -> Iterator[ListedRow]:
        phone_hash_of, read, says_nothing = self._keyring.phone_hash, self._reader.read, self._reader.says_nothing
        seal = self._keyring.seal if not self._request.dry_run else _not_sealed
        for row in self._list.rows(progress):
            if says_nothing(row):
                continue
            self._result.rows += 1
            record = read(row)
            if isinstance(record, list):
                self._reject(row, record)
                continue
            e164, prefix, name, email, rest = record
            phone_hash = phone_hash_of(e164)
            # Marks are Python's own hashes of text: 64 bits, keyed anew in each process.
            yield ListedRow(
                phone_hash,
                row.number,
                hash(record),
                seal(e164),
                None if name is None else seal(name),
                None if name is None else hash(name),
                seal(email) if email else None,
                None if email is None else hash(email),
                prefix,
                bucket_of(phone_hash),
                self._rests.get(rest) or self._new_rest(rest),
            )

    def _new_rest(self, rest: Rest) -> int:
        if len(self._rests) >= _KEPT:  # a list in which every row is different must not fill memory
            self._rests.clear()
        self._last_rest += 1
        self._rests[rest] = self._last_rest
        self._new_rests.append(ListedRest(self._last_rest, *rest))
        return self._last_rest

    def _reject(self, row: Row, problems: list[RowProblem]) -> None:
        self._result.rejected += 1
        self._result.problems += problems[: max(0, MOST_PROBLEMS - len(self._result.problems))]
        if not self._request.dry_run:
            where = [
                sentence("contacts.reason", row=found.row, column=found.column, message=found.message)
                for found in problems
            ]
            self._rejected.add(row.cells, where)

    def _reject_conflicts(self, listed: ContactList) -> None:
        """Reject the rows that give one number with different data; they are looked up in the file once more."""
        column = self._list.columns.title("phone")
        rows = self._list.rows()
        for place, other in listed.conflicts():
            row = next(row for row in rows if row.number == place)
            words = sentence("contacts.phone-twice", other=other)
            self._reject(row, [RowProblem(place, column, "phone-twice", words)])

    def _store(self, listed: ContactList, reserved: Reserved, progress: Progress) -> None:
        result, request = self._result, self._request
        good = result.rows - result.rejected - result.unchanged
        after, done = b"", 0
        while chunk := listed.next_chunk(after, self._size):
            found = listed.compare(chunk, source=self._source, synthetic=request.synthetic, mark=self._mark)
            result.imported += found.imported
            result.updated += found.updated
            result.unchanged += chunk.rows - found.imported - found.updated
            if found != (0, 0) and not request.dry_run:
                self._write(listed, reserved, chunk.rows)
            after, done = chunk.until, done + chunk.rows
            progress(_READ_SHARE + (1 - _READ_SHARE) * done / good)

    def _write(self, listed: ContactList, reserved: Reserved, rows: int) -> None:
        with reserved.write(durable=False) as connection:  # the end of the import is durable, and these with it
            begun = monotonic()
            listed.write(connection, source=self._source, import_id=self._import_id, at=self._now)
            contacts.count_import(connection, self._import_id, self._result.counts())
            held = max(monotonic() - begun, 0.001)
        self._size = max(_SMALLEST, min(_LARGEST, int(rows * _HELD / held), 2 * self._size))

    def _mark(self, sealed: bytes) -> int:
        return hash(self._keyring.unseal(sealed))

    def _begin(self, reserved: Reserved) -> None:
        with reserved.write() as connection:
            self._import_id = contacts.begin_import(
                connection,
                source=self._source,
                basis=self._request.basis.strip(),
                consent=self._request.defaults.consent,
                file_digest=self._list.digest,
                at=self._now,
            )
            # before anybody can see the import: one without its lock has been killed
            self._life = LifeLock(self._database, contacts.lock_of(self._import_id))
            self._life.take()

    def _finish(self, reserved: Reserved) -> None:
        now = self._clock.now()
        with reserved.write() as connection:
            contacts.count_import(connection, self._import_id, self._result.counts(), now)
            subject = f"import {self._import_id}"
            audit.record(connection, self._keyring, at=now, action="contacts.import", subject=subject)


def _not_sealed(text: str) -> bytes:
    """Stands in for sealing in a dry run, which keeps nothing."""
    return b""
