"""What relays are to read aloud, and what they did

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0007"
down_revision = "0006b"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITS = "confirmed_at IS NULL AND reminded_at IS NULL"
_WHOLE = (
    "(confirmed_at IS NULL) = (times IS NULL) AND (confirmed_at IS NULL) = (read_at IS NULL)"
    " AND (confirmed_at IS NULL) = (confirmed_by IS NULL)"
)


def upgrade() -> None:
    """One table; nothing that is there changes."""
    op.create_table(
        "broadcast",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("reminder_id", sa.BigInteger(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("script_id", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("planned_at", Instant(), nullable=False),
        sa.Column("remind_at", Instant(), nullable=False),
        sa.Column("closes_at", Instant(), nullable=False),
        sa.Column("reminded_at", Instant(), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.CheckConstraint("era IN ('legacy', '2025')", name="broadcast_era_known"),
        sa.CheckConstraint("minutes > 0", name="broadcast_minutes"),
        sa.CheckConstraint(_WHOLE, name="broadcast_confirmed_whole"),
        sa.CheckConstraint("times BETWEEN 1 AND 50", name="broadcast_times"),
        sa.CheckConstraint("confirmed_by IN ('link', 'office')", name="broadcast_by_known"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery_id"),
        sa.UniqueConstraint("reminder_id"),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("run_id", "contact_id", name="broadcast_once"),
    )
    op.create_index(
        "ix_broadcast_unreminded",
        "broadcast",
        ["remind_at"],
        sqlite_where=sa.text(_WAITS),
        postgresql_where=sa.text(_WAITS),
    )


def downgrade() -> None:
    """A database is restored from a backup instead."""
    raise RuntimeError("a revision is not taken back")
