"""Contacts as rows: read by the hash of their number, written by the chunk, and the record of each import.

Statements are text run over many parameters: one look-up a chunk, one upsert a row by its unique hash. The
Core's insert constructs cost as much as SQLite itself here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, text, update

from engine.store.instant import Instant
from engine.store.tables import Contact, ContactGroup, ContactImport, table_of

_CONTACT = table_of(Contact)
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


class Membership(NamedTuple):
    """A contact, by the hash of its number, and one of its groups."""

    phone_hash: bytes
    group_key: str


_KNOWN = select(
    _CONTACT.c.phone_hash,
    _CONTACT.c.id,
    _CONTACT.c.name_sealed,
    _CONTACT.c.era,
    _CONTACT.c.commune,
    _CONTACT.c.language,
    _CONTACT.c.consent,
    _CONTACT.c.synthetic,
).where(_CONTACT.c.phone_hash.in_(bindparam("hashes", expanding=True)))

_GROUPS = select(_GROUP.c.contact_id, _GROUP.c.group_key).where(
    _GROUP.c.source == bindparam("source"), _GROUP.c.contact_id.in_(bindparam("ids", expanding=True))
)

# A number that has opted out stays so when it comes on a list for the first time, and on every later one.
_SAVE = text(
    "INSERT INTO contact (phone_hash, phone_sealed, name_sealed, era, commune, language, consent, prefix, bucket,"
    " synthetic, opted_out_at, import_id, updated_at)"
    " VALUES (:phone_hash, :phone_sealed, :name_sealed, :era, :commune, :language, :consent, :prefix, :bucket,"
    " :synthetic, (SELECT o.at FROM opt_out o WHERE o.phone_hash = :phone_hash), :import_id, :updated_at)"
    " ON CONFLICT (phone_hash) DO UPDATE SET name_sealed = excluded.name_sealed, era = excluded.era,"
    " commune = excluded.commune, language = excluded.language, consent = excluded.consent,"
    " synthetic = excluded.synthetic, import_id = excluded.import_id, updated_at = excluded.updated_at"
).bindparams(bindparam("updated_at", type_=Instant))

_JOIN = text(
    "INSERT INTO contact_group (contact_id, group_key, source)"
    " SELECT c.id, :group_key, :source FROM contact c WHERE c.phone_hash = :phone_hash ON CONFLICT DO NOTHING"
)
_LEAVE = text(
    "DELETE FROM contact_group WHERE group_key = :group_key AND source = :source"
    " AND contact_id = (SELECT c.id FROM contact c WHERE c.phone_hash = :phone_hash)"
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
    """Those of the numbers that are contacts already."""
    return {row[0]: Known(*row[1:]) for row in connection.execute(_KNOWN, {"hashes": phone_hashes})}


def groups_of(connection: Connection, contact_ids: Iterable[int], source: str) -> dict[int, set[str]]:
    """The groups that ``source`` has said of these contacts."""
    found: dict[int, set[str]] = defaultdict(set)
    for contact_id, key in connection.execute(_GROUPS, {"source": source, "ids": list(contact_ids)}):
        found[contact_id].add(key)
    return found


def save(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write contacts by the hash of their number: new ones whole, known ones in all but number and opt-out.

    Each row has every column of ``contact`` but ``id`` and ``opted_out_at``.
    """
    if rows:
        connection.execute(_SAVE, rows)


def change_groups(
    connection: Connection, source: str, joined: Sequence[Membership], left: Sequence[Membership]
) -> None:
    """Write the memberships that ``source`` adds and takes back."""
    for statement, changes in ((_LEAVE, left), (_JOIN, joined)):
        if changes:
            connection.execute(statement, [change._asdict() | {"source": source} for change in changes])
