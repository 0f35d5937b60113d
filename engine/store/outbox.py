"""Moves of deliveries: the one place that writes ``delivery.status`` after the fan-out.

Every move is checked against the one table of transitions (here and again by a trigger in the database),
applies only to the attempt it belongs to, and changes the tallies in the same transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from itertools import compress
from operator import itemgetter, ne
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from engine.status import FINAL, RunStatus, Status, may_become
from engine.store.instant import Instant
from engine.store.many import LISTED, change_listed, read_instant, read_listed, stored, write_many
from engine.store.tables import Delivery, Run, table_of
from engine.store.tallies import Deltas

DELIVERY = table_of(Delivery)
_RUN = table_of(Run)
_INSTEAD_OF_QUEUED: dict[str, Status] = {
    RunStatus.CANCELLED: Status.CANCELLED,
    RunStatus.FINISHED: Status.EXPIRED,
    RunStatus.MISSED: Status.EXPIRED,
}
_REASONS = {Status.CANCELLED: "cancelled", Status.EXPIRED: "too_late"}

# All that a move may change; the rest of a delivery is written once, by the fan-out.
_MUTABLE = (
    "status", "reason", "code", "attempt", "sender", "worker", "claimed_at", "claimed_real", "not_before",
    "vendor_id", "handed_at", "cost_vnd", "poll_real", "finished_at",
)  # fmt: skip
_INSTANTS = frozenset(column.name for column in DELIVERY.c if isinstance(column.type, Instant))
_moving = itemgetter(*_MUTABLE)
_NAMES = tuple(column.name for column in DELIVERY.c)
_LOAD = f"SELECT {', '.join(_NAMES)} FROM delivery WHERE id {LISTED} ORDER BY id"
_OWNERS = f"SELECT vendor_id, sender, id FROM delivery WHERE vendor_id {LISTED}"
_NO_ROW: dict[str, Any] = {"vendor_id": None}
_DETOUR = "UPDATE delivery SET status = ?, worker = coalesce(worker, 'receipt') WHERE id = ? AND attempt = ?"


class Change(NamedTuple):
    """A wish to move one delivery. ``handed`` says that the vendor has (had) the message.

    ``at`` is campaign time; ``not_before`` and ``poll_real`` are real seconds.
    """

    delivery_id: int
    attempt: int
    status: Status
    at: datetime
    vendor_id: str | None = None
    code: str | None = None
    reason: str | None = None
    handed: bool = False
    not_before: float | None = None
    poll_real: float | None = None


class Fate(StrEnum):
    """What became of a wish."""

    APPLIED = "applied"
    IGNORED = "ignored"  # late, doubled or out of order: nothing to do
    SUPERSEDED = "superseded"  # it speaks of an earlier attempt: a person must know
    CONTRADICTED = "contradicted"  # another vendor id than the attempt's, or one that another delivery has
    MISSING = "missing"  # no such delivery


def load(connection: Connection, ids: Iterable[int], *, lock: bool) -> dict[int, dict[str, Any]]:
    """Deliveries by id as dictionaries; ``lock`` keeps them from other writers (PostgreSQL, in id order)."""
    rows: dict[int, dict[str, Any]] = {}
    for values in read_listed(connection, _LOAD, sorted(set(ids)), lock=lock):
        row = dict(zip(_NAMES, values, strict=True))
        for name in _INSTANTS:
            if row[name] is not None:
                row[name] = read_instant(row[name])
        rows[row["id"]] = row
    return rows


def apply(connection: Connection, changes: Sequence[Change], *, slot: int) -> list[tuple[Change, Fate]]:
    """Apply ``changes`` in order, with their tallies, in the caller's transaction; one fate for each.

    What would go back to the queue of a run that is over is ``cancelled`` or ``expired`` instead.
    """
    rows = load(connection, (change.delivery_id for change in changes), lock=True)
    before = {key: row.copy() for key, row in rows.items()}
    owners = _owners(connection, rows, changes)
    closed = _closed_runs(connection, {row["run_id"] for row in rows.values()}, changes)
    fates = [(change, _move(rows.get(change.delivery_id), change, owners, closed)) for change in changes]
    save(connection, before, rows, slot=slot)
    return fates


def _owners(
    connection: Connection, rows: dict[int, dict[str, Any]], changes: Sequence[Change]
) -> dict[tuple[str, str], int]:
    """(vendor id, sender) → the delivery that has it already, for the vendor ids that ``changes`` would bind anew.

    What names the id its own row has needs no look: the database keeps it unique.
    """
    wanted = {
        change.vendor_id
        for change in changes
        if change.vendor_id is not None and rows.get(change.delivery_id, _NO_ROW)["vendor_id"] != change.vendor_id
    }
    if not wanted:
        return {}
    return {(vendor_id, sender): key for vendor_id, sender, key in read_listed(connection, _OWNERS, sorted(wanted))}


def _closed_runs(connection: Connection, run_ids: set[int], changes: Sequence[Change]) -> dict[int, Status]:
    """Run → what a row becomes that would go back to its queue: nobody claims from a run that is over.

    The lock (PostgreSQL) makes a run that is being cancelled wait for us, so that its sweep finds the row.
    """
    if all(change.status is not Status.QUEUED for change in changes):
        return {}
    query = select(_RUN.c.id, _RUN.c.status).where(_RUN.c.id.in_(sorted(run_ids))).with_for_update(read=True)
    return {
        row.id: _INSTEAD_OF_QUEUED[row.status] for row in connection.execute(query) if row.status in _INSTEAD_OF_QUEUED
    }


def save(
    connection: Connection, before: dict[int, dict[str, Any]], after: dict[int, dict[str, Any]], *, slot: int
) -> None:
    """Write the rows that differ, and the tallies of the difference.

    ``RuntimeError`` when a row's attempt is not the one in ``before``: its tallies would drift from it.
    """
    deltas, as_stored = Deltas(), stored(connection)
    detours: list[tuple[Any, ...]] = []
    # Rows by the columns that change in them: one statement each, that writes (and looks after the indexes of) no more
    # than it must. A batch has two or three such sets; with all columns every time a move cost a third more.
    moves: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for key in sorted(after):
        old, new = before[key], after[key]
        changed = tuple(compress(_MUTABLE, map(ne, _moving(old), _moving(new))))
        if not changed:
            continue
        deltas.move(old, new)
        get, instants = _taking(changed)
        values = list(get(new))
        for place in instants:
            values[place] = as_stored(values[place])
        values.append(old["attempt"])
        moves.setdefault(changed, []).append(tuple(values))
        # Two moves of one batch may come to a step that the table does not have, and a receipt may prove that a row put
        # back in the queue was handed over after all (out through `sending`, the queue's only way). The row takes the
        # step between as well, so that the database's own check of transitions holds for every writer.
        between = _BETWEEN.get((old["status"], new["status"]))
        if between is not None:
            detours.append((between, key, old["attempt"]))
    write_many(connection, _DETOUR, detours)
    for changed, rows in sorted(moves.items()):
        if _write(connection, changed, rows) != len(rows):
            raise RuntimeError("a delivery was claimed anew while its old attempt was written")
    deltas.write(connection, slot)


def _write(connection: Connection, changed: tuple[str, ...], rows: list[tuple[Any, ...]]) -> int:
    """Write ``rows`` (values, id, attempt before); how many there were. What is alike in all, as in a claim, is written
    by one statement: a third of the time.
    """
    *values, _, attempt = first = rows[0]
    place = len(values)
    if all(row[place + 1] == attempt and row[:place] == first[:place] for row in reversed(rows)):
        return change_listed(connection, _update_alike(changed), [row[place] for row in rows], (*values, attempt))
    return write_many(connection, _update(changed), rows)


@cache
def _update_alike(changed: tuple[str, ...]) -> str:
    return f"UPDATE delivery SET {', '.join(f'{name} = ?' for name in changed)} WHERE attempt = ? AND id {LISTED}"


@cache
def _taking(changed: tuple[str, ...]) -> tuple[Callable[[dict[str, Any]], tuple[Any, ...]], tuple[int, ...]]:
    """What takes the values of ``_update`` up to the id out of a row, and which of them are instants."""
    return itemgetter(*changed, "id"), tuple(place for place, name in enumerate(changed) if name in _INSTANTS)


@cache
def _update(changed: tuple[str, ...]) -> str:
    return f"UPDATE delivery SET {', '.join(f'{name} = ?' for name in changed)} WHERE id = ? AND attempt = ?"


def _between(before: Status, after: Status) -> str | None:
    """The status through which a row gets from ``before`` to ``after``; None where it can go straight, or never."""
    if before is after or may_become(before, after):
        return None
    ways = (str(status) for status in Status if may_become(before, status) and may_become(status, after))
    return next(ways, None)


_BETWEEN = {(str(before), str(after)): _between(before, after) for before in Status for after in Status}


def _move(
    row: dict[str, Any] | None, change: Change, owners: dict[tuple[str, str], int], closed: dict[int, Status]
) -> Fate:
    if row is None:
        return Fate.MISSING
    if change.attempt < row["attempt"]:
        return Fate.SUPERSEDED
    if change.attempt > row["attempt"]:
        return Fate.CONTRADICTED  # a call we have forgotten: a backup was restored
    known = row["vendor_id"]
    if known is not None and change.vendor_id is not None and known != change.vendor_id:
        return Fate.CONTRADICTED
    if change.vendor_id is not None and owners.setdefault((change.vendor_id, row["sender"]), row["id"]) != row["id"]:
        return Fate.CONTRADICTED
    status = Status(row["status"])
    proven = status is Status.QUEUED and change.handed and row["attempt"] > 0
    if not proven and not may_become(status, change.status):
        _note_vendor(row, change)
        return Fate.IGNORED
    if change.status is Status.QUEUED and row["run_id"] in closed:
        instead = closed[row["run_id"]]
        change = change._replace(status=instead, reason=_REASONS[instead], not_before=None)
    row["status"] = str(change.status)
    if change.status in (Status.ACCEPTED, Status.DELIVERED, Status.QUEUED):
        # What went wrong before is in the attempts; on a delivery that is well again it would count as its reason.
        row["code"], row["reason"] = change.code, None
    else:
        row["code"], row["reason"] = change.code or row["code"], change.reason or row["reason"]
    row["not_before"], row["poll_real"] = change.not_before, change.poll_real
    if change.status is Status.QUEUED:  # free for the next claim; the attempt's number stays used up
        row["worker"] = row["claimed_real"] = row["vendor_id"] = None
    _note_vendor(row, change)
    if change.status in FINAL:
        row["finished_at"] = change.at
    return Fate.APPLIED


def _note_vendor(row: dict[str, Any], change: Change) -> None:
    """Keep the vendor's id and the instant of the hand-over, from whichever word comes first."""
    if change.vendor_id is not None and row["vendor_id"] is None:
        row["vendor_id"] = change.vendor_id
    if change.handed and row["handed_at"] is None:
        row["handed_at"] = change.at
