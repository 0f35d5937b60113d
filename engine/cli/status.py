"""``loa status``: who is at work, how every campaign stands and how fast it goes, and what waits for a person."""

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import click

from engine.clock import VIETNAM, real
from engine.pipeline.due import Coming
from engine.pipeline.files import Files
from engine.pipeline.incidents import what
from engine.pipeline.process import Process, opened
from engine.reports import campaigns as keys
from engine.reports.overview import overview
from engine.reports.standing import Overview, RunStands
from engine.reports.standing_words import words
from engine.reports.tally_queries import campaigns_with_runs
from engine.settings import from_environment
from engine.store.workers import WorkerStands

REFRESH = 2.0  # seconds between two looks of --watch; it costs the dispatcher nothing


@click.command()
@click.argument("campaign", required=False)
@click.option("--watch", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def status(campaign: str | None, watch: bool, as_json: bool) -> None:
    """How everything stands, once, or with ``--watch`` until Ctrl-C."""
    settings = from_environment()
    with opened(settings) as process:
        files = Files(settings)
        if as_json:
            click.echo(json.dumps(document(_seen(process, files, campaign)), ensure_ascii=False))
            return
        from engine.cli.status_screen import screen
        from engine.reports.screen import console_for

        console = console_for(sys.stdout)
        if not (watch and console.is_terminal):
            console.print(screen(_seen(process, files, campaign), console))
            return
        from rich.live import Live

        with Live(console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live:
            try:
                while True:
                    live.update(screen(_seen(process, files, campaign), console), refresh=True)
                    time.sleep(REFRESH)
            except KeyboardInterrupt:
                return


def _seen(process: Process, files: Files, campaign: str | None) -> Overview:
    """How things stand now. Raises ``LoaError`` for a campaign that nobody knows."""
    files.refresh()
    with process.database.read() as connection:
        known = sorted({*keys.in_folder(process.settings.workspace), *campaigns_with_runs(connection)})
    wanted = keys.chosen([campaign], known) if campaign else known
    return overview(process, wanted, files, now=process.clock.now(), real_now=real())


def document(seen: Overview) -> dict[str, Any]:
    """The overview as JSON; reasons as stable words and as sentences."""
    running = seen.running
    return {
        "as_of": _iso(seen.as_of),
        "alive": running is not None,
        "unattended": seen.unattended,
        "processes": [_process_document(seen, one) for one in seen.processes],
        "campaigns": [
            {
                "campaign": one.campaign,
                "state": one.state,
                "approvals": one.approvals,
                "edited": one.edited,
                "faulty": one.faulty,
                "data_until": one.data_until.isoformat() if one.data_until else None,
                "runs": [_run_document(run, seen.as_of) for run in one.runs],
            }
            for one in seen.campaigns
        ],
        "coming": [_coming_document(one) for one in seen.coming],
        "senders": [
            {
                "sender": held.sender,
                "until": _iso(held.until) if held.until else None,
                "reason": held.reason,
                "message": words("sender", held.reason),
            }
            for held in seen.senders
        ],
        "incidents": [
            {
                "at": _iso(incident.at),
                "kind": incident.kind,
                "subject": incident.subject,
                "message": what(incident.kind),
            }
            for incident in seen.incidents
        ],
    }


def _process_document(seen: Overview, one: WorkerStands) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "host": one.host,
        "pid": one.pid,
        "started": _iso(datetime.fromtimestamp(one.started_real, UTC)),
        "last_seen": _iso(datetime.fromtimestamp(one.seen_real, UTC)),
        "alive": one.alive,
        "leads": one.alive and one.leads,
        "silent": seen.silent(one),
    }


def _run_document(run: RunStands, now: datetime) -> dict[str, Any]:
    counts = {key: value for key, value in run.figures.document().items() if key != "delivery_rate"}
    finishes = run.going.finishes if run.going else None
    rate = run.going.rate if run.going else None
    return {
        "step": run.step,
        "occurrence": run.occurrence,
        "channel": run.channel,
        "status": run.status,
        "reason": run.reason,
        "message": words("run", run.reason) if run.reason else None,
        "due": _iso(run.due),
        "expires": _iso(run.expires_at),
        "finished": _iso(run.finished_at) if run.finished_at else None,
        "progress": None if run.progress is None else round(run.progress, 4),
        "rate_per_s": None if rate is None else round(rate, 2),
        "seconds_left": None if finishes is None else max(0, round((finishes - now).total_seconds())),
        "finishes": _iso(finishes) if finishes else None,
        "in_time": run.going.in_time if run.going else None,
        "resumes": _iso(run.going.resumes) if run.going and run.going.resumes else None,
        "retired": run.retired,
        **counts,
        **({"posts": dict(sorted(run.posts.items()))} if run.posts else {}),
    }


def _coming_document(one: Coming) -> dict[str, Any]:
    return {
        "campaign": one.campaign,
        "step": one.step,
        "occurrence": one.occurrence.key,
        "channel": one.channel,
        "due": _iso(one.occurrence.due),
        "missed_after": _iso(one.occurrence.missed_after),
        "approved": one.approved,
        "paused": one.paused,
    }


def _iso(instant: datetime) -> str:
    return instant.astimezone(VIETNAM).isoformat(timespec="seconds")
