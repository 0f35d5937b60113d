"""``loa contacts do-not-call import``: the national list of numbers that no advertising may reach."""

import json
from pathlib import Path

import click

from engine.content.values import read_date
from engine.errors import USER_CONTENT
from engine.i18n import number, sentence
from engine.pipeline.do_not_call import import_list
from engine.pipeline.process import opened
from engine.settings import from_environment

SHOWN = 20


@click.group("do-not-call")
def do_not_call() -> None:
    """The Do-Not-Call list of Decree 91/2020/NĐ-CP; only advertising heeds it."""


@do_not_call.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--source", required=True)
@click.option("--date", "day")
@click.option("--replace", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def import_(file: Path, source: str, day: str | None, replace: bool, as_json: bool) -> int:
    """Import the list as keyed hashes; exit code 1 when a row could not be read."""
    with opened(from_environment()) as process:
        result = import_list(process, file, source=source, listed_on=read_date(day) if day else None, whole=replace)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
        return USER_CONTENT if result.rejected else 0
    counts = {name: number(getattr(result, name)) for name in ("numbers", "added", "removed", "skipped")}
    click.echo(sentence("cli_contact_care.do-not-call", **counts))
    for row, _, said in result.problems[:SHOWN]:
        click.echo(sentence("cli_contact_care.wrong", row=row, message=said), err=True)
    if result.rejected > SHOWN:
        click.echo(sentence("cli_contact_care.more-wrong", more=number(result.rejected - SHOWN)), err=True)
    if result.rejected and replace:
        click.echo(sentence("cli_contact_care.not-replaced"), err=True)
    return USER_CONTENT if result.rejected else 0
