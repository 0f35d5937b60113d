"""``loa activity``: what is done by hand: talks, leaflets, posters, commitments, the operators' own messages."""

import json
from datetime import date
from pathlib import Path

import click

from engine.areas import registry as areas
from engine.areas.area import ERAS
from engine.cli import activity_list
from engine.clock import VIETNAM, campaign_clock
from engine.content.activity_columns import Side
from engine.content.activity_header import Defaults
from engine.content.activity_kinds import kind_label, measure_label, read_kind
from engine.content.activity_values import read_amount, read_days
from engine.content.province import own_province
from engine.errors import USER_CONTENT, ContentError, LoaError, UsageError
from engine.i18n import number, sentence
from engine.pipeline.activity_book import Entry, add
from engine.pipeline.activity_import import Request, Result, import_activities
from engine.reports import campaigns as keys
from engine.settings import from_environment

_SHOWN = 20


@click.group()
def activity() -> None:
    """What is done by hand, planned and done."""


@activity.command("add")
@click.option("--kind", required=True)
@click.option("--commune", default="")
@click.option("--district", default="")
@click.option("--province", default="")
@click.option("--era", type=click.Choice(ERAS))
@click.option("--date", "day", required=True)
@click.option("--unit", required=True)
@click.option("--planned", multiple=True)
@click.option("--done", multiple=True)
@click.option("--campaign", default="")
@click.option("--note", default="")
@click.option("--file", "name")
@click.option("--json", "as_json", is_flag=True)
def add_(
    kind: str,
    commune: str,
    district: str,
    province: str,
    era: str | None,
    day: str,
    unit: str,
    planned: tuple[str, ...],
    done: tuple[str, ...],
    campaign: str,
    note: str,
    name: str | None,
    as_json: bool,
) -> None:
    """Add one row to a table of activities; with anything wrong in it nothing is written, and all of it is told."""
    settings = from_environment()
    registry, today = areas.load(), _today()
    if campaign:
        campaign = keys.chosen([campaign], keys.in_folder(settings.workspace))[0]
    table = (name or campaign or _year(day, today)).removesuffix(".csv")
    counts: dict[tuple[str, Side], int] = {}
    written: tuple[tuple[Side, tuple[str, ...]], ...] = (("planned", planned), ("done", done))
    for side, texts in written:
        for text in texts:
            count, measure = read_amount(text)
            if (measure, side) in counts:
                raise LoaError("activities.counted-twice", measure=measure_label(measure))
            counts[measure, side] = count
    if not counts:
        raise UsageError("cli_activity.no-figures")
    cells = {
        "kind": kind_label(read_kind(kind)), "commune": commune, "district": district, "province": province,
        "era": era or "", "start": day, "unit": unit, "campaign": "" if campaign == table else campaign, "note": note,
    }  # fmt: skip
    own = own_province(settings.workspace, registry)
    try:
        added = add(settings, registry, Entry(cells, counts), name=table, province=own, today=today)
    except ContentError as error:  # the places would be those of a row that was not written
        reasons = "\n".join(f"{problem.code}: {problem.message}" for problem in error.problems)
        raise LoaError("cli_activity.not-added", reasons=reasons) from None
    for warning in added.warnings:
        click.echo(str(warning), err=True)
    if added.recoded:
        click.echo(sentence("cli_activity.recoded", file=added.file), err=True)
    if as_json:
        click.echo(json.dumps({"file": added.file, "line": added.line}, ensure_ascii=False))
    else:
        click.echo(sentence("cli_activity.added", file=added.file, line=added.line))


@activity.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--campaign", default="")
@click.option("--unit", default="")
@click.option("--commune", default="")
@click.option("--district", default="")
@click.option("--era", type=click.Choice(ERAS))
@click.option("--file", "name")
@click.option("--replace", "replacing", is_flag=True)
@click.option("--dry-run", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def import_(
    file: Path,
    campaign: str,
    unit: str,
    commune: str,
    district: str,
    era: str | None,
    name: str | None,
    replacing: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Import a table; wrong rows go to ``<file>.rejected.csv`` and make exit code 1."""
    settings = from_environment()
    registry = areas.load()
    if campaign:
        campaign = keys.chosen([campaign], keys.in_folder(settings.workspace))[0]
    defaults = Defaults(commune=commune, district=district, era=era or "", unit=unit, campaign=campaign)
    request = Request(file, name, defaults, replacing, dry_run)
    own = own_province(settings.workspace, registry)
    result = import_activities(settings, registry, request, province=own, today=_today())
    if as_json:
        click.echo(json.dumps(result.document(), ensure_ascii=False))
    else:
        _print(result, dry_run)
    return USER_CONTENT if result.rejected else 0


def _print(result: Result, dry_run: bool) -> None:
    for name in ("rows", "imported", "rejected"):
        click.echo(f"{sentence(f'cli_activity.{name}')}  {number(getattr(result, name))}")
    if dry_run:
        click.echo(sentence("cli_activity.dry-run"))
    elif result.file:
        click.echo(sentence("cli_activity.imported-into", file=result.file))
    told = [*result.problems, *result.warnings]
    for problem in told[:_SHOWN]:
        click.echo(sentence("cli_activity.problem", row=problem.row, column=problem.column, message=problem.message))
    if len(told) > _SHOWN:
        click.echo(sentence("cli_activity.more-problems", more=number(len(told) - _SHOWN)))
    if result.rejected_file:
        click.echo(sentence("cli_activity.rejected-file", file=result.rejected_file))


def _today() -> date:
    return campaign_clock().now().astimezone(VIETNAM).date()


def _year(day: str, today: date) -> str:
    """The year an activity falls in, for the name of its table; what is no day is told when the row is read."""
    try:
        return str(read_days(day).start.year)
    except LoaError:
        return str(today.year)


for _command in (activity_list.list_, activity_list.kinds):
    activity.add_command(_command)
