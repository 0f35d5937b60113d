"""``loa doctor``: whether this machine, key and database are fit, and whether the figures are the rows' own."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from engine.errors import DONE, USER_CONTENT, LoaError
from engine.i18n import number, sentence
from engine.reports.health import Check, look_over
from engine.reports.recount import Difference, Recount, recount
from engine.settings import from_environment

SHOWN = 50  # differences on a screen; all of them are in the JSON


@click.command()
@click.option("--recount", "count", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def doctor(count: bool, as_json: bool) -> int:
    """Look over machine, key and database; exit code 1 when something is not well."""
    checks, database = look_over(from_environment())
    counted = None
    try:
        if count and database is not None:
            try:
                counted = recount(database, _progress if sys.stderr.isatty() else None)
            except LoaError as error:
                checks.append(Check("recount", False, str(error)))
    finally:
        if database is not None:
            database.close()
    if count and database is None:
        checks.append(Check("recount", False, sentence("cli_doctor.cannot-recount")))
    if counted is not None:
        checks.append(_judged(counted))
    well = all(check.ok for check in checks)
    if as_json:
        click.echo(json.dumps(document(well, checks, counted), ensure_ascii=False))
    else:
        show(well, checks, counted)
    return DONE if well else USER_CONTENT


def document(well: bool, checks: list[Check], counted: Recount | None) -> dict[str, Any]:
    """The findings as JSON; ``recount`` is null unless it was asked for and could be made."""
    return {
        "ok": well,
        "checks": [asdict(check) for check in checks],
        "recount": None
        if counted is None
        else {
            "runs": counted.runs,
            "deliveries": counted.deliveries,
            "differences": [
                {
                    "run_id": one.run_id,
                    "run": one.run,
                    "table": one.table,
                    **one.key,
                    "tallied": one.tallied._asdict(),
                    "counted": one.counted._asdict(),
                }
                for one in counted.differences
            ],
        },
    }


def show(well: bool, checks: list[Check], counted: Recount | None) -> None:
    """Print the findings, then every difference of a recount."""
    for check in checks:
        key, colour = (
            ("not-well", "red") if not check.ok else ("warning", "yellow") if check.warning else ("well", "green")
        )
        click.secho(sentence(f"cli_doctor.{key}").ljust(11), fg=colour, nl=False)
        click.echo(check.message)
    differences = counted.differences if counted else []
    for one in differences[:SHOWN]:
        click.echo("  " + told(one))
    if len(differences) > SHOWN:
        click.echo("  " + sentence("cli_doctor.more", more=number(len(differences) - SHOWN)))
    click.echo(sentence("cli_doctor.all-well" if well else "cli_doctor.something"))


def told(one: Difference) -> str:
    """A difference as a sentence: where it is, what the tally says and what the rows say."""
    run = one.run or sentence("cli_doctor.no-run", run=one.run_id)
    where = " ".join(value for value in one.key.values() if value)
    return sentence(
        "cli_doctor.difference",
        run=run,
        table=one.table,
        where=where,
        tallied=_figures(one.tallied),
        counted=_figures(one.counted),
    )


def _figures(counted: tuple[int, int, int]) -> str:
    deliveries, segments, cost = (number(value) for value in counted)
    return sentence("cli_doctor.figures", deliveries=deliveries, segments=segments, cost=cost)


def _judged(counted: Recount) -> Check:
    runs, deliveries, wrong = number(counted.runs), number(counted.deliveries), number(len(counted.differences))
    key = "cli_doctor.recount-differs" if counted.differences else "cli_doctor.recount-agrees"
    said = sentence(key, runs=runs, deliveries=deliveries, wrong=wrong)
    if counted.retired:
        said += " " + sentence("cli_doctor.recount-retired", retired=number(counted.retired))
    return Check("recount", not counted.differences, said)


def _progress(done: int, runs: int) -> None:
    click.echo("\r" + sentence("cli_doctor.progress", done=number(done), runs=number(runs)), nl=False, err=True)
    if done + 1 == runs:
        click.echo(err=True)
