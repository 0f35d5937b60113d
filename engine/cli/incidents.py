"""``loa incidents``: what waits for a person; ``settle`` says that somebody has seen to it."""

import json
import sys
from typing import Any

import click

from engine.clock import VIETNAM
from engine.i18n import number, sentence
from engine.pipeline import incidents as pipeline
from engine.pipeline.incidents import ACCEPTED, NOT_SENT, Settled
from engine.pipeline.process import opened
from engine.settings import from_environment
from engine.store import audit
from engine.store.audit import Found


@click.group(invoke_without_command=True)
@click.option("--all", "every", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def incidents(context: click.Context, every: bool, as_json: bool) -> None:
    """What waits for a person, oldest first."""
    if context.invoked_subcommand is not None:
        return
    with opened(from_environment()) as process:
        pipeline.notice(process)  # also where no `loa run` is at work
        with process.database.read() as connection:
            found = audit.incidents(connection, settled=every)
    if as_json:
        click.echo(json.dumps({"incidents": [document(one) for one in found]}, ensure_ascii=False))
    else:
        show(found)


@incidents.command()
@click.argument("ids", nargs=-1, required=True, type=click.IntRange(1))
@click.option("--by", required=True)
@click.option("--why")
@click.option(
    "--as",
    "went",
    type=click.Choice([ACCEPTED, NOT_SENT]),
)
@click.option("--json", "as_json", is_flag=True)
def settle(ids: tuple[int, ...], by: str, why: str | None, went: str | None, as_json: bool) -> None:
    """Settle incidents; the audit log keeps who did it and why."""
    with opened(from_environment()) as process:
        done = pipeline.settle(process, ids, by=by, why=why, went=went)
    if as_json:
        settled = [{"id": one.id, "kind": one.kind, "subject": one.subject, "became": one.became} for one in done]
        click.echo(json.dumps({"settled": settled}, ensure_ascii=False))
        return
    for one in done:
        if one.kind in pipeline.DOUBTS | pipeline.POST_DOUBTS:
            click.echo(_became(one))
    click.echo(sentence("cli_incidents.settled", count=number(len(done))))


def _became(one: Settled) -> str:
    if one.kind in pipeline.POST_DOUBTS:
        key = {"published": "post-published", "queued": "post-queued", None: "post-known"}.get(one.became, "post-over")
        return sentence(f"cli_incidents.{key}", post=one.subject.partition(":")[2])
    keys = {"accepted": "as-accepted", "queued": "as-queued", None: "as-known"}
    return sentence(f"cli_incidents.{keys.get(one.became, 'as-over')}", delivery=one.subject.partition(":")[2])


def document(one: Found) -> dict[str, Any]:
    """An incident as JSON; ``message`` says what it means and asks for."""
    return {
        "id": one.id,
        "at": one.at.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "kind": one.kind,
        "subject": one.subject,
        "message": pipeline.what(one.kind),
        "settled": one.settled_at.astimezone(VIETNAM).isoformat(timespec="seconds") if one.settled_at else None,
    }


def show(found: list[Found]) -> None:
    """Print incidents for a person."""
    from engine.reports.screen import console_for, plain_table

    if not found:
        click.echo(sentence("cli_incidents.none"))
        return
    table = plain_table()
    for head in ("id", "at", "subject", "what"):
        table.add_column(sentence(f"cli_incidents.head-{head}"), overflow="fold", no_wrap=head in ("id", "at"))
    for one in found:
        at = f"{one.at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
        table.add_row(str(one.id), at, pipeline.about(one.subject), pipeline.what(one.kind))
    console_for(sys.stdout).print(table)
    click.echo(sentence("cli_incidents.how"))
