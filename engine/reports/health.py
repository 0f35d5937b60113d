"""What must hold for the engine to work on this machine: key, database, disk, log, locks, workers."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from engine.clock import monotonic
from engine.errors import LoaError
from engine.i18n import number, sentence
from engine.settings import Settings
from engine.store.crypto import Keyring, load_keyring
from engine.store.database import Database, Lock
from engine.store.schema import check
from engine.store.tables import Worker, table_of
from engine.store.workers import Registration

GIB = 1 << 30
# A run of a million deliveries takes about 0.4 GB, and the write-ahead log as much again for a while.
LEAST_FREE = 1 * GIB
# SQLite folds its log back at 4 MB; far beyond that, something reads without end and keeps it from doing so.
LARGEST_LOG = GIB // 4
# Nothing of ours holds the lock beyond 30 ms.
LOCK_PATIENCE = 5.0
_WORKER = table_of(Worker)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its name for programs, whether it is well, and a sentence."""

    name: str
    ok: bool
    message: str


def look_over(settings: Settings, *, free_bytes: int | None = None) -> tuple[list[Check], Database | None]:
    """Every check that can be made, and the database when it is usable (the caller closes it). Raises nothing.

    ``free_bytes`` takes the place of the disk's own figure, for tests.
    """
    key, keyring = _key(settings)
    found = [key]
    opened, database = _database(settings, keyring)
    found += [opened, _disk(settings, free_bytes)]
    if database is not None:
        if database.is_sqlite:
            found.append(_attempted("log", lambda: _log(database)))
        found.append(_attempted("lock", lambda: _lock(database)))
        found.append(_attempted("workers", lambda: _workers(settings, database)))
    return found, database


def _said(name: str, code: str, *, ok: bool = True, **values: object) -> Check:
    return Check(name, ok, sentence(f"health.{code}", **values))


def _attempted(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except LoaError as error:
        return Check(name, False, str(error))


def _key(settings: Settings) -> tuple[Check, Keyring | None]:
    try:
        keyring = load_keyring(settings.key_file)
    except LoaError as error:
        return Check("key", False, str(error)), None
    if os.environ.get("LOA_KEY", "").strip():
        return _said("key", "key-in-environment"), keyring
    if os.name == "posix" and stat.S_IMODE(settings.key_file.stat().st_mode) & 0o077:
        return _said("key", "key-open", ok=False, file=settings.key_file), keyring
    return _said("key", "key-in-file", file=settings.key_file), keyring


def _database(settings: Settings, keyring: Keyring | None) -> tuple[Check, Database | None]:
    database = None
    try:
        database = Database(settings.database_url)
        if database.is_sqlite and not Path(database.url.database or "").is_file():
            raise LoaError("store.no-database")
        if keyring is None:
            raise LoaError("health.no-key-to-compare")
        check(database, keyring)
    except LoaError as error:
        if database is not None:
            database.close()
        return Check("database", False, str(error)), None
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    return _said("database", "database-well", kind=kind), database


def _disk(settings: Settings, free_bytes: int | None) -> Check:
    folder = settings.state_folder if settings.state_folder.is_dir() else settings.workspace
    if free_bytes is None:
        try:
            free_bytes = shutil.disk_usage(folder).free
        except OSError:
            return _said("disk", "disk-unknown", ok=False, folder=folder)
    ok = free_bytes >= LEAST_FREE
    return _said("disk", "disk-room" if ok else "disk-little", ok=ok, free=_gib(free_bytes), least=_gib(LEAST_FREE))


def _log(database: Database) -> Check:
    with database.read() as connection:
        mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    if mode != "wal":
        return _said("log", "log-mode", ok=False, mode=mode)
    log = Path(f"{database.url.database}-wal")
    size = log.stat().st_size if log.is_file() else 0
    ok = size <= LARGEST_LOG
    return _said("log", "log-well" if ok else "log-large", ok=ok, size=number(size / (1 << 20), 1))


def _lock(database: Database) -> Check:
    """Take the one claim lock and give it back. SQLite waits up to 30 s, PostgreSQL is asked for 5 s."""
    began = monotonic()
    with database.write() as connection:
        if not database.is_sqlite:
            query = "SELECT pg_try_advisory_xact_lock(%s)"
            while not connection.exec_driver_sql(query, (int(Lock.CLAIM),)).scalar():
                if monotonic() - began > LOCK_PATIENCE:
                    return _said("lock", "lock-held", ok=False, seconds=number(monotonic() - began, 1))
                time.sleep(0.01)
    waited = monotonic() - began
    ok = waited <= LOCK_PATIENCE
    return _said("lock", "lock-free" if ok else "lock-held", ok=ok, seconds=number(waited, 2))


def _workers(settings: Settings, database: Database) -> Check:
    """Who claims, and who has died without a word; the next worker to start clears those away."""
    with database.read() as connection:
        known = list(connection.execute(select(_WORKER.c.id)).scalars())
    probe = Registration(database, settings.state_folder / "locks")
    dead = sum(probe.is_dead(worker) for worker in known)
    return _said("workers", "workers", alive=len(known) - dead, dead=dead)


def _gib(size: int) -> str:
    return number(size / GIB, 1)
