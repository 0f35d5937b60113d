"""The life of a campaign: its status and its steps', what an approval was made from, the Do-Not-Call list

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# As engine/status.py had it at this revision; a test compares the newest revision with the tables of today.
CAMPAIGN_MOVES = (
    ("draft", ("approved", "cancelled", "paused", "running")),
    ("approved", ("cancelled", "draft", "finished", "paused", "running")),
    ("running", ("cancelled", "draft", "finished", "paused")),
    ("paused", ("approved", "cancelled", "draft", "finished", "running")),
    ("finished", ("approved", "cancelled", "paused", "running")),
)
STEP_MOVES = (
    ("active", ("cancelled", "paused")),
    ("paused", ("active", "cancelled")),
)


def _forbidden(moves: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    allowed = " OR ".join(
        f"(OLD.status = '{before}' AND NEW.status IN ({', '.join(repr(after) for after in following)}))"
        for before, following in moves
    )
    return f"NEW.status <> OLD.status AND NOT ({allowed})"


def _refuse_wrong_moves(table: str, moves: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    """A trigger, as deliveries and runs have it: no writer whatever can bring a cancelled campaign back."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF status ON {table} WHEN {_forbidden(moves)}"
            f" BEGIN SELECT RAISE(ABORT, 'forbidden move of {table}.status'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_moves() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE check_violation USING MESSAGE = 'forbidden move of {table}.status'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF status ON {table} FOR EACH ROW"
        f" WHEN ({_forbidden(moves)}) EXECUTE FUNCTION {table}_moves()"
    )


# What was only `active`, paused or cancelled gets the status that its approvals and runs prove.
_FORMER = """
SELECT campaign, reserved_vnd, CASE
    WHEN state <> 'active' THEN state
    WHEN EXISTS (SELECT 1 FROM run r WHERE r.campaign = s.campaign AND r.status NOT IN ('missed', 'cancelled'))
        THEN 'running'
    WHEN EXISTS (SELECT 1 FROM approval a WHERE a.campaign = s.campaign AND a.voided_at IS NULL) THEN 'approved'
    ELSE 'draft' END AS status
FROM campaign_state s
"""


def upgrade() -> None:
    former = [dict(row) for row in op.get_bind().execute(sa.text(_FORMER)).mappings()]
    op.drop_table("campaign_state")  # a few rows; SQLite cannot change the check of a column in place
    states = op.create_table(
        "campaign_state",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reserved_vnd", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'approved', 'running', 'paused', 'finished', 'cancelled')",
            name="campaign_status_known",
        ),
        sa.CheckConstraint("reserved_vnd >= 0", name="reserved_not_negative"),
        sa.PrimaryKeyConstraint("campaign"),
    )
    op.bulk_insert(states, former)
    op.create_table(
        "step_state",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'paused', 'cancelled')", name="step_status_known"),
        sa.PrimaryKeyConstraint("campaign", "step"),
    )
    _refuse_wrong_moves("campaign_state", CAMPAIGN_MOVES)
    _refuse_wrong_moves("step_state", STEP_MOVES)
    op.create_table(
        "snapshot_file",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["snapshot.digest"]),
        sa.PrimaryKeyConstraint("digest", "file"),
    )
    op.add_column("approval", sa.Column("by_hash", sa.LargeBinary(), nullable=True))
    op.add_column("approval", sa.Column("void_changes", sa.String(), nullable=True))
    op.create_index(
        "ix_approval_person",
        "approval",
        ["campaign", "digest", "by_hash"],
        unique=True,
        sqlite_where=sa.text("voided_at IS NULL AND by_hash IS NOT NULL"),
        postgresql_where=sa.text("voided_at IS NULL AND by_hash IS NOT NULL"),
    )
    op.add_column("run", sa.Column("advertising", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE run SET advertising = TRUE WHERE digest IN"
        """ (SELECT digest FROM snapshot WHERE content LIKE '%"kind":"quang\\_cao"%' ESCAPE '\\')"""
    )
    op.add_column("audit", sa.Column("process", sa.String(), nullable=True))
    op.create_table(
        "do_not_call_import",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("listed_on", sa.Date(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "do_not_call",
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["do_not_call_import.id"]),
        sa.PrimaryKeyConstraint("phone_hash"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Not taken back: opt-outs of advertising and reasons of approvals would be lost; restore a backup instead."""
    raise RuntimeError("this revision cannot be taken back")
