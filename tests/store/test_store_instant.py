"""Instants in the database: no hour that nobody can name, the same order and the same value on both."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError
from store_rows import BEGIN

from engine.clock import VIETNAM
from engine.pipeline.process import Process
from engine.store.tables import Incident, table_of

INCIDENT = table_of(Incident)


def test_a_naive_instant_is_refused(prepared: Process) -> None:
    with pytest.raises((StatementError, ValueError), match="aware"), prepared.database.write() as connection:
        connection.execute(insert(INCIDENT).values(at=datetime(2027, 7, 16, 8, 30), kind="k", subject="s"))  # noqa: DTZ001 (the naive one)


def test_instants_come_back_equal_and_in_utc_whatever_zone_they_were_given_in(prepared: Process) -> None:
    instants = [
        BEGIN,
        BEGIN.astimezone(VIETNAM) + timedelta(microseconds=1),
        (BEGIN - timedelta(seconds=1)).astimezone(timezone(timedelta(hours=-11))),
        datetime(2027, 1, 1, tzinfo=VIETNAM),
        datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    with prepared.database.write() as connection:
        for place, at in enumerate(instants):
            connection.execute(insert(INCIDENT).values(at=at, kind="k", subject=str(place)))
    with prepared.database.read() as connection:
        rows = connection.execute(select(INCIDENT.c.at, INCIDENT.c.subject).order_by(INCIDENT.c.at)).all()
        at_or_after = connection.execute(select(INCIDENT.c.subject).where(INCIDENT.c.at >= BEGIN.astimezone(VIETNAM)))
        assert {row.subject for row in at_or_after} == {"0", "1"}
    assert [row.at for row in rows] == sorted(instants)
    assert {row.at.utcoffset() for row in rows} == {timedelta(0)}
