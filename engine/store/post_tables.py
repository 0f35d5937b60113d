"""The tables of posts (one run × one page), with their invariants; migration 0006 must match.

Posts are few (a run has as many as it has pages), so everything about one stands in its row: the words as they were
rendered for its page, the claim, what is in doubt, when it is asked about next. Nothing in it is about a person; what
a vendor says about a failure is sealed all the same, because nobody knows what stands in it.
"""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Column, Field, SQLModel

from engine.status import PostStatus
from engine.store.instant import Instant
from engine.store.tables import BIG, ERAS

_STATUSES = ", ".join(repr(str(status)) for status in PostStatus)
_UNSETTLED = "status IN ('queued', 'publishing', 'unknown')"
_KNOWN = "vendor_id IS NOT NULL"
_ASKED = "next_response_at IS NOT NULL"


class Post(SQLModel, table=True):
    """One run × one page. ``attempt`` counts claims; outcomes apply only to their own. ``*_real``: real seconds."""

    __tablename__ = "post"
    __table_args__ = (
        UniqueConstraint("run_id", "sender", name="post_once"),
        CheckConstraint(f"status IN ({_STATUSES})", name="post_status_known"),
        CheckConstraint(ERAS, name="post_era_known"),
        CheckConstraint(
            "status <> 'publishing' OR (worker IS NOT NULL AND attempt > 0)", name="post_claimed_by_worker"
        ),
        Index(
            "ix_post_unsettled",
            "status",
            sqlite_where=text(_UNSETTLED),
            postgresql_where=text(_UNSETTLED),
        ),
        Index(
            "ix_post_vendor",
            "sender",
            "vendor_id",
            unique=True,
            sqlite_where=text(_KNOWN),
            postgresql_where=text(_KNOWN),
        ),
        Index("ix_post_asked", "next_response_at", sqlite_where=text(_ASKED), postgresql_where=text(_ASKED)),
        {"sqlite_autoincrement": True},  # adapters may put the id where people's feeds keep it
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    run_id: int = Field(sa_type=BigInteger, foreign_key="run.id")
    sender: str
    place: int  # of the page in its step, from 0
    era: str
    area: str  # the code of a commune, or of a province
    district: str | None = None  # the legacy code of the old district; None: a province's page, or nobody can tell
    words: str
    title: str | None = None
    link: str | None = None
    picture: str | None = None  # the file's name in the workspace
    picture_digest: str | None = None
    status: str
    reason: str | None = None
    code: str | None = None
    detail_sealed: bytes | None = None
    attempt: int = 0
    worker: str | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=Instant)
    claimed_real: float | None = None
    not_before: float | None = None  # real seconds: nothing is tried again before
    progress_sealed: bytes | None = None
    vendor_id: str | None = None
    address: str | None = None
    look_real: float | None = None  # when the place's list is read next, for one that is unknown
    absent_since: float | None = None
    absent_monotonic: float | None = None
    absent_boot: str | None = None  # whose monotonic seconds those are
    published_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    next_response_at: datetime | None = Field(default=None, sa_type=Instant)


class PostResponse(SQLModel, table=True):
    """How people had answered a post when the place was asked; a figure that it does not tell is None."""

    __tablename__ = "post_response"
    post_id: int = Field(sa_column=Column(BIG, primary_key=True))
    at: datetime = Field(sa_type=Instant, primary_key=True)
    reach: int | None = Field(default=None, sa_type=BigInteger)
    reactions: int | None = Field(default=None, sa_type=BigInteger)
    clicks: int | None = Field(default=None, sa_type=BigInteger)
    comments: int | None = Field(default=None, sa_type=BigInteger)
    shares: int | None = Field(default=None, sa_type=BigInteger)


class PostPicture(SQLModel, table=True):
    """A picture as it was when a run with it opened: what is approved is what is shown, whatever lies there later."""

    __tablename__ = "post_picture"
    digest: str = Field(primary_key=True)  # SHA-256 in hex
    media_type: str
    content: bytes


class PageState(SQLModel, table=True):
    """When a page's credentials end, as it said when it was asked last."""

    __tablename__ = "page_state"
    sender: str = Field(primary_key=True)
    asked_real: float
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
