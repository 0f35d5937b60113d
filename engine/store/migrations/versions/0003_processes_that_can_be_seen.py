"""Processes that can be seen: what a worker is and when it was last heard of; the pace of runs; retired runs

Revision: 0003

Columns are added one by one, never by making a table anew: that would lose the triggers on ``run``.
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker", sa.Column("seen_real", sa.Float(), nullable=True))
    op.add_column("worker", sa.Column("kind", sa.String(), nullable=True))
    op.add_column("worker", sa.Column("host", sa.String(), nullable=True))
    op.add_column("worker", sa.Column("pid", sa.Integer(), nullable=True))
    op.add_column("worker", sa.Column("leads", sa.Boolean(), nullable=True))
    op.add_column("run", sa.Column("retired_at", Instant(), nullable=True))
    op.create_table(
        "pace",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_real", sa.Float(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("called", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "at_real"),
    )


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
