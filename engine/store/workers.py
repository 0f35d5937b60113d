"""Workers: processes that claim deliveries. Each holds a lock for life, so that its death can be proven.

On SQLite that is a lock on a file beside the database (the operating system frees it, whatever kills the
process); on PostgreSQL a session's advisory lock, so that workers on other machines are covered too.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError

from engine.clock import real
from engine.errors import LoaError
from engine.store.database import Database, Lock
from engine.store.tables import Worker, table_of

_WORKER = table_of(Worker)


class Registration:
    """This process as a worker: ``id`` for claims, ``slot`` for tallies. A context manager, held for life."""

    def __init__(self, database: Database, lock_folder: Path) -> None:
        self.id = f"{os.getpid():x}-{secrets.token_hex(4)}"
        self.slot = 0
        self._database, self._folder = database, lock_folder
        self._file: FileLock | None = None
        self._session: Connection | None = None

    def __enter__(self) -> Self:
        self._hold()
        try:
            self._register()
        except BaseException:  # we must not look alive for as long as this process lives
            self._let_go()
            raise
        return self

    def _register(self) -> None:
        with self._database.write(Lock.MIGRATE) as connection:
            known = connection.execute(select(_WORKER.c.id, _WORKER.c.slot)).all()
            dead = [row.id for row in known if self.is_dead(row.id)]
            taken = {row.slot for row in known if row.id not in dead}
            if not self._database.is_sqlite:  # one writer at a time needs one slot; many need one each
                self.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
            if dead:
                connection.execute(delete(_WORKER).where(_WORKER.c.id.in_(dead)))
            connection.execute(insert(_WORKER).values(id=self.id, slot=self.slot, started_real=real()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever ends in order leaves no row behind: one without a lock means a crash.
        with suppress(LoaError), self._database.write(Lock.MIGRATE) as connection:
            connection.execute(delete(_WORKER).where(_WORKER.c.id == self.id))
        self._let_go()

    def _let_go(self) -> None:
        if self._session is not None:
            # The server ends a session a moment after we do; until then it would hold the lock.
            with suppress(DBAPIError):
                self._session.exec_driver_sql("SELECT pg_advisory_unlock(%s)", (_key(self.id),))
            self._session.invalidate()  # given back to the pool, it would go on holding whatever is left
            self._session.close()
        if self._file is not None:
            self._file.release()
            self._lock_file(self.id).unlink(missing_ok=True)

    def is_dead(self, worker: str) -> bool:
        """Whether that worker's lock is free. Our own never is."""
        if worker == self.id:
            return False
        if self._database.is_sqlite:
            path = self._lock_file(worker)
            if not path.exists():
                return True
            probe = FileLock(path, timeout=0)
            try:
                probe.acquire()
            except Timeout:
                return False
            probe.release()
            path.unlink(missing_ok=True)
            return True
        with self._database.read() as connection:
            key = (_key(worker),)
            free = bool(connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", key).scalar())
            if free:
                connection.exec_driver_sql("SELECT pg_advisory_unlock(%s)", key)
            return free

    def _hold(self) -> None:
        if self._database.is_sqlite:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = FileLock(self._lock_file(self.id), timeout=0)
            self._file.acquire()
        else:
            self._session = self._database.raw().connect()
            self._session.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_key(self.id),))
            self._session.commit()

    def _lock_file(self, worker: str) -> Path:
        return self._folder / f"{worker}.lock"


def _key(worker: str) -> int:
    return int.from_bytes(hashlib.sha256(worker.encode()).digest()[:8], "big", signed=True)
