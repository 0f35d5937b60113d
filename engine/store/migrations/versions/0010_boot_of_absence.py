"""On whose boot the first half of a proof of absence rests

Revision: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; what has none begins its proof anew."""
    op.add_column("look_up", sa.Column("absent_boot", sa.String(), nullable=True))


def downgrade() -> None:
    """A database is restored from a backup instead."""
    raise RuntimeError("a revision is not taken back")
