"""What must hold for the engine to work on this machine: key, database, disk, log, locks, processes."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.clock import VIETNAM, campaign_clock, monotonic, real
from engine.errors import LoaError
from engine.i18n import number, sentence
from engine.pipeline.files import Files
from engine.pipeline.process import Process
from engine.reports.overview import overview
from engine.reports.tally_queries import campaigns_with_runs
from engine.settings import Settings
from engine.store.crypto import Keyring, load_keyring
from engine.store.database import Database, Lock
from engine.store.schema import check

GIB = 1 << 30
# A run of a million deliveries takes about 0.4 GB, and the write-ahead log as much again for a while.
LEAST_FREE = 1 * GIB
# SQLite folds its log back at 4 MB; far beyond that, something reads without end and keeps it from doing so.
LARGEST_LOG = GIB // 4
# Nothing of ours holds the lock beyond 30 ms.
LOCK_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its name for programs, whether it is well, and a sentence.

    ``warning``: the machine is fit, but somebody should act now.
    """

    name: str
    ok: bool
    message: str
    warning: bool = False


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
        if keyring is not None:
            try:
                found += _workers(settings, database, keyring)
            except LoaError as error:
                found.append(Check("workers", False, str(error)))
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


def _workers(settings: Settings, database: Database, keyring: Keyring) -> list[Check]:
    """Who is at work, who has died without a word, and whether something is due and nobody is there for it."""
    process = Process(settings, database, keyring, campaign_clock(), os.environ)
    files = Files(settings)
    files.refresh()
    with database.read() as connection:
        known = sorted({*files.campaigns, *campaigns_with_runs(connection)})
    seen = overview(process, known, files, now=process.clock.now(), real_now=real())
    alive = [one for one in seen.processes if one.alive]
    silent = [one for one in alive if seen.silent(one)]
    found = [_said("workers", "workers", alive=len(alive), dead=len(seen.processes) - len(alive))]
    for one in silent:
        ago = number(seen.real_now - one.seen_real)
        found.append(_said("process", "process-silent", ok=False, host=one.host, pid=one.pid, seconds=ago))
    running = seen.running
    if seen.unattended:
        found.append(Check("process", True, sentence("health.process-missing"), warning=True))
    elif running is None:
        found.append(_said("process", "process-none"))
    elif not silent:
        since = datetime.fromtimestamp(running.started_real, VIETNAM)
        ago = number(max(0.0, seen.real_now - running.seen_real))
        code = "process-leads" if running.leads else "process-works"
        place = {"host": running.host, "pid": str(running.pid), "since": f"{since:%H:%M %d/%m/%Y}", "seconds": ago}
        found.append(Check("process", True, sentence(f"health.{code}", **place)))
    return found


def _gib(size: int) -> str:
    return number(size / GIB, 1)
