"""The fan-out: whatever interrupts it, everyone matched has one row in the end, and the tallies are the rows."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import AREAS, Person, Road, on_one_database
from sqlalchemy import Connection, text

from engine.pipeline import control, enqueue
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.open_runs import Opened, open_due
from engine.pipeline.process import Process, opened
from engine.store import fanout
from engine.store.database import Database

MOVED = ("2025", "06541")


class Fault(Exception):
    """What a test does to a transaction."""


def open_runs(road: Road, process: Process | None = None) -> Opened:
    """Open what is due."""
    process = process or road.process
    return open_due(process, current_snapshots(load_workspace(road.settings, None)), AREAS)


def rows_of(road: Road, step: str) -> list[tuple[Any, ...]]:
    """Every row of a step's run, with the words it will say."""
    found = road.rows(
        "SELECT d.contact_id, d.era, d.commune, d.language, d.status, d.reason, d.segments, d.cost_vnd, w.words"
        " FROM delivery d JOIN run r ON r.id = d.run_id LEFT JOIN rendering w ON w.id = d.rendering_id"
        " WHERE r.step = :step ORDER BY d.contact_id",
        step=step,
    )
    return [tuple(row) for row in found]


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, number: int, *, at_the_end: bool) -> Iterator[list[int]]:
    """The ``number``-th writing transaction breaks off: before it begins, or just before it is committed."""
    count, real_write = [0], Database.write

    @contextmanager
    def write(self: Database, *arguments: Any, **options: Any) -> Iterator[Connection]:
        count[0] += 1
        if count[0] == number and not at_the_end:
            raise Fault
        with real_write(self, *arguments, **options) as connection:
            yield connection
            if count[0] == number:
                raise Fault

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", write)
        yield count


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of three contacts, so that ten make four transactions."""
    monkeypatch.setattr(fanout, "CHUNK", 3)
    monkeypatch.setattr(enqueue, "PAUSE", 0.0)


STEPS = 32


@pytest.fixture
def many_steps(road: Road, small_chunks: None) -> Road:
    """A step a minute, each to the same ten people of all sorts; half of the words are personal."""
    road.write(
        {
            "campaigns/thu.yaml": files.campaign(
                *(files.step(f"b{number}", when=f"2027-07-16 09:{number:02d}") for number in range(STEPS)),
                variants="{a: 50%, b: 50%}",
                limits="{budget: 100_000_000}",
            ),
            "messages/tin/sms.a.vi.j2": "Chào {{ contact.name | default('bà con') }}, {{ area.name }}, xin gọi 111.\n",
        }
    )
    road.people(
        *(Person(name=f"Người Thử {number:03d}") for number in range(5)),
        *(Person(place=MOVED, language="tyz") for _ in range(3)),
        Person(opted_out=True),
        Person(consent=False),
        Person(place=("2025", "06286")),
    )
    return road


@pytest.mark.torture
@pytest.mark.parametrize("at_the_end", [False, True], ids=["before", "within"])
def test_a_break_between_any_two_transactions_loses_and_doubles_nothing(
    many_steps: Road, monkeypatch: pytest.MonkeyPatch, at_the_end: bool
) -> None:
    road = many_steps
    road.at("2027-07-16 09:00")
    open_runs(road)
    expected = rows_of(road, "b0")
    assert len(expected) == 10
    reserved = road.rows("SELECT reserved_vnd FROM run WHERE step = 'b0'")[0][0]
    for number in range(1, STEPS):
        road.at(f"2027-07-16 09:{number:02d}")
        with failing(monkeypatch, number, at_the_end=at_the_end) as count:
            if count[0] < number:
                try:
                    open_runs(road)
                except Fault:
                    pass
                else:
                    break  # it took fewer transactions than this
        open_runs(road)
        assert rows_of(road, f"b{number}") == expected, number
    else:
        pytest.fail("every transaction of 31 was interrupted: are there more?")
    assert number > 6
    road.prove_tallies()
    assert set(road.runs().values()) == {"ready"}
    total = road.rows("SELECT reserved_vnd FROM campaign_state")[0][0]
    assert total == reserved * len(road.runs())


def test_who_moves_while_the_run_opens_gets_one_row_and_is_counted_where_the_row_stands(
    many_steps: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle; before it is resumed an import moves one who has a row and one who has none."""
    road = many_steps
    road.at("2027-07-16 09:00")
    with failing(monkeypatch, 6, at_the_end=False), pytest.raises(Fault):
        open_runs(road)
    assert 0 < len(rows_of(road, "b0")) < 10
    with road.process.database.write() as connection:
        connection.execute(text("UPDATE contact SET commune = '06541' WHERE id IN (1, 2, 5)"))
        connection.execute(text("UPDATE contact SET language = 'hmn' WHERE id = 8"))
    open_runs(road)
    assert len(rows_of(road, "b0")) == 10
    assert road.runs()["b0/once"] == "ready"
    road.prove_tallies()


def test_who_changes_between_two_chunks_of_one_process_is_not_left_out(
    many_steps: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = many_steps
    real_insert, done = fanout.insert_personal_chunk, []

    def insert(connection: Connection, *arguments: Any) -> None:
        real_insert(connection, *arguments)
        if not done:
            done.append(True)
            connection.execute(text("UPDATE contact SET language = 'km' WHERE id = 7"))  # a kind that had no cell
            connection.execute(
                text("INSERT INTO opt_out (phone_hash, at, source) VALUES (:h, :at, 'thử')"),
                {"h": b"0123456789abcdef", "at": "2027-07-16 01:00:00+00:00"},
            )  # as every change of contacts leaves a trace

    monkeypatch.setattr(fanout, "insert_personal_chunk", insert)
    road.at("2027-07-16 09:00")
    open_runs(road)
    assert done
    assert len(rows_of(road, "b0")) == 10
    road.prove_tallies()


def test_people_imported_after_the_run_opened_are_not_part_of_it(
    many_steps: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = many_steps
    road.at("2027-07-16 09:00")
    with failing(monkeypatch, 6, at_the_end=False), pytest.raises(Fault):
        open_runs(road)
    road.people(*[Person() for _ in range(4)])
    open_runs(road)
    assert len(rows_of(road, "b0")) == 10
    road.prove_tallies()


def test_two_processes_open_one_run_together(many_steps: Road) -> None:
    road = many_steps
    road.people(*[Person(name=f"Người Thử {number:03d}") for number in range(60)])
    road.at("2027-07-16 09:00")
    ready, errors = threading.Barrier(2), []

    def work(process: Process) -> None:
        try:
            ready.wait(10)
            open_runs(road, process)
        except BaseException as error:
            errors.append(error)

    with opened(road.settings, clock=road.clock) as other:
        threads = [threading.Thread(target=work, args=(process,)) for process in (road.process, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert errors == []
    assert len(rows_of(road, "b0")) == 70
    assert road.runs() == {"b0/once": "ready"}
    cost = road.rows("SELECT sum(cost_vnd) FROM delivery WHERE status = 'queued'")[0][0]
    assert road.rows("SELECT reserved_vnd FROM campaign_state")[0][0] == cost
    road.prove_tallies()


def test_a_run_cancelled_while_it_opens_leaves_nothing_queued(
    many_steps: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    road = many_steps
    real_insert, done = fanout.insert_personal_chunk, []

    def insert(connection: Connection, *arguments: Any) -> None:
        real_insert(connection, *arguments)
        done.append(True)

    monkeypatch.setattr(fanout, "insert_personal_chunk", insert)
    real_sleep = enqueue.time.sleep

    def between(seconds: float) -> None:
        if len(done) == 2:
            control.act(road.process, "cancel", "thu", None, by=None, why=None)
        real_sleep(0)

    monkeypatch.setattr(enqueue.time, "sleep", between)
    road.at("2027-07-16 09:00")
    open_runs(road)
    assert set(road.statuses()) <= {"cancelled", "excluded"}
    assert road.runs() == {"b0/once": "cancelled:cancelled"}
    road.prove_tallies()


@on_one_database
def test_an_audience_nobody_is_in_is_an_empty_run_that_ends(road: Road) -> None:
    road.people(Person(place=("2025", "06004")))
    road.round()
    assert (road.statuses(), road.runs()) == ({}, {"mo-dau/once": "finished"})


@on_one_database
def test_a_workspace_without_people_opens_and_ends_its_run(road: Road) -> None:
    road.round()
    assert road.runs() == {"mo-dau/once": "finished"}


def test_a_runs_units_are_settled_in_the_transaction_that_makes_it_ready(road: Road) -> None:
    """Two communes of Cao Lộc: three people are too few to be told of alone."""
    road.people(*[Person(("2025", "06211"))] * 3, *[Person(("2025", "06187"))] * 12)
    [run] = open_runs(road).opened
    units = road.rows("SELECT node, told FROM publication_unit WHERE run_id = :run ORDER BY node", run=run)
    assert [tuple(row) for row in units] == [
        ("20/183/2025:06187", "joined"), ("20/183/2025:06211", "joined"),
    ]  # fmt: skip
    assert [tuple(row) for row in road.rows("SELECT run_id, small_cell FROM publication")] == [(run, 10)]
