"""``loa rehearse``: a campaign's whole period on a turned clock, in a copy of the database, against phones of clay."""

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from engine import log
from engine.areas import registry as areas
from engine.cli.rehearse_channels import other_channels
from engine.clock import campaign_clock, parse_instant
from engine.errors import DONE, OUR_BUG, USER_CONTENT
from engine.i18n import sentence
from engine.pipeline.rehearse import Rehearsed, rehearsing
from engine.pipeline.rehearse_course import Progress
from engine.pipeline.rehearse_stage import Asked
from engine.reports.report import Asked as AskedReport
from engine.reports.report import make_report
from engine.settings import from_environment


@click.command()
@click.argument("campaign")
@click.option("--from", "start")
@click.option("--approved", is_flag=True)
@click.option("--alone", is_flag=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--outage", "outages", multiple=True)
@click.option("--clock-jump", "jumps", multiple=True)
@click.option("--json", "as_json", is_flag=True)
def rehearse(
    campaign: str,
    start: str | None,
    approved: bool,
    alone: bool,
    seed: int,
    outages: tuple[str, ...],
    jumps: tuple[str, ...],
    as_json: bool,
) -> int:
    """The whole period in a copy, nothing real touched; 1 where the campaign itself would fail without any fault."""
    log.configure(logging.ERROR)  # what is found out in a rehearsal is no warning about this machine
    settings = from_environment()
    asked = Asked(campaign, seed, outages, jumps, approved, parse_instant(start) if start else None, alone)
    now = campaign_clock().now()
    with (
        _ending_on_sigterm(),
        _bar() as progress,
        rehearsing(
            settings, asked, now=now, environment=os.environ, registry=areas.load(), progress=progress
        ) as result,
    ):
        by_district = AskedReport((campaign,), "district")
        report = make_report(
            result.process.database, areas.load, result.process.snapshot, by_district, result.end
        )  # in the copy, while there is one
        others = other_channels(result.process.database, settings.workspace, campaign)
    if as_json:
        from engine.cli.rehearse_json import document

        click.echo(json.dumps(document(result, report, others), ensure_ascii=False))
    else:
        from engine.cli.rehearse_screen import show

        show(result, report, others)
    return exit_code(result)


def exit_code(result: Rehearsed) -> int:
    """3 when a gate of ours failed, 1 when the campaign would break or lose something without any fault, else 0.

    What is still to be done before a true sending (an approval, a reviewer's name) is a finding, not a failure: a
    campaign is rehearsed before it is approved. What goes wrong under faults that were asked for is the answer.
    """
    kinds = {finding.kind for finding in result.findings}
    if "bug" in kinds:
        return OUR_BUG
    return USER_CONTENT if "broken" in kinds and not result.faults else DONE


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the rehearsal as Ctrl-C does: the copy is deleted."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on stderr, where that is a terminal; else nothing."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda fraction: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(sentence("cli_rehearse.running"), total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
