"""What may be published of each run, as rows; and reports that were frozen. What they mean: engine.reports."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, text

from engine.store.many import write_many
from engine.store.publication_tables import FrozenReport, PublicationRow, PublicationUnit
from engine.store.tables import Run, TallyArea, TallyTrait, table_of

_PUBLICATION, _UNIT, _FROZEN = table_of(PublicationRow), table_of(PublicationUnit), table_of(FrozenReport)
_RUN, _AREA, _TRAIT = table_of(Run), table_of(TallyArea), table_of(TallyTrait)
_KEEP = text(
    "INSERT INTO publication (run_id, small_cell, area_table, withheld)"
    " VALUES (:run_id, :small_cell, :area_table, :withheld) ON CONFLICT DO NOTHING"
)
_KEEP_UNITS = "INSERT INTO publication_unit (run_id, node, told) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


class Settled(NamedTuple):
    """What is settled of a run: its threshold, whether it is left out, and (node, ``joined`` or ``closed``)."""

    small_cell: int
    area_table: str
    withheld: bool
    units: tuple[tuple[str, str], ...] = ()


def keep(connection: Connection, run_id: int, settled: Settled) -> None:
    """Settle a run's units; what is settled already stays (two processes come to the same)."""
    values = {"small_cell": settled.small_cell, "area_table": settled.area_table, "withheld": settled.withheld}
    if connection.execute(_KEEP, {"run_id": run_id, **values}).rowcount:
        write_many(connection, _KEEP_UNITS, [(run_id, *unit) for unit in sorted(settled.units)])


def settled(connection: Connection, campaigns: Sequence[str]) -> dict[int, Settled]:
    """Run → what is settled of it, for the runs of ``campaigns`` that have been settled."""
    query = (
        select(_PUBLICATION.c.run_id, _PUBLICATION.c.small_cell, _PUBLICATION.c.area_table, _PUBLICATION.c.withheld)
        .join(_RUN, _RUN.c.id == _PUBLICATION.c.run_id)
        .where(_RUN.c.campaign.in_(campaigns))
        .order_by(_PUBLICATION.c.run_id)
    )
    rows = connection.execute(query).all()
    units: dict[int, list[tuple[str, str]]] = {}
    of_runs = select(_RUN.c.id).where(_RUN.c.campaign.in_(campaigns))
    for run_id, node, told in connection.execute(
        select(_UNIT.c.run_id, _UNIT.c.node, _UNIT.c.told).where(_UNIT.c.run_id.in_(of_runs))
    ):
        units.setdefault(run_id, []).append((node, told))
    return {
        row.run_id: Settled(row.small_cell, row.area_table, row.withheld, tuple(sorted(units.get(row.run_id, []))))
        for row in rows
    }


def people_by_commune(connection: Connection, run_id: int) -> dict[tuple[str, str], int]:
    """(era, commune) → people a run targeted there: each has one delivery in it, whatever became of that."""
    query = (
        select(_AREA.c.era, _AREA.c.commune, func.sum(_AREA.c.deliveries))
        .where(_AREA.c.run_id == run_id)
        .group_by(_AREA.c.era, _AREA.c.commune)
    )
    return {(era, commune): int(people) for era, commune, people in connection.execute(query)}


def people_by_variant(connection: Connection, runs: Iterable[int]) -> dict[int, dict[str, int]]:
    """Run → variant → people."""
    query = select(_AREA.c.run_id, _AREA.c.variant, func.sum(_AREA.c.deliveries)).where(_AREA.c.run_id.in_(list(runs)))
    return _nested(connection.execute(query.group_by(_AREA.c.run_id, _AREA.c.variant)))


def people_by_trait(connection: Connection, runs: Iterable[int], trait: str) -> dict[int, dict[str, int]]:
    """Run → value of ``trait`` → people who have one."""
    query = select(_TRAIT.c.run_id, _TRAIT.c.value, func.sum(_TRAIT.c.deliveries)).where(
        _TRAIT.c.run_id.in_(list(runs)), _TRAIT.c.trait == trait
    )
    return _nested(connection.execute(query.group_by(_TRAIT.c.run_id, _TRAIT.c.value)))


def people_by_commune_and_variant(
    connection: Connection, runs: Iterable[int]
) -> Iterator[tuple[int, str, str, str, int]]:
    """(run, era, commune, variant, people)."""
    keys = (_AREA.c.run_id, _AREA.c.era, _AREA.c.commune, _AREA.c.variant)
    query = select(*keys, func.sum(_AREA.c.deliveries)).where(_AREA.c.run_id.in_(list(runs))).group_by(*keys)
    for run_id, era, commune, variant, people in connection.execute(query):
        yield run_id, era, commune, variant, int(people)


def _nested(rows: Iterable[Any]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for run_id, value, people in rows:
        found.setdefault(run_id, {})[value] = int(people)
    return found


# --- frozen reports ------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """A frozen report as it is stored; ``content`` is canonical JSON, ``digest`` its SHA-256 in hex."""

    id: str
    digest: str
    campaigns: str
    as_of: datetime
    published: bool
    note: str | None
    definitions: str
    area_table: str
    program: str
    content: str


_COLUMNS = tuple(_FROZEN.c[name] for name in Kept._fields)


def freeze(connection: Connection, report: Kept) -> None:
    """Add a frozen report. Raises the database's ``IntegrityError`` for an id that is taken."""
    values: Mapping[str, Any] = report._asdict()
    connection.execute(insert(_FROZEN).values(**values))


def frozen(connection: Connection, report_id: str) -> Kept | None:
    """One frozen report; None when there is none of this id."""
    row = connection.execute(select(*_COLUMNS).where(_FROZEN.c.id == report_id)).first()
    return Kept(*row) if row is not None else None


def all_frozen(connection: Connection) -> list[Kept]:
    """Every frozen report, the oldest first."""
    return [Kept(*row) for row in connection.execute(select(*_COLUMNS).order_by(_FROZEN.c.as_of, _FROZEN.c.id))]
