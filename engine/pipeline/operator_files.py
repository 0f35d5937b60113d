"""The road of the provider ``file``: due deliveries leave in a file for an operator, each in one file and once.

Same gates, same claim as for a call: approval, hours, opt-outs, caps, synthetic people. Then, instead of calls:
claimed rows join an *open* file in the transaction that claims them; the file is *sealed*; it is written under another
name, synced and renamed; its rows become accepted; it is *done*. Who is killed before the seal leaves rows that go back
to the queue, who is killed after it leaves a file that is written again, the same, by whoever comes next.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.channels.file_sender import FileSender
from engine.content.organisation import Sender
from engine.content.skeleton import load
from engine.errors import LoaError
from engine.log import get
from engine.pipeline import operator_document
from engine.pipeline.gates import OpenGate, open_gates
from engine.pipeline.process import Process
from engine.pipeline.providers import is_live, leaves_by_file, vendor_of
from engine.status import Status
from engine.store import audit, claims, look_ups, operator_files, outbox, runs
from engine.store.database import Lock
from engine.store.outbox import Change

CHUNK = 250  # rows a transaction, as the dispatcher claims: SQLite's lock is held a few milliseconds
AS_FAST_AS_POSSIBLE = 1e9  # a list has no rate
INCIDENT = "operator_file"  # until a person has taken the file away

_log = get("operator")
_one_at_a_time = threading.Lock()


def outbox_folder(process: Process) -> Path:
    """Where the files lie."""
    return process.settings.state_folder / "outbox"


def export_due(process: Process) -> list[str]:
    """Write every file that is due, finish what a dead process left; the names of the files now complete.

    Raises ``LoaError`` when the database or the disk refuses: nothing is lost, the next round goes on.
    """
    if process.worker is None or not _one_at_a_time.acquire(blocking=False):
        return []
    try:
        now = process.clock.now()
        with process.database.read() as connection:
            gates, _ = open_gates(process, connection, now)
            left = operator_files.unfinished(connection)
        by_run = {gate.run["id"]: gate for gate in gates if leaves_by_file(gate.sender)}
        written: list[str] = []
        failed: list[LoaError] = []
        for file in left:
            with _noting(failed):
                written += _finish(process, file, by_run.get(file.run_id))
        at_work = {file.run_id for file in left if _at_work(process, file.worker)}
        for run_id in by_run.keys() - at_work:
            with _noting(failed):
                written += _export(process, by_run[run_id])
        if failed:
            raise failed[0]
        return written
    finally:
        _one_at_a_time.release()


@contextmanager
def _noting(failed: list[LoaError]) -> Iterator[None]:
    """One list that cannot be written must not keep the others back."""
    try:
        yield
    except LoaError as error:
        _log.error("export", code=error.code)
        failed.append(error)


def _at_work(process: Process, worker: str) -> bool:
    """Whether another process is at it. What bears our own name was left by a round of ours that failed."""
    assert process.worker is not None
    return worker != process.worker.id and not process.worker.is_dead(worker)


def _finish(process: Process, file: Any, gate: OpenGate | None) -> list[str]:
    """Bring a file to its end that nobody is at: sealed ones are written, open ones too while their gate is open."""
    if _at_work(process, file.worker):
        return []
    if file.state == "open" and gate is None:
        _drop(process, file.id)
        return []
    sender = gate.sender if gate else process.snapshot(file.digest).senders[file.sender]
    return _complete(process, file.id, file.name, sender, sealed=file.state == "sealed")


def _export(process: Process, gate: OpenGate) -> list[str]:
    """Claim all that is due of one run into as many files as it takes; their names."""
    config = _config(process, gate.sender)
    operator_document.check_format(config.format)  # before anything is claimed
    written: list[str] = []
    more = True
    while more:
        file, more = _gather(process, gate, config)
        if file is not None:
            written += _complete(process, *file, gate.sender, sealed=False)
    return written


def _gather(process: Process, gate: OpenGate, config: FileSender) -> tuple[tuple[int, str] | None, bool]:
    """Claim into one file until it is full or nothing is left; (the file, whether there may be more)."""
    file, rows = None, 0
    assert process.worker is not None
    while rows < config.rows:
        now = process.clock.now()
        if now >= gate.until:
            return file, False
        with process.database.write(Lock.CLAIM) as connection:
            if file is not None and not operator_files.is_open(connection, file[0]):
                return None, True  # somebody took us for dead and finished it
            claim = claims.claim(
                connection,
                sender=gate.sender.key,
                rate=AS_FAST_AS_POSSIBLE,
                runs=[gate.claimable],
                worker=process.worker.id,
                now=now,
                real_now=process.seconds.real(),
                slot=process.slot,
                refuse_synthetic=is_live(process, gate.sender),
                limit=min(CHUNK, config.rows - rows),
            )
            if claim.rows:
                file = file or operator_files.open_file(
                    connection, gate.run, gate.sender.key, config.format, worker=process.worker.id, at=now
                )
                operator_files.join(connection, file[0], [row.delivery_id for row in claim.rows], rows + 1)
                rows += len(claim.rows)
            elif claim.exhausted:
                runs.finish(connection, gate.run["id"], now, process.name)
        if not claim.rows and (claim.exhausted or claim.held or not claim.excluded):
            return file, False
    return file, True


def _complete(process: Process, file_id: int, name: str, sender: Sender, *, sealed: bool) -> list[str]:
    """Seal, write, hand over. No name when the file came to nothing, or another process was first."""
    now = process.clock.now()
    if not sealed:
        _let_go(process, file_id)
        with process.database.write() as connection:
            rows = len(operator_files.members(connection, file_id, 0, 1))
            if not operator_files.move(connection, file_id, "open", "sealed" if rows else "dropped", sealed_at=now):
                return []
        if not rows:
            return []
    config = _config(process, sender)
    left_out: set[int] = set()
    with operator_document.complete(outbox_folder(process) / name) as beside:
        operator_document.write(beside, config, _cells(process, file_id, config, left_out))
    rows = _hand_over(process, file_id, left_out)
    with process.database.write() as connection:
        operator_files.move(connection, file_id, "sealed", "done", rows=rows)
        audit.raise_incident(connection, process.keyring, at=now, kind=INCIDENT, subject=f"file:{name}")
        run_id = operator_files.run_of(connection, file_id)
        if run_id is not None:
            runs.finish(connection, run_id, now, process.name)
    _log.info("written", file=file_id, rows=rows)
    return [name]


def _cells(process: Process, file_id: int, config: FileSender, left_out: set[int]) -> Iterator[tuple[str, str, str]]:
    """(our id, number, text) of every row, in order; who was erased since the seal is noted in ``left_out``."""
    after = 0
    while True:
        with process.database.read() as connection:
            found = operator_files.lines(connection, file_id, after, 1000)
        for line in found:
            after = line.place
            if line.phone_sealed is None or line.words is None:
                left_out.add(line.place)
                continue
            number = operator_document.number_as(process.keyring.unseal(line.phone_sealed), config.number)
            name = process.keyring.unseal(line.name_sealed) if line.personal and line.name_sealed else ""
            yield row_id(file_id, line.place), number, load(line.words).fill(name) if line.personal else line.words
        if not found:
            return


def row_id(file_id: int, place: int) -> str:
    """Our id of a row, as it stands in the file and comes back in the results."""
    return f"L{file_id}-{place}"


def _hand_over(process: Process, file_id: int, left_out: set[int]) -> int:
    """Every row of a written file becomes accepted; how many rows it has. Safe to repeat."""
    after = rows = 0
    while True:
        at = process.clock.now()
        with process.database.write() as connection:
            found = operator_files.members(connection, file_id, after, CHUNK)
            if not found:
                return rows
            changes = [
                Change(row.delivery_id, row.attempt, Status.FAILED, at, reason="erased")
                if row.place in left_out
                else Change(row.delivery_id, row.attempt, Status.ACCEPTED, at, row_id(file_id, row.place), handed=True)
                for row in found
            ]
            outbox.apply(connection, changes, slot=process.slot)
            look_ups.settle(connection, [row.delivery_id for row in found])
        rows += sum(row.place not in left_out for row in found)
        after = found[-1].place


def _let_go(process: Process, file_id: int) -> None:
    """Back into the queue with those who opted out since their claim: the next one excludes them, and says why."""
    while True:
        with process.database.write() as connection:
            found = operator_files.refused_since(connection, file_id, CHUNK)
            if not found:
                return
            _release(connection, process, found)


def _drop(process: Process, file_id: int) -> None:
    """A file that was never sealed, and whose gate is closed: its rows go back to the queue."""
    with process.database.write() as connection:
        if not operator_files.move(connection, file_id, "open", "dropped"):
            return
    while True:
        with process.database.write() as connection:
            found = operator_files.members(connection, file_id, 0, CHUNK)
            if not found:
                return
            _release(connection, process, found)


def _release(connection: Any, process: Process, found: Any) -> None:
    at, ids = process.clock.now(), [row.delivery_id for row in found]
    changes = [Change(row.delivery_id, row.attempt, Status.QUEUED, at, reason="released") for row in found]
    outbox.apply(connection, changes, slot=process.slot)
    operator_files.leave(connection, ids)
    look_ups.settle(connection, ids)


def _config(process: Process, sender: Sender) -> FileSender:
    config: FileSender = sender.config(vendor_of(sender), process.environment)
    return config
