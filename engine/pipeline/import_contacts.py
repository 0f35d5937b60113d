"""Import of a contact list: idempotent by phone, while messages go out, killed and run again at will.

Two passes over the file. The first reads every row, finds numbers that come twice and opens the file of rejected
rows; nothing is stored before it has gone through. The second stores by the chunk: what is known is read, compared
and sealed outside, then written in one transaction that holds SQLite's lock for some 15 ms, with a pause after it
so that a dispatcher that asks once a millisecond gets its turn. Counts are written with each chunk, so an import
that was killed says truthfully how far it came; run again, what was stored is ``unchanged``.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.areas.registry import Registry
from engine.clock import Clock, monotonic
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.contact_file import ContactList, Row, open_list
from engine.pipeline.contact_place import Misplaced, Places, WrittenPlace
from engine.pipeline.contact_repeats import Repeats, find_repeats
from engine.pipeline.contact_row import Defaults, Record, RowProblem, RowReader
from engine.pipeline.rejected_file import RejectedFile
from engine.store import audit, contacts
from engine.store.contacts import ContactRow, Known, Membership
from engine.store.crypto import Keyring, bucket_of
from engine.store.database import Database

MOST_PROBLEMS = 10_000  # listed; the rest is only counted and kept in the file of rejected rows
_HELD = 0.015  # seconds of the lock to aim at: half of what the design allows
_PAUSE = 0.002
_SMALLEST, _LARGEST = 50, 2000  # rows a chunk
_SURVEY_SHARE = 0.3  # of the time, for the progress bar

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


class _Change(NamedTuple):
    """A contact to write, with its memberships that come and go. ``row`` None: only memberships change."""

    is_new: bool
    row: ContactRow | None
    joined: list[Membership]
    left: list[Membership]


def import_contacts(
    request: Request,
    *,
    database: Database,
    keyring: Keyring,
    clock: Clock,
    registry: Registry,
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
    importing = _Import(request, listed, RowReader(listed.columns, places, request.defaults), database, keyring, clock)
    return importing.run(progress)


def _refuse_useless_defaults(listed: ContactList, places: Places, defaults: Defaults) -> None:
    """One error instead of one a row, when the commune given for the whole file is itself no commune."""
    if "commune" in listed.columns.places or not defaults.commune:
        return
    if {"district", "province", "era"} & listed.columns.places.keys():
        return  # rows say more, which may settle it
    found = places.look_up(WrittenPlace(defaults.commune, defaults.district, "", defaults.era))
    if isinstance(found, Misplaced):
        raise found.error


class _Import:
    def __init__(
        self,
        request: Request,
        listed: ContactList,
        reader: RowReader,
        database: Database,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        self._request, self._listed, self._reader = request, listed, reader
        self._database, self._keyring, self._clock = database, keyring, clock
        self._source = request.source.strip()
        self._rejected = RejectedFile(listed.path, listed.columns, listed.separator)
        self._result = Result()
        self._import_id = 0
        self._now = clock.now()
        self._size = 500
        self._faulty = 0

    def run(self, progress: Progress) -> Result:
        """Both passes."""
        repeats = find_repeats(self._survey(lambda read: progress(read * _SURVEY_SHARE)))
        dry, finished = self._request.dry_run, False
        try:
            if not dry:
                if self._faulty or repeats.conflicts:
                    self._rejected.open()
                self._begin()
            self._store_all(repeats, lambda read: progress(_SURVEY_SHARE + read * (1 - _SURVEY_SHARE)))
            if not dry:
                self._finish()
            finished = True
        finally:
            if not dry:
                self._result.rejected_file = self._rejected.close(keep=finished)
        progress(1.0)
        return self._result

    def _survey(self, progress: Progress) -> Iterator[tuple[bytes, int, int]]:
        phone_hash = self._keyring.phone_hash
        for row in self._rows(progress):
            record = self._reader.read(row)
            if isinstance(record, Record):
                yield phone_hash(record.e164), hash(record), row.number
            else:
                self._faulty += 1

    def _rows(self, progress: Progress) -> Iterator[Row]:
        return (row for row in self._listed.rows(progress) if not self._reader.says_nothing(row))

    def _store_all(self, repeats: Repeats, progress: Progress) -> None:
        result = self._result
        chunk: list[Record] = []
        for row in self._rows(progress):
            result.rows += 1
            record = self._reader.read(row)
            if not isinstance(record, Record):
                self._reject(row, record)
            elif other := repeats.conflict(row.number):
                column = self._listed.columns.title("phone")
                words = sentence("contacts.phone-twice", other=other)
                self._reject(row, [RowProblem(row.number, column, "phone-twice", words)])
            elif repeats.is_repeat(row.number):
                result.unchanged += 1
            else:
                chunk.append(record)
                if len(chunk) >= self._size:
                    self._store(chunk)
                    chunk = []
        self._store(chunk)

    def _reject(self, row: Row, problems: list[RowProblem]) -> None:
        self._result.rejected += 1
        self._result.problems += problems[: max(0, MOST_PROBLEMS - len(self._result.problems))]
        if not self._request.dry_run:
            where = [
                sentence("contacts.reason", row=found.row, column=found.column, message=found.message)
                for found in problems
            ]
            self._rejected.add(row.cells, where)

    def _store(self, chunk: Sequence[Record]) -> None:
        """Compare a chunk with what is known and write what is new or different."""
        if not chunk:
            return
        hashes = [self._keyring.phone_hash(record.e164) for record in chunk]
        with self._database.read() as connection:
            known = contacts.known(connection, hashes)
            ids = [found.id for found in known.values()]
            groups = contacts.groups_of(connection, ids, self._source) if ids else {}
        changes = []
        for phone_hash, record in zip(hashes, chunk, strict=True):
            before = known.get(phone_hash)
            change = self._change(phone_hash, record, before, groups.get(before.id, set()) if before else set())
            if change is None:
                self._result.unchanged += 1
            else:
                changes.append(change)
                self._result.imported += change.is_new
                self._result.updated += not change.is_new
        if changes and not self._request.dry_run:
            self._write(changes)

    def _write(self, changes: Sequence[_Change]) -> None:
        rows = [change.row for change in changes if change.row is not None]
        joined = [joined for change in changes for joined in change.joined]
        left = [left for change in changes for left in change.left]
        with self._database.write() as connection:
            begun = monotonic()
            contacts.save(connection, rows, self._now)
            contacts.change_groups(connection, self._source, joined, left)
            contacts.count_import(connection, self._import_id, self._result.counts())
            held = max(monotonic() - begun, 0.001)
        self._size = max(_SMALLEST, min(_LARGEST, int(len(changes) * _HELD / held), 2 * self._size))
        time.sleep(_PAUSE)

    def _change(
        self, phone_hash: bytes, record: Record, before: Known | None, groups_before: set[str]
    ) -> _Change | None:
        """What to write for a record; None when all of it is known."""
        seal = self._keyring.seal
        said = groups_before if record.groups is None else set(record.groups)
        joined = [Membership(key, phone_hash) for key in sorted(said - groups_before)]
        left = [Membership(key, phone_hash) for key in sorted(groups_before - said)]
        language = record.language or (before.language if before else "vi")
        consent = record.consent if record.consent is not None else before is not None and before.consent
        # A real list never makes a real person synthetic, nor leaves one so.
        synthetic = self._request.synthetic and (before is None or before.synthetic)
        name_sealed = before.name_sealed if before else None
        renamed = record.name is not None and (name_sealed is None or self._keyring.unseal(name_sealed) != record.name)
        if before is not None and not renamed:
            same = (before.era, before.commune, before.language, before.consent, before.synthetic)
            if same == (record.era, record.commune, language, consent, synthetic):
                return _Change(False, None, joined, left) if joined or left else None
        row = ContactRow(
            phone_hash,
            seal(record.e164),  # kept for a known number, unless it was erased a moment ago
            seal(record.name) if renamed and record.name is not None else name_sealed,
            record.era,
            record.commune,
            language,
            consent,
            record.prefix,
            bucket_of(phone_hash),
            synthetic,
            self._import_id,
        )
        return _Change(before is None, row, joined, left)

    def _begin(self) -> None:
        with self._database.write() as connection:
            self._import_id = contacts.begin_import(
                connection,
                source=self._source,
                basis=self._request.basis.strip(),
                consent=self._request.defaults.consent,
                file_digest=self._listed.digest,
                at=self._now,
            )

    def _finish(self) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            contacts.count_import(connection, self._import_id, self._result.counts(), now)
            audit.record(
                connection, self._keyring, at=now, action="contacts.import", subject=f"import {self._import_id}"
            )
