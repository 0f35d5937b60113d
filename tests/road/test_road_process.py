"""The long-running process as systemd, a person and cron meet it: starting, hanging, stopping, overlapping."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import road_workspace as files
from road_kit import ROOT, Loa, Ran, Running, prepared, rows, statuses, vendor, wait_for
from road_proof import prove_tallies

from engine.store.database import Database
from engine.store.locks import LifeLock

pytestmark = pytest.mark.torture  # real processes, stopped and hung: a minute; .ci/run walks them

WORKSPACE: dict[str, str | None] = {
    "loa.yaml": files.loa_yaml(rate="60/s"),
    "campaigns/thu.yaml": files.campaign(files.step(sender="cong")),
}


def script(loa: Loa, *arguments: str, **changes: str) -> Running:
    """``python scheduler.py``."""
    environment = loa._environment(dict(changes))
    return Running(
        subprocess.Popen(
            [sys.executable, str(ROOT / "scheduler.py"), *arguments],
            env=environment, cwd=loa.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8",
        )
    )  # fmt: skip


def heard(line: socket.socket) -> set[bytes]:
    """All that has come and was not read yet."""
    line.settimeout(0)
    found = set()
    with suppress(BlockingIOError):
        while True:
            found.add(line.recv(100))
    return found


def test_ctrl_c_in_the_middle_leaves_nothing_half_done_and_a_second_run_is_refused(tmp_path: Path) -> None:
    """``python scheduler.py`` is ``loa run``; systemd hears of its beginning, its life and its end."""
    with vendor(tmp_path, "--latency", "0.1") as ledger, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url})
        prepared(loa, 1500, {**WORKSPACE, "loa.yaml": files.loa_yaml(rate="20/s")})
        line.bind(str(tmp_path / "notify"))
        line.settimeout(30)
        running = script(loa, "--no-web", NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert line.recv(100) == b"READY=1"
        wait_for(lambda: len(ledger.lines()) > 20)
        refused = loa.run("run", "--no-web")
        assert (refused.code, refused.out) == (1, "")
        assert "already running" in refused.err and str(running.process.pid) in refused.err
        told = loa.here.ok("status", "--json").json
        [process] = told["processes"]
        assert (told["alive"], process["kind"], process["leads"]) == (True, "run", True)
        heard_before = heard(line)  # the kernel keeps ten for a reader and throws away what comes then
        ended = running.stop(signal.SIGINT)
        assert (ended.code, ended.out) == (0, "")
        assert "Traceback" not in ended.err and "Stopped" in ended.err
        left = statuses(loa)
        assert left["sending"] == left["unknown"] == 0
        assert left["queued"] > 0
        assert heard_before | heard(line) == {b"WATCHDOG=1", b"STOPPING=1"}
        assert rows(loa, "SELECT * FROM worker") == []
        locks = {path.name for path in (tmp_path / ".loa" / "locks").iterdir()}
        assert locks == {"loa.db-leader.lock"}, "a worker's lock stayed behind"
        prove_tallies(lambda statement: rows(loa, statement))
        assert loa.here.ok("status", "--json").json["unattended"]


def test_a_second_signal_ends_a_process_that_waits_for_a_vendor_at_once(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(100)  # takes connections and never answers
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": f"http://127.0.0.1:{deaf.getsockname()[1]}"})
        prepared(loa, 30, WORKSPACE)
        running = loa.start("run", "--no-web")
        wait_for(lambda: statuses(loa)["sending"] > 0)
        running.process.send_signal(signal.SIGTERM)
        wait_for(lambda: statuses(loa)["sending"] > 0 and not statuses(loa)["accepted"])
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.5)
        ended = running.stop(signal.SIGTERM)
        assert (ended.code, "Traceback" in ended.err) == (1, False)
        assert "second_signal" in ended.err


HANGS = """
import asyncio, os, sys, time
from engine import log
from engine.cli import main
from engine.pipeline import duties, heartbeat
from engine.pipeline.dispatch import Dispatcher
from engine.pipeline.jobs import Jobs
from engine.pipeline.process import opened
from engine.pipeline.service import Service
from engine.settings import from_environment
import scheduler

def later(work, *arguments):
    asyncio.get_running_loop().call_later(0.3, work, *arguments)

def on_start(work):
    start = Jobs.start
    def started(self):
        start(self)
        work(self)
    Jobs.start = started

async def never(*_, **__):
    await asyncio.sleep(3600)

def hang(part):
    for module in (scheduler, duties):
        setattr(module, part.upper() + "_WITHIN", 1.5)
    heartbeat.EVERY = 0.2
    if part == "loop":
        on_start(lambda jobs: later(time.sleep, 3600))
    elif part == "scheduler":
        on_start(lambda jobs: later(jobs._scheduler.shutdown))
    elif part == "dispatcher":
        Dispatcher._look = never
    elif part == "broken":
        Dispatcher._gates = lambda self: 1 / 0
    elif part == "writer":
        Dispatcher._gates = lambda self: time.sleep(3600)
    elif part == "opening":
        Service._look = lambda self, acts: time.sleep(3600)
    elif part == "finding_out":
        Service.find_out = never
        scheduler.Leadership.acts = property(lambda self: True, lambda self, value: None)

children = {}
for part in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        log.configure()
        hang(part)
        if part == "broken":
            main(["run", "--no-web"])
        with opened(from_environment(), claims=True, kind="run") as process:
            asyncio.run(scheduler.work(process, None, asyncio.Event()))
        os._exit(99)
    children[child] = part
    if part == "broken":  # a whole `loa run`, which wants to be the only one
        print(part, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        del children[child]
for _ in children:
    child, status = os.wait()
    print(children[child], os.waitstatus_to_exitcode(status), flush=True)
"""
PARTS = ["loop", "scheduler", "dispatcher", "writer", "opening", "finding_out"]


def test_every_part_that_hangs_or_breaks_ends_the_process_and_is_told(tmp_path: Path) -> None:
    """Alive and sending nothing is worse than dead: what is dead is started again."""
    loa = Loa(tmp_path)
    prepared(loa, 0, {**WORKSPACE, "campaigns/thu.yaml": files.campaign()})
    done = subprocess.run(
        [sys.executable, "-c", HANGS, "broken", *PARTS], env=loa._environment({}), cwd=tmp_path, capture_output=True,
        encoding="utf-8", timeout=100, check=False,
    )  # fmt: skip
    assert dict(line.split() for line in done.stdout.splitlines()) == dict.fromkeys(("broken", *PARTS), "3"), (
        done.stderr
    )
    told = rows(
        loa, "SELECT kind, subject FROM incident ORDER BY subject"
    )  # of the broken dispatcher, and the hung one
    assert told == [("scheduler_dead", f"process:{part}") for part in sorted(PARTS)]
    shown = loa.here.ok("status", LOA_LANG="en").out
    assert shown.count("a part of the program hung") == len(PARTS)
    assert "has ended without a word" in shown


CLOCK_SET = """
import sys, time
from datetime import datetime, timedelta
from pathlib import Path
from apscheduler.schedulers import base
from apscheduler.triggers import interval
from engine import clock
from engine.pipeline import jobs
said = Path(sys.argv[1])
def ahead():
    return float(said.read_text() or 0) if said.exists() else 0.0
class Turned(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=ahead())
base.datetime = interval.datetime = Turned
clock.SystemClock.now = lambda self: Turned.now(clock.UTC)
jobs.real = lambda: time.time() + ahead()
from engine.cli import main
main(["run", "--no-web"])
"""


def test_a_clock_that_is_set_back_by_an_hour_stops_nothing(tmp_path: Path) -> None:
    """What is approved after the clock was set back goes out within seconds, not an hour later."""
    loa = Loa(tmp_path)
    with vendor(tmp_path) as ledger:
        loa.environment["LOA_TWILIO_URL"] = ledger.url
        prepared(loa, 10, WORKSPACE, approve=False)
        running = Running(
            subprocess.Popen(
                [sys.executable, "-c", CLOCK_SET, str(tmp_path / "gio")], env=loa._environment({}), cwd=tmp_path,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            )
        )  # fmt: skip
        wait_for(lambda: rows(loa, "SELECT 1 FROM worker WHERE leads"))
        (tmp_path / "gio").write_text("-3600", encoding="utf-8")
        wait_for(lambda: any("clock_jumped" in line for line in running.err))
        loa.here.ok("approve", "thu", "--by", "Người Duyệt")
        wait_for(lambda: len(ledger.lines()) == 10, seconds=60)
        assert running.stop().code == 0


def test_a_round_for_cron_is_quiet_leaves_its_log_in_a_file_and_does_not_gather(tmp_path: Path) -> None:
    loa = Loa(tmp_path, {"LOA_TWILIO_URL": "http://127.0.0.1:9"})  # nobody is there
    prepared(loa, 5, {**WORKSPACE, "loa.yaml": files.loa_yaml(rate="5/s")}, approve=False)
    quiet = loa.here.run("dispatch", "--once", LOA_CLOCK="2027-07-15T08:00:00+07:00")
    assert quiet == Ran(0, "", ""), "cron makes a letter of every word"
    loa.here.ok("approve", "thu", "--by", "Người Duyệt")
    database = Database(f"sqlite:///{tmp_path / '.loa' / 'loa.db'}")
    other = LifeLock(database, "once-0")
    assert other.take(), "the round before has not given its place back"
    working = loa.start("dispatch", "--once", "--json")
    wait_for(lambda: rows(loa, "SELECT 1 FROM attempt"))
    third = loa.here.run("dispatch", "--once", "--json")
    assert (third.code, third.json["busy"], third.json["claimed"]) == (0, True, 0)
    ended = working.stop()
    assert (ended.code, json.loads(ended.out)["busy"]) == (0, False)
    assert "event=" not in ended.err and "timestamp=" not in ended.err, "log lines are not for the officer's screen"
    assert statuses(loa) == {"queued": 5}
    assert (tmp_path / ".loa" / "logs" / "dispatch.log").is_file()
    other.let_go()
    database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_round_outlives_a_server_that_starts_anew(tmp_path: Path, database_url: str) -> None:
    """Every session ends at once, in the middle of sending: the round waits and goes on, and nobody gets two."""
    with vendor(tmp_path) as ledger:
        loa = Loa(tmp_path, {"LOA_TWILIO_URL": ledger.url, "LOA_DATABASE_URL": database_url})
        prepared(loa, 150, {**WORKSPACE, "loa.yaml": files.loa_yaml(rate="50/s")})
        going = loa.start("dispatch", "--once", "--json")
        for goal in (20, 60):
            wait_for(lambda goal=goal: len(ledger.lines()) > goal)
            cut = rows(
                loa,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND application_name <> 'tests'",
            )
            assert len(cut) >= 2, "nothing was interrupted"
        ended = going.wait()
        assert (ended.code, "Traceback" in ended.err) == (0, False), ended.err
        assert len(ledger.lines()) == 150
        assert set(ledger.recipients().values()) == {1}
        assert set(statuses(loa)) <= {"accepted", "delivered", "failed"}
        prove_tallies(lambda statement: rows(loa, statement))
