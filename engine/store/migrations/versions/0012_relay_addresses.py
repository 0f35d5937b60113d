"""The e-mail address of a contact, sealed; and which road a kind of contact takes in a run

Revision: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns. A run that is being enqueued has one road: that of its first sender."""
    op.add_column("contact", sa.Column("email_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("run_cell", sa.Column("sender", sa.String(), nullable=True))


def downgrade() -> None:
    """A database is restored from a backup instead."""
    raise RuntimeError("a revision is not taken back")
