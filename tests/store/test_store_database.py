"""The two ways in: what happens to a transaction when something beside it or below it goes wrong."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from store_rows import PYTHON, only_postgresql, only_sqlite

from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.store import database as module
from engine.store.database import Database, Lock


def _add(connection: Connection, campaign: str) -> None:
    query = text("INSERT INTO campaign_state (campaign, status, reserved_vnd) VALUES (:campaign, 'draft', 0)")
    connection.execute(query, {"campaign": campaign})


def _campaigns(database: Database) -> set[str]:
    with database.read() as connection:
        return {row[0] for row in connection.execute(text("SELECT campaign FROM campaign_state"))}


def test_nothing_of_a_broken_transaction_stays(prepared: Process) -> None:
    for fault in (RuntimeError, KeyboardInterrupt, LoaError):
        with pytest.raises(fault), prepared.database.write() as connection:
            _add(connection, "nua-chung")
            raise fault("store.locked")
    assert _campaigns(prepared.database) == set()
    with prepared.database.write() as connection:  # and the connection that went back is clean
        _add(connection, "sau-do")
    assert _campaigns(prepared.database) == {"sau-do"}


def test_a_reader_sees_one_state_however_much_is_written_meanwhile(prepared: Process) -> None:
    """A report reads tallies by several queries; two states make sums that do not fit together."""
    with prepared.database.read() as reading:
        before = reading.execute(text("SELECT count(*) FROM campaign_state")).scalar()
        with prepared.database.write() as writing:
            _add(writing, "giua-chung")
        assert reading.execute(text("SELECT count(*) FROM campaign_state")).scalar() == before == 0
    assert _campaigns(prepared.database) == {"giua-chung"}


def test_several_readers_of_one_moment_see_one_state_and_only_their_own_thread_does(prepared: Process) -> None:
    database, beside = prepared.database, list[set[str]]()
    with pytest.raises(ZeroDivisionError), database.one_moment():
        assert _campaigns(database) == set()
        with database.write() as connection:
            _add(connection, "meanwhile")
        assert _campaigns(database) == set()
        other = threading.Thread(target=lambda: beside.append(_campaigns(database)))
        other.start()
        other.join(10)
        raise ZeroDivisionError
    assert beside == [{"meanwhile"}] == [_campaigns(database)]


def test_reading_keeps_nobody_from_writing_and_writes_nothing(prepared: Process) -> None:
    with prepared.database.read() as reading, prepared.database.write() as writing:
        reading.execute(text("SELECT count(*) FROM campaign_state")).all()
        _add(writing, "song-song")
    with pytest.raises((DBAPIError, LoaError)), prepared.database.read() as reading:
        _add(reading, "lac-cho")
        raise LoaError("store.locked")
    assert _campaigns(prepared.database) == {"song-song"}


_HOLD = {
    "sqlite": "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "c.execute('BEGIN IMMEDIATE')\nc.execute(\"INSERT INTO campaign_state VALUES ('nguoi-khac', 'draft', 0)\")\n",
    "postgresql": "import psycopg, sys\nc = psycopg.connect(sys.argv[1])\n"
    f"c.execute('SELECT pg_advisory_xact_lock({int(Lock.CLAIM)})')\n"
    "c.execute(\"INSERT INTO campaign_state VALUES ('nguoi-khac', 'draft', 0)\")\n",
}
_LET_GO = "print('held', flush=True)\nimport time\ntime.sleep(float(sys.argv[2]))\nc.execute('COMMIT')\n"


@pytest.fixture
def hold(prepared: Process) -> Iterator[type]:
    """Starts another process that holds the lock for some seconds; returns when it has it."""
    url = prepared.database.url
    where = str(url.database) if prepared.database.is_sqlite else prepared.settings.database_url
    started: list[subprocess.Popen[str]] = []

    def begin(seconds: float) -> None:
        script = _HOLD[url.get_backend_name()] + _LET_GO
        process = subprocess.Popen([PYTHON, "-c", script, where, str(seconds)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def test_a_writer_waits_for_another_process_and_then_succeeds(prepared: Process, hold) -> None:
    hold(0.1)
    began = time.monotonic()
    with prepared.database.write(Lock.CLAIM) as connection:
        waited = time.monotonic() - began
        _add(connection, "chung-toi")
    assert waited > 0.05, "two held the lock at once"
    assert _campaigns(prepared.database) == {"nguoi-khac", "chung-toi"}


def test_a_lock_held_too_long_is_said_in_words(prepared: Process, hold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0.05)
    prepared.database.close()  # PostgreSQL is told when a connection is made
    hold(3)
    with pytest.raises(LoaError) as caught, prepared.database.write(Lock.CLAIM) as connection:
        _add(connection, "chung-toi")
    assert caught.value.key == "store.locked"


def test_two_threads_never_hold_the_claim_lock_together(prepared: Process) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(10):
            with prepared.database.write(Lock.CLAIM):
                with guard:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.001)  # makes an overlap certain when the lock is missing
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@only_sqlite
def test_a_full_disk_is_said_in_words_and_loses_nothing_written_before(prepared: Process) -> None:
    with prepared.database.write() as connection:
        _add(connection, "truoc-do")
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    prepared.database.close()  # connections made from now on may not let the file grow

    def no_room(connection: object, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(prepared.database.raw(), "connect", no_room)
    with pytest.raises(LoaError) as caught, prepared.database.write() as connection:
        for number in range(10_000):
            _add(connection, f"day-{number:05d}")
    assert caught.value.key == "store.disk-full"
    assert _campaigns(prepared.database) == {"truoc-do"}
    event.remove(prepared.database.raw(), "connect", no_room)
    prepared.database.close()
    with prepared.database.write() as connection:
        _add(connection, "sau-do")
    assert _campaigns(prepared.database) == {"truoc-do", "sau-do"}


def test_a_read_only_database_is_said_in_words(prepared: Process) -> None:
    if prepared.database.is_sqlite:
        database = Database(f"sqlite:///file:{prepared.database.url.database}?mode=ro&uri=true")
    else:
        database = Database(prepared.settings.database_url + "?options=-c%20default_transaction_read_only%3Don")
    try:
        with pytest.raises(LoaError) as caught, database.write() as connection:
            _add(connection, "x")
        assert caught.value.key == "store.read-only"
    finally:
        database.close()


@only_postgresql
def test_a_server_role_without_rights_is_said_in_words(prepared: Process) -> None:
    with pytest.raises(LoaError) as caught, prepared.database.write() as connection:
        role = f"loa_test_{os.getpid()}"
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
        connection.execute(text(f"SET LOCAL ROLE {role}"))
        _add(connection, "x")
    assert caught.value.key == "store.not-allowed"


@only_postgresql
def test_a_server_that_goes_away_in_the_middle_is_said_in_words_and_forgotten(prepared: Process) -> None:
    with pytest.raises(LoaError) as caught, prepared.database.write() as connection:
        _add(connection, "nua-chung")
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with psycopg.connect(prepared.settings.database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (process,))
        _add(connection, "tiep")
    assert caught.value.key == "store.no-server"
    with prepared.database.write() as connection:
        _add(connection, "sau-do")
    assert _campaigns(prepared.database) == {"sau-do"}


@only_postgresql
def test_a_deadlock_on_the_server_is_for_trying_again_and_not_a_bug(prepared: Process) -> None:
    with prepared.database.write() as connection:
        connection.execute(text("SET deadlock_timeout = '20ms'"))
        _add(connection, "a")
        _add(connection, "b")
    held, errors = threading.Barrier(2), []

    def work(first: str, second: str) -> None:
        try:
            with prepared.database.write() as connection:
                connection.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
                query = text("UPDATE campaign_state SET reserved_vnd = 1 WHERE campaign = :key")
                connection.execute(query, {"key": first})
                held.wait(timeout=5)
                connection.execute(query, {"key": second})
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=order) for order in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error.key for error in errors] == ["store.locked"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("loa.db", "loa.db"),
        ("mysql://root:secret@db/loa", "mysql"),
        ("postgres://loa:secret@db/loa", "postgres"),
        ("postgresql://loa:secret@db:cong/loa", "db"),
        ("sqlite+khong-co:///loa.db", "sqlite"),
        ("nonsense//loa:secret@db", "nonsense"),
    ],
)
def test_an_address_that_is_none_is_said_in_words_without_the_password(url: str, shown: str) -> None:
    with pytest.raises(LoaError) as caught:
        Database(url)
    assert caught.value.key == "store.bad-url"
    assert shown in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_path_that_cannot_be_opened_is_said_in_words(tmp_path: Path) -> None:
    for path in (tmp_path / "khong-co" / "loa.db", tmp_path):
        database = Database(f"sqlite:///{path}")
        with pytest.raises(LoaError) as caught, database.read():
            pass
        assert caught.value.key == "store.cannot-open"
        database.close()


def test_a_bug_of_ours_stays_a_bug(prepared: Process) -> None:
    with pytest.raises(DBAPIError), prepared.database.read() as connection:
        connection.execute(text("SELECT khong_co FROM khong_co"))


@only_sqlite
def test_sqlite_keeps_what_it_has_said_is_written(prepared: Process) -> None:
    with prepared.database.read() as connection:
        asked = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert asked == {"journal_mode": "wal", "synchronous": 2}
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
