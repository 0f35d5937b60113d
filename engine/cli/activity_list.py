"""``loa activity list`` and ``kinds``: what there is, row by row, and what there may be."""

import json
import sys
from datetime import date

import click

from engine.areas import registry as areas
from engine.content.activity import Activity
from engine.content.activity_files import load_activities
from engine.content.activity_kinds import KINDS, kind_label, measure_label, measure_labels, read_kind
from engine.content.activity_units import UNITS, unit_label
from engine.content.province import own_province
from engine.content.values import read_date
from engine.errors import LoaError, UsageError
from engine.i18n import number, sentence
from engine.reports import campaigns as keys
from engine.settings import from_environment


@click.command("list")
@click.argument("campaigns", nargs=-1)
@click.option("--kind")
@click.option("--from", "since")
@click.option("--to", "until")
@click.option("--json", "as_json", is_flag=True)
def list_(campaigns: tuple[str, ...], kind: str | None, since: str | None, until: str | None, as_json: bool) -> None:
    """The activities of the workspace, each with file and line."""
    settings = from_environment()
    registry = areas.load()
    chosen = keys.chosen(campaigns, keys.in_folder(settings.workspace))
    first, last = _date(since), _date(until)
    wanted = read_kind(kind) if kind else None
    found = load_activities(settings.workspace, registry=registry, province=own_province(settings.workspace, registry))
    rows = [
        row
        for row in found.rows
        if (not chosen or row.campaign in chosen)
        and wanted in (None, row.kind)
        and (first is None or row.start >= first)
        and (last is None or row.start <= last)
    ]
    if as_json:
        document = {"activities": [row_document(row) for row in rows], "left_out": found.left_out}
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    _show(rows, registry)
    if found.left_out:
        click.echo(sentence("cli_activity.left-out", rows=number(found.left_out)), err=True)


@click.command("kinds")
@click.option("--json", "as_json", is_flag=True)
def kinds(as_json: bool) -> None:
    """The kinds, what each is counted in, and the implementing units."""
    if as_json:
        document = {
            "kinds": [{"kind": key, "name": kind_label(key), "measures": kind.measures} for key, kind in KINDS.items()],
            "measures": {measure: measure_label(measure) for kind in KINDS.values() for measure in kind.measures},
            "units": {unit: unit_label(unit) for unit in UNITS},
        }
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    from engine.reports.screen import console_for, plain_table

    table = plain_table()
    for head in ("key", "kind", "measures"):
        table.add_column(sentence(f"cli_activity.head-{head}"), overflow="fold")
    for key, kind in KINDS.items():
        table.add_row(key, kind_label(key), measure_labels(kind.measures))
    console_for(sys.stdout).print(table)
    click.echo(sentence("cli_activity.units", units="; ".join(map(unit_label, UNITS))))


def row_document(row: Activity) -> dict[str, object]:
    """An activity as JSON."""
    return {
        "file": row.file,
        "line": row.line,
        "campaign": row.campaign,
        "kind": row.kind,
        "area": {"era": row.area.era, "code": row.area.code, "name": row.area.name},
        "from": row.start.isoformat(),
        "to": row.end.isoformat(),
        "unit": row.unit,
        "counts": [count._asdict() for count in row.counts],
    }


def _show(rows: list[Activity], registry: areas.Registry) -> None:
    if not rows:
        click.echo(sentence("cli_activity.none"))
        return
    from engine.reports.screen import console_for, plain_table

    table = plain_table()
    for head in ("where", "day", "kind", "place", "unit", "planned", "done"):
        table.add_column(sentence(f"cli_activity.head-{head}"), overflow="fold")
    for row in rows:
        days = f"{row.start:%d/%m/%Y}" + (f" – {row.end:%d/%m/%Y}" if row.end != row.start else "")
        sides = [
            ", ".join(
                f"{number(figure)} {measure_label(count.measure)}"
                for count, figure in ((count, getattr(count, side)) for count in row.counts)
                if figure is not None
            )
            for side in ("planned", "done")
        ]
        place = registry.label(row.area).rpartition(" (")[0]
        table.add_row(f"{row.file}:{row.line}", days, kind_label(row.kind), place, unit_label(row.unit), *sides)
    console_for(sys.stdout).print(table)


def _date(text: str | None) -> date | None:
    try:
        return read_date(text) if text is not None else None
    except LoaError as error:
        raise UsageError(error.key, **error.values) from None
