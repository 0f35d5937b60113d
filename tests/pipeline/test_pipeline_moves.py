"""Every row of the tables of transitions: a road on which it is taken, and which fails when the row is taken out.

Together with the tests that hold the database's triggers equal to ``engine/status.py`` this says: no row of the
tables is idle, and whoever removes one breaks the road it is named for.
"""

import itertools
from collections import Counter

import pytest
from pipeline_moves import ROADS, ROWS, TABLES, Row, Walk, Watched
from pipeline_road import Road, World
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from engine.pipeline.process import Process
from engine.status import CampaignStatus, StepStatus

_ROAD_OF = {row: name for name, (_, rows) in ROADS.items() for row in rows}


def test_every_row_of_every_table_has_exactly_one_road_that_is_named_for_it() -> None:
    named = Counter(row for _, rows in ROADS.values() for row in rows)
    assert set(named) == set(ROWS)
    assert {row: count for row, count in named.items() if count > 1} == {}


@pytest.mark.parametrize("name", ROADS)
def test_a_road_takes_the_rows_it_is_named_for(
    quick_road: Road, world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    watched = Watched(quick_road)
    watched.watch()
    walk, rows = ROADS[name]
    walk(Walk(quick_road, world, monkeypatch))
    assert set(rows) <= watched.seen()
    quick_road.prove_tallies()


@pytest.mark.torture  # the roads above once more for each row
@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_a_road_fails_without_the_row_it_is_named_for(
    quick_road: Road, world: World, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    Watched(quick_road).take_out(row)
    walk, _ = ROADS[_ROAD_OF[row]]
    with pytest.raises((DBAPIError, AssertionError)):
        walk(Walk(quick_road, world, monkeypatch))


@pytest.mark.parametrize("table", ["campaign_state", "step_state"])
def test_the_database_itself_refuses_every_move_that_the_table_does_not_have(prepared: Process, table: str) -> None:
    """Of deliveries and runs: tests/store/test_store_schema.py."""
    statuses: type[CampaignStatus] | type[StepStatus] = CampaignStatus if table == "campaign_state" else StepStatus
    more = ("reserved_vnd", "0") if table == "campaign_state" else ("step", "'mot'")
    with prepared.database.write() as connection:
        for before, after in itertools.product(statuses, statuses):
            key = {"key": f"{before}-{after}", "before": before, "after": after}
            connection.execute(
                text(f"INSERT INTO {table} (campaign, status, {more[0]}) VALUES (:key, :before, {more[1]})"), key
            )
            point = connection.begin_nested()
            try:
                connection.execute(text(f"UPDATE {table} SET status = :after WHERE campaign = :key"), key)
                moved = True
            except DBAPIError as error:
                assert "forbidden move" in str(error.orig)
                moved = False
            point.rollback()
            assert moved == (before is after or after in TABLES[table][before]), f"{before} → {after}"
