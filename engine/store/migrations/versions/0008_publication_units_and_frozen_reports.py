"""What may be published of each run, and reports that are kept for ever

Revision: 0008
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _append_only(table: str) -> None:
    """As the audit log has it: no writer whatever can change what was frozen."""
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE check_violation USING MESSAGE = '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"
        f" EXECUTE FUNCTION {table}_append_only()"
    )


def upgrade() -> None:
    """Three tables; nothing that is there changes. Runs of before are settled when they are first published."""
    op.create_table(
        "publication",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("small_cell", sa.Integer(), nullable=False),
        sa.Column("area_table", sa.String(), nullable=False),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.CheckConstraint("small_cell >= 1", name="small_cell_positive"),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "publication_unit",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("told", sa.String(), nullable=False),
        sa.CheckConstraint("told IN ('joined', 'closed')", name="told_known"),
        sa.PrimaryKeyConstraint("run_id", "node", "told"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "frozen_report",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("campaigns", sa.String(), nullable=False),
        sa.Column("as_of", Instant(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("definitions", sa.String(), nullable=False),
        sa.Column("area_table", sa.String(), nullable=False),
        sa.Column("program", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for table in ("publication", "publication_unit", "frozen_report"):
        _append_only(table)


def downgrade() -> None:
    """Not taken back: what was frozen would be lost; restore a backup instead."""
    raise RuntimeError("this revision cannot be taken back")
