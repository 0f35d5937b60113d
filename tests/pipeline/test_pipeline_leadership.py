"""Who leads: one at a time, never nobody for long, whatever became of the one before."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import text

from engine.clock import real
from engine.errors import LoaError
from engine.pipeline import heartbeat
from engine.pipeline.leadership import FRESH, Leadership, somebody_leads
from engine.pipeline.process import Process, opened
from engine.store.database import Lock
from engine.store.locks import LifeLock, is_free
from engine.store.workers import workers

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
_LEADS = """
import sys
from engine import log
from engine.pipeline.leadership import Leadership
from engine.pipeline.process import opened
from engine.settings import from_environment
log.configure()
with opened(from_environment(), claims=True, kind="run") as process:
    leadership = Leadership(process)
    leadership.seek()
    process.worker.beat(leads=leadership.leads)
    print(leadership.leads, flush=True)
    sys.stdin.readline()
"""


def test_one_leads_and_the_next_one_takes_its_place_when_it_lets_go(prepared: Process) -> None:
    with opened(prepared.settings, claims=True) as other:
        first, second = Leadership(prepared), Leadership(other)
        assert first.seek()
        assert not first.seek(), "it goes on, and does not begin again"
        with opened(prepared.settings, claims=True) as process:
            process.worker.beat(leads=True)  # as the first one says of itself
            assert not second.seek()
            assert (first.leads, second.leads, second.acts) == (True, False, False)
        first.let_go()
        assert second.seek()
        assert second.leads
        second.let_go()


@pytest.mark.torture
def test_a_killed_leader_leaves_the_lead_at_once(prepared: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _LEADS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ,
    )
    assert child.stdout.readline() == "True\n"
    ours = Leadership(prepared)
    assert not ours.seek()
    [before] = workers(prepared.database)
    assert (before.alive, before.leads, before.kind, before.pid) == (True, True, "run", child.pid)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert any(ours.seek() or ours.leads for _ in range(2000)), "the server notices a moment later"
    assert not workers(prepared.database)[0].alive, "its row tells of its death"
    ours.let_go()


@on_postgresql
def test_a_leader_that_is_silent_is_stood_in_for_until_it_is_back(prepared: Process) -> None:
    """Stopped, or cut off with its session still open: the lock is taken, and nobody would open the runs."""
    with opened(prepared.settings, claims=True) as other:
        leader, follower = Leadership(other), Leadership(prepared)
        leader.seek()
        other.worker.beat(leads=True)
        assert not follower.seek()
        silent = {"seen": real() - FRESH - 1}
        with prepared.database.write() as connection:
            connection.execute(text("UPDATE worker SET seen_real = :seen"), silent)
        assert follower.seek()
        assert (follower.leads, follower.acts) == (False, True)
        other.worker.beat(leads=True)
        assert not follower.seek()
        assert not follower.acts
        assert somebody_leads(prepared) and not somebody_leads(other)
        leader.let_go()


@on_postgresql
def test_a_server_that_starts_anew_takes_the_lead_away_and_gives_it_again(prepared: Process) -> None:
    with opened(prepared.settings, claims=True) as other:
        leader, follower = Leadership(other), Leadership(prepared)
        leader.seek()
        other.worker.beat(leads=True)
        assert not follower.seek()
        _end_sessions(prepared)
        assert follower.seek() and follower.leads, "the follower was faster"
        leader.seek()
        assert not leader.leads
        follower.let_go()


@on_postgresql
def test_a_worker_whose_session_was_lost_is_alive_again_at_the_next_beat(prepared: Process) -> None:
    """Otherwise others would take its claims for orphans for as long as it lives."""
    with opened(prepared.settings, claims=True) as other:
        worker = other.worker.id
        assert not is_free(prepared.database, worker)
        _end_sessions(prepared)
        assert is_free(prepared.database, worker)
        with opened(prepared.settings, claims=True) as newcomer:  # it clears away what looks dead, and takes its slot
            assert worker not in {one.id for one in workers(prepared.database)}
            assert newcomer.slot == other.slot
            assert other.worker.beat(leads=False), "it says that the lock was lost"
            assert not is_free(prepared.database, worker)
            assert {one.id for one in workers(prepared.database)} == {worker, newcomer.worker.id}
            assert newcomer.slot != other.slot, "two writers with one slot wait for each other's tallies"
        assert not other.worker.beat(leads=False)


@on_postgresql
def test_a_session_that_lives_without_its_lock_does_not_hold_it(prepared: Process) -> None:
    """A pooler between us and the server may give every statement another session."""
    lock = LifeLock(prepared.database, Lock.LEADER)
    assert lock.take()
    assert lock.held()
    lock._session.exec_driver_sql("SELECT pg_advisory_unlock_all()")
    assert not lock.held()


def _end_sessions(process: Process) -> None:
    """End every session that holds a lock for life, as a server does that starts anew."""
    with process.database.read() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid IN (SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND d.datname = current_database())"
        )


def test_locks_lie_beside_the_database_whatever_the_workspace(
    prepared: Process, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two workspaces on one database would take each other's living workers for dead, and send again."""
    elsewhere = tmp_path_factory.mktemp("khac")
    (elsewhere / ".loa").mkdir()
    (elsewhere / ".loa" / "key").write_bytes(prepared.settings.key_file.read_bytes())
    with (
        opened(prepared.settings, claims=True) as ours,
        opened(replace(prepared.settings, workspace=elsewhere), claims=True) as theirs,
    ):
        assert not theirs.worker.is_dead(ours.worker.id)
        assert not ours.worker.is_dead(theirs.worker.id)


def test_a_beat_without_a_database_is_a_sentence(prepared: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(prepared.settings, claims=True) as other:
        if prepared.database.is_sqlite:
            monkeypatch.setattr("engine.store.database.LOCK_PATIENCE", 0.02)
            with prepared.database.write(), pytest.raises(LoaError) as caught:
                heartbeat.beat(other, leads=False, alive_for=0.0)
            assert caught.value.key == "store.locked"
        heartbeat.beat(other, leads=True, alive_for=0.0)
        [seen] = [one for one in workers(prepared.database) if one.id == other.worker.id]
        assert seen.leads and abs(real() - seen.seen_real) < 60
