"""Moves of deliveries: the one place that writes ``delivery.status`` after the fan-out.

Every move is checked against the one table of transitions (here and again by a trigger in the database),
applies only to the attempt it belongs to, and changes the tallies in the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update

from engine.status import FINAL, RunStatus, Status, may_become
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
    "status", "reason", "code", "attempt", "worker", "claimed_at", "claimed_real", "not_before",
    "vendor_id", "handed_at", "cost_vnd", "poll_real", "finished_at",
)  # fmt: skip
_UPDATE = (
    update(DELIVERY)
    .where(DELIVERY.c.id == bindparam("key_id"), DELIVERY.c.attempt == bindparam("key_attempt"))
    .values({column: bindparam("new_" + column) for column in _MUTABLE})
)

_DETOUR = text(
    "UPDATE delivery SET status = :between, worker = coalesce(worker, 'receipt') WHERE id = :key AND attempt = :held"
)


@dataclass(frozen=True, slots=True)
class Change:
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
    wanted = sorted(set(ids))
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(wanted), 500):
        query = select(DELIVERY).where(DELIVERY.c.id.in_(wanted[start : start + 500])).order_by(DELIVERY.c.id)
        if lock:
            query = query.with_for_update()
        found.update((row["id"], dict(row)) for row in connection.execute(query).mappings())
    return found


def apply(connection: Connection, changes: Sequence[Change], *, slot: int) -> list[tuple[Change, Fate]]:
    """Apply ``changes`` in order, with their tallies, in the caller's transaction; one fate for each.

    What would go back to the queue of a run that is over is ``cancelled`` or ``expired`` instead.
    """
    rows = load(connection, (change.delivery_id for change in changes), lock=True)
    before = {key: dict(row) for key, row in rows.items()}
    owners = _owners(connection, changes)
    closed = _closed_runs(connection, {row["run_id"] for row in rows.values()}, changes)
    fates = [(change, _move(rows.get(change.delivery_id), change, owners, closed)) for change in changes]
    save(connection, before, rows, slot=slot)
    return fates


def _owners(connection: Connection, changes: Sequence[Change]) -> dict[tuple[str, str], int]:
    """(vendor id, sender) → the delivery that has it already, for the vendor ids that ``changes`` speak of."""
    wanted = sorted({change.vendor_id for change in changes if change.vendor_id is not None})
    found: dict[tuple[str, str], int] = {}
    for start in range(0, len(wanted), 500):
        query = select(DELIVERY.c.vendor_id, DELIVERY.c.sender, DELIVERY.c.id).where(
            DELIVERY.c.vendor_id.in_(wanted[start : start + 500])
        )
        found.update(((row.vendor_id, row.sender), row.id) for row in connection.execute(query))
    return found


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
    deltas, parameters = Deltas(), []
    for key in sorted(after):
        old, new = before[key], after[key]
        if old == new:
            continue
        deltas.count(old, -1)
        deltas.count(new, +1)
        parameters.append(
            {"key_id": key, "key_attempt": old["attempt"]} | {"new_" + name: new[name] for name in _MUTABLE}
        )
    # Two moves of one batch may come to a step that the table does not have, and a receipt may prove that a row put
    # back in the queue was handed over after all (out through `sending`, the queue's only way). The row takes the
    # step between as well, so that the database's own check of transitions holds for every writer.
    detours = [
        {"key": key, "held": before[key]["attempt"], "between": between}
        for key in sorted(after)
        if (between := _between(Status(before[key]["status"]), Status(after[key]["status"]))) is not None
    ]
    if detours:
        connection.execute(_DETOUR, detours)
    if parameters and connection.execute(_UPDATE, parameters).rowcount != len(parameters):
        raise RuntimeError("a delivery was claimed anew while its old attempt was written")
    deltas.write(connection, slot)


def _between(before: Status, after: Status) -> str | None:
    """The status through which a row gets from ``before`` to ``after``; None where it can go straight, or never."""
    if before is after or may_become(before, after):
        return None
    ways = (str(status) for status in Status if may_become(before, status) and may_become(status, after))
    return next(ways, None)


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
        change = replace(change, status=instead, reason=_REASONS[instead], not_before=None)
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
