"""Import of a contact list: idempotent by phone, while messages go out, killed and run again at will.

The list is read through first, good rows going into a spool; nothing is stored before that. Then the spool is
stored in the order of the numbers' hashes, by the chunk: what is known is read and compared outside, what is new or
different written in one transaction that holds SQLite's lock for some 15 ms. Comparing the next chunk takes about as
long again, so a dispatcher that asks once a millisecond gets its turn. Counts are written with each chunk: an import
that was killed says truthfully how far it came; run again, what was stored is ``unchanged``.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.areas.registry import Registry
from engine.clock import Clock, monotonic
from engine.errors import LoaError
from engine.i18n import sentence
from engine.pipeline.contact_file import ContactList, Row, open_list
from engine.pipeline.contact_place import Misplaced, Places, WrittenPlace
from engine.pipeline.contact_row import Defaults, RowProblem, RowReader
from engine.pipeline.contact_spool import RestWords, Spool, Spooled
from engine.pipeline.rejected_file import RejectedFile
from engine.store import audit, contacts
from engine.store.contacts import ContactRow, Known, Membership
from engine.store.crypto import Keyring, bucket_of
from engine.store.database import Database

MOST_PROBLEMS = 10_000  # listed; the rest is only counted and kept in the file of rejected rows
_HELD = 0.015  # seconds of the lock to aim at: half of what the design allows
_SMALLEST, _LARGEST = 50, 2000  # rows a chunk
_READ_SHARE = 0.4  # of the time, for the progress bar
_NONE: frozenset[str] = frozenset()

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
        self._words = RestWords()
        self._size = 500

    def run(self, progress: Progress) -> Result:
        """Read, then store."""
        store, finished = not self._request.dry_run, False
        try:
            if store:
                self._rejected.open()  # a folder that cannot be written to is noticed before anything is stored
            with Spool() as spool:
                good = spool.fill(self._read(lambda read: progress(read * _READ_SHARE)))
                if store:
                    self._begin()
                self._store_all(spool, good, progress)
                if spool.conflicts:
                    self._reject_conflicts(spool)
            self._result.problems.sort(key=lambda problem: problem.row)
            if store:
                self._finish()
            finished = True
        finally:
            if store:
                self._result.rejected_file = self._rejected.close(keep=finished)
        progress(1.0)
        return self._result

    def _read(self, progress: Progress) -> Iterator[Spooled]:
        """Every good row, sealed; the others are rejected here."""
        result, keyring, words = self._result, self._keyring, self._words
        seal = keyring.seal if not self._request.dry_run else _not_sealed
        for row in self._listed.rows(progress):
            if self._reader.says_nothing(row):
                continue
            result.rows += 1
            record = self._reader.read(row)
            if isinstance(record, list):
                self._reject(row, record)
                continue
            e164, prefix, name, rest = record
            # Marks are Python's own hashes of text: 64 bits, keyed anew in each process.
            yield Spooled(
                keyring.phone_hash(e164),
                row.number,
                hash(record),
                seal(e164),
                None if name is None else seal(name),
                None if name is None else hash(name),
                prefix,
                words.write(rest),
            )

    def _reject(self, row: Row, problems: list[RowProblem]) -> None:
        self._result.rejected += 1
        self._result.problems += problems[: max(0, MOST_PROBLEMS - len(self._result.problems))]
        if not self._request.dry_run:
            where = [
                sentence("contacts.reason", row=found.row, column=found.column, message=found.message)
                for found in problems
            ]
            self._rejected.add(row.cells, where)

    def _reject_conflicts(self, spool: Spool) -> None:
        """The rows that give one number with different data, looked up in the file once more."""
        column = self._listed.columns.title("phone")
        for row in self._listed.rows():
            other = spool.other_row(row.number)
            if other is not None:
                words = sentence("contacts.phone-twice", other=other)
                self._reject(row, [RowProblem(row.number, column, "phone-twice", words)])

    def _store_all(self, spool: Spool, good: int, progress: Progress) -> None:
        chunk: list[Spooled] = []
        done = 0
        for first, count, differ in spool.numbers():
            done += count
            if differ:
                continue
            self._result.unchanged += count - 1
            chunk.append(first)
            if len(chunk) >= self._size:
                self._store(chunk)
                chunk = []
                progress(_READ_SHARE + (1 - _READ_SHARE) * done / good)
        if chunk:
            self._store(chunk)

    def _store(self, chunk: Sequence[Spooled]) -> None:
        """Compare a chunk with what is known and write what is new or different."""
        with self._database.read() as connection:
            known = contacts.known(connection, [spooled.phone_hash for spooled in chunk])
            ids = [found.id for found in known.values()]
            groups = contacts.groups_of(connection, ids, self._source) if ids else {}
        changes = []
        for spooled in chunk:
            before = known.get(spooled.phone_hash)
            change = self._change(spooled, before, groups.get(before.id, _NONE) if before else _NONE)
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

    def _change(self, spooled: Spooled, before: Known | None, groups_before: AbstractSet[str]) -> _Change | None:
        """What to write for a row; None when all of it is known."""
        phone_hash = spooled.phone_hash
        era, commune, language, consent, groups = self._words.read(spooled.rest)
        said = groups_before if groups is None else groups
        joined = [Membership(key, phone_hash) for key in said if key not in groups_before]
        left = [Membership(key, phone_hash) for key in groups_before if key not in said]
        name_sealed, synthetic = spooled.name_sealed, self._request.synthetic
        if before is not None:
            language = language or before.language
            consent = before.consent if consent is None else consent
            synthetic = synthetic and before.synthetic  # a real person never becomes a synthetic one
            if self._keeps_name(spooled, before):
                name_sealed = before.name_sealed
                same = (before.era, before.commune, before.language, before.consent, before.synthetic)
                if same == (era, commune, language, consent, synthetic):
                    return _Change(False, None, joined, left) if joined or left else None
        row = ContactRow(
            phone_hash,
            spooled.phone_sealed,  # of a known number the stored one stays
            name_sealed,
            era,
            commune,
            language or "vi",
            bool(consent),
            spooled.prefix,
            bucket_of(phone_hash),
            synthetic,
            self._import_id,
        )
        return _Change(before is None, row, joined, left)

    def _keeps_name(self, spooled: Spooled, before: Known) -> bool:
        """Whether the row says no name, or the one that is stored."""
        if spooled.name_mark is None:
            return True
        return before.name_sealed is not None and hash(self._keyring.unseal(before.name_sealed)) == spooled.name_mark

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


def _not_sealed(text: str) -> bytes:
    """Stands in for sealing in a dry run, which keeps nothing."""
    return b""
