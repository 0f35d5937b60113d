"""What every test may ask for: a clean environment, and a database of its own, SQLite and PostgreSQL in turn.

``TEST_POSTGRES_URL`` names the server, otherwise one is looked for on 127.0.0.1:5432 (user ``postgres``, database
``test``). Without one the PostgreSQL half is skipped, and the last lines of the run say so; where
``TEST_REQUIRE_POSTGRES=1`` stands, or a server was named, its absence is a failure. A test's database is a clone of a
template made once a worker (measured: 20 ms to clone and 10–30 ms to drop, against 150 ms to migrate), so tests may
do to it what they like.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from engine.pipeline.process import Process, opened
from engine.settings import Settings
from engine.store.database import Database
from engine.store.schema import migrate, prepare

DEFAULT_SERVER = "postgresql://postgres@127.0.0.1:5432/test"
OURS = "loa_test_"  # the beginning of the names of all our databases; their age in seconds since 1970 follows
LEFT_BEHIND = 86_400  # seconds: what is older was left by a session that was killed
_VARIABLES = (
    "LOA_WORKSPACE", "LOA_DATABASE_URL", "LOA_KEY", "LOA_LANG", "LOA_PUBLIC_URL", "LOA_CLOCK",
    "LOA_TWILIO_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN",
)  # fmt: skip


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
    url = make_url(os.environ.get("TEST_POSTGRES_URL") or DEFAULT_SERVER).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True, connect_timeout=2)


def _new_name() -> str:
    return f"{OURS}{int(time.time())}_{secrets.token_hex(4)}"


def _create(server: psycopg.Connection, name: str, template: str) -> None:
    # template0 is UTF-8 everywhere only when we say so
    form = (
        "CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'"
        if template == "template0"
        else "CREATE DATABASE {} TEMPLATE {}"
    )
    server.execute(sql.SQL(form).format(sql.Identifier(name), sql.Identifier(template)))


def _drop(server: psycopg.Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _url_of(name: str) -> str:
    url = make_url(os.environ.get("TEST_POSTGRES_URL") or DEFAULT_SERVER)
    return url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


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
def postgres_template() -> Iterator[Callable[[], str]]:
    """Gives the name of a PostgreSQL database with all tables and no rows, made when it is first asked for."""
    names: list[str] = []

    @cache
    def made() -> str:
        name = _new_name()
        with _server() as server:
            for (old,) in server.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{OURS}%",)
            ).fetchall():
                born = old.removeprefix(OURS).partition("_")[0]
                if born.isdigit() and int(born) < time.time() - LEFT_BEHIND:
                    _drop(server, old)
            _create(server, name, "template0")
        names.append(name)
        _migrated(_url_of(name))
        return name

    yield made
    for name in names:
        with _server() as server:
            _drop(server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    sqlite_template: Callable[[], Path],
    postgres_template: Callable[[], str],
) -> Iterator[str]:
    """A database of the test's own: empty, or with all tables when the test asks for ``prepared``.

    SQLite is the file ``.loa/loa.db`` in ``tmp_path`` (not there yet when empty).
    """
    with_tables = "prepared" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / ".loa" / "loa.db"
        if with_tables:
            path.parent.mkdir(mode=0o700)
            shutil.copyfile(sqlite_template(), path)
        yield f"sqlite:///{path}"
        return
    if reason := _absent():
        if os.environ.get("TEST_REQUIRE_POSTGRES") == "1" or os.environ.get("TEST_POSTGRES_URL"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    name = _new_name()
    template = postgres_template() if with_tables else "template0"
    with _server() as server:
        _create(server, name, template)
        yield _url_of(name)
        _drop(server, name)


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
