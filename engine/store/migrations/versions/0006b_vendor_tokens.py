"""Vendors' single-use tokens, sealed, one row an account

Revision: 0006b
"""

import sqlalchemy as sa
from alembic import op

revision = "0006b"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vendor_token",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("changed_real", sa.Float(), nullable=False),
        sa.CheckConstraint("version > 0", name="vendor_token_version"),
        sa.PrimaryKeyConstraint("account"),
    )


def downgrade() -> None:
    """A refresh token is not thrown away: a person would have to authorise the account again."""
    raise RuntimeError("this revision cannot be taken back")
