"""What every test may ask for: a clean environment, and a database of its own, SQLite and PostgreSQL in turn.

``TEST_POSTGRES_URL`` names the server, otherwise one is looked for on 127.0.0.1:5432 (user ``postgres``, database
``test``). Without one the PostgreSQL half is skipped, and the last lines of the run say so; where
``TEST_REQUIRE_POSTGRES=1`` stands, or a server was named, its absence is a failure.

Each process of the test run makes two PostgreSQL databases of its own and gives them back at its end: one with all
tables, whose rows are deleted before each test, and one that is emptied of everything. A database for each test would
cost a checkpoint of the whole server every time (measured beside other work: 0.7 s a test, deleting 3 ms).
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import hypothesis
import psycopg
import pytest
from cheap_tests import collect_rubbish_rarely, compile_statements_once
from psycopg import sql
from sqlalchemy import URL, make_url

from engine.pipeline.process import Process, opened
from engine.settings import Settings
from engine.store.database import Database
from engine.store.schema import migrate, prepare

# An example that meets a busy machine is not wrong for being slow.
hypothesis.settings.register_profile("loa", deadline=None)
hypothesis.settings.load_profile("loa")
compile_statements_once()

DEFAULT_SERVER = "postgresql://postgres@127.0.0.1:5432/test"
OURS = "loa_test_"  # the beginning of the names of all our databases; their age in seconds since 1970 follows
LEFT_BEHIND = 600  # seconds: what is older, with nobody connected to it, was left by a run that was killed
_VARIABLES = (
    "LOA_WORKSPACE", "LOA_DATABASE_URL", "LOA_KEY", "LOA_LANG", "LOA_PUBLIC_URL", "LOA_CLOCK",
    "LOA_TWILIO_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before ``-m`` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what does on PostgreSQL what ``make test`` has done on SQLite; only the store is tried on both there.

    The longest begin first: one begun last keeps a single process at work while the others have finished.
    """
    for item in items:
        if "postgresql" in item.name and not item.nodeid.startswith(("tests/store/", "tests/torture/")):
            item.add_marker("postgresql")
    longest = ("tests/torture", "tests/road", "tests/pipeline", "tests/reports")
    places = {name: place for place, name in enumerate(longest)}
    items.sort(key=lambda item: places.get("/".join(item.nodeid.split("/")[:2]), len(places)))


def pytest_collection_finish() -> None:
    collect_rubbish_rarely()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the person who runs the tests reaches them; sentences are Vietnamese unless a test asks."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@cache
def _absent() -> str | None:
    """Why the PostgreSQL half cannot run; None when it can. Tried once a process."""
    url = os.environ.get("TEST_POSTGRES_URL") or DEFAULT_SERVER
    shown = make_url(url).render_as_string(hide_password=True)
    try:
        with _server() as server:
            query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            allowed = server.execute(query).fetchone()
    except psycopg.OperationalError as error:
        first = str(error).strip().splitlines()[0]
        return f"no PostgreSQL at {shown}: {first}"
    return None if allowed and allowed[0] else f"no PostgreSQL at {shown}: the user may not create databases"


def _server() -> psycopg.Connection:
    return _connect(make_url(os.environ.get("TEST_POSTGRES_URL") or DEFAULT_SERVER))


def _connect(url: URL) -> psycopg.Connection:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    # named, so that a test which ends every session of the processes under test leaves this one alone
    return psycopg.connect(plain, autocommit=True, connect_timeout=2, application_name="tests")


class Shared:
    """A PostgreSQL database of this process, given to one test after the other, each time as new."""

    def __init__(self, *, with_tables: bool) -> None:
        self._with_tables = with_tables
        self._name = f"{OURS}{int(time.time())}_{secrets.token_hex(4)}"
        with _server() as server:
            _drop_left_behind(server)
            name = sql.Identifier(self._name)
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(name))
            # Killed processes of ours are what tests are about, not a server that loses its power.
            server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
        url = make_url(os.environ.get("TEST_POSTGRES_URL") or DEFAULT_SERVER)
        self._url = url.set(drivername="postgresql", database=self._name)
        self.url = self._url.render_as_string(hide_password=False)
        self._connection = _connect(self._url)
        self._tables: list[str] = []

    def as_new(self) -> None:
        """End what a test left open, and empty the database."""
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if not self._with_tables or not self._tables or self._tables != self._found():
            self._connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            if self._with_tables:
                _migrated(self.url)
                self._tables = self._found()
            return
        names = [sql.Identifier(name) for name in self._tables if name != "alembic_version"]
        try:
            with self._connection.transaction():  # as a replica does: no trigger, no foreign key
                self._connection.execute("SET LOCAL session_replication_role = replica")
                for name in names:
                    self._connection.execute(sql.SQL("DELETE FROM {}").format(name))
                self._connection.execute(
                    "SELECT setval(quote_ident(schemaname) || '.' || quote_ident(sequencename), start_value, false)"
                    " FROM pg_sequences"
                )
        except psycopg.errors.InsufficientPrivilege:
            truncate = sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(names))
            self._connection.execute(truncate)

    def _found(self) -> list[str]:
        """Tables with their size: one that a test changed, or filled with thousands of rows, is made anew."""
        query = (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
            " AND c.relkind = 'r' AND pg_relation_size(c.oid) < 4000000 ORDER BY 1"
        )
        return [name for (name,) in self._connection.execute(query)]

    def drop(self) -> None:
        """Give the database back."""
        self._connection.close()
        with _server() as server:
            _drop(server, self._name)


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_left_behind(server: psycopg.Connection) -> None:
    query = (
        "SELECT datname FROM pg_database d WHERE datname LIKE %s"
        " AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname)"
    )
    for (name,) in server.execute(query, (f"{OURS}%",)).fetchall():
        born = name.removeprefix(OURS).partition("_")[0]
        if born.isdigit() and int(born) < time.time() - LEFT_BEHIND:
            _drop(server, name)


def _migrated(url: str) -> None:
    database = Database(url)
    try:
        migrate(database)
    finally:
        database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Gives an SQLite file with all tables and no rows, made when it is first asked for."""

    @cache
    def made() -> Path:
        path = tmp_path_factory.mktemp("template") / "loa.db"
        _migrated(f"sqlite:///{path}")
        return path

    return made


@pytest.fixture(scope="session")
def postgres_shared() -> Iterator[Callable[[bool], Shared]]:
    """Gives this process's PostgreSQL database with tables (True) or without, made when it is first asked for."""
    made: dict[bool, Shared] = {}

    def shared(with_tables: bool) -> Shared:
        if with_tables not in made:
            made[with_tables] = Shared(with_tables=with_tables)
        return made[with_tables]

    yield shared
    for database in made.values():
        database.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    sqlite_template: Callable[[], Path],
    postgres_shared: Callable[[bool], Shared],
) -> str:
    """A database of the test's own: empty, or with all tables when the test asks for ``prepared``.

    SQLite is the file ``.loa/loa.db`` in ``tmp_path`` (not there yet when empty).
    """
    with_tables = "prepared" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / ".loa" / "loa.db"
        if with_tables:
            path.parent.mkdir(mode=0o700)
            shutil.copyfile(sqlite_template(), path)
        return f"sqlite:///{path}"
    if reason := _absent():
        if os.environ.get("TEST_REQUIRE_POSTGRES") == "1" or os.environ.get("TEST_POSTGRES_URL"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    shared = postgres_shared(with_tables)
    shared.as_new()
    return shared.url


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a workspace in ``tmp_path``; the environment says the same, for commands called in the test."""
    monkeypatch.setenv("LOA_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("LOA_DATABASE_URL", database_url)
    return Settings(tmp_path, database_url, public_url=None, twilio_url=None, clock_turned=False)


@pytest.fixture
def prepared(settings: Settings) -> Iterator[Process]:
    """A process with its database ready, as after ``loa init``; give it another ``clock`` where time matters."""
    prepare(settings)
    with opened(settings) as process:
        yield process


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say clearly that half of the database tests did not run."""
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if "no PostgreSQL at" in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section("PostgreSQL was not tested", yellow=True, bold=True)
        terminalreporter.write_line(f"{len(skipped)} tests skipped: {_absent()}")
        terminalreporter.write_line("Name a server in TEST_POSTGRES_URL to run them.")
