"""Locks that are held for as long as a process lives, so that its death can be proven and its place taken.

On SQLite that is a lock on a file in the database's own folder (the operating system frees it, whatever kills the
process; another workspace on the same database finds it there too); on PostgreSQL a session's advisory lock, so that
processes on other machines are covered. A server that restarts loses every session: ``held`` notices that.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from engine.errors import LoaError
from engine.store.database import Database, Lock

_TAKE, _GIVE = "SELECT pg_try_advisory_lock(%s)", "SELECT pg_advisory_unlock(%s)"
# Asking the server, and not only whether the session lives: a pooler between us (pgbouncer in transaction mode)
# would keep the session and give the lock to somebody else.
_OURS = (
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
    " AND ((classid::bigint << 32) | objid::bigint) = %s)"
)
# A machine that lost its power says nothing: the server asks it after 10 s of silence and gives it up 15 s later,
# instead of after two hours.
_NOTICE_THE_DEAD = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


class LifeLock:
    """A lock by name. A number names one of ``Lock``; on SQLite its file has that name in small letters."""

    def __init__(self, database: Database, name: str | Lock) -> None:
        self._database, self._name = database, name
        self._file: FileLock | None = None
        self._session: Connection | None = None

    def take(self) -> bool:
        """Hold the lock from now on; False when somebody else does. Raises ``LoaError`` when nobody can tell."""
        if self._database.is_sqlite:
            path = _file_of(self._database, self._name)
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # not by thread: whoever beats for the process may be another thread each time
                file = FileLock(path, timeout=0, thread_local=False)
                file.acquire()
            except Timeout:
                return False
            except OSError:
                raise LoaError("store.cannot-open") from None
            self._file = file
            return True
        session = self._database.session()
        try:
            session.exec_driver_sql(_NOTICE_THE_DEAD)
            if session.exec_driver_sql(_TAKE, (_key(self._name),)).scalar():
                self._session = session
                return True
        except DBAPIError:
            session.invalidate()
            session.close()
            raise LoaError("store.no-server") from None
        session.close()
        return False

    def held(self) -> bool:
        """Whether it is (still) ours. PostgreSQL is asked; a session that has died is given up."""
        if self._session is None:
            return self._file is not None
        try:
            ours = bool(self._session.exec_driver_sql(_OURS, (_key(self._name),)).scalar())
        except DBAPIError:
            ours = False
        if not ours:
            self._end_session()
        return ours

    def let_go(self, *, forget: bool = False) -> None:
        """Give it back; ``forget`` takes the file away as well, for a name that nobody will ever use again."""
        if self._session is not None:
            # The server ends a session a moment after we do; until then it would hold the lock.
            with suppress(DBAPIError):
                self._session.exec_driver_sql(_GIVE, (_key(self._name),))
            self._end_session()
        if self._file is not None:
            self._file.release()
            self._file = None
            if forget:
                _file_of(self._database, self._name).unlink(missing_ok=True)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()  # given back to the pool, it would go on holding whatever is left
            session.close()


def is_free(database: Database, name: str | Lock, *, forget: bool = False) -> bool:
    """Whether nobody holds that lock; asking changes nothing. ``forget``: the name is used up, take its file away."""
    if database.is_sqlite:
        path = _file_of(database, name)
        if not path.exists():
            return True
        probe = FileLock(path, timeout=0)
        try:
            probe.acquire()
        except Timeout:
            return False
        probe.release()
        if forget:
            with suppress(OSError):  # Windows: somebody else is just asking the same
                path.unlink(missing_ok=True)
        return True
    with database.read() as connection:
        free = bool(connection.exec_driver_sql(_TAKE, (_key(name),)).scalar())
        if free:
            connection.exec_driver_sql(_GIVE, (_key(name),))
        return free


def _file_of(database: Database, name: str | Lock) -> Path:
    word = name.name.lower() if isinstance(name, Lock) else name
    # with the database's name: a copy beside it, for a rehearsal, has locks of its own
    return database.file.parent / "locks" / f"{database.file.name}-{word}.lock"


def _key(name: str | Lock) -> int:
    if isinstance(name, Lock):
        return int(name)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
