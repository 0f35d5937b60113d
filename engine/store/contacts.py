"""The record of each import of contacts: where a list came from, on which ground it is held, what came of it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from engine.store.tables import ContactImport, table_of

_IMPORT = table_of(ContactImport)
COUNTS = ("rows", "imported", "updated", "unchanged", "rejected")


def begin_import(
    connection: Connection, *, source: str, basis: str, consent: bool, file_digest: str, at: datetime
) -> int:
    """Record that an import begins; gives its id. It has no ``finished_at`` until it has come to its end."""
    said = {"source": source, "basis": basis, "consent": consent, "file_digest": file_digest, "started_at": at}
    inserted = connection.execute(insert(_IMPORT).values(**said, **dict.fromkeys(COUNTS, 0)).returning(_IMPORT.c.id))
    return int(inserted.scalar_one())


def lock_of(import_id: int) -> str:
    """The name of the lock that an import holds while it goes on."""
    return f"import-{import_id}"


def unfinished_imports(connection: Connection) -> list[int]:
    """Imports that go on, or were killed."""
    query = select(_IMPORT.c.id).where(_IMPORT.c.finished_at.is_(None)).order_by(_IMPORT.c.id)
    return list(connection.execute(query).scalars())


def end_broken_import(connection: Connection, import_id: int, at: datetime) -> bool:
    """Give an import that was killed its end, with the counts it came to; False when it has one by now."""
    query = update(_IMPORT).where(_IMPORT.c.id == import_id, _IMPORT.c.finished_at.is_(None))
    return connection.execute(query.values(finished_at=at)).rowcount == 1


def count_import(
    connection: Connection, import_id: int, counts: Mapping[str, int], finished_at: datetime | None = None
) -> None:
    """Set an import's counts (those of ``COUNTS``) as they stand now."""
    connection.execute(update(_IMPORT).where(_IMPORT.c.id == import_id).values(**counts, finished_at=finished_at))
