"""What a report reads: tallies summed over the slots of their writers, and runs. Never a delivery row.

Grouping is the database's work, so that what comes back is a line for each key and status and not one for each
run and slot (measured over 3,321 communes × 14 runs × 5 statuses: see bench/report_bench.py).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, case, func, select
from sqlalchemy.sql.elements import ColumnElement

from engine.reports.figures import STATUSES, Figures
from engine.store.campaign_tally_tables import TallyPlace
from engine.store.tables import Run, TallyArea, TallyTrait, table_of

_RUN = table_of(Run)
_AREA = table_of(TallyArea)
_TRAIT = table_of(TallyTrait)
_PLACE = table_of(TallyPlace)

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
    retired: bool = False  # its delivery rows are gone by their retention; its tallies are not


class Summed(NamedTuple):
    """Tallies of one status, summed: deliveries, segments and VND handed over."""

    status: str
    deliveries: int
    segments: int
    cost_vnd: int


NOTHING = Summed("queued", 0, 0, 0)  # of a line that is made to be named only


class Line(NamedTuple):
    """Sums of one status, and what they are sums of: as much as was asked to be told apart, the rest empty."""

    sums: Summed
    run: int = 0
    era: str = ""
    commune: str = ""
    value: str = ""  # of the trait, or the variant


def campaigns_with_runs(connection: Connection) -> list[str]:
    """Keys of the campaigns that have had a run, in alphabetical order."""
    return list(connection.execute(select(_RUN.c.campaign).distinct().order_by(_RUN.c.campaign)).scalars())


def runs_of(connection: Connection, campaigns: Sequence[str]) -> list[RunRow]:
    """All runs of ``campaigns``, those due first at the front."""
    query = (
        select(
            _RUN.c.id,
            _RUN.c.campaign,
            _RUN.c.step,
            _RUN.c.channel,
            _RUN.c.due,
            _RUN.c.digest,
            _RUN.c.retired_at.is_not(None),
        )
        .where(_RUN.c.campaign.in_(campaigns))
        .order_by(_RUN.c.due, _RUN.c.id)
    )
    return [RunRow(*row) for row in connection.execute(query)]


def by_area(connection: Connection, runs: Sequence[int], *, runs_apart: bool, variants: bool) -> Iterator[Line]:
    """Per era, commune and status; ``runs_apart`` and ``variants`` say what else is told apart."""
    keys = [_AREA.c.era, _AREA.c.commune]
    keys += [_AREA.c.run_id] if runs_apart else []
    keys += [_AREA.c.variant] if variants else []
    for era, commune, *others, sums in _grouped(connection, _AREA, _AREA.c.run_id.in_(runs), *keys):
        run = others.pop(0) if runs_apart else 0
        yield Line(sums, run, era, commune, others[0] if others else "")


def by_place(connection: Connection, campaigns: Sequence[str]) -> Iterator[tuple[str, str, Figures]]:
    """(era, commune, figures) over every run of each of ``campaigns``.

    One campaign at a time is read in the order of its key, with nothing to sort, and a line a commune comes back with
    all its statuses: 27,000 lines of tallies in 3,321 (a line a status cost three times as much to take).
    """
    counts = [func.sum(case((_PLACE.c.status == str(status), _PLACE.c.deliveries), else_=0)) for status in STATUSES]
    sums = (func.sum(_PLACE.c.segments), func.sum(_PLACE.c.cost_vnd))
    keys = (_PLACE.c.era, _PLACE.c.commune)
    for campaign in campaigns:
        query = select(*keys, *counts, *sums).where(_PLACE.c.campaign == campaign).group_by(*keys)
        for era, commune, *found in connection.execute(query):
            *deliveries, segments, cost_vnd = map(int, found)  # PostgreSQL sums to Decimal
            yield era, commune, Figures(dict(zip(STATUSES, deliveries, strict=True)), segments, cost_vnd)


def by_trait(connection: Connection, runs: Sequence[int], trait: str) -> Iterator[Line]:
    """Per run, value of a trait (``language``, ``sender``, …) and status."""
    chosen = _TRAIT.c.run_id.in_(runs) & (_TRAIT.c.trait == trait)
    for run, value, sums in _grouped(connection, _TRAIT, chosen, _TRAIT.c.run_id, _TRAIT.c.value):
        yield Line(sums, run, value=value)


def by_run(connection: Connection, runs: Sequence[int]) -> Iterator[Line]:
    """Per run and status, over everything in the run."""
    chosen = _TRAIT.c.run_id.in_(runs) & (_TRAIT.c.trait == WHOLE_RUN)
    for run, sums in _grouped(connection, _TRAIT, chosen, _TRAIT.c.run_id):
        yield Line(sums, run)


def _grouped(
    connection: Connection, table: Table, chosen: ColumnElement[bool], *keys: ColumnElement[Any]
) -> Iterator[Any]:
    """(keys …, sums) for each of ``keys`` and status."""
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
        # PostgreSQL sums to Decimal
        yield *key, Summed(status, int(deliveries), int(segments), int(cost_vnd))
