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
from pathlib import Path
from threading import local
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from engine.errors import LoaError
from engine.store.database_errors import is_busy, translated

# A writer that cannot get a lock for this many seconds says so: nothing of ours holds one beyond 30 ms.
LOCK_PATIENCE = 30.0
# A server that is gone without a word (its machine, or the cable) is given up within half a minute, not two hours.
_LIVELY = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


class Lock(IntEnum):
    """Advisory locks on PostgreSQL (SQLite's writing transaction is itself the one lock)."""

    CLAIM = 0x10A0001
    LEADER = 0x10A0002
    MIGRATE = 0x10A0003
    APPROVE = 0x10A0004


class Database:
    """A connection pool with two ways in: ``read()`` and ``write()``.

    ``disposable`` is for an SQLite file that is thrown away whatever happens: nothing in it ever waits for the disk.
    """

    def __init__(self, url: str, *, pooled: bool = True, disposable: bool = False) -> None:
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
                **({} if self.is_sqlite else {"pool_pre_ping": True, "connect_args": _lively(parsed)}),
            )
        except (ArgumentError, NoSuchModuleError, ValueError):  # ValueError: a port that is no number
            raise LoaError("store.bad-url", url=re.sub(r"//[^@]*@", "//…@", url)) from None
        except ImportError:
            raise LoaError("store.no-driver") from None
        self._disposable = disposable
        self._moment = local()
        on_sqlite = _prepare_disposable if disposable else _prepare_sqlite
        event.listen(self._db, "connect", on_sqlite if self.is_sqlite else _prepare_postgresql)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading one consistent state. Raises ``LoaError`` when the database is not usable."""
        if (shared := getattr(self._moment, "connection", None)) is not None:
            yield shared
            return
        with translated(), self._db.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            else:  # psycopg says both in its BEGIN: no way to the server more
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection
            connection.rollback()

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """All that this thread reads in the block is of one state, however many ask one after the other.

        What is written meanwhile, by whomever, is not seen. Nothing may be awaited inside: it is the thread's.
        """
        with self.read() as connection:
            before = getattr(self._moment, "connection", None)
            self._moment.connection = connection
            try:
                yield
            finally:
                self._moment.connection = before

    @contextmanager
    def write(self, lock: Lock | None = None, *, durable: bool = True) -> Iterator[Connection]:
        """One writing transaction: committed at the end of the block, rolled back by any exception.

        ``lock`` is taken first and kept to the end. No vendor may be called inside. Without ``durable`` a power cut
        may take the transaction back (whole), until a later durable one is committed: for bulk work that is simply
        done again, and that nobody has been told of.
        """
        waits = durable or self._disposable  # what never waits for the disk needs no telling
        with translated(), self._db.connect() as connection, _synchronous(connection, self.is_sqlite, waits):
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
        with translated(), self._db.connect() as connection:
            try:
                yield Reserved(connection, self.is_sqlite)
            finally:
                connection.invalidate()

    def session(self) -> Connection:
        """A connection of one's own, each statement by itself: for locks that a session holds. Raises ``LoaError``."""
        with translated():
            return self._db.connect().execution_options(isolation_level="AUTOCOMMIT")

    @property
    def file(self) -> Path:
        """The file of an SQLite database; its locks lie in a folder beside it."""
        return Path(self.url.database or "").resolve()

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


def _lively(url: URL) -> dict[str, int]:
    """Limits for connections that the officer's address does not set itself."""
    return {name: value for name, value in _LIVELY.items() if name not in url.query}


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 1000")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -8192")  # 8 MiB, and as much for sorting: a fan-out stays under 150 MB
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """The journal's kind is kept in the file; for its change SQLite does not wait as it does elsewhere: we do."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def _prepare_postgresql(connection: Any, _: Any) -> None:
    connection.execute(f"SET lock_timeout = {int(LOCK_PATIENCE * 1000)}")
    connection.commit()


def _prepare_disposable(connection: sqlite3.Connection, _: Any) -> None:
    """For a copy that one process fills, reads and deletes.

    Its constraints are not asked of every row (2 µs a move each): what the copy has learned is never written back.
    """
    connection.isolation_level = None
    for pragma in (
        "journal_mode = MEMORY", "synchronous = OFF", "cache_size = -65536", "ignore_check_constraints = ON",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}").close()


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
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
    finally:
        raw.execute("PRAGMA busy_timeout = 1000")
