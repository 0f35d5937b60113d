"""Statements that go past SQLAlchemy's types keep what the types would have kept, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from store_rows import BEGIN, contacts_in, deliveries_in, delivery, run_in

from engine.pipeline.process import Process
from engine.store import outbox
from engine.store.many import LISTED, change_listed, read_instant, read_listed, stored, write_many
from engine.store.outbox import DELIVERY
from engine.store.tallies import Deltas

SET = "UPDATE delivery SET claimed_at = ? WHERE id = ?"
ODD = datetime(2027, 7, 16, 8, 30, 5, 7, tzinfo=timezone(timedelta(hours=7)))  # 01:30:05.000007 UTC


def test_an_instant_written_past_the_types_is_read_by_them_and_the_other_way_round(prepared: Process) -> None:
    with prepared.database.write() as connection:
        keys = deliveries_in(connection, run_in(connection), contacts_in(connection, prepared.keyring, 3))
        as_stored = stored(connection)
        instants = [ODD, BEGIN, None]
        assert write_many(connection, SET, [(as_stored(at), key) for at, key in zip(instants, keys, strict=True)]) == 3
        typed = connection.execute(select(DELIVERY.c.claimed_at).order_by(DELIVERY.c.id)).scalars().all()
        raw = read_listed(connection, f"SELECT claimed_at FROM delivery WHERE id {LISTED} ORDER BY id", keys)
        loaded = outbox.load(connection, keys, lock=False)
    assert typed == instants
    assert [read_instant(row[0]) for row in raw] == instants
    assert [loaded[key]["claimed_at"] for key in keys] == instants
    assert all(at.tzinfo is UTC for row in raw if (at := read_instant(row[0])) is not None)


def test_a_naive_instant_is_refused_as_the_types_refuse_it(prepared: Process) -> None:
    with prepared.database.read() as connection, pytest.raises(ValueError, match="aware"):
        stored(connection)(datetime(2027, 7, 16))  # noqa: DTZ001


def test_a_loaded_row_is_the_row_as_the_types_give_it(prepared: Process) -> None:
    columns = {"status": "sending", "attempt": 1, "worker": "w", "claimed_at": BEGIN, "claimed_real": 1.5}
    with prepared.database.write() as connection:
        [key] = deliveries_in(connection, run_in(connection), contacts_in(connection, prepared.keyring, 1), **columns)
        assert outbox.load(connection, [key], lock=True) == {key: delivery(connection, key)}


def test_a_list_of_none_meets_nothing_and_of_some_only_those(prepared: Process) -> None:
    statement = f"UPDATE delivery SET poll_real = 1 WHERE id {LISTED}"
    with prepared.database.write() as connection:
        keys = deliveries_in(connection, run_in(connection), contacts_in(connection, prepared.keyring, 3))
        assert [change_listed(connection, statement, some) for some in ([], keys[:2], keys)] == [0, 2, 3]
        assert write_many(connection, SET, []) == 0


def test_moves_counted_together_are_the_moves_counted_one_by_one(prepared: Process) -> None:
    """A hundred rows that are alike in nothing, in everything, or but for the commune."""
    row = {
        "run_id": 1, "era": "2025", "commune": "06184", "variant": "", "language": "vi", "sender": "a", "prefix": "90",
        "segments": 2, "cost_vnd": 1700, "status": "queued", "reason": None, "handed_at": None, "finished_at": None,
    }  # fmt: skip
    together, one_by_one = Deltas(), Deltas()
    for number in range(100):
        before = row | {"commune": f"{number % 3:05d}", "prefix": str(number % 7)}
        after = before | {
            "status": ("delivered", "failed")[number % 2], "reason": (None, "landline")[number % 2],
            "handed_at": BEGIN + timedelta(minutes=number), "finished_at": BEGIN + timedelta(hours=3), "sender": "b",
            "cost_vnd": 1600,
        }  # fmt: skip
        together.move(before, after)
        one_by_one.count(before, -1)
        one_by_one.count(after, +1)
    with prepared.database.write() as connection:
        together.write(connection, 0)
        one_by_one.write(connection, 1)
        for table, keys in (("tally_area", "era, commune, variant, status"), ("tally_trait", "trait, value, status")):
            slots = [
                connection.exec_driver_sql(
                    f"SELECT {keys}, deliveries, segments, cost_vnd FROM {table} WHERE slot = {slot} ORDER BY {keys}"
                ).all()
                for slot in (0, 1)
            ]
            assert slots[0] == slots[1] and slots[0]
