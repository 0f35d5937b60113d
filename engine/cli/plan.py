"""``loa plan``: what a campaign will do, to how many, when, and for how much; on the screen or as a calendar file."""

import io
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

import click
from rich.console import Console

from engine.areas import registry as areas
from engine.cli.area_json import district_json
from engine.clock import VIETNAM
from engine.content.when import read_instant
from engine.errors import UsageError
from engine.i18n import number, sentence
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.plan import Plan, make_plan
from engine.pipeline.process import opened
from engine.reports.as_calendar_table import show_calendar
from engine.reports.calendar import Calendar, make_calendar
from engine.reports.screen import console_for, plain_table
from engine.settings import from_environment

Format = Literal["table", "ics", "json"]
FORMATS: tuple[Format, ...] = ("table", "ics", "json")
_BY_ENDING: dict[str, Format] = {".ics": "ics", ".json": "json", ".txt": "table", "": "table"}


@click.command()
@click.argument("campaign")
@click.option("--at")
@click.option("--format", "wanted", type=click.Choice(FORMATS))
@click.option("--json", "as_json", is_flag=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False))
def plan(campaign: str, at: str | None, wanted: Format | None, as_json: bool, out: Path | None) -> None:
    """The plan as tables, as the contract's JSON, or as a calendar file."""
    form = _format(wanted, as_json, out)
    settings = from_environment()
    instant = read_instant(at) if at else None
    with opened(settings) as process:
        loaded = load_workspace(settings, None)
        snapshot = campaign_snapshot(loaded, campaign)
        made = make_plan(process, snapshot, areas.load(), at=instant)
        calendar = make_calendar(process, snapshot, made, now=instant or process.clock.now())
    for warning in made.warnings:
        click.echo(warning, err=True)
    changed_at = last_change(settings.workspace, loaded.uses.get(campaign, ()))
    if out is not None:
        from engine.reports.written_file import write_file

        # Whoever opened an earlier one to colleagues who subscribe to it did so knowingly.
        write_file(out, content(made, calendar, form, changed_at), keep_mode=form == "ics")
        click.echo(sentence("cli_plan.written", file=out), err=True)
    if as_json or (out is None and form == "json"):
        click.echo(json.dumps(plan_json(made), ensure_ascii=False))
    elif out is None and form == "ics":
        sys.stdout.buffer.write(content(made, calendar, "ics", changed_at))
    elif out is None:
        show(made, calendar)


def content(made: Plan, calendar: Calendar, form: Format, changed_at: datetime | None = None) -> bytes:
    """The plan as the bytes of a file."""
    if form == "json":
        return (json.dumps(plan_json(made), ensure_ascii=False, indent=2) + "\n").encode()
    if form == "ics":
        from engine.reports.as_ics import ics

        return ics(calendar, changed_at=changed_at)
    written = io.StringIO()
    show(made, calendar, written)
    return written.getvalue().encode()


def last_change(workspace: Path, files: Iterable[str]) -> datetime | None:
    """When the newest of the campaign's files (folders: of what is in them) was written; None when none is there."""
    found = []
    for file in (workspace / name for name in files):
        for path in file.iterdir() if file.is_dir() else [file]:
            try:
                found.append(datetime.fromtimestamp(path.stat().st_mtime, UTC))
            except OSError:  # taken away since it was read
                continue
    return max(found, default=None)


def _format(wanted: Format | None, as_json: bool, out: Path | None) -> Format:
    if wanted is None and out is not None:
        if out.suffix.lower() not in _BY_ENDING:
            raise UsageError("cli_plan.unknown-ending", ending=out.suffix)
        return _BY_ENDING[out.suffix.lower()]
    if as_json and out is None and wanted not in (None, "json"):
        raise UsageError("cli_report.two-formats", format=wanted)
    return wanted or ("json" if as_json else "table")


def plan_json(made: Plan) -> dict[str, object]:
    """The plan as the contract has it."""
    registry = areas.load()
    totals = made.totals
    return {
        "campaign": made.campaign,
        "runs": [
            {
                "step": run.step,
                "occurrence": run.occurrence,
                "channel": run.channel,
                "due": run.due.astimezone(VIETNAM).isoformat(),
                "recipients": run.recipients,
                "excluded": dict(sorted(run.excluded.items())),
                "segments": run.segments,
                "cost_vnd": run.cost_vnd,
                "duration_s": round(run.duration_s, 1),
                **({"minutes": run.minutes} if run.minutes else {}),
                **({"posts": run.posts} if run.posts else {}),
                **({"by_sender": dict(sorted(run.by_sender.items()))} if len(run.by_sender) > 1 else {}),
            }
            for run in made.runs
        ],
        "by_district": [
            {
                "area": district_json(registry, code),
                "recipients": sums.recipients,
                "segments": sums.segments,
                "cost_vnd": sums.cost_vnd,
            }
            for code, sums in sorted(made.by_district.items(), key=lambda item: (item[0] is None, item[0] or ""))
        ],
        "totals": {
            "recipients": totals.recipients,
            "people": totals.people,
            "excluded": totals.excluded,
            "segments": totals.segments,
            "cost_vnd": totals.cost_vnd,
        },
    }


def show(made: Plan, calendar: Calendar, stream: IO[str] | None = None) -> None:
    """The plan as two tables: the calendar with what has been and what is to come, and the old districts."""
    console = console_for(stream or sys.stdout)
    console.print(calendar.title)
    console.print(sentence(f"calendar.standing-{calendar.standing}"))
    if calendar.entries:
        show_calendar(console, calendar)
    if not made.runs:
        console.print(sentence("cli_plan.nothing"))
        return
    if made.by_district:
        _show_districts(console, made)
    aloud = {run.step: run.minutes for run in made.runs if run.minutes}
    for step, minutes in aloud.items():
        console.print(sentence("cli_plan.minutes", step=step, minutes=minutes))
    for run in made.runs:
        if len(run.by_sender) > 1:
            ways = ", ".join(f"{key} {number(some)}" for key, some in sorted(run.by_sender.items()))
            day = f"{run.due.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
            console.print(sentence("cli_plan.by-sender", step=run.step, at=day, senders=ways))
    totals = made.totals
    console.print(
        sentence(
            "cli_plan.totals",
            recipients=number(totals.recipients),
            people=number(totals.people),
            excluded=number(totals.excluded),
            segments=number(totals.segments),
            cost=number(totals.cost_vnd),
        )
    )


def _show_districts(console: Console, made: Plan) -> None:
    districts = plain_table()
    districts.title, districts.title_justify = sentence("cli_plan.districts"), "left"
    for head in ("district", "recipients", "segments", "cost"):
        districts.add_column(sentence(f"cli_plan.{head}"), justify="left" if head == "district" else "right")
    registry = areas.load()
    for code, sums in sorted(made.by_district.items(), key=lambda item: (item[0] is None, item[0] or "")):
        name = str(district_json(registry, code)["name"])
        districts.add_row(
            sentence("cli_plan.old", name=name) if code else name,
            number(sums.recipients),
            number(sums.segments),
            number(sums.cost_vnd),
        )
    console.print(districts)
