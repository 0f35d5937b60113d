"""Posts as rows: opened once a run and page, claimed, moved along their table of transitions, looked up.

Every move names the attempt it belongs to; a trigger in the database refuses what the table of transitions has not.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, insert, select, update

from engine.status import POST_TRANSITIONS, PostStatus, RunStatus
from engine.store.post_tables import Post, PostPicture
from engine.store.tables import Run, table_of

POST = table_of(Post)
_PICTURE = table_of(PostPicture)
_RUN = table_of(Run)
FIRST_RESPONSE = timedelta(days=1)  # vendors' figures of the first hours are none
IN_FLIGHT = (PostStatus.PUBLISHING, PostStatus.UNKNOWN)
_INSTEAD_OF_QUEUED: dict[str, PostStatus] = {
    RunStatus.CANCELLED: PostStatus.CANCELLED,
    RunStatus.FINISHED: PostStatus.EXPIRED,
    RunStatus.MISSED: PostStatus.EXPIRED,
}
_REASONS = {PostStatus.CANCELLED: "cancelled", PostStatus.EXPIRED: "too_late"}
_WITH_RUN = (*POST.c, _RUN.c.campaign, _RUN.c.step, _RUN.c.occurrence, _RUN.c.digest, _RUN.c.due, _RUN.c.expires_at)
_JOINED = select(*_WITH_RUN).join(_RUN, _RUN.c.id == POST.c.run_id)


def sources_of(after: PostStatus) -> list[str]:
    """The statuses from which ``after`` may be reached."""
    return [str(before) for before, following in POST_TRANSITIONS.items() if after in following]


def create(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the posts of one run that are not there yet; the caller holds the run's row."""
    if rows:
        query = select(POST.c.sender).where(POST.c.run_id == rows[0]["run_id"])
        there = set(connection.execute(query).scalars())
        new = [row for row in rows if row["sender"] not in there]
        if new:
            connection.execute(insert(POST), [{"attempt": 0, "status": str(PostStatus.QUEUED), **row} for row in new])


def keep_picture(connection: Connection, digest: str, media_type: str, content: bytes) -> None:
    """Store a picture under its digest; one that is there stays."""
    if connection.execute(select(_PICTURE.c.digest).where(_PICTURE.c.digest == digest)).first() is None:
        connection.execute(insert(_PICTURE).values(digest=digest, media_type=media_type, content=content))


def picture(connection: Connection, digest: str) -> tuple[str, bytes] | None:
    """(media type, bytes) of a stored picture; None when there is none of that digest."""
    row = connection.execute(select(_PICTURE.c.media_type, _PICTURE.c.content).where(_PICTURE.c.digest == digest))
    found = row.first()
    return (found.media_type, bytes(found.content)) if found else None


def waiting(connection: Connection, now: datetime, real_now: float) -> Sequence[RowMapping]:
    """Queued posts whose run is open at ``now`` and whose time has come at ``real_now``, those due first in front."""
    return _queued(connection, now, func.coalesce(POST.c.not_before, 0.0) <= real_now)


def queued(connection: Connection, now: datetime) -> Sequence[RowMapping]:
    """Every queued post of an open run, also those that are to be tried again later."""
    return _queued(connection, now)


def _queued(connection: Connection, now: datetime, *conditions: Any) -> Sequence[RowMapping]:
    query = _JOINED.where(
        POST.c.status == str(PostStatus.QUEUED),
        _RUN.c.status.in_([str(RunStatus.READY), str(RunStatus.RUNNING)]),
        _RUN.c.due <= now,
        _RUN.c.expires_at > now,
        *conditions,
    )
    return connection.execute(query.order_by(_RUN.c.due, POST.c.run_id, POST.c.place)).mappings().all()


def claim(connection: Connection, post_id: int, attempt: int, *, worker: str, now: datetime, real_now: float) -> bool:
    """Take a post for one call, as its attempt number ``attempt`` + 1; False when somebody else did."""
    query = (
        update(POST)
        .where(POST.c.id == post_id, POST.c.attempt == attempt, POST.c.status == str(PostStatus.QUEUED))
        .values(
            status=str(PostStatus.PUBLISHING), attempt=attempt + 1, worker=worker, claimed_at=now,
            claimed_real=real_now, not_before=None, look_real=None, absent_since=None, absent_monotonic=None,
            absent_boot=None,
        )
    )  # fmt: skip
    return connection.execute(query).rowcount == 1


def keep_progress(connection: Connection, post_id: int, attempt: int, sealed: bytes) -> bool:
    """Write down how far a post has come; False when the claim is not ours any more."""
    query = update(POST).where(
        POST.c.id == post_id, POST.c.attempt == attempt, POST.c.status == str(PostStatus.PUBLISHING)
    )
    return connection.execute(query.values(progress_sealed=sealed)).rowcount == 1


def move(
    connection: Connection, post_id: int, attempt: int, after: PostStatus, at: datetime, **values: Any
) -> PostStatus | None:
    """Move a post of that attempt; where it stands then, None when it had moved on.

    One that comes back to the queue of a run that is over expires, or is cancelled with it. The first question about
    what people make of a published post is due a day later.
    """
    if after is PostStatus.PUBLISHED:
        values.setdefault("published_at", at)
    if after in (PostStatus.PUBLISHED, PostStatus.ACCEPTED) and values.get("vendor_id"):
        values["next_response_at"] = at + FIRST_RESPONSE
    if not POST_TRANSITIONS[after]:
        values["finished_at"] = at
    query = (
        update(POST)
        .where(POST.c.id == post_id, POST.c.attempt == attempt, POST.c.status.in_(sources_of(after)))
        .values(status=str(after), **values)
        .returning(POST.c.run_id)
    )
    moved = connection.execute(query).first()
    if moved is None:
        return None
    if after is PostStatus.QUEUED:
        run = connection.execute(select(_RUN.c.status).where(_RUN.c.id == moved.run_id)).scalar_one()
        instead = _INSTEAD_OF_QUEUED.get(run)
        if instead is not None:
            return move(connection, post_id, attempt, instead, at, reason=_REASONS[instead])
    return after


def end_queued(connection: Connection, run_id: int, after: PostStatus, at: datetime) -> int:
    """Expire or cancel what is still queued of a run; how many."""
    query = update(POST).where(POST.c.run_id == run_id, POST.c.status == str(PostStatus.QUEUED))
    ended = connection.execute(query.values(status=str(after), reason=_REASONS[after], finished_at=at))
    return int(ended.rowcount)


def in_flight(connection: Connection) -> Sequence[RowMapping]:
    """Posts that are being published by somebody."""
    return connection.execute(_JOINED.where(POST.c.status == str(PostStatus.PUBLISHING))).mappings().all()


def in_doubt(connection: Connection, real_now: float | None = None) -> Sequence[RowMapping]:
    """Unknown posts; with ``real_now`` those whose look-up is due."""
    query = _JOINED.where(POST.c.status == str(PostStatus.UNKNOWN))
    if real_now is not None:
        query = query.where(POST.c.look_real <= real_now)
    return connection.execute(query.order_by(POST.c.id)).mappings().all()


def look_again(connection: Connection, post_id: int, attempt: int, look_real: float | None, **absent: Any) -> None:
    """When an unknown post is looked up next (None: a person finds out); ``absent_since``, ``absent_monotonic``."""
    query = update(POST).where(
        POST.c.id == post_id, POST.c.attempt == attempt, POST.c.status == str(PostStatus.UNKNOWN)
    )
    connection.execute(query.values(look_real=look_real, **absent))


def bound(connection: Connection, sender: str, vendor_ids: Collection[str], but: int) -> set[str]:
    """Those of ``vendor_ids`` that belong to another post of ours on that page."""
    query = select(POST.c.vendor_id).where(
        POST.c.sender == sender, POST.c.vendor_id.in_(list(vendor_ids)), POST.c.id != but
    )
    return {str(found) for found in connection.execute(query).scalars()}


def has_rival(connection: Connection, row: RowMapping) -> bool:
    """Whether another post with the same words is in flight on the same page: then one listed post may be either's."""
    query = select(POST.c.id).where(
        and_(
            POST.c.sender == row["sender"],
            POST.c.words == row["words"],
            POST.c.id != row["id"],
            POST.c.vendor_id.is_(None),
            POST.c.status.in_([str(status) for status in IN_FLIGHT]),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def get(connection: Connection, post_id: int) -> RowMapping | None:
    """One post with its run; None when it does not exist."""
    return connection.execute(_JOINED.where(POST.c.id == post_id)).mappings().first()


def of_campaigns(connection: Connection, campaigns: Collection[str]) -> Sequence[RowMapping]:
    """Every post of these campaigns, in the order of its due time and its page's place."""
    query = _JOINED.where(_RUN.c.campaign.in_(list(campaigns)))
    return connection.execute(query.order_by(_RUN.c.due, POST.c.run_id, POST.c.place)).mappings().all()


def channels(connection: Connection, run_ids: Collection[int]) -> dict[int, str]:
    """Run → the channel of its posts."""
    query = select(_RUN.c.id, _RUN.c.channel).where(_RUN.c.id.in_(list(run_ids)))
    return {row.id: row.channel for row in connection.execute(query)}


def counts(connection: Connection, run_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Run → posts by status."""
    query = (
        select(POST.c.run_id, POST.c.status, func.count().label("posts"))
        .where(POST.c.run_id.in_(list(run_ids)))
        .group_by(POST.c.run_id, POST.c.status)
    )
    found: dict[int, dict[str, int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.run_id, {})[row.status] = int(row.posts)
    return found
