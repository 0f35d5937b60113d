"""How people answered posts, asked again and again: a course over time; and when pages' credentials end."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from engine.store.post_tables import PageState, PostResponse
from engine.store.posts import POST
from engine.store.tables import Run, table_of

_RESPONSE = table_of(PostResponse)
_PAGE = table_of(PageState)
_RUN = table_of(Run)
FIGURES = ("reach", "reactions", "clicks", "comments", "shares")


def due(connection: Connection, now: datetime) -> Sequence[RowMapping]:
    """The posts that are to be asked about by ``now``."""
    query = (
        select(*POST.c, _RUN.c.digest)
        .join(_RUN, _RUN.c.id == POST.c.run_id)
        .where(POST.c.next_response_at <= now, POST.c.vendor_id.is_not(None))
    )
    return connection.execute(query.order_by(POST.c.next_response_at, POST.c.id)).mappings().all()


def add(connection: Connection, post_id: int, at: datetime, figures: dict[str, int | None]) -> None:
    """Keep what the place said at ``at``; asked twice at one instant, the later word stands."""
    connection.execute(delete(_RESPONSE).where(_RESPONSE.c.post_id == post_id, _RESPONSE.c.at == at))
    connection.execute(insert(_RESPONSE).values(post_id=post_id, at=at, **figures))


def ask_again(connection: Connection, post_id: int, at: datetime | None) -> None:
    """When a post is asked about next; None: never again."""
    connection.execute(update(POST).where(POST.c.id == post_id).values(next_response_at=at))


def latest(connection: Connection, post_ids: Collection[int]) -> dict[int, RowMapping]:
    """Post → the last word about it."""
    if not post_ids:
        return {}
    last = (
        select(_RESPONSE.c.post_id, func.max(_RESPONSE.c.at).label("at"))
        .where(_RESPONSE.c.post_id.in_(list(post_ids)))
        .group_by(_RESPONSE.c.post_id)
        .subquery()
    )
    query = select(_RESPONSE).join(last, (last.c.post_id == _RESPONSE.c.post_id) & (last.c.at == _RESPONSE.c.at))
    return {row["post_id"]: row for row in connection.execute(query).mappings()}


def course(connection: Connection, post_id: int) -> Sequence[RowMapping]:
    """Everything that was said about one post, in order of time."""
    query = select(_RESPONSE).where(_RESPONSE.c.post_id == post_id).order_by(_RESPONSE.c.at)
    return connection.execute(query).mappings().all()


def page_states(connection: Connection) -> dict[str, RowMapping]:
    """Page → when it was asked about its credentials, and when they end."""
    return {row["sender"]: row for row in connection.execute(select(_PAGE)).mappings()}


def save_page(connection: Connection, sender: str, asked_real: float, expires_at: datetime | None) -> None:
    """Keep what a page said about its credentials."""
    connection.execute(delete(_PAGE).where(_PAGE.c.sender == sender))
    connection.execute(insert(_PAGE).values(sender=sender, asked_real=asked_real, expires_at=expires_at))
