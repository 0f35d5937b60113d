"""A list of contacts on its way into the store: temporary tables, set-based comparison, upserts by the chunk.

Shaped by measurements: a row given to SQLite by itself costs 22 µs with its groups 30, of which the lock is held
for all; INSERT … SELECT from a temporary table a third of that. So a list is first put into temporary tables, then
taken in the order of the numbers' hashes (numbers that come twice stand together, and the unique index is touched
from one end to the other instead of a page a row). Each chunk is compared outside of the lock; under it there are
three plain statements. The same SQL runs on SQLite and PostgreSQL. Numbers and names are sealed here already.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text

from engine.store.database import Reserved
from engine.store.instant import Instant

_TABLES = (
    "CREATE TEMPORARY TABLE listed (phone_hash BLOB NOT NULL, place INTEGER NOT NULL, mark BIGINT NOT NULL,"
    " phone_sealed BLOB NOT NULL, name_sealed BLOB, name_mark BIGINT, email_sealed BLOB, email_mark BIGINT,"
    " prefix TEXT NOT NULL, bucket INTEGER NOT NULL,"
    " rest INTEGER NOT NULL)",
    "CREATE TEMPORARY TABLE listed_rest (id INTEGER PRIMARY KEY, era TEXT NOT NULL, commune TEXT NOT NULL,"
    " language TEXT, consent BOOLEAN, says_groups BOOLEAN NOT NULL)",
    "CREATE TEMPORARY TABLE listed_group (rest INTEGER NOT NULL, group_key TEXT NOT NULL,"
    " PRIMARY KEY (rest, group_key))",
    "CREATE TEMPORARY TABLE listed_conflict (place INTEGER PRIMARY KEY, other INTEGER NOT NULL)",
    "CREATE TEMPORARY TABLE renamed (phone_hash BLOB PRIMARY KEY)",
    "CREATE TEMPORARY TABLE readdressed (phone_hash BLOB PRIMARY KEY)",
    "CREATE TEMPORARY TABLE ready (phone_hash BLOB NOT NULL, phone_sealed BLOB NOT NULL, name_sealed BLOB,"
    " email_sealed BLOB, era TEXT NOT NULL, commune TEXT NOT NULL, language TEXT NOT NULL, consent BOOLEAN NOT NULL,"
    " prefix TEXT NOT NULL,"
    " bucket INTEGER NOT NULL, synthetic BOOLEAN NOT NULL, is_new BOOLEAN NOT NULL)",
    "CREATE TEMPORARY TABLE moved (phone_hash BLOB NOT NULL, contact_id BIGINT, group_key TEXT NOT NULL,"
    " joins BOOLEAN NOT NULL)",
)
_COLUMNS = (
    "phone_hash, place, mark, phone_sealed, name_sealed, name_mark, email_sealed, email_mark, prefix, bucket, rest"
)
_CHUNK = "s.phone_hash > :after AND s.phone_hash <= :until"

_FOLLOWING = text("SELECT phone_hash FROM listed WHERE phone_hash > :after ORDER BY phone_hash LIMIT :size")
_KNOWN_NAMES = text(
    "SELECT s.phone_hash, s.name_mark, c.name_sealed FROM listed s JOIN contact c ON c.phone_hash = s.phone_hash"
    f" WHERE {_CHUNK} AND s.name_mark IS NOT NULL"
)
_KNOWN_ADDRESSES = text(
    "SELECT s.phone_hash, s.email_mark, s.email_sealed IS NULL, c.email_sealed FROM listed s"
    f" JOIN contact c ON c.phone_hash = s.phone_hash WHERE {_CHUNK} AND s.email_mark IS NOT NULL"
)
# What a list does not say stays as it is; a real person never becomes a synthetic one.
_READY = text(
    "INSERT INTO ready SELECT phone_hash, phone_sealed, name_sealed, email_sealed, era, commune, language, consent,"
    " prefix, bucket, synthetic, id IS NULL FROM (SELECT s.phone_hash, s.phone_sealed,"
    " CASE WHEN c.id IS NULL OR n.phone_hash IS NOT NULL THEN s.name_sealed ELSE c.name_sealed END AS name_sealed,"
    " CASE WHEN c.id IS NULL OR a.phone_hash IS NOT NULL THEN s.email_sealed ELSE c.email_sealed END AS email_sealed,"
    " r.era, r.commune, COALESCE(r.language, c.language, 'vi') AS language,"
    " COALESCE(r.consent, c.consent, FALSE) AS consent, s.prefix, s.bucket,"
    " (CAST(:synthetic AS BOOLEAN) AND COALESCE(c.synthetic, TRUE)) AS synthetic,"
    " c.id, n.phone_hash AS new_name, a.phone_hash AS new_address, c.era AS old_era,"
    " c.commune AS old_commune, c.language AS old_language,"
    " c.consent AS old_consent, c.synthetic AS old_synthetic"
    " FROM listed s JOIN listed_rest r ON r.id = s.rest LEFT JOIN contact c ON c.phone_hash = s.phone_hash"
    " LEFT JOIN renamed n ON n.phone_hash = s.phone_hash"
    f" LEFT JOIN readdressed a ON a.phone_hash = s.phone_hash WHERE {_CHUNK}) x"
    " WHERE id IS NULL OR new_name IS NOT NULL OR new_address IS NOT NULL OR era <> old_era"
    " OR commune <> old_commune OR language <> old_language"
    " OR consent <> old_consent OR synthetic <> old_synthetic"
)
_JOINING = text(
    "INSERT INTO moved SELECT s.phone_hash, c.id, g.group_key, TRUE FROM listed s"
    " JOIN listed_group g ON g.rest = s.rest LEFT JOIN contact c ON c.phone_hash = s.phone_hash"
    f" WHERE {_CHUNK} AND NOT EXISTS (SELECT 1 FROM contact_group k"
    " WHERE k.contact_id = c.id AND k.group_key = g.group_key AND k.source = :source)"
)
_LEAVING = text(
    "INSERT INTO moved SELECT s.phone_hash, c.id, k.group_key, FALSE FROM listed s"
    " JOIN listed_rest r ON r.id = s.rest JOIN contact c ON c.phone_hash = s.phone_hash"
    " JOIN contact_group k ON k.contact_id = c.id AND k.source = :source"
    f" WHERE {_CHUNK} AND r.says_groups AND NOT EXISTS (SELECT 1 FROM listed_group g"
    " WHERE g.rest = s.rest AND g.group_key = k.group_key)"
)
_COUNTED = text(
    "SELECT (SELECT count(*) FROM ready WHERE is_new), (SELECT count(*) FROM (SELECT phone_hash FROM ready"
    " WHERE NOT is_new UNION SELECT phone_hash FROM moved WHERE contact_id IS NOT NULL) u)"
)
# A number that has opted out stays so when it comes on a list for the first time, and on every later one.
_SAVE = text(
    "INSERT INTO contact (phone_hash, phone_sealed, name_sealed, email_sealed, era, commune, language, consent, prefix,"
    " bucket, synthetic, opted_out_at, import_id, updated_at)"
    " SELECT y.phone_hash, y.phone_sealed, y.name_sealed, y.email_sealed, y.era, y.commune, y.language, y.consent,"
    " y.prefix, y.bucket,"
    " y.synthetic, o.at, :import_id, :at FROM ready y LEFT JOIN opt_out o ON o.phone_hash = y.phone_hash WHERE TRUE"
    " ON CONFLICT (phone_hash) DO UPDATE SET name_sealed = excluded.name_sealed,"
    " email_sealed = excluded.email_sealed, era = excluded.era,"
    " commune = excluded.commune, language = excluded.language, consent = excluded.consent,"
    " synthetic = excluded.synthetic, import_id = excluded.import_id, updated_at = excluded.updated_at"
).bindparams(bindparam("at", type_=Instant))
_LEAVE = text(
    "DELETE FROM contact_group WHERE source = :source AND EXISTS (SELECT 1 FROM moved m"
    " WHERE NOT m.joins AND m.contact_id = contact_group.contact_id AND m.group_key = contact_group.group_key)"
    " AND contact_id IN (SELECT contact_id FROM moved WHERE NOT joins)"
)
_JOIN = text(
    "INSERT INTO contact_group (contact_id, group_key, source) SELECT c.id, m.group_key, :source FROM moved m"
    " JOIN contact c ON c.phone_hash = m.phone_hash WHERE m.joins ON CONFLICT DO NOTHING"
)


class ListedRow(NamedTuple):
    """A good row. Marks are keyed 64-bit ones of all it says, of its name, of its address.

    A name or an address without a mark: the row says nothing of it. An address with a mark alone is taken away.
    """

    phone_hash: bytes
    place: int
    mark: int
    phone_sealed: bytes
    name_sealed: bytes | None
    name_mark: int | None
    email_sealed: bytes | None
    email_mark: int | None
    prefix: str
    bucket: int
    rest: int


class ListedRest(NamedTuple):
    """What many rows say alike besides number and name; ``None``: nothing, so what is known stays."""

    id: int
    era: str
    commune: str
    language: str | None
    consent: bool | None
    groups: tuple[str, ...] | None


class Chunk(NamedTuple):
    """Rows with ``after`` < hash ≤ ``until``."""

    after: bytes
    until: bytes
    rows: int


class Compared(NamedTuple):
    """How many rows of a chunk are new, and how many say something new of a contact."""

    imported: int
    updated: int


class ContactList:
    """The temporary tables of one import, on a connection of their own."""

    def __init__(self, reserved: Reserved) -> None:
        self._reserved = reserved
        with reserved.local() as connection:
            for statement in _TABLES:
                connection.exec_driver_sql(statement if reserved.is_sqlite else statement.replace("BLOB", "BYTEA"))

    def add(self, rows: Sequence[ListedRow], rests: Sequence[ListedRest]) -> None:
        """Put rows in, and what is new of what they say besides."""
        kinds = [(*rest[:5], rest.groups is not None) for rest in rests]
        groups = [(rest.id, key) for rest in rests for key in rest.groups or ()]
        with self._reserved.local() as connection:
            self._fill(connection, "listed_rest", "id, era, commune, language, consent, says_groups", kinds)
            self._fill(connection, "listed_group", "rest, group_key", groups)
            self._fill(connection, "listed", _COLUMNS, rows)

    def _fill(self, connection: Connection, table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        if self._reserved.is_sqlite:
            signs = ", ".join("?" * len(rows[0]))
            connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({signs})", list(rows))
            return
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copying:
            for row in rows:
                copying.write_row(row)

    def settle(self) -> tuple[int, int]:
        """Sort the list out: (repeated rows, which say nothing new; rows in conflict). Neither will be written."""
        with self._reserved.local() as connection:
            connection.exec_driver_sql("CREATE INDEX ix_listed ON listed (phone_hash, place)")
            if not self._reserved.is_sqlite:
                connection.exec_driver_sql("ANALYZE listed")
            connection.exec_driver_sql(
                "CREATE TEMPORARY TABLE twice AS SELECT phone_hash, min(place) AS earliest, max(place) AS latest,"
                " min(mark) <> max(mark) AS differ FROM listed GROUP BY phone_hash HAVING count(*) > 1"
            )
            conflicts = connection.exec_driver_sql(
                "INSERT INTO listed_conflict SELECT s.place,"
                " CASE WHEN s.place = t.earliest THEN t.latest ELSE t.earliest END"
                " FROM twice t JOIN listed s ON s.phone_hash = t.phone_hash WHERE t.differ"
            ).rowcount
            dropped = connection.exec_driver_sql(
                "DELETE FROM listed WHERE phone_hash IN (SELECT phone_hash FROM twice)"
                " AND EXISTS (SELECT 1 FROM twice t WHERE t.phone_hash = listed.phone_hash"
                " AND (t.differ OR t.earliest <> listed.place))"
            ).rowcount
        return dropped - conflicts, conflicts

    def conflicts(self) -> Iterator[tuple[int, int]]:
        """(row, another row of the same number with different data), in the order of the list."""
        place = 0
        query = text("SELECT place, other FROM listed_conflict WHERE place > :place ORDER BY place LIMIT 1000")
        while True:
            with self._reserved.local() as connection:
                found = [(row[0], row[1]) for row in connection.execute(query, {"place": place})]
            if not found:
                return
            yield from found
            place = found[-1][0]

    def next_chunk(self, after: bytes, size: int) -> Chunk | None:
        """The ``size`` rows whose hashes follow ``after`` (begin with ``b""``); None at the end."""
        with self._reserved.local() as connection:
            found = connection.execute(_FOLLOWING, {"after": after, "size": size}).all()
        return Chunk(after, bytes(found[-1][0]), len(found)) if found else None

    def compare(self, chunk: Chunk, *, source: str, synthetic: bool, mark: Callable[[bytes], int]) -> Compared:
        """Work out what is to be written of a chunk. ``mark`` gives that of a sealed name or address."""
        place = {"after": chunk.after, "until": chunk.until}
        with self._reserved.local() as connection:
            for table in ("ready", "moved", "renamed", "readdressed"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
            renamed = [
                (bytes(phone_hash),)
                for phone_hash, new, sealed in connection.execute(_KNOWN_NAMES, place)
                if sealed is None or mark(bytes(sealed)) != new
            ]
            self._fill(connection, "renamed", "phone_hash", renamed)
            readdressed = [
                (bytes(phone_hash),)
                for phone_hash, new, taken_away, sealed in connection.execute(_KNOWN_ADDRESSES, place)
                if bool(taken_away) is not (sealed is None) or (sealed is not None and mark(bytes(sealed)) != new)
            ]
            self._fill(connection, "readdressed", "phone_hash", readdressed)
            connection.execute(_READY, {**place, "synthetic": synthetic})
            connection.execute(_JOINING, {**place, "source": source})
            connection.execute(_LEAVING, {**place, "source": source})
            return Compared(*connection.execute(_COUNTED).one())

    def write(self, connection: Connection, *, source: str, import_id: int, at: datetime) -> None:
        """Write what ``compare`` found, in a transaction of ``Reserved.write``."""
        connection.execute(_SAVE, {"import_id": import_id, "at": at})
        connection.execute(_LEAVE, {"source": source})
        connection.execute(_JOIN, {"source": source})
