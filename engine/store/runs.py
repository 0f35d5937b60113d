"""Runs as rows: opening one exactly once, and moving it along its table of transitions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, exists, func, or_, select, text, update

from engine.clock import VIETNAM
from engine.status import PostStatus, RunStatus, Status, run_may_become
from engine.store import audit, budget
from engine.store.audit import Signature
from engine.store.instant import Instant
from engine.store.post_tables import Post
from engine.store.tables import Delivery, Run, table_of

_RUN = table_of(Run)
_DELIVERY = table_of(Delivery)
_POST = table_of(Post)
_INSERT = text(
    "INSERT INTO run (campaign, step, occurrence, channel, due, expires_at, status, reason, digest, high_water,"
    " enqueue_cursor, claim_cursor, reserved_vnd, advertising, opened_at, finished_at)"
    " VALUES (:campaign, :step, :occurrence, :channel, :due, :expires_at, :status, :reason, :digest, :high_water,"
    " 0, 0, 0, :advertising, :opened_at, :finished_at) ON CONFLICT (campaign, step, occurrence) DO NOTHING"
    " RETURNING id"
).bindparams(*(bindparam(name, type_=Instant) for name in ("due", "expires_at", "opened_at", "finished_at")))
# After the occurrence of a run: that of the reminder for relays who have not confirmed; once, as every occurrence.
REMINDER = ".reminder"
OPEN = (RunStatus.ENQUEUEING, RunStatus.READY, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.HELD)


class QueuedRow(NamedTuple):
    """A queued delivery, as far as moving it needs."""

    id: int
    attempt: int


def create(connection: Connection, values: dict[str, Any]) -> int | None:
    """Insert a run; its id, or None when that occurrence of the step exists already, whoever opened it."""
    defaults = {"reason": None, "high_water": 0, "advertising": False, "finished_at": None}
    created = connection.execute(_INSERT, defaults | values).first()
    return int(created.id) if created else None


def occurrences_known(connection: Connection, campaign: str) -> set[tuple[str, str]]:
    """(step, occurrence) of every run the campaign has had, open or over, and (step, local date) of each.

    The date as well: a step that is made recurring after it went out once, or the other way round, must not open the
    same day again under the other kind of key.
    """
    found = connection.execute(select(_RUN.c.step, _RUN.c.occurrence, _RUN.c.due).where(_RUN.c.campaign == campaign))
    # A reminder may go out on the morning after: it must not pass for the run of that day.
    rows = [row for row in found if not row.occurrence.endswith(REMINDER)]
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


def is_in_status(connection: Connection, status: RunStatus) -> bool:
    """Whether any run has that status."""
    return connection.execute(select(_RUN.c.id).where(_RUN.c.status == str(status)).limit(1)).first() is not None


def latest(connection: Connection) -> int:
    """The id of the run that was made last; 0 without any."""
    return int(connection.execute(select(func.coalesce(func.max(_RUN.c.id), 0))).scalar_one())


def digests(connection: Connection, campaign: str | None = None) -> list[str]:
    """The snapshots that runs (of a campaign, or all) have stood on, in the order of the first due time of each."""
    query = select(_RUN.c.digest).group_by(_RUN.c.digest).order_by(func.min(_RUN.c.due), func.min(_RUN.c.id))
    if campaign is not None:
        query = query.where(_RUN.c.campaign == campaign)
    return list(connection.execute(query).scalars())


def of_campaign(connection: Connection, campaign: str) -> Sequence[RowMapping]:
    """Every run of a campaign, in order of their due times."""
    query = select(_RUN).where(_RUN.c.campaign == campaign).order_by(_RUN.c.due, _RUN.c.id)
    return connection.execute(query).mappings().all()


def of_step(connection: Connection, campaign: str, step: str, occurrence: str) -> RowMapping | None:
    """The run of one occurrence; None when it has none."""
    query = select(_RUN).where(_RUN.c.campaign == campaign, _RUN.c.step == step, _RUN.c.occurrence == occurrence)
    return connection.execute(query).mappings().first()


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
    signature: Signature,
    *,
    reason: str | None = None,
    **values: Any,
) -> bool:
    """Move a run if it still stands at ``before``, and log it; False when somebody else moved it first.

    ``ValueError`` for a move that the table of transitions does not have.
    """
    if not run_may_become(before, after):
        raise ValueError(f"a run cannot go from {before} to {after}")
    query = (
        update(_RUN)
        .where(_RUN.c.id == run_id, _RUN.c.status == str(before))
        .values(status=str(after), reason=reason, **values)
        .returning(_RUN.c.campaign, _RUN.c.step, _RUN.c.occurrence)
    )
    moved = connection.execute(query).first()
    if moved is None:
        return False
    subject = subject_of(moved.campaign, moved.step, moved.occurrence)
    audit.record_move(connection, signature, kind="run", subject=subject, before=before, after=after, reason=reason)
    return True


def subject_of(campaign: str, step: str, occurrence: str) -> str:
    """How the audit log and incidents name a run: ``lang-son/mo-dau/2027-07-16``."""
    return f"{campaign}/{step}/{occurrence}"


def bring_under(connection: Connection, run_id: int, digest: str, **schedule: datetime) -> None:
    """Let a run stand on another snapshot, which sends the same to the same people; ``schedule``: due, expires_at."""
    connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(digest=digest, **schedule))


def explain(connection: Connection, run_id: int, reason: str) -> None:
    """Say anew why a run stands where it stands."""
    connection.execute(update(_RUN).where(_RUN.c.id == run_id).values(reason=reason))


def untouched(run: RowMapping) -> bool:
    """Whether nothing of a run has been claimed yet; not to be asked of one that is still being enqueued."""
    return int(run["claim_cursor"]) == 0


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


def _posts(status: PostStatus) -> ColumnElement[bool]:
    return and_(_POST.c.run_id == bindparam("run"), _POST.c.status == str(status))


# In one statement, as a row may move from one state to another between two.
_UNFINISHED = select(
    or_(exists().where(_CAME_BACK), exists().where(_FRESH), exists().where(_posts(PostStatus.QUEUED))),
    or_(exists().where(_unsettled(Status.SENDING)), exists().where(_posts(PostStatus.PUBLISHING))),
    or_(exists().where(_unsettled(Status.UNKNOWN)), exists().where(_posts(PostStatus.UNKNOWN))),
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


def finish(connection: Connection, run_id: int, at: datetime, process: str = "") -> bool:
    """Close a run that has nothing left to send; False while something is queued or sending.

    ``process`` is who noticed, for the audit log.

    While the run is valid it stays open for its unknown deliveries: a proven absence puts them back in the queue.
    """
    queued, sending, unknown = _unfinished(connection, run_id)
    if queued or sending:
        return False
    row = get(connection, run_id)
    status = RunStatus(row["status"])
    if run_may_become(status, RunStatus.FINISHED) and not (unknown and at < row["expires_at"]):
        budget.give_back(connection, row["campaign"], run_id)
        move(connection, run_id, status, RunStatus.FINISHED, Signature(at, process), finished_at=at)
    return True


def close(connection: Connection, run_id: int, at: datetime) -> None:
    """Note that nothing more is to be done for a run that was cancelled."""
    connection.execute(update(_RUN).where(_RUN.c.id == run_id, _RUN.c.finished_at.is_(None)).values(finished_at=at))
