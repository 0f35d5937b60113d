"""The first tables

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# As engine/status.py had it at this revision; a test compares the newest revision with the table of today.
DELIVERY_MOVES = (
    (
        "queued",
        (
            "cancelled",
            "excluded",
            "expired",
            "sending",
        ),
    ),
    (
        "sending",
        (
            "accepted",
            "delivered",
            "expired",
            "failed",
            "queued",
            "unknown",
        ),
    ),
    (
        "unknown",
        (
            "accepted",
            "delivered",
            "expired",
            "failed",
            "queued",
        ),
    ),
    (
        "accepted",
        (
            "delivered",
            "expired",
            "failed",
        ),
    ),
)
RUN_MOVES = (
    (
        "planned",
        (
            "cancelled",
            "enqueueing",
            "missed",
        ),
    ),
    (
        "enqueueing",
        (
            "cancelled",
            "held",
            "ready",
        ),
    ),
    (
        "ready",
        (
            "cancelled",
            "finished",
            "held",
            "paused",
            "running",
        ),
    ),
    (
        "running",
        (
            "cancelled",
            "finished",
            "held",
            "paused",
        ),
    ),
    (
        "paused",
        (
            "cancelled",
            "finished",
            "ready",
            "running",
        ),
    ),
    (
        "held",
        (
            "cancelled",
            "finished",
            "ready",
        ),
    ),
)


def _forbidden(moves: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    allowed = " OR ".join(
        f"(OLD.status = '{before}' AND NEW.status IN ({', '.join(repr(after) for after in following)}))"
        for before, following in moves
    )
    return f"NEW.status <> OLD.status AND NOT ({allowed})"


def _refuse_wrong_moves(table: str, moves: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    """A trigger, so that no writer whatever can move a finished row."""
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


def _append_only(table: str) -> None:
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
    op.create_table(
        "attempt",
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("vendor_id", sa.String(), nullable=True),
        sa.Column("detail_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "attempt"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("who_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "campaign_state",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reserved_vnd", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'paused', 'cancelled')", name="state_known"),
        sa.CheckConstraint("reserved_vnd >= 0", name="reserved_not_negative"),
        sa.PrimaryKeyConstraint("campaign"),
    )
    op.create_table(
        "contact_group",
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("group_key", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "group_key", "source"),
    )
    op.create_table(
        "contact_import",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("imported", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "look_up",
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("due_real", sa.Float(), nullable=False),
        sa.Column("absent_since", sa.Float(), nullable=True),
        sa.Column("absent_monotonic", sa.Float(), nullable=True),
        sa.Column("waits_for", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    with op.batch_alter_table("look_up", schema=None) as batch_op:
        batch_op.create_index("ix_look_up_due", ["due_real"], unique=False)

    op.create_table(
        "opt_out",
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("phone_hash"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("vendor_status", sa.String(), nullable=False),
        sa.Column("payload_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery_id", "attempt", "vendor_id", "vendor_status", name="receipt_once"),
    )
    op.create_table(
        "run_cell",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("reads", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("marks", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("rendering_id", sa.BigInteger(), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "era", "commune", "reads", "variant", "marks"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sender_state",
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("next_real", sa.Float(), nullable=False),
        sa.Column("held_until", sa.Float(), nullable=True),
        sa.Column("held_reason", sa.String(), nullable=True),
        sa.Column("holds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sender"),
    )
    op.create_table(
        "snapshot",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "tally_area",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("cost_vnd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "era", "commune", "variant", "status", "slot"),
    )
    op.create_table(
        "tally_trait",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trait", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("cost_vnd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "trait", "value", "status", "slot"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("started_real", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("by_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.String(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("recipients", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("cost_vnd", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.String(), nullable=False),
        sa.Column("voided_at", Instant(), nullable=True),
        sa.Column("void_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["snapshot.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index("ix_approval_campaign", ["campaign", "id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("opted_out_at", Instant(), nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.CheckConstraint("era IN ('legacy', '2025')", name="era_known"),
        sa.CheckConstraint("bucket BETWEEN 0 AND 65535", name="bucket_range"),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["contact_import.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("phone_hash"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index("ix_contact_place", ["era", "commune", "language"], unique=False)

    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("occurrence", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("due", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("high_water", sa.BigInteger(), nullable=False),
        sa.Column("enqueue_cursor", sa.BigInteger(), nullable=False),
        sa.Column("claim_cursor", sa.BigInteger(), nullable=False),
        sa.Column("reserved_vnd", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "status IN ('planned', 'enqueueing', 'ready', 'running', 'paused', 'held', 'finished', 'missed', 'cancelled')",
            name="run_status_known",
        ),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["snapshot.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign", "step", "occurrence", name="run_once"),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index("ix_run_open", ["status", "due"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("rendering_id", sa.BigInteger(), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("claimed_at", Instant(), nullable=True),
        sa.Column("claimed_real", sa.Float(), nullable=True),
        sa.Column("not_before", sa.Float(), nullable=True),
        sa.Column("vendor_id", sa.String(), nullable=True),
        sa.Column("handed_at", Instant(), nullable=True),
        sa.Column("cost_vnd", sa.Integer(), nullable=False),
        sa.Column("poll_real", sa.Float(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint("era IN ('legacy', '2025')", name="delivery_era_known"),
        sa.CheckConstraint("status <> 'excluded' OR reason IS NOT NULL", name="excluded_has_reason"),
        sa.CheckConstraint("status <> 'sending' OR (worker IS NOT NULL AND attempt > 0)", name="claimed_by_worker"),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'accepted', 'delivered', 'failed', 'expired', 'unknown', 'cancelled', 'excluded')",
            name="delivery_status_known",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "contact_id", name="delivery_once"),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_caps",
            ["contact_id", "claimed_at"],
            unique=False,
            sqlite_where=sa.text("attempt > 0"),
            postgresql_where=sa.text("attempt > 0"),
        )
        batch_op.create_index(
            "ix_delivery_poll",
            ["poll_real"],
            unique=False,
            sqlite_where=sa.text("status = 'accepted'"),
            postgresql_where=sa.text("status = 'accepted'"),
        )
        batch_op.create_index(
            "ix_delivery_retry",
            ["run_id", "not_before"],
            unique=False,
            sqlite_where=sa.text("status = 'queued' AND attempt > 0"),
            postgresql_where=sa.text("status = 'queued' AND attempt > 0"),
        )
        batch_op.create_index(
            "ix_delivery_unsettled",
            ["claimed_real"],
            unique=False,
            sqlite_where=sa.text("status IN ('sending', 'unknown')"),
            postgresql_where=sa.text("status IN ('sending', 'unknown')"),
        )
        batch_op.create_index(
            "ix_delivery_vendor",
            ["vendor_id", "sender"],
            unique=True,
            sqlite_where=sa.text("vendor_id IS NOT NULL"),
            postgresql_where=sa.text("vendor_id IS NOT NULL"),
        )

    op.create_table(
        "rendering",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("tuple_key", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("encoding", sa.String(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "tuple_key", name="rendering_once"),
    )
    _refuse_wrong_moves("delivery", DELIVERY_MOVES)
    _refuse_wrong_moves("run", RUN_MOVES)
    _append_only("audit")


def downgrade() -> None:
    """There is nothing before the first tables; a database is restored from a backup instead."""
    raise RuntimeError("the first revision cannot be taken back")
