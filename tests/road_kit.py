"""The road with real processes: the command ``loa``, the stand-in for Twilio, and what both wrote down."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from unittest import mock

import road_workspace as files
from sqlalchemy import text

from engine.cli import main
from engine.store.database import Database

CLOCK = files.DUE
LOA = [sys.executable, "-m", "engine"]
ROOT = Path(__file__).parents[1]  # so that `loa run` takes scheduler.py from this checkout
COMMUNES = ("06184", "06196", "06211", "06541", "06565")  # of 2025, in what were Cao Lộc and Lộc Bình


@dataclass
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document; anything else beside it on stdout is an error."""
        return json.loads(self.out)


@dataclass
class Loa:
    """The command ``loa`` in a workspace, with an environment of its own."""

    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)

    def _environment(self, changes: dict[str, str | None]) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("LOA_", "TWILIO_", "PYTEST_"))
        }
        merged: dict[str, str | None] = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "LOA_WORKSPACE": str(self.workspace),
            "LOA_LANG": "en",
            "LOA_CLOCK": CLOCK,
            "TWILIO_ACCOUNT_SID": files.ACCOUNT,
            "TWILIO_AUTH_TOKEN": files.TOKEN,
            **self.environment,
            **changes,
        }
        return {name: value for name, value in merged.items() if value is not None}

    def run(self, *arguments: str, timeout: float = 100, stdin: str | None = None, **changes: str | None) -> Ran:
        """Run a command to its end; ``changes`` are environment variables (None: unset)."""
        done = subprocess.run(
            [*LOA, *arguments],
            env=self._environment(changes),
            cwd=self.workspace,
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def here(self) -> "Here":
        """The same workspace and environment, in this process."""
        return Here(self.workspace, self.environment)

    def ok(self, *arguments: str, **changes: Any) -> Ran:
        """Run a command that must succeed."""
        ran = self.run(*arguments, **changes)
        assert ran.code == 0, (arguments, ran)
        return ran

    def start(self, *arguments: str, **changes: str | None) -> "Running":
        """Start a command that goes on."""
        process = subprocess.Popen(
            [*LOA, *arguments],
            env=self._environment(changes),
            cwd=self.workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        return Running(process)


class Here(Loa):
    """The same command in this process: a second sooner each time.

    Not for ``dispatch`` and ``run``, whose log lines go to the stderr that there was at their beginning.
    """

    @property
    def process(self) -> Loa:
        """The same as a process of its own."""
        return Loa(self.workspace, self.environment)

    def run(self, *arguments: str, timeout: float = 100, stdin: str | None = None, **changes: str | None) -> Ran:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with (
            mock.patch.dict(os.environ, self._environment(changes), clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main(list(arguments))
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        said = [cast("io.BytesIO", stream.buffer).getvalue().decode() for stream in (out, err)]
        return Ran(code, *said)


class Running:
    """A command that goes on; its output is read meanwhile, so that no pipe fills up."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=lambda: self.out.extend(process.stdout or ()), daemon=True),
            threading.Thread(target=lambda: self.err.extend(process.stderr or ()), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def stop(self, number: int = signal.SIGTERM, timeout: float = 40) -> Ran:
        """Send a signal and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout: float = 100) -> Ran:
        """Wait for the end; a process that does not end is killed, and the test fails."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self._readers:
            reader.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return Ran(self.process.returncode, "".join(self.out), "".join(self.err))


def wait_for(condition: Any, seconds: float = 120, every: float = 0.05) -> None:
    """Wait until ``condition()`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(every)


def free_port() -> int:
    """A port on the loopback address that nobody uses at this moment."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@dataclass
class Vendor:
    """``loa sandbox`` in a process of its own."""

    url: str
    ledger: Path
    running: Running

    def lines(self) -> list[dict[str, Any]]:
        """Every message that it accepted."""
        return [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]

    def recipients(self) -> Counter[str]:
        """How often each number got a message."""
        return Counter(line["to"] for line in self.lines())


@contextmanager
def vendor(folder: Path, *flags: str, clock: str | None = CLOCK) -> Iterator[Vendor]:
    """``loa sandbox`` on a free port with a ledger in ``folder``."""
    ledger = folder / "ledger.jsonl"
    running = Loa(folder).start("sandbox", "--port", "0", "--ledger", str(ledger), "--json", *flags, LOA_CLOCK=clock)
    try:
        wait_for(lambda: running.out or running.process.poll() is not None)
        assert running.out, running.err
        yield Vendor(json.loads(running.out[0])["url"], ledger, running)
    finally:
        running.stop()


def rows(loa: Loa, statement: str, **values: Any) -> list[Any]:
    """Rows of a query on the workspace's database, whatever process is writing to it."""
    database = Database(loa.environment.get("LOA_DATABASE_URL") or f"sqlite:///{loa.workspace / '.loa' / 'loa.db'}")
    try:
        with database.read() as connection:
            return list(connection.execute(text(statement), values))
    finally:
        database.close()


def statuses(loa: Loa) -> Counter[str]:
    """Deliveries by status."""
    return Counter({row[0]: row[1] for row in rows(loa, "SELECT status, count(*) FROM delivery GROUP BY status")})


def number(place: int) -> str:
    """A made-up number, as a list has it."""
    return f"090{place:07d}"


def commune_of(place: int) -> str:
    """In which commune the person with this number lives."""
    return COMMUNES[place % len(COMMUNES)]


def write_list(path: Path, people: int, *, names: bool = False) -> None:
    """A commune's list of that many people."""
    rows = ["SĐT,Họ và tên,Xã/Phường"] if names else ["SĐT,Xã/Phường"]
    for place in range(1, people + 1):
        name = f",Người Thử {place:05d}" if names else ""
        rows.append(f"{number(place)}{name},{commune_of(place)}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def prepared(
    loa: Loa, people: int, files_of: dict[str, str | None], *, names: bool = False, approve: bool = True
) -> None:
    """The workspace with its database, its people and an approval."""
    files.write(loa.workspace, files_of)
    loa.here.ok("init", str(loa.workspace))
    if people:
        listed = loa.workspace / "danh-sach.csv"
        write_list(listed, people, names=names)
        done = loa.here.ok(
            "contacts", "import", str(listed), "--source", "thử", "--basis", "thử", "--consent", "--era", "2025",
            "--synthetic", "--json",
        )  # fmt: skip
        assert done.json["imported"] == people
    if approve:
        loa.here.ok("approve", "thu", "--by", "Người Duyệt", "--json")


def report(loa: Loa, by: str = "district") -> dict[str, Any]:
    """``loa report --json``."""
    document: dict[str, Any] = loa.here.ok("report", "thu", "--by", by, "--json").json
    return document
