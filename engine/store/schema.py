"""Migrations: applied by ``loa init``, checked whenever a database is opened."""

import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select

from engine.errors import LoaError
from engine.settings import Settings
from engine.store.crypto import Keyring, create_key_file, load_keyring
from engine.store.database import Database, Lock
from engine.store.tables import KeyCheck, table_of

_KEY = table_of(KeyCheck)
_KNOWN_WORD = "loa"


def _alembic(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def migrate(database: Database) -> None:
    """Bring the database to the newest revision; does nothing when it is there already.

    Raises ``LoaError`` (``store.newer-database``) for a revision that this version does not know.
    """
    with database.write(Lock.MIGRATE) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in _known_revisions():
            raise LoaError("store.newer-database")
        command.upgrade(_alembic(connection), "head")


def prepare(settings: Settings) -> None:
    """What ``loa init`` does below the files: folder, key, database with the newest tables.

    Safe to repeat. Raises ``LoaError`` when the disk or the server refuses.
    """
    try:
        settings.state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        raise LoaError("store.cannot-open") from None
    database = Database(settings.database_url)
    try:
        migrate(database)
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


def check(database: Database, keyring: Keyring) -> None:
    """Raise ``LoaError`` unless the tables are of this version and the key is the one that sealed them."""
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            raise LoaError("store.no-database")
        current = MigrationContext.configure(connection).get_current_revision()
        if current != head:
            raise LoaError("store.old-database" if current in _known_revisions() else "store.newer-database")
        sealed = connection.execute(select(_KEY.c.sealed)).scalar()
    if sealed is None:
        raise LoaError("store.no-database")
    if keyring.unseal(sealed) != _KNOWN_WORD:
        raise LoaError("store.wrong-key")


def open_store(settings: Settings) -> tuple[Database, Keyring]:
    """The workspace's database and keyring, checked. Raises ``LoaError`` with what to do otherwise."""
    database = Database(settings.database_url)
    if database.is_sqlite and not Path(database.url.database or "").is_file():
        raise LoaError("store.no-database")
    try:
        keyring = load_keyring(settings.key_file)
        check(database, keyring)
    except BaseException:
        database.close()
        raise
    return database, keyring
