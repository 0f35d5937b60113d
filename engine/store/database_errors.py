"""What a database's machine does to it, as the officer's sentences; a bug of ours stays a bug."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from engine.errors import LoaError


def is_busy(error: DBAPIError) -> bool:
    """Whether SQLite says that somebody else has the lock."""
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
    "57P01": "store.no-server",  # it is being stopped,
    "57P02": "store.no-server",  # has crashed,
    "57P03": "store.no-server",  # or is just starting
}


@contextmanager
def translated() -> Iterator[None]:
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
