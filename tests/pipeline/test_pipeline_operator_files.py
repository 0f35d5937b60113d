"""Lists for an operator: each delivery in one file and once, whoever is killed when; nothing in it that tells."""

import csv
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import road_workspace as files
from pipeline_road import AREAS, Person, Road, on_one_database
from python_calamine import CalamineWorkbook
from sqlalchemy import Connection

from engine.channels.file_sender import FileProvider
from engine.errors import LoaError
from engine.pipeline import control, operator_document, operator_files, orphans
from engine.pipeline.dispatch import Dispatcher
from engine.pipeline.files import current_snapshots, load_workspace
from engine.pipeline.gates import open_gates
from engine.pipeline.open_runs import open_due
from engine.pipeline.process import opened
from engine.pipeline.providers import Providers
from engine.store import operator_files as store
from engine.store import suppression

SENDER = "  tep: {provider: file, from: BCDTHU, price_per_segment: 850%s}\n"


def _listed(road: Road, people: int, more: str = "", **head: str) -> list[str]:
    """A due, approved run of the sender ``tep``."""
    road.write(
        {
            "loa.yaml": files.loa_yaml(more_senders=SENDER % more),
            "campaigns/thu.yaml": files.campaign(files.step(sender="tep"), **head),
        }
    )
    numbers = road.people(*(Person() for _ in range(people)))
    road.approve()
    open_due(road.process, current_snapshots(load_workspace(road.settings, None)), AREAS)
    return numbers


def _outbox(road: Road) -> list[Path]:
    return sorted((road.settings.state_folder / "outbox").glob("*"))


def _numbers(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as read:
        return ["+" + row["SO_DIEN_THOAI"] for row in csv.DictReader(read)]


def test_every_due_delivery_leaves_in_one_file_and_counts_as_handed_over(road: Road) -> None:
    numbers = _listed(road, 5)
    assert operator_files.export_due(road.process) == ["thu-mo-dau-once-1.csv"]
    [path] = _outbox(road)
    assert sorted(_numbers(path)) == sorted(numbers)
    assert road.statuses() == {"accepted": 5}
    assert road.runs() == {"mo-dau/once": "finished"}
    assert road.incidents() == {"operator_file": 1}
    road.prove_tallies()
    assert operator_files.export_due(road.process) == []
    assert _outbox(road) == [path]


@on_one_database
def test_a_file_says_nothing_of_anybody_but_number_and_text(road: Road) -> None:
    _listed(road, 1)
    operator_files.export_due(road.process)
    [path] = _outbox(road)
    header, row = list(csv.reader(path.open(encoding="utf-8-sig", newline="")))
    assert header == ["MA_TIN", "SO_DIEN_THOAI", "NOI_DUNG"]
    assert (row[0], row[1][:2], row[2]) == ("L1-1", "84", "Cần giúp đỡ xin gọi 111.")
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@on_one_database
def test_the_operators_own_format(road: Road) -> None:
    columns = "columns: {id: REF, number: MSISDN, text: CONTENT}"
    numbers = _listed(road, 2, f', format: xlsx, number: "0", {columns}')
    operator_files.export_due(road.process)
    [path] = _outbox(road)
    rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    assert rows[0] == ["REF", "MSISDN", "CONTENT"]
    assert sorted(row[1] for row in rows[1:]) == sorted("0" + number[3:] for number in numbers)
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@on_one_database
def test_a_long_list_is_divided_and_nobody_is_in_two_parts(road: Road) -> None:
    numbers = _listed(road, 7, ", rows: 3")
    assert operator_files.export_due(road.process) == [f"thu-mo-dau-once-{part}.csv" for part in (1, 2, 3)]
    parts = [_numbers(path) for path in _outbox(road)]
    assert sorted(map(len, parts)) == [1, 3, 3]
    assert sorted(number for part in parts for number in part) == sorted(numbers)


def test_the_gates_of_a_call_stand_before_a_file_too(road: Road) -> None:
    _listed(road, 3)
    control.act(road.process, "pause", "thu", None, by="Người Trực", why=None)
    assert operator_files.export_due(road.process) == []
    control.act(road.process, "resume", "thu", None, by="Người Trực", why=None)
    road.at("2027-07-16 20:30")  # quiet hours
    assert operator_files.export_due(road.process) == []
    assert road.statuses() == {"queued": 3}
    assert _outbox(road) == []


def test_who_opts_out_or_is_synthetic_stands_in_no_file(road: Road) -> None:
    road.people(Person(synthetic=True))
    numbers = _listed(road, 2)
    with road.process.database.write() as connection:
        hashed = road.process.keyring.phone_hash(numbers[0])
        suppression.opt_out(connection, [hashed], at=road.clock.now(), source="hotline")
    operator_files.export_due(road.process)
    [path] = _outbox(road)
    assert _numbers(path) == [numbers[1]]
    found = road.rows("SELECT status, reason, count(*) FROM delivery GROUP BY status, reason ORDER BY status, reason")
    assert [tuple(row) for row in found] == [
        ("accepted", None, 1), ("excluded", "opted_out", 1), ("excluded", "synthetic", 1),
    ]  # fmt: skip
    road.prove_tallies()


class _Killed(BaseException):
    """The process is gone: no handler of ours may see it."""


PLACES = {
    "before the seal": "engine.pipeline.operator_files._let_go",
    "while the file is written": "engine.pipeline.operator_document.write",
    "after the rename": "engine.pipeline.operator_files._hand_over",
}


def _dies(*_: object, **__: object) -> None:
    raise _Killed


def _half_an_export(road: Road, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second worker exports and ends at that place: its claims are a dead worker's then."""
    with monkeypatch.context() as patched:
        patched.setattr(PLACES[where], _dies)
        with opened(road.settings, clock=road.clock, claims=True) as other, pytest.raises(_Killed):
            operator_files.export_due(other)


@pytest.mark.parametrize("where", PLACES)
def test_a_process_that_ends_in_the_middle_leaves_every_row_in_one_file_and_once(
    road: Road, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = _listed(road, 4)
    _half_an_export(road, where, monkeypatch)
    assert road.statuses() == {"sending": 4}
    assert operator_files.export_due(road.process) == ["thu-mo-dau-once-1.csv"]
    [path] = _outbox(road)
    assert sorted(_numbers(path)) == sorted(numbers)
    assert road.statuses() == {"accepted": 4}
    assert operator_files.export_due(road.process) == []
    road.prove_tallies()


_KILLED_FOR_GOOD = """
import os, signal, sys
from engine.clock import StoppedClock, parse_instant
from engine.pipeline import operator_document, operator_files
from engine.pipeline.process import opened
from engine.pipeline.providers import Providers
from engine.settings import from_environment

def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "half written":
    def half(path, config, rows):
        path.write_text("MA_TIN,SO_DIEN", encoding="utf-8")
        killed()
    operator_document.write = half
else:
    operator_files._hand_over = killed
with opened(from_environment(), clock=StoppedClock(parse_instant("2027-07-16 08:30")), claims=True) as process:
    operator_files.export_due(process)
"""


@pytest.mark.torture
@on_one_database
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("where", ["half written", "renamed"])
def test_a_killed_process_leaves_no_half_file_and_no_row_twice(road: Road, where: str) -> None:
    numbers = _listed(road, 4)
    ended = subprocess.run([sys.executable, "-c", _KILLED_FOR_GOOD, where], timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert len(_outbox(road)) == 1
    road.later(seconds=90)  # and its claims have been found to be orphans
    assert road.round().files == ["thu-mo-dau-once-1.csv"]
    [path] = _outbox(road)
    assert sorted(_numbers(path)) == sorted(numbers)
    assert road.statuses() == {"accepted": 4}
    assert road.rows("SELECT count(*) FROM look_up") == [(0,)]
    road.prove_tallies()


@on_one_database
def test_a_file_of_a_living_process_is_left_to_it(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    _listed(road, 4)
    with opened(road.settings, clock=road.clock, claims=True) as other:
        with monkeypatch.context() as patched, pytest.raises(_Killed):
            patched.setattr(PLACES["before the seal"], _dies)
            operator_files.export_due(other)
        assert operator_files.export_due(road.process) == []
        assert _outbox(road) == []
        assert operator_files.export_due(other) == ["thu-mo-dau-once-1.csv"]


@on_one_database
@pytest.mark.parametrize("closed", ["paused", "over"])
def test_rows_of_a_file_that_was_never_sealed_go_back_when_its_gate_is_closed(
    road: Road, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _listed(road, 4)
    _half_an_export(road, "before the seal", monkeypatch)
    if closed == "over":
        road.at("2027-07-18 09:00")
    else:
        control.act(road.process, "pause", "thu", None, by="Người Trực", why=None)
    assert operator_files.export_due(road.process) == []
    assert road.statuses() == {"queued": 4}
    assert road.rows("SELECT count(*) FROM operator_row") == [(0,)]
    road.prove_tallies()


@on_one_database
def test_a_sealed_file_is_a_promise_also_when_the_run_is_over(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = _listed(road, 4)
    _half_an_export(road, "after the rename", monkeypatch)
    road.at("2027-07-18 09:00")
    assert operator_files.export_due(road.process) == ["thu-mo-dau-once-1.csv"]
    [path] = _outbox(road)
    assert sorted(_numbers(path)) == sorted(numbers)
    assert road.statuses() == {"accepted": 4}


@on_one_database
def test_a_disk_that_refuses_loses_nobody_and_is_tried_again(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    _listed(road, 3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(LoaError, match=r"thu-mo-dau-once-1\.csv"):
        patched.setattr(operator_document, "write", full)
        operator_files.export_due(road.process)
    assert _outbox(road) == []
    assert operator_files.export_due(road.process) == ["thu-mo-dau-once-1.csv"]
    assert road.statuses() == {"accepted": 3}


@on_one_database
def test_a_worker_that_was_thought_dead_adds_nobody_to_a_file_that_is_finished(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock was lost and its file finished by another; what it claims from then on stands in a file of its own."""
    _listed(road, 4)
    monkeypatch.setattr(operator_files, "CHUNK", 2)
    joined = store.join

    def joined_and_overtaken(connection: Connection, file_id: int, *rest: Any) -> None:
        joined(connection, file_id, *rest)
        if file_id == 1:
            store.move(connection, file_id, "open", "done")

    monkeypatch.setattr(store, "join", joined_and_overtaken)
    assert operator_files.export_due(road.process) == ["thu-mo-dau-once-2.csv"]
    found = road.rows("SELECT file_id, count(*) FROM operator_row GROUP BY file_id ORDER BY file_id")
    assert [tuple(row) for row in found] == [(1, 2), (2, 2)]


@on_one_database
def test_the_dispatcher_leaves_these_senders_alone_and_a_round_says_which_files_it_wrote(road: Road) -> None:
    _listed(road, 2)
    done = road.round()
    assert (done.files, done.counts.claimed) == (["thu-mo-dau-once-1.csv"], 0)
    assert road.statuses() == {"accepted": 2}
    assert road.rows("SELECT DISTINCT poll_real FROM delivery") == [(None,)], "nobody can be asked about these"
    assert road.round().files == []


@on_one_database
def test_what_is_not_written_yet_is_not_called_either(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    _listed(road, 2)
    monkeypatch.setattr(operator_files, "export_due", lambda process: [])
    monkeypatch.setattr(FileProvider, "send", None)  # a call of it would be an unknown outcome
    done = road.round()
    assert (done.counts.claimed, road.statuses()) == (0, {"queued": 2})


@on_one_database
def test_what_stands_in_an_unfinished_list_is_not_in_doubt_however_long_it_takes(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims of our own that no call holds are orphans after a minute; a list that waits for the disk is none."""
    _listed(road, 3)
    with monkeypatch.context() as patched, pytest.raises(_Killed):
        patched.setattr(PLACES["while the file is written"], _dies)
        operator_files.export_due(road.process)
    road.later(minutes=5)
    assert orphans.find_orphans(road.process, {"tep": 60.0}, set()) == 0
    assert road.statuses() == {"sending": 3}
    assert operator_files.export_due(road.process) == ["thu-mo-dau-once-1.csv"]
    assert road.statuses() == {"accepted": 3}


@on_one_database
def test_a_list_takes_over_from_no_sender_that_rests(road: Road) -> None:
    _listed(road, 1)
    with road.process.database.read() as connection:
        [gate], _ = open_gates(road.process, connection, road.clock.now())
    dispatcher = Dispatcher(road.process, Providers(road.process), None, lambda *_: None)  # type: ignore[arg-type]
    assert not dispatcher._usable(gate.sender)
    assert dispatcher.problems == {}
