"""What relays are to read aloud, and what they did: one row a relay and run. Counts outlive the person's number."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Column, Field, SQLModel

from engine.store.instant import Instant
from engine.store.tables import BIG, ERAS

_WAITS = text("confirmed_at IS NULL AND reminded_at IS NULL")


class Broadcast(SQLModel, table=True):
    """One run × one relay. ``token_hash`` finds it by its link, whose words stand nowhere; ``script_id`` a Rendering.

    ``contact_id``, the deliveries and the token go when the run's retention is over; place, times and minutes stay.
    """

    __tablename__ = "broadcast"
    __table_args__ = (
        UniqueConstraint("run_id", "contact_id", name="broadcast_once"),
        CheckConstraint(ERAS, name="broadcast_era_known"),
        CheckConstraint("minutes > 0", name="broadcast_minutes"),
        CheckConstraint(
            "(confirmed_at IS NULL) = (times IS NULL) AND (confirmed_at IS NULL) = (read_at IS NULL)"
            " AND (confirmed_at IS NULL) = (confirmed_by IS NULL)",
            name="broadcast_confirmed_whole",
        ),
        CheckConstraint("times BETWEEN 1 AND 50", name="broadcast_times"),
        CheckConstraint("confirmed_by IN ('link', 'office')", name="broadcast_by_known"),
        Index("ix_broadcast_unreminded", "remind_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )
    id: int | None = Field(default=None, sa_column=Column(BIG, primary_key=True))
    run_id: int = Field(sa_type=BigInteger, foreign_key="run.id")
    contact_id: int | None = Field(default=None, sa_type=BigInteger)
    delivery_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, unique=True))
    reminder_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True, unique=True))
    token_hash: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True, unique=True))
    era: str
    commune: str
    language: str
    script_id: int = Field(sa_type=BigInteger)
    minutes: int
    planned_at: datetime = Field(sa_type=Instant)
    remind_at: datetime = Field(sa_type=Instant)
    closes_at: datetime = Field(sa_type=Instant)  # until then it may be confirmed, and the confirmation changed
    reminded_at: datetime | None = Field(default=None, sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    read_at: datetime | None = Field(default=None, sa_type=Instant)
    times: int | None = None
    confirmed_by: str | None = None
