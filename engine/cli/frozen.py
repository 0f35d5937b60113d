"""``loa report --freeze``, ``--frozen`` and ``--list-frozen``: figures kept under an id, told again, compared."""

import json
import sys
from dataclasses import dataclass, replace

import click
from rich.table import Table

from engine.areas import registry as areas
from engine.errors import UsageError
from engine.i18n import number, sentence
from engine.pipeline.process import Process, opened
from engine.reports import frozen, keeping
from engine.reports.as_table import words_of
from engine.reports.asking import chosen_campaigns
from engine.reports.dimensions import AREAS, read_by
from engine.reports.figures import COUNTS
from engine.reports.frozen_difference import Difference
from engine.reports.frozen_difference import difference as difference_of
from engine.reports.report import Asked
from engine.reports.screen import console_for, plain_table
from engine.reports.wanted import DEFAULT, ONLY_ACTIVITIES, Wanted
from engine.settings import from_environment
from engine.store import publications


def check_options(
    frozen_id: str | None,
    list_frozen: bool,
    campaigns: tuple[str, ...],
    since: str | None,
    until: str | None,
    by: str | None,
    what: str | None,
    beside: str | None,
    freeze: bool,
    exact: bool,
    note: str | None,
    difference: bool,
) -> None:
    """Raise ``UsageError`` for options that mean nothing beside each other."""
    if (frozen_id or list_frozen) and (campaigns or since or until or beside or freeze):
        raise UsageError("frozen.stands-alone")
    if list_frozen and what:
        raise UsageError("frozen.stands-alone")
    if (exact or note) and not freeze:
        raise UsageError("frozen.needs-freeze")
    if difference and not frozen_id:
        raise UsageError("frozen.needs-id")
    if difference and (what not in (None, "deliveries") or by in ONLY_ACTIVITIES):
        raise UsageError("frozen.only-deliveries", by=what or by)
    if freeze and beside:
        raise UsageError("frozen.not-beside")
    if freeze and what not in (None, "deliveries"):
        raise UsageError("frozen.keeps-all", what=what)


@dataclass(frozen=True, slots=True)
class Keeping:
    """``--freeze`` with its options: exact figures or published ones, and a note about them."""

    exact: bool
    note: str | None

    def kept(self, process: Process, wanted: Wanted) -> Wanted:
        """Keep the figures of ``wanted``, say so, and ask for what was kept from now on."""
        chosen = chosen_campaigns(process, wanted.campaigns)
        asked = Asked(chosen, DEFAULT, wanted.era, wanted.since, wanted.until)
        found = freeze_now(process, asked, exact=self.exact, note=self.note)
        return replace(wanted, campaigns=(), since=None, until=None, frozen=found.kept.id)


def freeze_now(process: Process, asked: Asked, *, exact: bool, note: str | None) -> frozen.Frozen:
    """Keep the figures of ``asked``, log it, and say under which id."""
    found = keeping.keep(process, asked, exact=exact, note=note)
    aside(sentence("frozen.kept", id=found.kept.id))
    if exact:
        aside(sentence("frozen.exact"))
    return found


def aside(line: str) -> None:
    """Say something beside the report: on stderr, so that stdout stays the report's."""
    click.echo(line, err=True)


def show_difference(process: Process, wanted: Wanted, *, as_json: bool) -> None:
    """Print what late receipts have changed since in the frozen report that is ``wanted``."""
    assert wanted.frozen is not None and wanted.along is not None
    by, era = read_by(wanted.along), wanted.era
    assert by is not None
    found = frozen.opened(process.database, wanted.frozen)
    change = difference_of(process.database, areas.load, process.snapshot, found, by, era, process.clock.now())
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


def _difference_table(change: Difference) -> Table:
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
