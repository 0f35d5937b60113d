"""Who may look at the dashboard, and who is looking: users and their sessions.

Names are sealed as those of approvers are; a stolen database names nobody, and no session can be taken up from it.
"""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from engine.store.instant import Instant


class WebUser(SQLModel, table=True):
    """Somebody who may log in. ``name_hash``: keyed, of the name in small letters; ``password``: Argon2id, encoded."""

    __tablename__ = "web_user"
    name_hash: bytes = Field(primary_key=True)
    name_sealed: bytes
    password: str
    added_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)


class WebSession(SQLModel, table=True):
    """One login. The token itself is only in the browser's cookie; here is its hash. Times are real seconds."""

    __tablename__ = "web_session"
    token_hash: bytes = Field(primary_key=True)
    name_hash: bytes = Field(
        sa_column=Column(LargeBinary, ForeignKey("web_user.name_hash", ondelete="CASCADE"), nullable=False, index=True)
    )
    opened_real: float
    seen_real: float
