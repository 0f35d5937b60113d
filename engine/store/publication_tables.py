"""Tables of what may be published: the units of each run, and reports that were frozen."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Column, Field, SQLModel

from engine.store.instant import Instant
from engine.store.tables import BIG


class PublicationRow(SQLModel, table=True):
    """That a run's units are settled, for good: by which threshold and which area tables.

    ``withheld``: the whole run reached fewer people than the threshold, and no published figure has it.
    """

    __tablename__ = "publication"
    __table_args__ = (CheckConstraint("small_cell >= 1", name="small_cell_positive"),)
    run_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    small_cell: int
    area_table: str
    withheld: bool


class PublicationUnit(SQLModel, table=True):
    """A node of the tree of areas (``20/183/2025:06211``) that a run's figures must not tell apart.

    ``told``: ``joined`` with its siblings, or ``closed`` (nothing below it is told).
    """

    __tablename__ = "publication_unit"
    __table_args__ = (
        CheckConstraint("told IN ('joined', 'closed')", name="told_known"),
        {"sqlite_with_rowid": False},
    )
    run_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    node: str = Field(primary_key=True)
    told: str = Field(primary_key=True)


class FrozenReport(SQLModel, table=True):
    """A report as it stood, kept for ever: canonical JSON and its SHA-256. Rows are only ever added."""

    __tablename__ = "frozen_report"
    id: str = Field(primary_key=True)
    digest: str
    campaigns: str  # keys, separated by ", "
    as_of: datetime = Field(sa_type=Instant)
    published: bool
    note: str | None = None
    definitions: str
    area_table: str
    program: str
    content: str
