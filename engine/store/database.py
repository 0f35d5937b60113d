"""The database: SQLite on one PC, PostgreSQL for a province; the same code on both.

SQLite: WAL, ``synchronous=FULL``, and every writing transaction starts with ``BEGIN IMMEDIATE``. Waiting for
the lock is ours, one try a millisecond: SQLite's own back-off lets a dispatcher starve for 0.9–3.8 s (p99)
beside an importer, ours 33 ms. PostgreSQL: the one claim lock is an advisory lock of the transaction.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from engine.errors import LoaError

# A writer that cannot get a lock for this many seconds says so: nothing of ours holds one beyond 30 ms.
LOCK_PATIENCE = 30.0


class Lock(IntEnum):
    """Advisory locks on PostgreSQL (SQLite's writing transaction is itself the one lock)."""

    CLAIM = 0x10A0001
    LEADER = 0x10A0002
    MIGRATE = 0x10A0003
    APPROVE = 0x10A0004


class Database:
    """A connection pool with two ways in: ``read()`` and ``write()``."""

    def __init__(self, url: str, *, pooled: bool = True) -> None:
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            elif parsed.get_backend_name() != "sqlite":
                raise LoaError("store.bad-url", url=parsed.render_as_string(hide_password=True))
            self.url = parsed
            self.is_sqlite = parsed.get_backend_name() == "sqlite"
            self._db: Engine = create_engine(
                parsed,
                poolclass=QueuePool if pooled else NullPool,
                **({"pool_size": 8, "max_overflow": 8} if pooled else {}),
                **({} if self.is_sqlite else {"pool_pre_ping": True}),
            )
        except (ArgumentError, NoSuchModuleError, ValueError):  # ValueError: a port that is no number
            raise LoaError("store.bad-url", url=re.sub(r"//[^@]*@", "//…@", url)) from None
        except ImportError:
            raise LoaError("store.no-driver") from None
        event.listen(self._db, "connect", _prepare_sqlite if self.is_sqlite else _prepare_postgresql)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading one consistent state. Raises ``LoaError`` when the database is not usable."""
        with _translated(), self._db.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            else:  # psycopg says both in its BEGIN: no way to the server more
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection
            connection.rollback()

    @contextmanager
    def write(self, lock: Lock | None = None, *, durable: bool = True) -> Iterator[Connection]:
        """One writing transaction: committed at the end of the block, rolled back by any exception.

        ``lock`` is taken first and kept to the end. No vendor may be called inside. Without ``durable`` a power cut
        may take the transaction back (whole), until a later durable one is committed: for bulk work that is simply
        done again, and that nobody has been told of.
        """
        with _translated(), self._db.connect() as connection, _synchronous(connection, self.is_sqlite, durable):
            if self.is_sqlite:
                _begin_immediate(connection)
            else:
                if not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                # connections are reused; psycopg begins by itself at the first statement
                if lock is not None:
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (int(lock),))
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextmanager
    def reserve(self) -> Iterator["Reserved"]:
        """One connection kept through the block, for work that needs temporary tables of its own.

        They are gone afterwards: the connection is not given back to the pool.
        """
        with _translated(), self._db.connect() as connection:
            try:
                yield Reserved(connection, self.is_sqlite)
            finally:
                connection.invalidate()

    def raw(self) -> Engine:
        """SQLAlchemy's own object, for migrations only."""
        return self._db

    def close(self) -> None:
        """Give every connection back."""
        self._db.dispose()


class Reserved:
    """A connection of one's own, with temporary tables that stay from one transaction to the next.

    On SQLite those live in a file that is deleted when the connection closes, not in memory.
    """

    def __init__(self, connection: Connection, is_sqlite: bool) -> None:
        self._connection, self.is_sqlite = connection, is_sqlite
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA temp_store = FILE")
            connection.exec_driver_sql("PRAGMA temp.journal_mode = OFF")  # what breaks off is thrown away whole
            connection.commit()

    @contextmanager
    def local(self) -> Iterator[Connection]:
        """A transaction that reads what it likes but writes to temporary tables only: it takes no write lock."""
        if self.is_sqlite:
            self._connection.exec_driver_sql("BEGIN")
        with self._ended():
            yield self._connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A writing transaction, as ``Database.write`` has it."""
        with _synchronous(self._connection, self.is_sqlite, durable):
            if self.is_sqlite:
                _begin_immediate(self._connection)
            elif not durable:
                self._connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            with self._ended():
                yield self._connection

    @contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 1000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -8192")  # 8 MiB, and as much for sorting: a fan-out stays under 150 MB
    cursor.close()


def _prepare_postgresql(connection: Any, _: Any) -> None:
    connection.execute(f"SET lock_timeout = {int(LOCK_PATIENCE * 1000)}")
    connection.commit()


@contextmanager
def _synchronous(connection: Connection, is_sqlite: bool, durable: bool) -> Iterator[None]:
    """SQLite waits for the disk at a commit (10 ms on a slow one) only where the commit must be durable."""
    raw = connection.connection.driver_connection
    if not is_sqlite or durable or not isinstance(raw, sqlite3.Connection):
        yield
        return
    raw.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        raw.execute("PRAGMA synchronous = FULL")


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock, trying once a millisecond."""
    deadline = time.monotonic() + LOCK_PATIENCE
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except DBAPIError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
    finally:
        raw.execute("PRAGMA busy_timeout = 1000")


def _is_busy(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


_SQLITE_ERRORS = (
    ("SQLITE_FULL", "store.disk-full"),
    ("SQLITE_IOERR", "store.disk-error"),
    ("SQLITE_BUSY", "store.locked"),
    ("SQLITE_LOCKED", "store.locked"),
    ("SQLITE_READONLY", "store.read-only"),
    ("SQLITE_CANTOPEN", "store.cannot-open"),
    ("SQLITE_NOTADB", "store.not-a-database"),
    ("SQLITE_CORRUPT", "store.damaged"),
)


_POSTGRESQL_ERRORS = {
    "53100": "store.disk-full",
    "25006": "store.read-only",
    "42501": "store.not-allowed",
    "55P03": "store.locked",  # lock_timeout
    "40P01": "store.locked",  # a deadlock: the other one went through, and trying again helps
}


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the machine does to a database into the officer's sentence; a bug of ours stays a bug."""
    try:
        yield
    except DBAPIError as error:
        name = getattr(error.orig, "sqlite_errorname", None)
        if name is not None:
            for start, key in _SQLITE_ERRORS:
                if name.startswith(start):
                    raise LoaError(key) from error
        state = getattr(error.orig, "sqlstate", None)
        if error.connection_invalidated or (
            type(error.orig).__name__ == "OperationalError" and state is None and name is None
        ):
            raise LoaError("store.no-server") from error
        if state in _POSTGRESQL_ERRORS:
            raise LoaError(_POSTGRESQL_ERRORS[state]) from error
        raise
