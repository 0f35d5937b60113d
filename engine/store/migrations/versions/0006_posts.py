"""Posts on pages, how people answered them, and when a page's credentials end

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op

from engine.store.instant import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATUSES = ("queued", "publishing", "accepted", "published", "failed", "expired", "unknown", "cancelled")
_POST_MOVES = (
    ("queued", ("cancelled", "expired", "publishing")),
    ("publishing", ("accepted", "failed", "published", "queued", "unknown")),
    ("unknown", ("accepted", "failed", "published", "queued")),
    ("accepted", ("failed", "published")),
)


def _forbidden(moves: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    allowed = " OR ".join(
        f"(OLD.status = '{before}' AND NEW.status IN ({', '.join(repr(after) for after in following)}))"
        for before, following in moves
    )
    return f"NEW.status <> OLD.status AND NOT ({allowed})"


def _refuse_wrong_moves(table: str, moves: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    """A trigger, as deliveries have it: what was published stays published, whoever writes."""
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


def upgrade() -> None:
    """Four tables and a trigger; nothing that is there changes."""
    op.create_table(
        "post",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("area", sa.String(), nullable=False),
        sa.Column("district", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("link", sa.String(), nullable=True),
        sa.Column("picture", sa.String(), nullable=True),
        sa.Column("picture_digest", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("detail_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("claimed_at", Instant(), nullable=True),
        sa.Column("claimed_real", sa.Float(), nullable=True),
        sa.Column("not_before", sa.Float(), nullable=True),
        sa.Column("progress_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("vendor_id", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("look_real", sa.Float(), nullable=True),
        sa.Column("absent_since", sa.Float(), nullable=True),
        sa.Column("absent_monotonic", sa.Float(), nullable=True),
        sa.Column("absent_boot", sa.String(), nullable=True),
        sa.Column("published_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("next_response_at", Instant(), nullable=True),
        sa.CheckConstraint(f"status IN ({', '.join(repr(status) for status in _STATUSES)})", name="post_status_known"),
        sa.CheckConstraint("era IN ('legacy', '2025')", name="post_era_known"),
        sa.CheckConstraint(
            "status <> 'publishing' OR (worker IS NOT NULL AND attempt > 0)", name="post_claimed_by_worker"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "sender", name="post_once"),
        sqlite_autoincrement=True,
    )
    for name, columns, where, unique in (
        ("ix_post_unsettled", ["status"], "status IN ('queued', 'publishing', 'unknown')", False),
        ("ix_post_vendor", ["sender", "vendor_id"], "vendor_id IS NOT NULL", True),
        ("ix_post_asked", ["next_response_at"], "next_response_at IS NOT NULL", False),
    ):
        op.create_index(
            name, "post", columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    op.create_table(
        "post_response",
        sa.Column("post_id", _BIG, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=True),
        sa.Column("reactions", sa.BigInteger(), nullable=True),
        sa.Column("clicks", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("post_id", "at"),
    )
    op.create_table(
        "post_picture",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "page_state",
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("asked_real", sa.Float(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("sender"),
    )
    _refuse_wrong_moves("post", _POST_MOVES)


def downgrade() -> None:
    """A database is restored from a backup instead."""
    raise RuntimeError("a revision is not taken back")
