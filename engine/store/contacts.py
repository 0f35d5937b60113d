"""Contacts as rows: read by the hash of their number, written by the chunk, and the record of each import.

One look-up a chunk; one upsert a row by its unique hash, given to the driver as it is: SQLAlchemy's handling of
named parameters costs more than SQLite's work (39 µs a row against 17).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from engine.store.instant import Instant
from engine.store.tables import ContactGroup, ContactImport, table_of

_GROUP = table_of(ContactGroup)
_IMPORT = table_of(ContactImport)


class Known(NamedTuple):
    """What is stored of a contact, as far as an import may change it."""

    id: int
    name_sealed: bytes | None
    era: str
    commune: str
    language: str
    consent: bool
    synthetic: bool


class ContactRow(NamedTuple):
    """A contact to write; the columns of ``contact`` in the order of ``_SAVE``."""

    phone_hash: bytes
    phone_sealed: bytes
    name_sealed: bytes | None
    era: str
    commune: str
    language: str
    consent: bool
    prefix: str
    bucket: int
    synthetic: bool
    import_id: int


class Membership(NamedTuple):
    """One of the groups of a contact, by the hash of its number."""

    group_key: str
    phone_hash: bytes


_KNOWN = (
    "SELECT phone_hash, id, name_sealed, era, commune, language, consent, synthetic FROM contact"
    " WHERE phone_hash IN ({})"
)
_GROUPS = select(_GROUP.c.contact_id, _GROUP.c.group_key).where(
    _GROUP.c.source == bindparam("source"), _GROUP.c.contact_id.in_(bindparam("ids", expanding=True))
)

# A number that has opted out stays so when it comes on a list for the first time, and on every later one.
_SAVE = (
    "INSERT INTO contact (phone_hash, phone_sealed, name_sealed, era, commune, language, consent, prefix, bucket,"
    " synthetic, import_id, opted_out_at, updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT o.at FROM opt_out o WHERE o.phone_hash = ?), ?)"
    " ON CONFLICT (phone_hash) DO UPDATE SET name_sealed = excluded.name_sealed, era = excluded.era,"
    " commune = excluded.commune, language = excluded.language, consent = excluded.consent,"
    " synthetic = excluded.synthetic, import_id = excluded.import_id, updated_at = excluded.updated_at"
)
_JOIN = (
    "INSERT INTO contact_group (contact_id, group_key, source)"
    " SELECT c.id, ?, ? FROM contact c WHERE c.phone_hash = ? ON CONFLICT DO NOTHING"
)
_LEAVE = (
    "DELETE FROM contact_group WHERE group_key = ? AND source = ?"
    " AND contact_id = (SELECT c.id FROM contact c WHERE c.phone_hash = ?)"
)


def begin_import(
    connection: Connection, *, source: str, basis: str, consent: bool, file_digest: str, at: datetime
) -> int:
    """Record that an import begins, and on which ground; gives its id."""
    inserted = connection.execute(
        insert(_IMPORT)
        .values(
            source=source,
            basis=basis,
            consent=consent,
            file_digest=file_digest,
            started_at=at,
            rows=0,
            imported=0,
            updated=0,
            unchanged=0,
            rejected=0,
        )
        .returning(_IMPORT.c.id)
    )
    return int(inserted.scalar_one())


def count_import(
    connection: Connection, import_id: int, counts: Mapping[str, int], finished_at: datetime | None = None
) -> None:
    """Set an import's counts (rows, imported, updated, unchanged, rejected) as they stand now."""
    connection.execute(update(_IMPORT).where(_IMPORT.c.id == import_id).values(**counts, finished_at=finished_at))


def known(connection: Connection, phone_hashes: Sequence[bytes]) -> dict[bytes, Known]:
    """Those of the numbers that are contacts already. At most 30,000 at a time (SQLite's most parameters)."""
    signs = ", ".join([_sign(connection)] * len(phone_hashes))
    found = connection.exec_driver_sql(_KNOWN.format(signs), tuple(phone_hashes))
    return {bytes(row[0]): Known(row[1], row[2], row[3], row[4], row[5], bool(row[6]), bool(row[7])) for row in found}


def groups_of(connection: Connection, contact_ids: Iterable[int], source: str) -> dict[int, set[str]]:
    """The groups that ``source`` has said of these contacts."""
    found: dict[int, set[str]] = defaultdict(set)
    for contact_id, key in connection.execute(_GROUPS, {"source": source, "ids": list(contact_ids)}):
        found[contact_id].add(key)
    return found


def save(connection: Connection, rows: Sequence[ContactRow], at: datetime) -> None:
    """Write contacts by the hash of their number: new ones whole, known ones in all but number and opt-out."""
    process = Instant().bind_processor(connection.dialect)
    written = process(at) if process else at
    _many(connection, _SAVE, [(*row, row.phone_hash, written) for row in rows])


def change_groups(
    connection: Connection, source: str, joined: Sequence[Membership], left: Sequence[Membership]
) -> None:
    """Write the memberships that ``source`` adds and takes back."""
    _many(connection, _LEAVE, [(key, source, phone_hash) for key, phone_hash in left])
    _many(connection, _JOIN, [(key, source, phone_hash) for key, phone_hash in joined])


def _many(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Run a statement of ours for many rows, with the driver's own sign for a parameter."""
    if rows:
        connection.exec_driver_sql(statement.replace("?", _sign(connection)), rows)


def _sign(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"
