"""The course of the demonstration: prepare, import, plan, approve, send run by run on a turned clock, report."""

import asyncio
import logging
import re
import secrets
import socket
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy import text

import scheduler
from engine import log
from engine.areas import registry as areas
from engine.cli.demo_vendor import Vendor, vendor
from engine.clock import VIETNAM, TurnedClock, parse_instant
from engine.content.sample import copy_sample
from engine.content.snapshot import Snapshot
from engine.i18n import number, sentence
from engine.pipeline.approve import approve
from engine.pipeline.contact_row import Defaults
from engine.pipeline.files import campaign_snapshot, current_snapshots, load_workspace
from engine.pipeline.import_contacts import Request, import_contacts
from engine.pipeline.plan import Plan, make_plan
from engine.pipeline.process import Process, opened
from engine.pipeline.service import serving
from engine.pipeline.synthetic import write_people
from engine.reports.as_table import show_table
from engine.reports.report import Asked, make_report
from engine.reports.screen import console_for
from engine.settings import Settings
from engine.status import RunStatus
from engine.store import runs
from engine.store.schema import prepare

CAMPAIGN = "lang-son-30-7"
SHARES = {CAMPAIGN: 1.5}  # the others count 1 each: a third of the people live in the three pilot districts
RATE = "2000/s"
AFTER_DUE = timedelta(seconds=2)  # campaign time
ANSWERED = timedelta(minutes=1)  # campaign time after which the phones that are on have answered
AFTER_ALL = timedelta(days=2)
PATIENCE = 120.0  # real seconds for one run
QUIET, PAUSE = 0.5, 0.3  # real seconds without a new receipt: at the end, and between runs
_RATE = re.compile(r"(?<=rate: )20/s")


def run_demo(folder: Path, count: int, seed: int) -> None:
    """Run the demonstration in ``folder``. Raises ``LoaError`` when a part of it does not start."""
    began = time.monotonic()
    log.configure(logging.ERROR)  # the screen is for the course of it
    copy_sample(folder)
    configuration = folder / "loa.yaml"
    configuration.write_text(_RATE.sub(RATE, configuration.read_text(encoding="utf-8")), encoding="utf-8")
    credentials = ("AC" + secrets.token_hex(16), secrets.token_hex(16))
    environment = {"TWILIO_ACCOUNT_SID": credentials[0], "TWILIO_AUTH_TOKEN": credentials[1]}
    listener = scheduler.listen("127.0.0.1", 0)
    public = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(folder, f"sqlite:///{folder / '.loa' / 'loa.db'}", public, None, True)
    prepare(settings)
    ledger = folder / "so-cai-cong-thu.jsonl"
    snapshots = current_snapshots(load_workspace(settings, None, environment))
    start = parse_instant(f"{snapshots[CAMPAIGN].campaign.period.start}T08:00")
    with vendor(ledger, credentials, start, seed=7) as twilio:
        clock = TurnedClock(start)
        with opened(replace(settings, twilio_url=twilio.url), clock=clock, claims=True) as process:
            process.environment = environment
            plan = _prepare(process, folder, snapshots, count, seed)
            asyncio.run(_send(process, clock, twilio, plan, listener))
            _report(process)
    handed = sum(1 for _ in ledger.open(encoding="utf-8"))
    _say("done", ledger=number(handed), seconds=f"{time.monotonic() - began:.0f}")


def _prepare(process: Process, folder: Path, snapshots: dict[str, Snapshot], count: int, seed: int) -> Plan:
    """People, plan and approval."""
    registry = areas.load()
    _say("people", count=number(count), seed=seed)
    people = folder / "thue-bao-mau.csv"
    write_people(people, snapshots, registry, count, seed=seed, shares=SHARES)
    request = Request(people, "demo", sentence("cli_demo.basis"), Defaults(), False, True)
    imported = import_contacts(process, request, registry)
    _say("imported", imported=number(imported.imported), rejected=number(imported.rejected))
    for other in snapshots:  # their people stay, as neighbours whom nothing may reach
        if other != CAMPAIGN:
            (folder / "campaigns" / f"{other}.yaml").unlink()
    snapshot = campaign_snapshot(load_workspace(process.settings, None, process.environment), CAMPAIGN)
    plan = make_plan(process, snapshot, registry)
    figures = {name: number(getattr(plan.totals, name)) for name in ("recipients", "people", "excluded", "segments")}
    _say("planned", runs=len(plan.runs), cost=number(plan.totals.cost_vnd), **figures)
    approve(process, snapshot, plan, by=sentence("cli_demo.approver"), document="01/TTr-DEMO")
    return plan


async def _send(process: Process, clock: TurnedClock, twilio: Vendor, plan: Plan, listener: socket.socket) -> None:
    """Turn both clocks from run to run beside the work of ``loa run``, and two days on for the last phones."""
    stop = asyncio.Event()
    working = asyncio.create_task(scheduler.work(process, listener, stop))
    try:
        for number_of, run in enumerate(plan.runs, 1):
            before = time.monotonic()
            twilio.turn(run.due + AFTER_DUE)
            clock.turn(run.due + AFTER_DUE)
            handed = await _over(process, working, run.step, run.occurrence)
            twilio.turn(run.due + ANSWERED)
            clock.turn(run.due + ANSWERED)
            await _settled(process, PAUSE)
            _say(
                "sent", run=number_of, runs=len(plan.runs), when=f"{run.due.astimezone(VIETNAM):%d/%m/%Y %H:%M}",
                step=run.step, sent=number(handed), seconds=f"{time.monotonic() - before:.1f}",
            )  # fmt: skip
        twilio.turn(run.due + AFTER_ALL)
        clock.turn(run.due + AFTER_ALL)
        await _settled(process, QUIET)
    finally:
        stop.set()
        await working
    async with serving(process) as service:  # what no receipt has told is asked for
        await service.open_due()
        await service.poll_all()


async def _over(process: Process, working: "asyncio.Task[None]", step: str, occurrence: str) -> int:
    """Wait until that run has nothing left to send; how many deliveries were handed over."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not working.done():
        with process.database.read() as connection:
            for run in runs.of_campaign(connection, CAMPAIGN):
                if (run["step"], run["occurrence"]) == (step, occurrence) and run["status"] == RunStatus.FINISHED:
                    counted = text("SELECT count(*) FROM delivery WHERE run_id = :run AND attempt > 0")
                    return int(connection.execute(counted, {"run": run["id"]}).scalar_one())
        await asyncio.sleep(0.1)
    return 0


async def _settled(process: Process, quiet: float) -> None:
    """Wait until no receipt has come for ``quiet`` real seconds."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < quiet:
        await asyncio.sleep(0.1)
        with process.database.read() as connection:
            now = connection.execute(text("SELECT count(*) FROM receipt")).scalar_one()
        if now != seen:
            seen, since = now, time.monotonic()


def _report(process: Process) -> None:
    made = make_report(
        process.database, areas.load, process.snapshot, Asked((CAMPAIGN,), "district"), process.clock.now()
    )
    click.echo()
    show_table(console_for(sys.stdout), made, None)


def _say(key: str, **values: object) -> None:
    click.echo(sentence(f"cli_demo.{key}", **values))
