"""``loa report --freeze``, ``--frozen`` and ``--list-frozen``: figures kept under an id, told again, compared."""

import json
import sys

import click
from rich.table import Table
from sqlalchemy.exc import IntegrityError

from engine import __version__
from engine.areas import registry as areas
from engine.areas.area import Era
from engine.errors import LoaError, UsageError
from engine.i18n import number, sentence
from engine.pipeline.process import Process, opened
from engine.reports import frozen
from engine.reports.as_table import words_of
from engine.reports.dimensions import AREAS, By
from engine.reports.figures import COUNTS
from engine.reports.publication import publication_of
from engine.reports.report import Asked, Report
from engine.reports.screen import console_for, plain_table
from engine.settings import from_environment
from engine.store import audit, publications

DEFAULT = "district"  # along what a frozen report is told where nobody says


def check_options(
    frozen_id: str | None,
    list_frozen: bool,
    campaigns: tuple[str, ...],
    since: str | None,
    until: str | None,
    what: str | None,
    freeze: bool,
    exact: bool,
    note: str | None,
    difference: bool,
) -> None:
    """Raise ``UsageError`` for options that mean nothing beside each other."""
    if (frozen_id or list_frozen) and (campaigns or since or until or what or freeze):
        raise UsageError("frozen.stands-alone")
    if (exact or note) and not freeze:
        raise UsageError("frozen.needs-freeze")
    if difference and not frozen_id:
        raise UsageError("frozen.needs-id")
    if freeze and what not in (None, "deliveries"):
        raise UsageError("frozen.only-deliveries", by=what)


def freeze_now(process: Process, asked: Asked, *, exact: bool, note: str | None) -> Report:
    """Keep the figures of ``asked``, log it, and tell the report from what was kept."""
    publication = None
    if not exact:
        publication = publication_of(process.database, areas.load, process.snapshot, asked.campaigns)
    now = process.clock.now()
    kept = frozen.freeze(process.database, areas.load, process.snapshot, asked, now, publication, note=note)
    try:
        with process.database.write() as connection:
            publications.freeze(connection, kept)
            detail = f"{kept.id} sha256={kept.digest} {'exact' if exact else 'published'}"
            audit.record(connection, process.keyring, at=now, action="freeze", subject=kept.campaigns, detail=detail)
    except IntegrityError:
        with process.database.read() as connection:
            there = publications.frozen(connection, kept.id)
        if there is None or there.digest != kept.digest:
            raise LoaError("frozen.again") from None  # another report got the same four letters: one in a million
    click.echo(sentence("frozen.kept", id=kept.id), err=True)
    if exact:
        click.echo(sentence("frozen.exact"), err=True)
    return frozen.opened(process.database, kept.id).report(asked.dimensions, asked.era)


def reopened(process: Process, report_id: str, by: tuple[By, ...], era: Era, *, publish: bool) -> Report:
    """A frozen report as it stood; refuses to pass on exact figures as published ones."""
    found = frozen.opened(process.database, report_id)
    if publish and not found.kept.published:
        raise LoaError("frozen.not-published", id=found.kept.id)
    if found.content["area_table"] != areas.load().version or found.kept.program != __version__:
        click.echo(sentence("frozen.other-version", program=found.kept.program), err=True)
    return found.report(by, era)


def show_difference(process: Process, report_id: str, by: tuple[By, ...], era: Era, *, as_json: bool) -> None:
    """Print what late receipts have changed since."""
    found = frozen.opened(process.database, report_id)
    change = frozen.difference(process.database, areas.load, process.snapshot, found, by, era, process.clock.now())
    if as_json:
        click.echo(json.dumps(change.document(), ensure_ascii=False))
        return
    console = console_for(sys.stdout)
    then, today = (f"{one:%H:%M %d/%m/%Y}" for one in (found.report(by, era).as_of, change.now))
    console.print(sentence("frozen.difference", id=found.kept.id, then=then, now=today))
    if change.rows:
        console.print(_difference_table(change))
    else:
        console.print(sentence("frozen.no-difference"))
    if change.later_runs:
        console.print(sentence("frozen.later-runs", runs=number(change.later_runs)))


def _difference_table(change: frozen.Difference) -> Table:
    names = [name for name in COUNTS if any(name in row for _, row in change.rows)]
    registry = areas.load() if set(change.dimensions) & set(AREAS) else None
    table = plain_table()
    columns = []
    for place, by in enumerate(change.dimensions):
        table.add_column(sentence(f"reports.head-{by}"), overflow="fold")
        columns.append(words_of(by, [keys[place] for keys, _ in change.rows], registry))
    for name in names:
        table.add_column(sentence(f"reports.head-{name}"), justify="right", no_wrap=True)
    for line, (_, row) in enumerate(change.rows):
        words = (column[line] for column in columns)
        table.add_row(*words, *(_signed(row.get(name, 0)) for name in names))
    rest = [""] * (len(columns) - 1)
    table.add_row(sentence("reports.total"), *rest, *(_signed(change.totals.get(name, 0)) for name in names))
    return table


def _signed(change: int) -> str:
    return f"+{number(change)}" if change > 0 else number(change) if change else "0"


def show_frozen_list(*, as_json: bool) -> None:
    """Print every frozen report, the oldest first."""
    with opened(from_environment()) as process, process.database.read() as connection:
        found = publications.all_frozen(connection)
    reports = [
        {
            "frozen": one.id,
            "campaigns": one.campaigns,
            "as_of": json.loads(one.content)["as_of"],
            "published": one.published,
            "note": one.note,
            "definitions": one.definitions,
            "area_table": one.area_table,
            "program": one.program,
            "digest": one.digest,
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps({"reports": reports}, ensure_ascii=False))
        return
    console = console_for(sys.stdout)
    if not found:
        console.print(sentence("frozen.none"))
        return
    table = plain_table()
    for head in ("id", "campaigns", "as-of", "kind", "note"):
        table.add_column(sentence(f"frozen.head-{head}"), overflow="fold")
    for one in reports:
        kind = sentence("frozen.kind-published" if one["published"] else "frozen.kind-exact")
        as_of = str(one["as_of"])[:16].replace("T", " ")
        table.add_row(str(one["frozen"]), str(one["campaigns"]), as_of, kind, str(one["note"] or "—"))
    console.print(table)
