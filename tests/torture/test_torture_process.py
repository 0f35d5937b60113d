"""Stops at the worst of times, and servers that go away under two processes: nothing half-done, nobody twice."""

import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest
import road_workspace as files
from road_kit import Loa, free_port, prepared, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

pytestmark = pytest.mark.torture

BOUND = 40.0  # seconds: a stop is over within 35, and a busy machine gets five more
OPEN = {"queued", "sending", "unknown"}


def workspace(rate: str = "100/s", **more: str) -> dict[str, str | None]:
    return {
        "loa.yaml": files.loa_yaml(rate=rate, **more),
        "campaigns/thu.yaml": files.campaign(files.step(sender="cong", valid_for="10 hours")),
    }


def whole(loa: Loa) -> None:
    """Nothing is half-claimed, and the figures are the rows' own."""
    left = statuses(loa)
    assert left["sending"] == 0, left
    prove_tallies(lambda statement: rows(loa, statement))


def test_a_stop_while_rows_are_being_written_does_not_wait_for_the_rest(tmp_path: Path, database_url: str) -> None:
    with vendor(tmp_path) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_DATABASE_URL": database_url})
        prepared(loa, 60_000, workspace("1/s"))
        running = loa.start("run", "--no-web")
        wait_for(lambda: rows(loa, "SELECT 1 FROM run WHERE enqueue_cursor > 0"), every=0.005)
        began = time.monotonic()
        ended = running.stop(signal.SIGINT)
        assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
        assert time.monotonic() - began < BOUND
        running = loa.start("run", "--no-web")
        wait_for(lambda: rows(loa, "SELECT 1 FROM run WHERE status IN ('ready', 'running')"))
        assert running.stop().code == 0
        assert statuses(loa).total() == 60_000
        whole(loa)


def test_a_stop_in_a_storm_of_receipts_loses_none_that_was_answered(tmp_path: Path) -> None:
    port = free_port()
    with vendor(tmp_path, "--duplicate-callbacks", "0.5", "--shuffle-callbacks") as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_PUBLIC_URL": f"http://127.0.0.1:{port}"})
        prepared(loa, 3_000, workspace("1500/s"))
        for _ in range(4):
            running = loa.start("run", "--port", str(port))
            goal = len(ledger.lines()) + 300
            wait_for(lambda goal=goal: len(ledger.lines()) > goal)
            ended = running.stop()
            assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
            whole(loa)
        assert rows(loa, "SELECT count(*) FROM receipt")[0][0] > 100
        assert set(ledger.recipients().values()) == {1}


def test_a_stop_while_somebody_holds_the_database_waits_for_it(tmp_path: Path) -> None:
    with vendor(tmp_path, "--latency", "0.2") as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url})
        prepared(loa, 300, workspace("60/s"))
        running = loa.start("run", "--no-web")
        wait_for(lambda: len(ledger.lines()) > 30)
        other = sqlite3.connect(tmp_path / ".loa" / "loa.db", isolation_level=None, timeout=30)
        other.execute("BEGIN IMMEDIATE")
        running.process.send_signal(signal.SIGTERM)
        time.sleep(8)  # what a backup program may take
        other.execute("ROLLBACK")
        other.close()
        assert running.wait(BOUND).code == 0
        whole(loa)
        assert set(ledger.recipients().values()) == {1}


def test_a_stop_beside_a_vendor_that_hangs_ends_within_its_time_and_leaves_unknown_not_sending(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(100)
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": f"http://127.0.0.1:{deaf.getsockname()[1]}"})
        prepared(loa, 30, workspace("10/s"))
        running = loa.start("run", "--no-web")
        wait_for(lambda: statuses(loa)["sending"] > 18)  # a second's worth is claimed, the rest has been called
        began = time.monotonic()
        assert running.stop(timeout=BOUND).code == 0
        assert time.monotonic() - began < BOUND
        whole(loa)
        found = statuses(loa)
        assert found["unknown"] > 5, (found, rows(loa, "SELECT status, code, sender FROM attempt"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_follower_takes_over_and_every_session_may_end_at_any_time(tmp_path: Path, database_url: str) -> None:
    """Two processes, one killed while it leads, the server's sessions cut again and again."""
    with vendor(tmp_path, "--latency", "0.05") as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_DATABASE_URL": database_url})
        prepared(loa, 400, workspace("25/s", settle_after="4 seconds", orphan_after="2 seconds"), approve=False)
        both = [loa.start("run", "--no-web") for _ in range(2)]
        wait_for(lambda: rows(loa, "SELECT count(*) FROM worker WHERE leads")[0][0] == 1)
        leader = rows(loa, "SELECT pid FROM worker WHERE leads")[0][0]
        [first] = [one for one in both if one.process.pid == leader]
        [second] = [one for one in both if one.process.pid != leader]
        first.stop(signal.SIGKILL)
        killed = time.monotonic()
        loa.here.ok("approve", "thu", "--by", "Người Duyệt")
        wait_for(lambda: rows(loa, "SELECT 1 FROM run"))
        assert time.monotonic() - killed < 15, "a follower takes over within seconds"
        third = loa.start("run", "--no-web")
        for share in range(1, 6):
            wait_for(lambda share=share: len(ledger.lines()) > 60 * share)
            rows(
                loa,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND application_name <> 'tests'",
            )
        wait_for(lambda: statuses(loa).total() == 400 and not set(statuses(loa)) & OPEN)
        wait_for(lambda: rows(loa, "SELECT count(*) FROM worker WHERE leads")[0][0] == 1)
        for one in (second, third):
            ended = one.stop()
            assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
        assert set(ledger.recipients().values()) == {1}
        handed = rows(loa, "SELECT count(*) FROM delivery WHERE handed_at IS NOT NULL")[0][0]
        assert handed == len(ledger.lines()) > 380  # a few numbers the vendor refuses
        assert rows(loa, "SELECT kind FROM incident") == []
        whole(loa)
