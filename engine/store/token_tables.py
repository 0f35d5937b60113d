"""Vendors' single-use tokens, sealed. Apart from the other tables, which the hot paths use."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel


class VendorToken(SQLModel, table=True):
    """What a vendor has given us last for one account; ``version`` grows with every change."""

    __tablename__ = "vendor_token"
    __table_args__ = (CheckConstraint("version > 0", name="vendor_token_version"),)
    account: str = Field(primary_key=True)  # ``zalo:<application>:<official account>``; no secret in it
    version: int
    sealed: bytes
    changed_real: float
