"""Workers: a death is proven by a lock that the system frees, whatever kills the process; a life never disputed."""

import os
import signal
import subprocess

import pytest
from sqlalchemy import select
from store_rows import PYTHON

from engine.pipeline.process import Process
from engine.store.database import Database
from engine.store.tables import Worker, table_of
from engine.store.workers import Registration

WORKER = table_of(Worker)
_LIVE = """
import sys
from engine.store.database import Database
from engine.store.workers import Registration
with Registration(Database(sys.argv[1])) as worker:
    print(worker.id, worker.slot, flush=True)
    sys.stdin.readline()
"""


def _known(process: Process) -> dict[str, int]:
    with process.database.read() as connection:
        return {row.id: row.slot for row in connection.execute(select(WORKER.c.id, WORKER.c.slot))}


def test_a_killed_worker_is_known_to_be_dead_and_a_living_one_is_not(prepared: Process) -> None:
    child = subprocess.Popen(
        [PYTHON, "-c", _LIVE, prepared.settings.database_url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    other, slot = child.stdout.readline().split()
    with Registration(prepared.database) as ours:
        assert not ours.is_dead(other)
        assert not ours.is_dead(ours.id)
        assert _known(prepared) == {other: int(slot), ours.id: ours.slot}
        if not prepared.database.is_sqlite:
            assert ours.slot != int(slot), "two writers with one slot wait for each other's tallies"
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert _becomes_dead(ours, other)
        assert ours.is_dead(other), "asking twice frees nothing and changes nothing"
        database = Database(prepared.settings.database_url)
        with Registration(database) as next_one:
            assert next_one.slot == int(slot), "the slot of the dead is used again"
            assert set(_known(prepared)) == {ours.id, next_one.id}
            assert not next_one.is_dead(ours.id)
            assert not ours.is_dead(next_one.id)
        assert ours.is_dead(next_one.id), "the lock stayed behind in the pool"
        database.close()


def _becomes_dead(ours: Registration, other: str) -> bool:
    return any(ours.is_dead(other) for _ in range(2000))  # the server notices a moment later


def test_a_worker_nobody_has_heard_of_is_dead(prepared: Process) -> None:
    with Registration(prepared.database) as ours:
        assert ours.is_dead("1-khong-co")


def test_workers_of_one_process_see_each_other_alive(prepared: Process) -> None:
    with Registration(prepared.database) as first, Registration(prepared.database) as second:
        assert first.id != second.id
        assert not first.is_dead(second.id)
        assert not second.is_dead(first.id)
        assert len(_known(prepared)) == 2


def test_a_registration_that_fails_holds_no_lock(prepared: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock would make it look alive for as long as the process that failed to start lives."""
    failing = Registration(prepared.database)
    monkeypatch.setattr(failing, "is_dead", lambda worker: 1 / 0)
    with Registration(prepared.database) as ours:
        with pytest.raises(ZeroDivisionError):
            failing.__enter__()
        assert ours.is_dead(failing.id)
