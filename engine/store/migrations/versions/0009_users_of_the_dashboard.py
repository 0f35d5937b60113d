"""Users of the dashboard and their sessions

Revision: 0009
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; nothing that is there changes."""
    op.create_table(
        "web_user",
        sa.Column("name_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name_hash"),
    )
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name_hash", sa.LargeBinary(), nullable=False),
        sa.Column("opened_real", sa.Float(), nullable=False),
        sa.Column("seen_real", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["name_hash"], ["web_user.name_hash"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index(op.f("ix_web_session_name_hash"), "web_session", ["name_hash"])


def downgrade() -> None:
    """A database is restored from a backup instead."""
    raise RuntimeError("a revision is not taken back")
