"""Receipts that come before the outcome by the vendor's id alone, and files for operators

Revision: 0005
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNFINISHED = "state IN ('open', 'sealed')"


def upgrade() -> None:
    """Three tables; nothing that is there changes."""
    op.create_table(
        "early_receipt",
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("vendor_status", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("payload_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "vendor_id", "vendor_status"),
    )
    op.create_table(
        "operator_file",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("sealed_at", Instant(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'sealed', 'done', 'dropped')", name="operator_file_state_known"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("run_id", "number", name="operator_file_once"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_operator_file_unfinished",
        "operator_file",
        ["state"],
        sqlite_where=sa.text(_UNFINISHED),
        postgresql_where=sa.text(_UNFINISHED),
    )
    op.create_table(
        "operator_row",
        sa.Column("delivery_id", _BIG, nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["operator_file.id"]),
        sa.PrimaryKeyConstraint("delivery_id"),
        sa.UniqueConstraint("file_id", "place", name="operator_place_once"),
    )


def downgrade() -> None:
    """A database is restored from a backup instead."""
    raise RuntimeError("a revision is not taken back")
