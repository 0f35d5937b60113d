"""``loa loudspeaker``: what is to be read aloud, who has confirmed, and noting it for who phones the office."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from engine.areas import registry as areas
from engine.areas.area import ERAS, Era
from engine.clock import VIETNAM, campaign_clock
from engine.content.values import read_time
from engine.content.when import read_instant
from engine.errors import LoaError, UsageError
from engine.i18n import language, number, sentence
from engine.pipeline import broadcasts as road
from engine.pipeline.files import campaign_snapshot, load_workspace
from engine.pipeline.preview import preview
from engine.pipeline.process import Process, opened
from engine.pipeline.script_sheet import Script, commune_name
from engine.reports import campaigns as keys
from engine.reports.broadcasts import Counting
from engine.reports.screen import console_for, plain_table
from engine.reports.script_pages import pdf_of
from engine.reports.tally_queries import campaigns_with_runs
from engine.reports.written_file import write_file
from engine.settings import from_environment
from engine.store import broadcasts


@click.group()
def loudspeaker() -> None:
    """Scripts, and what became of them."""


@loudspeaker.command("list")
@click.argument("campaign")
@click.option("--step")
@click.option("--all", "everybody", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def list_(campaign: str, step: str | None, everybody: bool, as_json: bool) -> None:
    """Who has not confirmed; communes only, never a person."""
    settings = from_environment()
    with opened(settings) as process:
        now = process.clock.now()
        with process.database.read() as connection:
            known = [*keys.in_folder(settings.workspace), *campaigns_with_runs(connection)]
            [key] = keys.chosen([campaign], known)
            rows = [row for row in broadcasts.of_campaign(connection, key, step) if not row.called_off or row.times]
    counting = Counting()
    for row in rows:
        counting.add(row, (row.era, row.commune))
    sums = counting.heard
    shown = rows if everybody else [row for row in rows if row.confirmed_at is None and row.planned_at <= now]
    if as_json:
        document = {"campaign": key, "totals": sums.document(), "broadcasts": [_json(row) for row in shown]}
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    if not rows:
        click.echo(sentence("cli_loudspeaker.none"))
        return
    if shown:
        _table(shown, now)
    else:
        click.echo(sentence("cli_loudspeaker.all-confirmed"))
    figures = {name: number(value) for name, value in sums.document().items()}
    click.echo(sentence("cli_loudspeaker.sums", **figures))


def _table(rows: list[Any], now: datetime) -> None:
    import sys

    table = plain_table()
    for head in ("number", "step", "planned", "commune", "language", "stands"):
        table.add_column(sentence(f"cli_loudspeaker.{head}"), justify="right" if head == "number" else "left")
    for row in rows:
        name = f"{commune_name(row.era, row.commune)} ({row.commune})"
        table.add_row(str(row.id), row.step, _local(row.planned_at), name, row.language, _stands(row, now))
    console_for(sys.stdout).print(table)


def _stands(row: Any, now: datetime) -> str:
    if row.confirmed_at is not None:
        return sentence("cli_loudspeaker.confirmed", times=row.times, at=_local(row.read_at))
    if row.planned_at > now:
        return sentence("cli_loudspeaker.to-come")
    if row.reminded_at is not None:
        return sentence("cli_loudspeaker.reminded", at=_local(row.reminded_at))
    return sentence("cli_loudspeaker.waiting")


def _json(row: Any) -> dict[str, object]:
    return {
        "number": row.id,
        "step": row.step,
        "occurrence": row.occurrence,
        "area": {"era": row.era, "code": row.commune, "name": commune_name(row.era, row.commune)},
        "language": row.language,
        "minutes": row.minutes,
        "planned_at": _iso(row.planned_at),
        "reminded_at": _iso(row.reminded_at),
        "confirmed_at": _iso(row.confirmed_at),
        "read_at": _iso(row.read_at),
        "times": row.times,
        "by": row.confirmed_by,
    }


@loudspeaker.command()
@click.argument("number", type=click.IntRange(1))
@click.option("--times", type=int, default=1, show_default=True)
@click.option("--at")
@click.option("--by")
@click.option("--json", "as_json", is_flag=True)
def confirm(number: int, times: int, at: str | None, by: str | None, as_json: bool) -> None:
    """Note what a relay says on the telephone."""
    with opened(from_environment()) as process:
        row = _found(process, number)
        word = road.Confirmation(times, _read_at(at, row.planned_at))
        row = road.confirm(process, number, word, by="office", who=by)
    if as_json:
        click.echo(json.dumps(_json(row), ensure_ascii=False))
        return
    name = commune_name(row.era, row.commune)
    click.echo(sentence("cli_loudspeaker.noted", commune=name, times=row.times, at=_local(row.read_at)))


def _found(process: Process, broadcast: int) -> Any:
    with process.database.read() as connection:
        row = broadcasts.one(connection, broadcast)
    if row is None:
        raise LoaError("loudspeaker.no-such-broadcast", number=broadcast)
    return row


def _read_at(text: str | None, planned: datetime) -> datetime:
    """When it was read: a time of the planned day, or a day and time; the planned hour when nothing is said."""
    if text is None:
        return planned
    try:
        return datetime.combine(planned.astimezone(VIETNAM).date(), read_time(text), VIETNAM)
    except LoaError:  # no time of the day: then with its day
        pass
    try:
        return read_instant(text)
    except LoaError:
        raise UsageError("cli_loudspeaker.bad-time", text=text) from None


@loudspeaker.command()
@click.argument("campaign")
@click.argument("step")
@click.option("--area", "code")
@click.option("--era", type=click.Choice(ERAS))
@click.option("--lang", default="vi", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False))
def script(campaign: str, step: str, code: str | None, era: Era | None, lang: str, out: Path | None) -> None:
    """A step's script as it would be read in one commune, on the screen or to print."""
    if (code is None) != (era is None):
        raise UsageError("cli_preview.area-needs-era")
    if out is not None and out.suffix.lower() not in (".pdf", ".txt"):
        raise UsageError("cli_report.unknown-ending", ending=out.suffix)
    settings, registry = from_environment(), areas.load()
    snapshot = campaign_snapshot(load_workspace(settings, campaign_clock().now()), campaign)
    chosen = registry.get(era, code) if code and era else None
    area, found = preview(snapshot, registry, step, area=chosen, language=lang)
    if found[0].script is None:
        raise LoaError("loudspeaker.not-aloud", step=step)
    whole = snapshot.campaign.step(step)
    due = snapshot.occurrences(whole)[0].due
    sheets = [
        Script(snapshot.organisation.name, area.name, one.language, language(), due, one.minutes, one.script or "")
        for one in found
    ]
    if out is not None:
        content = (
            pdf_of(sheets[0], dated=not whole.when.recurring)
            if out.suffix.lower() == ".pdf"
            else (sheets[0].words + "\n").encode()
        )
        write_file(out, content)
        click.echo(sentence("cli_loudspeaker.written", file=out), err=True)
        return
    for one in sheets:
        head = {"commune": one.commune, "language": one.language, "minutes": one.minutes}
        click.echo(sentence("cli_loudspeaker.script-head", **head))
        click.echo(one.words)


def _local(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(VIETNAM).isoformat(timespec="seconds") if at is not None else None
