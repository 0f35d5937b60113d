"""``loa doctor``: what is off is said, and the exit code says it too."""

import json
import os
import secrets

import pytest
from sqlalchemy import insert

from engine.pipeline.process import opened
from engine.reports.health import GIB, look_over
from engine.status import RunStatus
from engine.store.database import Lock
from engine.store.tables import Worker, table_of
from engine.store.workers import Registration


def checks(settings, **values) -> dict:
    found, database = look_over(settings, **values)
    if database is not None:
        database.close()
    return {check.name: check for check in found}


def test_all_is_well_after_init(prepared, loa):
    code, out, err = loa("doctor", "--json")
    told = json.loads(out)
    assert (code, err, told["ok"], told["recount"]) == (0, "", True, None)
    names = ["key", "database", "disk", "log", "lock", "workers", "process"]
    if not prepared.database.is_sqlite:
        names.remove("log")
    assert [check["name"] for check in told["checks"]] == names
    code, out, _ = loa("doctor")
    assert code == 0
    assert "Mọi thứ đều ổn." in out


def test_no_database_is_said_and_nothing_breaks(settings, loa):
    code, out, err = loa("doctor", "--recount", "--json")
    told = json.loads(out)
    assert (code, err, told["ok"]) == (1, "", False)
    assert {check["name"] for check in told["checks"] if not check["ok"]} >= {"key", "database", "recount"}


def test_another_key_is_noticed(prepared, loa, monkeypatch):
    monkeypatch.setenv("LOA_KEY", secrets.token_hex(32))
    code, out, _ = loa("doctor")
    assert code == 1
    assert "Khóa giải mã không đúng" in out


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_key_that_others_can_read_is_off(prepared):
    prepared.settings.key_file.chmod(0o644)
    found = checks(prepared.settings)["key"]
    assert not found.ok
    assert "chmod 600" in found.message


def test_a_disk_that_cannot_take_a_run_is_off(prepared):
    assert not checks(prepared.settings, free_bytes=GIB - 1)["disk"].ok
    assert checks(prepared.settings, free_bytes=GIB)["disk"].ok


def test_a_log_that_only_grows_is_off(prepared):
    if prepared.database.is_sqlite:
        with prepared.database.read() as connection:  # a reader keeps SQLite from removing the log
            connection.exec_driver_sql("SELECT count(*) FROM run").all()
            log = prepared.settings.state_folder / "loa.db-wal"
            os.truncate(log, GIB)  # sparse: takes no room
            found = checks(prepared.settings)["log"]
        assert not found.ok
        assert "1.024,0 MiB" in found.message


def test_a_lock_that_somebody_keeps_is_said(prepared, monkeypatch):
    monkeypatch.setattr("engine.reports.health.LOCK_PATIENCE", 0.05)
    monkeypatch.setattr("engine.store.database.LOCK_PATIENCE", 0.05)
    with prepared.database.write(Lock.CLAIM):
        assert not checks(prepared.settings)["lock"].ok
    assert checks(prepared.settings)["lock"].ok


def test_dead_workers_are_counted_apart(prepared):
    with Registration(prepared.database):
        with prepared.database.write() as connection:
            connection.execute(insert(table_of(Worker)).values(id="dead-1", slot=7, started_real=1.0))
        assert "1 đang chạy, 1 đã dừng" in checks(prepared.settings)["workers"].message


def test_nobody_at_work_is_a_warning_only_when_something_is_due(road, loa):
    code, out, _ = loa("doctor", "--json")
    assert (code, _process(out)["warning"]) == (0, False)
    road.run([{}], status=RunStatus.READY)
    code, out, _ = loa("doctor", "--json")
    assert (code, _process(out)["warning"]) == (0, True)
    assert "[CẦN LÀM]" in loa("doctor")[1]
    with opened(road.process.settings, claims=True, kind="run") as process:
        process.worker.beat(leads=True)
        _, out, _ = loa("doctor", "--json")
        assert (_process(out)["warning"], "nhịp cuối" in _process(out)["message"]) == (False, True)
        with road.process.database.write() as connection:
            connection.exec_driver_sql("UPDATE worker SET seen_real = seen_real - 40")
        code, out, _ = loa("doctor", "--json")
        assert (code, _process(out)["ok"]) == (1, False)


def _process(out: str) -> dict:
    [found] = [check for check in json.loads(out)["checks"] if check["name"] == "process"]
    return found
