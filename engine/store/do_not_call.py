"""The national Do-Not-Call list (Decree 91/2020/NĐ-CP) as keyed hashes: no number of it is kept in clear.

A new list is written in chunks beside the old one, and what it lacks is taken out afterwards: whoever breaks off in
the middle has forbidden too much, never too little, and importing the same list again makes it right.
"""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, exists, func, insert, select, text, update

from engine.store.tables import Contact, DoNotCall, DoNotCallImport, table_of

CHUNK = 2000  # numbers a transaction: about 15 ms of SQLite's lock

_LISTED, _IMPORT, _CONTACT = table_of(DoNotCall), table_of(DoNotCallImport), table_of(Contact)
_ADD = text(
    "INSERT INTO do_not_call (phone_hash, import_id) VALUES (:phone_hash, :import_id)"
    " ON CONFLICT (phone_hash) DO UPDATE SET import_id = excluded.import_id"
)


def begin(connection: Connection, *, source: str, listed_on: date, whole: bool, file_digest: str, at: datetime) -> int:
    """Note that an import begins; its id. ``listed_on`` is the day the list speaks of, ``whole``: it replaces all."""
    said = {"source": source, "listed_on": listed_on, "whole": whole, "file_digest": file_digest, "started_at": at}
    counts = dict.fromkeys(("numbers", "added", "removed"), 0)
    return int(connection.execute(insert(_IMPORT).values(**said, **counts).returning(_IMPORT.c.id)).scalar_one())


def add(connection: Connection, import_id: int, phone_hashes: Iterable[bytes]) -> int:
    """Put numbers on the list, by their hashes; how many were not on it."""
    wanted = sorted(set(phone_hashes))  # unsorted upserts deadlock
    known = 0
    for start in range(0, len(wanted), 500):
        some = select(func.count()).where(_LISTED.c.phone_hash.in_(wanted[start : start + 500]))
        known += int(connection.execute(some).scalar_one())
    if wanted:
        connection.execute(_ADD, [{"phone_hash": one, "import_id": import_id} for one in wanted])
    return len(wanted) - known


def brought_by(connection: Connection, import_id: int) -> int:
    """How many distinct numbers an import has brought so far, known before or not."""
    query = select(func.count()).select_from(_LISTED).where(_LISTED.c.import_id == import_id)
    return int(connection.execute(query).scalar_one())


def remove_others(connection: Connection, import_id: int, limit: int = CHUNK) -> int:
    """Take up to ``limit`` numbers off the list that the import did not bring; how many: 0 when none is left."""
    others = select(_LISTED.c.phone_hash).where(_LISTED.c.import_id != import_id).limit(limit)
    return connection.execute(delete(_LISTED).where(_LISTED.c.phone_hash.in_(others))).rowcount


def end(connection: Connection, import_id: int, *, numbers: int, added: int, removed: int, at: datetime) -> None:
    """Note that an import has come to its end: only then does it count as the newest list."""
    connection.execute(
        update(_IMPORT)
        .where(_IMPORT.c.id == bindparam("one"))
        .values(numbers=numbers, added=added, removed=removed, finished_at=at),
        {"one": import_id},
    )


def newest(connection: Connection) -> RowMapping | None:
    """The import whose list is of the latest day; None when there never was one."""
    query = select(_IMPORT).where(_IMPORT.c.finished_at.is_not(None))
    return connection.execute(query.order_by(_IMPORT.c.listed_on.desc(), _IMPORT.c.id.desc())).mappings().first()


def counts(connection: Connection) -> tuple[int, int]:
    """(numbers on the list, contacts among them)."""
    listed = exists().where(_LISTED.c.phone_hash == _CONTACT.c.phone_hash)
    numbers = connection.execute(select(func.count()).select_from(_LISTED)).scalar_one()
    contacts = connection.execute(select(func.count()).select_from(_CONTACT).where(listed)).scalar_one()
    return int(numbers), int(contacts)


def imports(connection: Connection) -> list[RowMapping]:
    """Every import, oldest first."""
    return list(connection.execute(select(_IMPORT).order_by(_IMPORT.c.id)).mappings())
