"""Migrations: applied by ``loa init``, checked whenever a database is opened."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, insert, inspect, select, text

from engine.errors import LoaError
from engine.settings import Settings
from engine.store import every_table as _every_table  # noqa: F401
from engine.store.crypto import Keyring, create_key_file, load_keyring
from engine.store.database import Database, Lock
from engine.store.tables import KeyCheck, table_of

if TYPE_CHECKING:
    from alembic.config import Config

_KEY = table_of(KeyCheck)
_KNOWN_WORD = "loa"
_MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def _revisions() -> tuple[str, frozenset[str]]:
    """(the newest revision, all of them), from the names of the migrations: ``0001_the_first_tables.py``.

    Not from Alembic: importing it takes a tenth of a command's start, and it compiles every migration to answer.
    """
    known = sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
    if not known:
        raise RuntimeError("the migrations are missing from this installation")
    return known[-1], frozenset(known)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def migrate(database: Database) -> str | None:
    """Bring the database to the newest revision; the one it had before (None: it was empty).

    Raises ``LoaError`` (``store.newer-database``) for a revision that this version does not know.
    """
    with database.write(Lock.MIGRATE) as connection:
        current = _current(connection)
        head, known = _revisions()
        if current == head:
            return current
        if current is not None and current not in known:
            raise LoaError("store.newer-database")
        from alembic import command  # only when there is something to do: see _revisions

        command.upgrade(configuration(connection), "head")
        return current


def configuration(connection: Connection | None = None) -> "Config":
    """Alembic's configuration for our migrations, running on ``connection``."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def prepare(settings: Settings) -> Literal["made", "upgraded", "unchanged"]:
    """What ``loa init`` does below the files: folder, key, database with the newest tables; what became of the last.

    Safe to repeat. Raises ``LoaError`` when the disk or the server refuses.
    """
    try:
        settings.state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        raise LoaError("store.cannot-open") from None
    database = Database(settings.database_url)
    try:
        _refuse_folder(database)
        before = migrate(database)
        with database.write(Lock.MIGRATE) as connection:
            # A new key beside tables that another one sealed would open nothing, and hide that the old one is lost.
            if connection.execute(select(_KEY.c.id)).first() is None:
                if not os.environ.get("LOA_KEY", "").strip():
                    create_key_file(settings.key_file)
                sealed = load_keyring(settings.key_file).seal(_KNOWN_WORD)
                connection.execute(insert(_KEY).values(id=1, sealed=sealed))
        check(database, load_keyring(settings.key_file))
    finally:
        database.close()
    if before is None:
        return "made"
    return "unchanged" if before == _revisions()[0] else "upgraded"


def _refuse_folder(database: Database) -> None:
    """A folder where SQLite's file should be is not a missing database: ``loa init`` would not help."""
    file = database.url.database
    if database.is_sqlite and file and Path(file).is_dir():
        raise LoaError("store.folder", file=file)


def check(database: Database, keyring: Keyring) -> None:
    """Raise ``LoaError`` unless the tables are of this version and the key is the one that sealed them."""
    head, known = _revisions()
    with database.read() as connection:
        current = _current(connection)
        if current is None:
            raise LoaError("store.no-database")
        if current != head:
            raise LoaError("store.old-database" if current in known else "store.newer-database")
        sealed = connection.execute(select(_KEY.c.sealed)).scalar()
    if sealed is None:
        raise LoaError("store.no-database")
    if keyring.unseal(sealed) != _KNOWN_WORD:
        raise LoaError("store.wrong-key")


def open_store(settings: Settings) -> tuple[Database, Keyring]:
    """The workspace's database and keyring, checked. Raises ``LoaError`` with what to do otherwise."""
    database = Database(settings.database_url)
    try:
        _refuse_folder(database)
        if database.is_sqlite and not Path(database.url.database or "").is_file():
            raise LoaError("store.no-database")
        keyring = load_keyring(settings.key_file)
        check(database, keyring)
    except BaseException:
        database.close()
        raise
    return database, keyring
