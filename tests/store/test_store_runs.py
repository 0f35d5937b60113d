"""Runs: each occurrence opened once, moved only along the table, closed only when nothing is left."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text
from store_rows import (
    BEGIN,
    REAL,
    RUN,
    SIGNED,
    at_once,
    contacts_in,
    deliveries_in,
    delivery,
    only_sqlite,
    recounted,
    run_in,
    tallied,
)

from engine.pipeline.process import Process
from engine.status import RUN_TRANSITIONS, RunStatus, Status, run_may_become
from engine.store import claims, look_ups, outbox, runs
from engine.store.claims import Claimable
from engine.store.database import Database
from engine.store.outbox import Change, Fate
from engine.store.tables import CampaignState, table_of

CAMPAIGN = table_of(CampaignState)


def _values(step: str = "canh-bao", **more: Any) -> dict[str, Any]:
    values = {
        "campaign": "chien-dich", "step": step, "occurrence": "2027-07-16", "channel": "sms", "due": BEGIN,
        "expires_at": BEGIN + timedelta(days=1), "status": "enqueueing", "digest": "d", "opened_at": BEGIN,
    }  # fmt: skip
    return values | more


def test_an_occurrence_is_opened_once_whoever_opens_it_however_often(prepared: Process, settings) -> None:
    with prepared.database.write() as connection:
        run_in(connection, step="truoc")
    other = Database(settings.database_url)

    def open_all(database: Database) -> int:
        made = 0
        for number in range(8):
            with database.write() as connection:
                made += runs.create(connection, _values(occurrence=f"2027-07-{number + 10}")) is not None
        return made

    assert sum(at_once(lambda: open_all(prepared.database), lambda: open_all(other))) == 8
    other.close()
    with prepared.database.write() as connection:
        assert len(runs.of_campaign(connection, "chien-dich")) == 9
        later = _values(occurrence="2027-07-10", due=BEGIN + timedelta(hours=3))
        assert not runs.create(connection, later), "an edited time opened the occurrence again"
        assert ("canh-bao", "2027-07-10") in runs.occurrences_known(connection, "chien-dich")
        assert runs.occurrences_known(connection, "khac") == set()


def test_only_moves_of_the_table_are_made_and_only_from_where_the_run_stands(prepared: Process) -> None:
    with prepared.database.write() as connection:
        for before in RunStatus:
            for after in RunStatus:
                key = run_in(connection, step=f"{before}-{after}", status=str(before))
                if not run_may_become(before, after):
                    with pytest.raises(ValueError, match="cannot go"):
                        runs.move(connection, key, before, after, SIGNED)
                    continue
                other = next(status for status in RunStatus if status is not before and RUN_TRANSITIONS[status])
                target = next(iter(RUN_TRANSITIONS[other]))
                assert not runs.move(connection, key, other, target, SIGNED), "moved from where it does not stand"
                assert runs.move(connection, key, before, after, SIGNED, reason="r")
                assert (runs.get(connection, key)["status"], runs.get(connection, key)["reason"]) == (after, "r")
        with pytest.raises(LookupError):
            runs.get(connection, 10**9)


def _one_each(connection: Connection, process: Process, run: int, *statuses: str) -> list[int]:
    people = contacts_in(connection, process.keyring, len(statuses))
    rows = [
        {"status": "queued" if status == "fresh" else status, "attempt": 0 if status == "fresh" else 1}
        for status in statuses
    ]
    return deliveries_in(connection, run, people, rows, worker="w", reason="r")


@pytest.mark.parametrize(
    ("statuses", "nothing_to_wait_for", "closed"),
    [
        (("fresh",), False, False),
        (("queued", "delivered"), False, False),
        (("sending",), False, False),
        (("unknown", "delivered"), True, False),  # a proven absence puts it back in the queue
        (("accepted", "delivered", "failed", "excluded", "cancelled", "expired"), True, True),
        ((), True, True),
    ],
)
def test_a_run_is_closed_only_when_nothing_can_come_back_to_its_queue(
    prepared: Process, statuses: tuple[str, ...], nothing_to_wait_for: bool, closed: bool
) -> None:
    with prepared.database.write() as connection:
        run = run_in(connection, status="running")
        _one_each(connection, prepared, run_in(connection, step="khac"), "fresh", "queued", "sending", "unknown")
        _one_each(connection, prepared, run, *statuses)
        assert runs.finish(connection, run, BEGIN) == nothing_to_wait_for
        row = runs.get(connection, run)
        assert (row["status"], row["finished_at"]) == (("finished", BEGIN) if closed else ("running", None))


def test_a_run_whose_time_is_over_waits_for_no_unknown_delivery(prepared: Process) -> None:
    with prepared.database.write() as connection:
        run = run_in(connection, status="running", expires_at=BEGIN)
        _one_each(connection, prepared, run, "unknown")
        assert runs.finish(connection, run, BEGIN)
        assert runs.get(connection, run)["status"] == "finished"


def test_two_workers_that_find_the_same_run_over_give_its_budget_back_once(prepared: Process, settings) -> None:
    """Seen with two workers on PostgreSQL: what three refused people would have cost came back twice."""
    with prepared.database.write() as connection:
        run = run_in(connection, status="running", reserved_vnd=10_000)
        connection.execute(CAMPAIGN.update().values(reserved_vnd=30_000))
    other = Database(settings.database_url)
    ended: list[bool] = []

    def finish_as_well() -> None:
        with other.write() as connection:
            ended.append(runs.finish(connection, run, BEGIN))

    second = threading.Thread(target=finish_as_well)
    with prepared.database.write() as connection:
        assert runs.finish(connection, run, BEGIN)
        second.start()
        if not prepared.database.is_sqlite:  # it has read the run, and waits for the rows that we have changed
            waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = :name")
            for _ in range(100_000):
                connection.execute(text("SELECT pg_stat_clear_snapshot()"))  # else the first look is the only one
                if connection.execute(waiting, {"name": prepared.database.url.database}).scalar():
                    break
    second.join(timeout=60)
    other.close()
    with prepared.database.read() as connection:
        assert (ended, runs.get(connection, run)["status"]) == ([True], "finished")
        assert connection.execute(select(CAMPAIGN.c.reserved_vnd)).scalar_one() == 20_000


@pytest.mark.parametrize(("run_status", "instead"), [("finished", "expired"), ("cancelled", "cancelled")])
def test_what_comes_back_to_a_run_that_is_over_does_not_lie_queued_for_ever(
    prepared: Process, run_status: str, instead: str
) -> None:
    """A released claim or a proven absence after `loa cancel`: nobody would have claimed it again, or said so."""
    with prepared.database.write() as connection:
        run = run_in(connection, status=run_status)
        keys = _one_each(connection, prepared, run, "sending", "unknown")
        changes = [Change(key, 1, Status.QUEUED, BEGIN, reason="released", not_before=REAL) for key in keys]
        assert [fate for _, fate in outbox.apply(connection, changes, slot=0)] == [Fate.APPLIED] * 2
        rows = [delivery(connection, key) for key in keys]
        assert [(row["status"], row["finished_at"]) for row in rows] == [(instead, BEGIN)] * 2
        assert {row["reason"] for row in rows} <= {"cancelled", "too_late"}
        assert tallied(connection, run)[0] == recounted(connection, run)[0]


def test_taking_what_is_queued_reaches_everyone_once(prepared: Process) -> None:
    with prepared.database.write() as connection:
        run = run_in(connection)
        people = contacts_in(connection, prepared.keyring, 25)
        deliveries_in(connection, run, people)
    with prepared.database.write() as connection:
        first = claims.claim(
            connection, sender="dien-tap", rate=500.0, runs=[Claimable(run)], worker="w", now=BEGIN, real_now=REAL,
            slot=0, limit=6,
        ).rows  # fmt: skip
        back = [Change(row.delivery_id, 1, Status.QUEUED, BEGIN, not_before=REAL) for row in first[:3]]
        outbox.apply(connection, back, slot=0)
    taken: list[int] = []
    while True:
        with prepared.database.write() as connection:
            rows = runs.queued_rows(connection, run, 7)
            changes = [Change(row.id, row.attempt, Status.EXPIRED, BEGIN, reason="too_late") for row in rows]
            assert {fate for _, fate in outbox.apply(connection, changes, slot=0)} <= {Fate.APPLIED}
        taken += [row.id for row in rows]
        if len(rows) < 7:
            break
        with prepared.database.read() as connection:
            passed = connection.execute(select(RUN.c.claim_cursor)).scalar()
        assert passed == people[min(len(taken) + 3, 25) - 1], "the next look begins at the first row again"
    assert len(set(taken)) == len(taken) == 22
    with prepared.database.read() as connection:
        assert runs.still_open(connection, run) == (False, True)
        assert tallied(connection, run) == recounted(connection, run)


def test_a_broken_off_sweep_is_begun_again_from_its_first_row(prepared: Process) -> None:
    with prepared.database.write() as connection:
        run = run_in(connection)
        deliveries_in(connection, run, contacts_in(connection, prepared.keyring, 5))
    with pytest.raises(ZeroDivisionError), prepared.database.write() as connection:
        assert len(runs.queued_rows(connection, run, 3)) == 3
        raise ZeroDivisionError
    with prepared.database.read() as connection:
        assert connection.execute(select(RUN.c.claim_cursor)).scalar() == 0


def test_the_lists_of_runs_are_in_order_of_their_due_times(prepared: Process) -> None:
    with prepared.database.write() as connection:
        for number, status in enumerate(("ready", "finished", "held", "missed", "running")):
            run_in(connection, step=status, status=status, due=BEGIN - timedelta(days=number))
        found = runs.in_status(connection, (RunStatus.READY, RunStatus.RUNNING, RunStatus.HELD))
        assert [row["step"] for row in found] == ["running", "held", "ready"]
        assert [row["step"] for row in runs.of_campaign(connection, "chien-dich")] == [
            "running", "missed", "held", "finished", "ready",
        ]  # fmt: skip
        run_in(connection, step="lau-roi", status="finished", expires_at=BEGIN - timedelta(days=9))
        recent = runs.recent(connection, BEGIN - timedelta(days=7))
        assert {row["step"] for row in recent} == {"ready", "finished", "running"}


@only_sqlite
def test_no_question_asked_all_the_time_looks_through_all_deliveries(prepared: Process) -> None:
    """On a million rows such a look takes half a second, and SQLite's lock may be held while it lasts."""
    with prepared.database.write() as connection:
        run = run_in(connection)
        deliveries_in(connection, run, contacts_in(connection, prepared.keyring, 20))
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, context, executemany) -> None:  # type: ignore[no-untyped-def]
        if "delivery" in statement and not executemany and not statement.startswith("INSERT"):
            plan = connection.connection.driver_connection.execute("EXPLAIN QUERY PLAN " + statement, parameters)
            plans.extend(row[3] for row in plan.fetchall())

    event.listen(prepared.database.raw(), "before_cursor_execute", explain)
    with prepared.database.write() as connection:
        claims.claim(
            connection, sender="dien-tap", rate=10.0, runs=[Claimable(run, (3, timedelta(days=7)))], worker="w",
            now=BEGIN, real_now=REAL, slot=0,
        )  # fmt: skip
        look_ups.orphans(connection, REAL)
        look_ups.due(connection, REAL)
        look_ups.to_poll(connection, REAL)
        look_ups.bound_elsewhere(connection, ["SM1"], 1)
        runs.finish(connection, run, BEGIN)
        runs.queued_rows(connection, run, 10)
        outbox.apply(connection, [Change(1, 1, Status.ACCEPTED, BEGIN, vendor_id="SM1", handed=True)], slot=0)
    event.remove(prepared.database.raw(), "before_cursor_execute", explain)
    about = [plan for plan in plans if "delivery" in plan]
    assert len(about) > 10
    small = ("ix_delivery_unsettled", "ix_delivery_retry", "ix_delivery_poll")  # partial: what is on its way
    looks = [plan for plan in about if plan.startswith("SCAN") and not plan.endswith(small)]
    assert looks == []
    by_run = [plan for plan in about if plan.endswith("(run_id=?)") and "ix_delivery_retry" not in plan]
    assert by_run == [], "a look through all rows of the run"
