"""Tallies of whole campaigns per commune: what a report per district or commune reads.

The tallies of runs hold a line for each run, commune, arm and status. Ten runs over 3,321 communes are 200,000 to
400,000 of them, which SQLite needs 160 to 380 ms of processor time to sum; here the same sums stand ready in at most
20,000 lines (11 ms), however many runs there were. They change with the others, in the same transaction.
"""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class TallyPlace(SQLModel, table=True):
    """Deliveries, handed-over segments and cost per campaign, commune and status, over all its runs and their arms."""

    __tablename__ = "tally_place"
    __table_args__ = ({"sqlite_with_rowid": False},)
    campaign: str = Field(primary_key=True)
    era: str = Field(primary_key=True)
    commune: str = Field(primary_key=True)
    status: str = Field(primary_key=True)
    slot: int = Field(primary_key=True)
    deliveries: int = Field(sa_type=BigInteger)
    segments: int = Field(sa_type=BigInteger)
    cost_vnd: int = Field(sa_type=BigInteger)
