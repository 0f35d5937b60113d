"""The course of the demonstration: prepare, import, plan, approve, send step by step on a turned clock, report."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import click

from engine.areas import registry as areas
from engine.clock import VIETNAM
from engine.content.sample import copy_sample
from engine.errors import LoaError
from engine.i18n import number, sentence
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.synthetic import write_people
from engine.settings import Settings
from engine.store import runs
from engine.store.database import Database

CAMPAIGN = "lang-son-30-7"
SHARES = {CAMPAIGN: 1.5}  # the others count 1 each: a third of the people live in the three pilot districts
RATE = "1000/s"
SETTLED = 0.7  # seconds without a new receipt: the phones that are on have answered
PATIENCE = 60.0
AFTER_DUE = timedelta(seconds=2)  # campaign time at which the processes begin
_RATE = re.compile(r"(?<=rate: )20/s")


def run_demo(folder: Path, count: int, seed: int) -> None:
    """Run the demonstration in ``folder``. Raises ``LoaError`` when a part of it does not start."""
    began = time.monotonic()
    copy_sample(folder)
    configuration = folder / "loa.yaml"
    configuration.write_text(_RATE.sub(RATE, configuration.read_text(encoding="utf-8")), encoding="utf-8")
    demo = _Demo(folder)
    demo.loa("init", str(folder))
    _say("people", count=number(count), seed=seed)
    registry = areas.load()
    snapshots = current_snapshots(load_workspace(demo.settings, None, demo.environment))
    people = folder / "thue-bao-mau.csv"
    write_people(people, snapshots, registry, count, seed=seed, shares=SHARES)
    imported = json.loads(
        demo.loa("contacts", "import", str(people), "--source", "demo", "--basis", sentence("cli_demo.basis"),
                 "--synthetic", "--json")
    )  # fmt: skip
    _say("imported", imported=number(imported["imported"]), rejected=number(imported["rejected"]))
    for other in snapshots:  # their people stay, as neighbours whom nothing may reach
        if other != CAMPAIGN:
            (folder / "campaigns" / f"{other}.yaml").unlink()
    first_day = f"{snapshots[CAMPAIGN].campaign.period.start}T08:00:00+07:00"
    plan = json.loads(demo.loa("plan", CAMPAIGN, "--json", at=first_day))
    totals = plan["totals"]
    figures = {name: number(totals[name]) for name in ("recipients", "people", "excluded", "segments")}
    _say("planned", runs=len(plan["runs"]), cost=number(totals["cost_vnd"]), **figures)
    approver = ("--by", sentence("cli_demo.approver"), "--document", "01/TTr-DEMO", "--json")
    demo.loa("approve", CAMPAIGN, *approver, at=first_day)
    last = began
    for run in plan["runs"]:
        due = datetime.fromisoformat(run["due"])
        sent = demo.send(due + AFTER_DUE)
        now = time.monotonic()
        _say("sent", when=f"{due.astimezone(VIETNAM):%d/%m/%Y %H:%M}", step=run["step"], sent=number(sent),
             seconds=f"{now - last:.1f}")  # fmt: skip
        last = now
    demo.settle(due + timedelta(days=2))
    click.echo()
    click.echo(demo.loa("report", CAMPAIGN, "--by", "district", at=(due + timedelta(days=2)).isoformat()))
    demo.database.close()
    ledger = sum(1 for _ in demo.ledger.open(encoding="utf-8"))
    _say("done", ledger=number(ledger), seconds=f"{time.monotonic() - began:.0f}")


def _say(key: str, **values: object) -> None:
    click.echo(sentence(f"cli_demo.{key}", **values))


class _Demo:
    """The scratch workspace and its two processes: the vendor's stand-in and ``loa run``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "so-cai-cong-thu.jsonl"
        self.settings = Settings(folder, f"sqlite:///{folder / '.loa' / 'loa.db'}", None, None, True)
        self.database = Database(self.settings.database_url)
        self.vendor_port, self.web_port = _free_port(), _free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LOA_", "TWILIO_"))},
            "LOA_LANG": os.environ.get("LOA_LANG", "vi"),
            "LOA_WORKSPACE": str(folder),
            "LOA_TWILIO_URL": f"http://127.0.0.1:{self.vendor_port}",
            "LOA_PUBLIC_URL": f"http://127.0.0.1:{self.web_port}",
            "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        }

    def loa(self, *arguments: str, at: str | None = None) -> str:
        """Run a command to its end; what it printed. Raises ``LoaError`` with its words when it fails."""
        done = subprocess.run(
            _command(*arguments), env=self._at(at), capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            raise LoaError("cli_demo.failed", command=" ".join(arguments[:2]), words=done.stderr.strip()[-1000:])
        return done.stdout.rstrip("\n")

    def send(self, instant: datetime) -> int:
        """Let the vendor and ``loa run`` live at ``instant`` until nothing is left to send; deliveries handled."""
        at = instant.isoformat()
        before = self._counts()
        with self._processes(at, engine=True):
            self._wait(before, instant)
        return sum(self._counts().values()) - sum(before.values())

    def settle(self, instant: datetime) -> None:
        """Two days later: ask the vendor about whatever is still only accepted."""
        with self._processes(instant.isoformat(), engine=False):
            self.loa("dispatch", "--once", "--json", at=instant.isoformat())

    def _wait(self, before: Mapping[str, int], instant: datetime) -> None:
        deadline = time.monotonic() + PATIENCE
        seen, since = dict(before), time.monotonic()
        while time.monotonic() < deadline:
            time.sleep(0.1)
            now = self._counts()
            if now != seen:
                seen, since = now, time.monotonic()
            waiting = now.get("queued", 0) + now.get("sending", 0)
            if not waiting and self._over(instant - AFTER_DUE) and time.monotonic() - since > SETTLED:
                return

    def _counts(self) -> dict[str, int]:
        with self.database.read() as connection:
            rows = connection.exec_driver_sql("SELECT status, sum(deliveries) FROM tally_area GROUP BY status")
            return {row[0]: int(row[1]) for row in rows}

    def _over(self, due: datetime) -> bool:
        """Whether the run due at that instant has been opened and has nothing left to send."""
        with self.database.read() as connection:
            mine = [run for run in runs.of_campaign(connection, CAMPAIGN) if run["due"] >= due]
            return bool(mine) and all(run["finished_at"] is not None for run in mine)

    @contextmanager
    def _processes(self, at: str, *, engine: bool) -> Iterator[None]:
        """The vendor's stand-in, and ``loa run`` beside it if ``engine``; both are stopped cleanly at the end."""
        vendor = ("sandbox", "--port", str(self.vendor_port), "--ledger", str(self.ledger), "--seed", "7")
        wanted: dict[int, tuple[str, ...]] = {self.vendor_port: vendor}
        if engine:
            wanted[self.web_port] = ("run", "--port", str(self.web_port))
        words = self.folder / "demo.log"
        with words.open("ab") as log:
            started = {
                port: subprocess.Popen(_command(*arguments), env=self._at(at), stdout=log, stderr=log)
                for port, arguments in wanted.items()
            }
            try:
                for port, process in started.items():
                    _wait_for_port(port, process, words)
                yield
            finally:
                for port in sorted(started, key=lambda port: port == self.vendor_port):  # the engine first
                    _stop(started[port])

    def _at(self, at: str | None) -> dict[str, str]:
        return self.environment | ({"LOA_CLOCK": at} if at else {})


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine", *arguments]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", words: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    said = words.read_text(encoding="utf-8", errors="replace").strip()[-1000:]
    raise LoaError("cli_demo.failed", command=f"(port {port})", words=said)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
