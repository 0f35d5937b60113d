"""``loa contacts``: the lists of people, in and out."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from engine.areas import registry
from engine.areas.area import ERAS
from engine.cli import contact_care
from engine.cli.do_not_call import do_not_call
from engine.content.province import own_province
from engine.errors import USER_CONTENT
from engine.i18n import number, sentence
from engine.pipeline.contact_row import Defaults
from engine.pipeline.import_contacts import Progress, Request, Result, import_contacts
from engine.pipeline.process import opened
from engine.settings import from_environment

_SHOWN = 20


@click.group()
def contacts() -> None:
    """The lists of people: in, out, and who is not written to."""


@contacts.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", required=True)
@click.option("--basis", required=True)
@click.option("--consent", is_flag=True)
@click.option("--commune", default="")
@click.option("--district", default="")
@click.option("--era", type=click.Choice(ERAS))
@click.option("--dry-run", is_flag=True)
@click.option("--synthetic", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True)
def import_(
    file: Path,
    source: str,
    basis: str,
    consent: bool,
    commune: str,
    district: str,
    era: str | None,
    dry_run: bool,
    synthetic: bool,
    as_json: bool,
) -> int:
    """Import a list; good rows are kept, wrong ones go to ``<file>.rejected.csv`` and make exit code 1."""
    areas = registry.load()
    defaults = Defaults(commune.strip(), district.strip(), era or "", consent)
    request = Request(file, source, basis, defaults, dry_run, synthetic)
    settings = from_environment()
    province = own_province(settings.workspace, areas)
    with opened(settings) as process, _bar() as progress:
        result = import_contacts(process, request, areas, province=province, progress=progress)
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        _print(result, dry_run)
    return USER_CONTENT if result.rejected else 0


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
        task = bar.add_task(sentence("cli_contacts.importing"), total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


def _print(result: Result, dry_run: bool) -> None:
    labels = {name: sentence(f"cli_contacts.{name}") for name in result.counts()}
    width = max(map(len, labels.values()))
    for name, count in result.counts().items():
        click.echo(f"{labels[name].ljust(width)}  {number(count).rjust(10)}")
    if dry_run:
        click.echo(sentence("cli_contacts.dry-run"))
    for problem in result.problems[:_SHOWN]:
        click.echo(sentence("cli_contacts.problem", row=problem.row, column=problem.column, message=problem.message))
    if len(result.problems) > _SHOWN:
        key = "more-problems-dry" if dry_run else "more-problems"
        click.echo(sentence(f"cli_contacts.{key}", more=number(len(result.problems) - _SHOWN)))
    if result.rejected_file:
        click.echo(sentence("cli_contacts.rejected-file", file=result.rejected_file))


for _command in (contact_care.opt_out, contact_care.erase, contact_care.stats, contact_care.export, do_not_call):
    contacts.add_command(_command)
