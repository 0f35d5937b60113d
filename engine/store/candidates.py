"""Which rows a sender may claim next: two questions that two indexes answer, whatever the number of rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, func, not_, or_, select, text, true

from engine.status import RunStatus, Status
from engine.store.claim_gates import DO_NOT_CALL
from engine.store.outbox import DELIVERY
from engine.store.tables import Attempt, Contact, OptOut, Rendering, Run, table_of

CONTACT = table_of(Contact)
RENDERING = table_of(Rendering)
RUN = table_of(Run)
OPT_OUT = table_of(OptOut)
ATTEMPT = table_of(Attempt)

_COLUMNS = (
    *DELIVERY.c,
    CONTACT.c.phone_sealed, CONTACT.c.name_sealed, CONTACT.c.email_sealed, CONTACT.c.synthetic, CONTACT.c.consent,
    exists().where(DO_NOT_CALL.c.phone_hash == CONTACT.c.phone_hash).label("do_not_call"),
    # the list itself too: an opt-out beside an import that is under way marks no contact (PostgreSQL)
    func.coalesce(CONTACT.c.opted_out_at, OPT_OUT.c.at).label("opted_out_at"),
    RENDERING.c.words, RENDERING.c.personal,
)  # fmt: skip
_NAMES = tuple(column.name for column in _COLUMNS)
_JOINED = (
    select(*_COLUMNS)
    .select_from(DELIVERY)
    .outerjoin(CONTACT, CONTACT.c.id == DELIVERY.c.contact_id)
    .outerjoin(OPT_OUT, OPT_OUT.c.phone_hash == CONTACT.c.phone_hash)
    .outerjoin(RENDERING, RENDERING.c.id == DELIVERY.c.rendering_id)
    .where(DELIVERY.c.run_id == bindparam("run"), DELIVERY.c.status == Status.QUEUED)
    .limit(bindparam("most"))
)
_OURS = DELIVERY.c.sender == bindparam("of_sender")
_ONCE_IN_DOUBT = exists().where(ATTEMPT.c.delivery_id == DELIVERY.c.id, ATTEMPT.c.status == str(Status.UNKNOWN))
_OURS_OR_FREE = or_(_OURS, not_(_ONCE_IN_DOUBT))
_OF_ROAD = DELIVERY.c.sender.in_(bindparam("among", expanding=True))  # a relay's road is settled with its row
_BEHIND_CURSOR = (
    DELIVERY.c.contact_id > select(RUN.c.claim_cursor).where(RUN.c.id == bindparam("run")).scalar_subquery()
)


# First those that come back (a partial index), then the fresh ones along the unique index from the cursor on.
# PostgreSQL locks both: receipts and expiry write without the claim lock. A row that comes back and is being
# written at this moment is left for the next claim; a fresh one is waited for, as the cursor would pass it for good.
def _coming_back(whose: ColumnElement[bool]) -> Select[Any]:
    return (
        _JOINED.where(whose, DELIVERY.c.attempt > 0, func.coalesce(DELIVERY.c.not_before, 0.0) <= bindparam("real_now"))
        .order_by(DELIVERY.c.not_before)
        .with_for_update(of=DELIVERY, skip_locked=True)
    )


def _fresh(whose: ColumnElement[bool]) -> Select[Any]:
    return (
        _JOINED.where(whose, DELIVERY.c.attempt == 0, _BEHIND_CURSOR)
        .order_by(DELIVERY.c.contact_id)
        .with_for_update(of=DELIVERY)
    )


_ALONE = (_coming_back(_OURS), _fresh(_OURS))
_SHARED = (_coming_back(_OURS_OR_FREE), _fresh(true()))
_SHARED_ON_ROAD = (_coming_back(and_(_OF_ROAD, _OURS_OR_FREE)), _fresh(_OF_ROAD))
_DOUBTFUL = (_coming_back(and_(_OURS, _ONCE_IN_DOUBT)), None)


def take(
    connection: Connection,
    run_id: int,
    sender: str,
    real_now: float,
    most: int,
    *,
    shared: bool = False,
    doubtful_only: bool = False,
    among: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """At most ``most`` rows of a run that ``sender`` may claim at ``real_now`` (real seconds), with what a call needs.

    ``shared``: also what stands under another of the step's senders and was never in doubt. ``doubtful_only``: only
    its own rows that once were. ``among``: where the run has several roads, the senders of ours.
    """
    shared_ones = _SHARED_ON_ROAD if among else _SHARED
    coming_back, fresh = _DOUBTFUL if doubtful_only else shared_ones if shared else _ALONE
    asked: dict[str, Any] = {"run": run_id, "of_sender": sender, "most": most, "real_now": real_now}
    if shared and among and not doubtful_only:
        asked["among"] = list(among)
    rows = connection.execute(coming_back, asked).all()
    if fresh is not None and len(rows) < most:
        rows = [*rows, *connection.execute(fresh, asked | {"most": most - len(rows)}).all()]
    return [dict(zip(_NAMES, row, strict=True)) for row in rows]  # a mapping made into a dict costs 8 µs a row more


_CAME_BACK = text("delivery.status = 'queued' AND delivery.attempt > 0")  # as the partial index has it


def doubtful_queued(connection: Connection, run_ids: Sequence[int]) -> set[tuple[int, str]]:
    """(run, sender) of queued rows that were once in doubt and stay with that sender, whoever else acts."""
    query = (
        select(DELIVERY.c.run_id, DELIVERY.c.sender)
        .where(DELIVERY.c.run_id.in_(run_ids), _CAME_BACK, _ONCE_IN_DOUBT)
        .distinct()
    )
    return {(row.run_id, row.sender) for row in connection.execute(query)}


_OF_RUN = DELIVERY.c.run_id == bindparam("run")


def _waiting(whose: ColumnElement[bool]) -> Select[Any]:
    return select(
        or_(
            exists().where(_OF_RUN, _CAME_BACK, _OURS_OR_FREE, whose),
            exists().where(_OF_RUN, DELIVERY.c.status == Status.QUEUED, DELIVERY.c.attempt == 0, _BEHIND_CURSOR, whose),
            exists().where(
                text("delivery.status IN ('sending', 'unknown')"),  # as the partial index has it,
                DELIVERY.c.run_id + 0 == bindparam("run"),  # and not by the run's index, where a million rows may be
                DELIVERY.c.status == Status.SENDING,
            ),
        )
    )


_WAITS, _WAITS_ON_ROAD = _waiting(true()), _waiting(_OF_ROAD)


def waits(connection: Connection, run_id: int, sender: str, among: Sequence[str] = ()) -> bool:
    """Whether ``sender``, acting for a run of several, has something to wait for: a row it may take, or one on its way.

    What only another sender may send is not waited for: that one may be stopped for good. ``among`` as for ``take``.
    """
    asked: dict[str, Any] = {"run": run_id, "of_sender": sender}
    if among:
        return bool(connection.execute(_WAITS_ON_ROAD, asked | {"among": list(among)}).scalar())
    return bool(connection.execute(_WAITS, asked).scalar())


def first_fresh(connection: Connection, run_id: int) -> int | None:
    """The contact of the first row of a run that nobody has claimed yet, on whichever road; None: there is none."""
    query = select(func.min(DELIVERY.c.contact_id)).where(
        DELIVERY.c.run_id == run_id, DELIVERY.c.status == Status.QUEUED, DELIVERY.c.attempt == 0
    )
    found: int | None = connection.execute(query).scalar()
    return found


# One question for an idle process instead of a whole look, which costs ten times as much.
_SOMETHING = select(
    or_(
        exists().where(RUN.c.status.in_([str(RunStatus.READY), str(RunStatus.RUNNING)])),
        exists().where(
            RUN.c.status.in_([str(RunStatus.PAUSED), str(RunStatus.HELD)]), RUN.c.expires_at <= bindparam("now")
        ),
        exists().where(RUN.c.status == str(RunStatus.CANCELLED), RUN.c.finished_at.is_(None)),
    )
)


def any_run(connection: Connection, now: datetime) -> bool:
    """Whether there is a run to claim from, to expire, or to finish cancelling at ``now`` (campaign time)."""
    return bool(connection.execute(_SOMETHING, {"now": now}).scalar())
