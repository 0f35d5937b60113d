"""Runs as rows: opening one exactly once, and moving it along its table of transitions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, exists, func, or_, select, text, update

from engine.clock import VIETNAM
from engine.status import RunStatus, Status, run_may_become
from engine.store.instant import Instant
from engine.store.tables import CampaignState, Delivery, Run, table_of

_RUN = table_of(Run)
_DELIVERY = table_of(Delivery)
_STATE = table_of(CampaignState)
_INSERT = text(
    "INSERT INTO run (campaign, step, occurrence, channel, due, expires_at, status, reason, digest, high_water,"
    " enqueue_cursor, claim_cursor, reserved_vnd, opened_at, finished_at)"
    " VALUES (:campaign, :step, :occurrence, :channel, :due, :expires_at, :status, :reason, :digest, :high_water,"
    " 0, 0, 0, :opened_at, :finished_at) ON CONFLICT (campaign, step, occurrence) DO NOTHING"
).bindparams(*(bindparam(name, type_=Instant) for name in ("due", "expires_at", "opened_at", "finished_at")))
OPEN = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.HELD)


class QueuedRow(NamedTuple):
    """A queued delivery, as far as moving it needs."""

    id: int
    attempt: int


def create(connection: Connection, values: dict[str, Any]) -> bool:
    """Insert a run; False when that occurrence of the step exists already, whoever opened it."""
    defaults = {"reason": None, "high_water": 0, "finished_at": None}
    return connection.execute(_INSERT, defaults | values).rowcount == 1


def occurrences_known(connection: Connection, campaign: str) -> set[tuple[str, str]]:
    """(step, occurrence) of every run the campaign has had, open or over, and (step, local date) of each.

    The date as well: a step that is made recurring after it went out once, or the other way round, must not open the
    same day again under the other kind of key.
    """
    rows = connection.execute(select(_RUN.c.step, _RUN.c.occurrence, _RUN.c.due).where(_RUN.c.campaign == campaign))
    return {key for row in rows for key in ((row.step, row.occurrence), (row.step, local_day(row.due)))}


def is_known(known: set[tuple[str, str]], step: str, occurrence: str, due: datetime) -> bool:
    """Whether that occurrence has had its run; ``known`` as ``occurrences_known`` gives it."""
    return (step, occurrence) in known or (step, local_day(due)) in known


def local_day(instant: datetime) -> str:
    """The date in Vietnam, as ISO text."""
    return instant.astimezone(VIETNAM).date().isoformat()


def in_status(connection: Connection, statuses: Sequence[RunStatus]) -> Sequence[RowMapping]:
    """Runs in any of ``statuses``, those due first at the front."""
    query = select(_RUN).where(_RUN.c.status.in_([str(status) for status in statuses])).order_by(_RUN.c.due, _RUN.c.id)
    return connection.execute(query).mappings().all()


def of_campaign(connection: Connection, campaign: str) -> Sequence[RowMapping]:
    """Every run of a campaign, in order of their due times."""
    query = select(_RUN).where(_RUN.c.campaign == campaign).order_by(_RUN.c.due, _RUN.c.id)
    return connection.execute(query).mappings().all()


def recent(connection: Connection, since: datetime) -> Sequence[RowMapping]:
    """Runs that may have handed something over after ``since``, or will yet."""
    query = select(_RUN).where(
        _RUN.c.expires_at > since, _RUN.c.status.not_in([str(RunStatus.MISSED), str(RunStatus.HELD)])
    )
    return connection.execute(query).mappings().all()


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


def bring_under(connection: Connection, run_id: int, digest: str) -> None:
    """Let a run stand on another snapshot, which sends the same to the same people."""
    connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(digest=digest))


def status_of_queued(connection: Connection, delivery_ids: Sequence[int]) -> list[tuple[int, int, RunStatus]]:
    """(id, attempt, status of the run) of those deliveries that are queued.

    The runs stay as they are until the caller's transaction ends: who cancels one waits, and then finds the rows.
    """
    found = []
    for start in range(0, len(delivery_ids), 500):
        query = (
            select(_DELIVERY.c.id, _DELIVERY.c.attempt, _RUN.c.status)
            .join(_RUN, _RUN.c.id == _DELIVERY.c.run_id)
            .where(_DELIVERY.c.id.in_(delivery_ids[start : start + 500]), _DELIVERY.c.status == "queued")
            .with_for_update(read=True, of=_RUN)
        )
        found += [(row.id, row.attempt, RunStatus(row.status)) for row in connection.execute(query)]
    return found


def still_open(connection: Connection, run_id: int) -> tuple[bool, bool]:
    """(something is queued, something is sending) in a run."""
    queued, sending, _ = _unfinished(connection, run_id)
    return queued, sending


# Three conditions that partial indexes answer: a look through a run's million rows would hold SQLite's lock for
# half a second, and the dispatcher asks ten times a second. Behind the claims' cursor nothing fresh is queued.
_CAME_BACK = and_(_DELIVERY.c.run_id == bindparam("run"), _DELIVERY.c.status == "queued", _DELIVERY.c.attempt > 0)
_FRESH = and_(
    _DELIVERY.c.run_id == bindparam("run"),
    _DELIVERY.c.status == "queued",
    _DELIVERY.c.attempt == 0,
    _DELIVERY.c.contact_id > select(_RUN.c.claim_cursor).where(_RUN.c.id == bindparam("run")).scalar_subquery(),
)


def _unsettled(status: Status) -> ColumnElement[bool]:
    return and_(
        text("delivery.status IN ('sending', 'unknown')"),  # as the partial index has it,
        _DELIVERY.c.run_id + 0 == bindparam("run"),  # and not by the run's index, where a million rows may be
        _DELIVERY.c.status == str(status),
    )


# In one statement, as a row may move from one state to another between two.
_UNFINISHED = select(
    or_(exists().where(_CAME_BACK), exists().where(_FRESH)),
    exists().where(_unsettled(Status.SENDING)),
    exists().where(_unsettled(Status.UNKNOWN)),
)


def _unfinished(connection: Connection, run_id: int) -> tuple[bool, bool, bool]:
    """Whether anything is queued, sending, unknown."""
    row = connection.execute(_UNFINISHED, {"run": run_id}).one()
    return bool(row[0]), bool(row[1]), bool(row[2])


def queued_rows(connection: Connection, run_id: int, limit: int) -> list[QueuedRow]:
    """(id, attempt) of some queued deliveries of a run, for a caller that moves all of them in this transaction.

    The claims' cursor passes them here and now, so that taking a million by the thousand looks at each once.
    """
    columns = select(_DELIVERY.c.id, _DELIVERY.c.attempt, _DELIVERY.c.contact_id)
    came_back = connection.execute(columns.where(_CAME_BACK).limit(limit), {"run": run_id}).all()
    fresh = connection.execute(
        columns.where(_FRESH).order_by(_DELIVERY.c.contact_id).limit(limit - len(came_back)), {"run": run_id}
    ).all()
    if fresh:
        last = fresh[-1].contact_id
        query = update(_RUN).where(_RUN.c.id == run_id, _RUN.c.claim_cursor < last)
        connection.execute(query.values(claim_cursor=last))
    return [QueuedRow(row.id, row.attempt) for row in (*came_back, *fresh)]


def finish(connection: Connection, run_id: int, at: datetime) -> bool:
    """Close a run that has nothing left to send; False while something is queued or sending.

    While the run is valid it stays open for its unknown deliveries: a proven absence puts them back in the queue.
    """
    queued, sending, unknown = _unfinished(connection, run_id)
    if queued or sending:
        return False
    row = get(connection, run_id)
    status = RunStatus(row["status"])
    if run_may_become(status, RunStatus.FINISHED) and not (unknown and at < row["expires_at"]):
        give_back(connection, row)
        move(connection, run_id, status, RunStatus.FINISHED, finished_at=at)
    return True


def close(connection: Connection, run_id: int, at: datetime) -> None:
    """Note that nothing more is to be done for a run that was cancelled."""
    connection.execute(update(_RUN).where(_RUN.c.id == run_id, _RUN.c.finished_at.is_(None)).values(finished_at=at))


def give_back(connection: Connection, run: RowMapping) -> None:
    """Return to the campaign's budget what the run reserved and did not (and will not) hand over."""
    used = connection.execute(
        select(func.coalesce(func.sum(_DELIVERY.c.cost_vnd), 0)).where(
            _DELIVERY.c.run_id == run["id"],
            or_(_DELIVERY.c.handed_at.is_not(None), _DELIVERY.c.status == Status.UNKNOWN),
        )
    ).scalar_one()
    unused = run["reserved_vnd"] - int(used)
    if unused > 0:
        connection.execute(
            update(_STATE)
            .where(_STATE.c.campaign == run["campaign"])
            .values(reserved_vnd=_STATE.c.reserved_vnd - unused)
        )
        connection.execute(update(_RUN).where(_RUN.c.id == run["id"]).values(reserved_vnd=int(used)))


def reserve_held(connection: Connection, run_id: int) -> int:
    """What a run that was held for its cost will take when a person lets it go on, in VND; noted on the run."""
    cost = connection.execute(
        select(func.coalesce(func.sum(_DELIVERY.c.cost_vnd), 0)).where(
            _DELIVERY.c.run_id == run_id, _DELIVERY.c.status == Status.QUEUED
        )
    ).scalar_one()
    connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(reserved_vnd=int(cost)))
    return int(cost)
