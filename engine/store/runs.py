"""Runs as rows: opening one exactly once, and moving it along its table of transitions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select, text, update

from engine.status import RunStatus, run_may_become
from engine.store.instant import Instant
from engine.store.tables import Delivery, Run, table_of

_RUN = table_of(Run)
_DELIVERY = table_of(Delivery)
_INSERT = text(
    "INSERT INTO run (campaign, step, occurrence, channel, due, expires_at, status, reason, digest, high_water,"
    " enqueue_cursor, claim_cursor, reserved_vnd, opened_at, finished_at)"
    " VALUES (:campaign, :step, :occurrence, :channel, :due, :expires_at, :status, :reason, :digest, :high_water,"
    " 0, 0, 0, :opened_at, :finished_at) ON CONFLICT (campaign, step, occurrence) DO NOTHING"
).bindparams(*(bindparam(name, type_=Instant) for name in ("due", "expires_at", "opened_at", "finished_at")))
OPEN = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.HELD)


def create(connection: Connection, values: dict[str, Any]) -> bool:
    """Insert a run; False when that occurrence of the step exists already, whoever opened it."""
    defaults = {"reason": None, "high_water": 0, "finished_at": None}
    return connection.execute(_INSERT, defaults | values).rowcount == 1


def occurrences_known(connection: Connection, campaign: str) -> set[tuple[str, str]]:
    """(step, occurrence) of every run the campaign has had, open or over."""
    rows = connection.execute(select(_RUN.c.step, _RUN.c.occurrence).where(_RUN.c.campaign == campaign))
    return {(row.step, row.occurrence) for row in rows}


def in_status(connection: Connection, statuses: Sequence[RunStatus]) -> Sequence[RowMapping]:
    """Runs in any of ``statuses``, those due first at the front."""
    query = select(_RUN).where(_RUN.c.status.in_([str(status) for status in statuses])).order_by(_RUN.c.due, _RUN.c.id)
    return connection.execute(query).mappings().all()


def of_campaign(connection: Connection, campaign: str) -> Sequence[RowMapping]:
    """Every run of a campaign, in order of their due times."""
    query = select(_RUN).where(_RUN.c.campaign == campaign).order_by(_RUN.c.due, _RUN.c.id)
    return connection.execute(query).mappings().all()


def recent(connection: Connection, since: datetime) -> list[tuple[int, datetime, str]]:
    """(id, due, status) of runs due after ``since`` that have or will have deliveries."""
    query = select(_RUN.c.id, _RUN.c.due, _RUN.c.status).where(
        _RUN.c.due > since, _RUN.c.status.not_in([str(RunStatus.MISSED), str(RunStatus.HELD)])
    )
    return [(row.id, row.due, row.status) for row in connection.execute(query)]


def get(connection: Connection, run_id: int) -> RowMapping:
    """One run; ``LookupError`` when it does not exist."""
    row = connection.execute(select(_RUN).where(_RUN.c.id == run_id)).mappings().first()
    if row is None:
        raise LookupError(run_id)
    return row


def move(
    connection: Connection,
    run_id: int,
    before: RunStatus,
    after: RunStatus,
    *,
    reason: str | None = None,
    **values: Any,
) -> bool:
    """Move a run if it still stands at ``before``; False when somebody else moved it first.

    ``ValueError`` for a move that the table of transitions does not have.
    """
    if not run_may_become(before, after):
        raise ValueError(f"a run cannot go from {before} to {after}")
    query = update(_RUN).where(_RUN.c.id == run_id, _RUN.c.status == str(before))
    return connection.execute(query.values(status=str(after), reason=reason, **values)).rowcount == 1


def still_open(connection: Connection, run_id: int) -> tuple[bool, bool]:
    """(something is queued, something is sending) in a run."""

    def any_in(status: str) -> bool:
        query = select(_DELIVERY.c.id).where(_DELIVERY.c.run_id == run_id, _DELIVERY.c.status == status).limit(1)
        return connection.execute(query).first() is not None

    return any_in("queued"), any_in("sending")


def queued_rows(connection: Connection, run_id: int, limit: int) -> Sequence[Any]:
    """(id, attempt) of some queued deliveries of a run, along the unique index."""
    query = (
        select(_DELIVERY.c.id, _DELIVERY.c.attempt)
        .where(_DELIVERY.c.run_id == run_id, _DELIVERY.c.status == "queued")
        .order_by(_DELIVERY.c.contact_id)
        .limit(limit)
    )
    return connection.execute(query).all()


def finish(connection: Connection, run_id: int, at: datetime) -> bool:
    """Close a run of which nothing is queued or sending any more; False when it is not that far."""
    if any(still_open(connection, run_id)):
        return False
    row = get(connection, run_id)
    status = RunStatus(row["status"])
    return run_may_become(status, RunStatus.FINISHED) and move(
        connection, run_id, status, RunStatus.FINISHED, finished_at=at
    )
