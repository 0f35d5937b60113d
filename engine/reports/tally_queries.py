"""What a report reads: tallies summed over the slots of their writers, and runs. Never a delivery row.

Grouping is the database's work, so that what comes back is a line for each key and status and not one for each
run and slot (measured over 3,321 communes × 14 runs × 5 statuses: see bench/report_bench.py).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, func, select
from sqlalchemy.sql.elements import ColumnElement

from engine.store.tables import Run, TallyArea, TallyTrait, table_of

_RUN = table_of(Run)
_AREA = table_of(TallyArea)
_TRAIT = table_of(TallyTrait)

# Every delivery counts under exactly one language, and a run has few of them but thousands of communes: the
# sums over a whole run are read from here.
WHOLE_RUN = "language"


class RunRow(NamedTuple):
    """A run as far as reports need it."""

    id: int
    campaign: str
    step: str
    channel: str
    due: datetime
    digest: str


class Summed(NamedTuple):
    """Tallies of one status, summed: deliveries, segments and VND handed over."""

    status: str
    deliveries: int
    segments: int
    cost_vnd: int


def campaigns_with_runs(connection: Connection) -> list[str]:
    """Keys of the campaigns that have had a run, in alphabetical order."""
    return list(connection.execute(select(_RUN.c.campaign).distinct().order_by(_RUN.c.campaign)).scalars())


def runs_of(connection: Connection, campaigns: Sequence[str]) -> list[RunRow]:
    """All runs of ``campaigns``, those due first at the front."""
    query = (
        select(_RUN.c.id, _RUN.c.campaign, _RUN.c.step, _RUN.c.channel, _RUN.c.due, _RUN.c.digest)
        .where(_RUN.c.campaign.in_(campaigns))
        .order_by(_RUN.c.due, _RUN.c.id)
    )
    return [RunRow(*row) for row in connection.execute(query)]


def by_commune(connection: Connection, runs: Sequence[int]) -> Iterator[tuple[tuple[str, str], Summed]]:
    """((era, commune), sums) for every commune and status."""
    for era, commune, *sums in _grouped(connection, _AREA, _AREA.c.run_id.in_(runs), _AREA.c.era, _AREA.c.commune):
        yield (era, commune), Summed(*sums)


def by_variant(connection: Connection, runs: Sequence[int]) -> Iterator[tuple[tuple[int, str], Summed]]:
    """((run, variant), sums); the variant is empty where the campaign has none."""
    for run, variant, *sums in _grouped(connection, _AREA, _AREA.c.run_id.in_(runs), _AREA.c.run_id, _AREA.c.variant):
        yield (run, variant), Summed(*sums)


def by_trait(connection: Connection, runs: Sequence[int], trait: str) -> Iterator[tuple[str, Summed]]:
    """(value, sums) of a trait (``language``, ``sender``, …)."""
    chosen = _TRAIT.c.run_id.in_(runs) & (_TRAIT.c.trait == trait)
    for value, *sums in _grouped(connection, _TRAIT, chosen, _TRAIT.c.value):
        yield value, Summed(*sums)


def by_run(connection: Connection, runs: Sequence[int]) -> Iterator[tuple[int, Summed]]:
    """(run, sums) over everything in the run."""
    chosen = _TRAIT.c.run_id.in_(runs) & (_TRAIT.c.trait == WHOLE_RUN)
    for run, *sums in _grouped(connection, _TRAIT, chosen, _TRAIT.c.run_id):
        yield run, Summed(*sums)


def _grouped(
    connection: Connection, table: Table, chosen: ColumnElement[bool], *keys: ColumnElement[Any]
) -> Iterator[list[Any]]:
    query = (
        select(
            *keys,
            table.c.status,
            func.sum(table.c.deliveries),
            func.sum(table.c.segments),
            func.sum(table.c.cost_vnd),
        )
        .where(chosen)
        .group_by(*keys, table.c.status)
    )
    for *key, status, deliveries, segments, cost_vnd in connection.execute(query):
        yield [*key, status, int(deliveries), int(segments), int(cost_vnd)]  # PostgreSQL sums to Decimal
