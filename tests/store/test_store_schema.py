"""The tables themselves: migrations, triggers, and a database that is old, new, foreign or not one at all."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel
from store_rows import BEGIN, PYTHON, contacts_in, deliveries_in, only_sqlite, run_in

from engine.errors import LoaError
from engine.pipeline.process import Process
from engine.settings import Settings
from engine.status import (
    CAMPAIGN_TRANSITIONS,
    RUN_TRANSITIONS,
    STEP_TRANSITIONS,
    TRANSITIONS,
    RunStatus,
    Status,
    may_become,
    run_may_become,
)
from engine.store import audit, schema
from engine.store.crypto import load_keyring
from engine.store.database import Database
from engine.store.schema import open_store, prepare


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database without tables."""
    Path(database_url.removeprefix("sqlite:///")).parent.mkdir(exist_ok=True) if "sqlite" in database_url else None
    opened = Database(database_url)
    yield opened
    opened.close()


def _newest_with(name: str) -> ModuleType:
    scripts = ScriptDirectory.from_config(schema.configuration())
    return next(script.module for script in scripts.walk_revisions() if hasattr(script.module, name))


def test_the_migrations_make_what_the_models_say(prepared: Process) -> None:
    with prepared.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_newest_triggers_are_the_table_of_transitions() -> None:
    moves = dict(_newest_with("DELIVERY_MOVES").DELIVERY_MOVES)
    assert moves == {str(a): tuple(sorted(map(str, b))) for a, b in TRANSITIONS.items() if b}
    moves = dict(_newest_with("RUN_MOVES").RUN_MOVES)
    assert moves == {str(a): tuple(sorted(map(str, b))) for a, b in RUN_TRANSITIONS.items() if b}
    moves = dict(_newest_with("CAMPAIGN_MOVES").CAMPAIGN_MOVES)
    assert moves == {str(a): tuple(sorted(map(str, b))) for a, b in CAMPAIGN_TRANSITIONS.items() if b}
    moves = dict(_newest_with("STEP_MOVES").STEP_MOVES)
    assert moves == {str(a): tuple(sorted(map(str, b))) for a, b in STEP_TRANSITIONS.items() if b}


def test_the_database_itself_refuses_every_move_of_a_delivery_that_the_table_does_not_have(prepared: Process) -> None:
    with prepared.database.write() as connection:
        contacts = contacts_in(connection, prepared.keyring, len(Status))
        rows = deliveries_in(connection, run_in(connection), contacts, worker="w", attempt=1, reason="r")
        for before, key in zip(Status, rows, strict=True):
            connection.execute(text("DELETE FROM delivery WHERE id = :id"), {"id": key})
            run = connection.execute(text("SELECT min(id) FROM run")).scalar_one()
            connection.execute(
                text(
                    "INSERT INTO delivery (id, run_id, contact_id, era, commune, language, variant, prefix, segments,"
                    " sender, status, reason, attempt, worker, cost_vnd) VALUES (:id, :run, :id, '2025', '06184', 'vi',"
                    " '', '090', 1, 's', :status, 'r', 1, 'w', 0)"
                ),
                {"id": key, "run": run, "status": before},
            )
        for (before, key), after in itertools.product(zip(Status, rows, strict=True), Status):
            moved = _moves(connection, "delivery", key, before, after)
            assert moved == (before is after or may_become(before, after)), f"{before} → {after}"


def test_the_database_itself_refuses_every_move_of_a_run_that_the_table_does_not_have(prepared: Process) -> None:
    with prepared.database.write() as connection:
        for before in RunStatus:
            key = run_in(connection, step=str(before), status=str(before))
            for after in RunStatus:
                moved = _moves(connection, "run", key, before, after)
                assert moved == (before is after or run_may_become(before, after)), f"{before} → {after}"


def _moves(connection, table: str, key: int, before: str, after: str) -> bool:  # type: ignore[no-untyped-def]
    point = connection.begin_nested()
    try:
        connection.execute(text(f"UPDATE {table} SET status = :after WHERE id = :id"), {"after": after, "id": key})
    except DBAPIError as error:
        assert "forbidden move" in str(error.orig)
        return False
    finally:
        point.rollback()
        assert (
            connection.execute(text(f"SELECT status FROM {table} WHERE id = :id"), {"id": key}).scalar_one() == before
        )
    return True


def test_nobody_rewrites_the_audit_log(prepared: Process) -> None:
    with prepared.database.write() as connection:
        audit.record(connection, prepared.keyring, at=BEGIN, action="approve", subject="chien-dich", who="Thử 001")
    for statement in ("UPDATE audit SET detail = 'x'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append-only"), prepared.database.write() as connection:
            connection.execute(text(statement))
    with prepared.database.read() as connection:
        row = connection.execute(text("SELECT detail, who_sealed FROM audit")).one()
    assert row.detail is None
    assert "Thử".encode() not in bytes(row.who_sealed)
    assert prepared.keyring.unseal(bytes(row.who_sealed)) == "Thử 001"


def test_preparing_again_changes_nothing(settings: Settings) -> None:
    prepare(settings)
    first = settings.key_file.read_bytes()
    prepare(settings)
    assert settings.key_file.read_bytes() == first
    database, keyring = open_store(settings)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM key_check")).scalar() == 1
    assert keyring.unseal(keyring.seal("x")) == "x"
    database.close()


_PREPARE = """
import sys
from engine.errors import LoaError
from engine.settings import from_environment
from engine.store.schema import open_store, prepare
print("there", flush=True)
sys.stdin.readline()
try:
    prepare(from_environment())
    open_store(from_environment())
except LoaError as error:
    sys.exit(error.key)
"""


@pytest.mark.torture
def test_two_that_prepare_the_same_workspace_at_once_both_succeed(settings: Settings) -> None:
    other = subprocess.Popen(
        [PYTHON, "-c", _PREPARE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "there\n"
    other.stdin.write("go\n")
    other.stdin.flush()
    prepare(settings)
    said = other.communicate(timeout=30)[1]
    assert other.returncode == 0, said
    database, _ = open_store(settings)
    database.close()


def test_a_migration_that_breaks_off_leaves_nothing_behind(database: Database) -> None:
    class PowerCut(Exception):
        pass

    with pytest.raises(PowerCut), database.write() as connection:
        command.upgrade(schema.configuration(connection), "head")
        raise PowerCut
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    schema.migrate(database)


_FIRST = """
INSERT INTO snapshot (digest, campaign, content, created_at) VALUES
    ('d1', 'a', '{"campaign":{"kind":"quang_cao"}}', :at), ('d2', 'b', '{"campaign":{"kind":"thong_bao"}}', :at);
INSERT INTO campaign_state (campaign, state, reserved_vnd) VALUES ('da-chay', 'active', 850), ('da-duyet', 'active', 0),
    ('nhap', 'active', 0), ('dung', 'paused', 1), ('huy', 'cancelled', 2);
INSERT INTO approval (campaign, digest, by_sealed, at, recipients, segments, cost_vnd, figures)
    VALUES ('da-duyet', 'd1', :sealed, :at, 1, 1, 1, '{}');
INSERT INTO run (campaign, step, occurrence, channel, due, expires_at, status, digest, high_water, enqueue_cursor,
    claim_cursor, reserved_vnd, opened_at) VALUES
    ('da-chay', 'mot', 'once', 'sms', :at, :at, 'running', 'd1', 0, 0, 0, 0, :at),
    ('da-chay', 'hai', 'once', 'sms', :at, :at, 'ready', 'd2', 0, 0, 0, 0, :at);
INSERT INTO tally_area (run_id, era, commune, variant, status, slot, deliveries, segments, cost_vnd)
    SELECT id, '2025', '06184', 'a', 'delivered', 0, 3, 6, 5100 FROM run;
INSERT INTO tally_area (run_id, era, commune, variant, status, slot, deliveries, segments, cost_vnd)
    SELECT id, '2025', '06211', 'a', 'delivered', 0, 1, 2, 1700 FROM run WHERE step = 'mot';
INSERT INTO audit (at, action, subject) VALUES (:at, 'approve', 'da-duyet')
"""


def test_a_database_of_the_first_revision_keeps_what_it_knows(database: Database) -> None:
    """Campaigns get the status that their approvals and runs prove; a person's pause and cancellation stand.

    The sums of campaigns, and those of the arms, are made of the tallies there are.
    """
    with database.write() as connection:
        command.upgrade(schema.configuration(connection), "0001")
        for statement in _FIRST.split(";"):
            values = {"at": "2027-07-16 01:30:00+00:00", "sealed": b"x"}
            named = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), named)
    schema.migrate(database)
    with database.read() as connection:
        states = connection.execute(text("SELECT campaign, status, reserved_vnd FROM campaign_state")).all()
        assert {row.campaign: (row.status, row.reserved_vnd) for row in states} == {
            "da-chay": ("running", 850), "da-duyet": ("approved", 0), "nhap": ("draft", 0), "dung": ("paused", 1),
            "huy": ("cancelled", 2),
        }  # fmt: skip
        runs = connection.execute(text("SELECT step, advertising FROM run")).all()
        assert {row.step: bool(row.advertising) for row in runs} == {"mot": True, "hai": False}
        assert connection.execute(text("SELECT process FROM audit")).scalar() is None
        sums = "deliveries, segments, cost_vnd"
        places = connection.execute(text(f"SELECT campaign, commune, status, {sums} FROM tally_place ORDER BY 2"))
        assert list(map(tuple, places)) == [
            ("da-chay", "06184", "delivered", 6, 12, 10_200), ("da-chay", "06211", "delivered", 1, 2, 1700),
        ]  # fmt: skip
        arms = connection.execute(text(f"SELECT run_id, trait, value, status, {sums} FROM tally_trait ORDER BY 1"))
        assert list(map(tuple, arms)) == [
            (1, "variant", "a", "delivered", 4, 8, 6800), (2, "variant", "a", "delivered", 3, 6, 5100),
        ]  # fmt: skip


def _refused(settings: Settings) -> str:
    with pytest.raises(LoaError) as caught:
        open_store(settings)
    sentence = str(caught.value)
    assert sentence
    assert caught.value.key not in sentence, "the catalogue has no words for it"
    assert "{" not in sentence
    return caught.value.key


def test_a_database_that_is_not_there_or_has_no_tables_is_not_used(settings: Settings) -> None:
    settings.state_folder.mkdir(exist_ok=True)
    settings.key_file.write_text("00" * 32)
    assert _refused(settings) == "store.no-database"
    if "sqlite" in settings.database_url:
        assert not (settings.state_folder / "loa.db").exists(), "looking must not make an empty database"


def test_an_older_database_is_upgraded_only_by_init(prepared: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    _, known = schema._revisions()
    monkeypatch.setattr(schema, "_revisions", lambda: ("9999", known | {"9999"}))
    assert _refused(prepared.settings) == "store.old-database"


def test_a_newer_database_is_left_alone_by_every_command_and_by_init(prepared: Process) -> None:
    ours = ScriptDirectory.from_config(schema.configuration()).get_current_head()

    def stamp(revision: str | None) -> None:
        with prepared.database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    stamp("9999")
    try:
        assert _refused(prepared.settings) == "store.newer-database"
        with pytest.raises(LoaError) as caught:
            prepare(prepared.settings)
        assert caught.value.key == "store.newer-database"
    finally:
        stamp(ours)  # the tests after this one have the same server's database


def test_another_key_is_noticed_at_the_start(prepared: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOA_KEY", "ab" * 32)
    assert _refused(prepared.settings) == "store.wrong-key"
    with pytest.raises(LoaError) as caught:
        prepare(prepared.settings)
    assert caught.value.key == "store.wrong-key"


@only_sqlite
def test_a_lost_key_is_not_replaced_by_a_new_one_that_opens_nothing(prepared: Process) -> None:
    """``loa init`` made a new key beside full tables; the sentence then no longer asked for the backup's key."""
    lost = prepared.settings.key_file.read_bytes()
    prepared.settings.key_file.unlink()
    assert _refused(prepared.settings) == "store.no-key"
    with pytest.raises(LoaError) as caught:
        prepare(prepared.settings)
    assert caught.value.key == "store.no-key"
    assert not prepared.settings.key_file.exists()
    prepared.settings.key_file.write_bytes(lost)
    prepare(prepared.settings)


@only_sqlite
def test_no_key_file_is_made_where_the_environment_holds_the_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key file that opens nothing would be backed up in place of the real key."""
    monkeypatch.setenv("LOA_KEY", "ab" * 32)
    prepare(settings)
    assert not settings.key_file.exists()
    open_store(settings)[0].close()


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    for name, content, key in (
        ("danh-sach.csv", b"SDT,Ho ten\n" * 500, "store.not-a-database"),
        ("empty.db", b"", "store.no-database"),
    ):
        (tmp_path / name).write_bytes(content)
        settings = Settings(tmp_path, f"sqlite:///{tmp_path / name}", None, None, False)
        settings.state_folder.mkdir(exist_ok=True)
        settings.key_file.write_text("00" * 32)
        assert _refused(settings) == key
    with pytest.raises(LoaError) as caught:
        prepare(Settings(tmp_path, f"sqlite:///{tmp_path / 'danh-sach.csv'}", None, None, False))
    assert caught.value.key == "store.not-a-database"
    assert (tmp_path / "danh-sach.csv").read_bytes() == b"SDT,Ho ten\n" * 500


def test_a_state_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / ".loa").write_text("a file where the folder should be")
    with pytest.raises(LoaError) as caught:
        prepare(Settings(tmp_path, f"sqlite:///{tmp_path / '.loa' / 'loa.db'}", None, None, False))
    assert caught.value.key == "store.cannot-open"


def test_a_server_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "postgresql://nobody:secret@127.0.0.1:1/loa", None, None, False)
    with pytest.raises(LoaError) as caught:
        prepare(settings)
    assert caught.value.key == "store.no-server"
    assert "secret" not in str(caught.value)


@only_sqlite
def test_a_refused_start_leaves_no_connection_open(prepared: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    close = Database.close
    monkeypatch.setattr(Database, "close", lambda self: (closed.append(True), close(self)))
    monkeypatch.setenv("LOA_KEY", "ab" * 32)
    _refused(prepared.settings)
    assert closed


@only_sqlite
def test_numbers_and_names_are_nowhere_in_clear(prepared: Process) -> None:
    keyring = load_keyring(prepared.settings.key_file)
    with prepared.database.write() as connection:
        contacts_in(
            connection,
            keyring,
            1,
            phone_sealed=keyring.seal("+84900000123"),
            name_sealed=keyring.seal("Người Thử 001"),
        )
        audit.raise_incident(
            connection, keyring, at=BEGIN, kind="k", subject="s", detail=json.dumps({"to": "+84900000123"})
        )
    written = b"".join(Path(file).read_bytes() for file in prepared.settings.state_folder.glob("loa.db*"))
    assert b"900000123" not in written
    assert "Người Thử".encode() not in written
