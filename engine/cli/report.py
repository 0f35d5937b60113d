"""``loa report``: what became of the deliveries, along one dimension."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import click

from engine.areas.area import ERAS, Era
from engine.cli.frozen import Keeping, aside, check_options, show_difference, show_frozen_list
from engine.cli.report_options import Dimensions, days, form_of
from engine.errors import UsageError
from engine.i18n import sentence
from engine.pipeline.process import opened
from engine.reports.dimensions import AREAS
from engine.reports.forms import FORMS, check_file, make
from engine.reports.measured import MEASURES
from engine.reports.screen import console_for
from engine.reports.telling import one_table, tell
from engine.reports.told import Tellable, text_content
from engine.reports.wanted import DEFAULT, WHATS, Wanted, check_told
from engine.reports.written_file import write_file
from engine.settings import from_environment


@click.command()
@click.argument("campaigns", nargs=-1)
@click.option("--by", type=Dimensions())
@click.option("--what", type=click.Choice(WHATS))
@click.option("--era", type=click.Choice(ERAS))
@click.option("--from", "since")
@click.option("--to", "until")
@click.option("--beside")
@click.option("--format", "wanted", type=click.Choice(tuple(FORMS)))
@click.option("--json", "as_json", is_flag=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--publish", is_flag=True)
@click.option("--freeze", is_flag=True)
@click.option("--exact", is_flag=True)
@click.option("--note")
@click.option("--frozen", "frozen_id")
@click.option("--difference", is_flag=True)
@click.option("--list-frozen", is_flag=True)
def report(
    campaigns: tuple[str, ...],
    by: str | None,
    what: str | None,
    era: str | None,
    since: str | None,
    until: str | None,
    beside: str | None,
    wanted: str | None,
    as_json: bool,
    out: Path | None,
    publish: bool,
    freeze: bool,
    exact: bool,
    note: str | None,
    frozen_id: str | None,
    difference: bool,
    list_frozen: bool,
) -> None:
    """Figures of one or several campaigns; a file has the form of its ending unless ``--format`` says another."""
    check_options(frozen_id, list_frozen, campaigns, since, until, by, what, beside, freeze, exact, note, difference)
    if list_frozen:
        show_frozen_list(as_json=as_json)
        return
    form = form_of(wanted, as_json, out)
    if FORMS[form].file_only and (as_json or difference):
        raise UsageError("cli_report.two-formats", format=form)
    first, last = days(since, until)
    asked = Wanted(campaigns, by, what, cast("Era", era or "2025"), first, last, beside, publish, frozen_id)
    keeping = Keeping(exact, note) if freeze else None
    if FORMS[form].file_only:
        _write(asked, form, out, keeping)
        return
    if by is None and not freeze and frozen_id is None and what not in MEASURES:
        raise click.MissingParameter(ctx=click.get_current_context(), param=_option("by"))
    if era and by and what != "coverage" and frozen_id is None and not set(by.split(",")) & set(AREAS):
        aside(sentence("cli_report.era-ignored", by=by))
    check_told(asked if not freeze else replace(asked, what="deliveries", by=by or DEFAULT))
    with opened(from_environment()) as process:
        if difference:
            show_difference(process, asked, as_json=as_json)
            return
        if keeping is not None:
            asked = replace(keeping.kept(process, asked), publish=False)
        told = tell(process, asked, aside)
    if form == "csv" and (left_out := one_table(told, asked)):
        aside(left_out)
    _hand_out(told, form, as_json, out)


def _write(asked: Wanted, form: str, out: Path | None, keeping: Keeping | None) -> None:
    """A form that is nothing but a file."""
    if out is None:
        raise UsageError("forms.needs-out", format=form)
    check_file(asked, FORMS[form])
    assert out is not None
    with opened(from_environment()) as process:
        if keeping is not None:
            asked = keeping.kept(process, asked)
        write_file(out, make(process, asked, form, aside).content)
    aside(sentence("cli_report.written", file=out))


def _hand_out(told: Tellable, form: str, as_json: bool, out: Path | None) -> None:
    """Into a file, or onto stdout; ``--json`` prints the document whatever the file has."""
    if out is not None:
        write_file(out, text_content(told, form))
        aside(sentence("cli_report.written", file=out))
    if as_json or (out is None and form == "json"):
        click.echo(json.dumps(told.document(), ensure_ascii=False))
    elif out is None and form == "csv":
        click.echo(told.csv(), nl=False)
    elif out is None:
        told.show(console_for(sys.stdout))


def _option(name: str) -> click.Parameter:
    return next(param for param in click.get_current_context().command.params if param.name == name)
