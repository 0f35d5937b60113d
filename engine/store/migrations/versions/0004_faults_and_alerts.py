"""A breaker for every sender, one open incident a subject, and alerts to the duty officer

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COUNTS = ("failures", "successes", "in_a_row", "throttles")


def upgrade() -> None:
    with op.batch_alter_table("sender_state", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opened_real", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("closed_real", sa.Float(), nullable=True))
        for name in _COUNTS:
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("probe_id", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("probe_until", sa.Float(), nullable=True))
    with op.batch_alter_table("sender_state", schema=None) as batch_op:
        for name in _COUNTS:
            batch_op.alter_column(name, existing_type=sa.Integer(), server_default=None)
    # A sender that was overloaded when this version came is probed like one that has failed since; one that was
    # stopped stays so.
    op.execute("UPDATE sender_state SET opened_real = held_until WHERE held_until IS NOT NULL AND held_until < 1e18")

    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.add_column(sa.Column("told_real", sa.Float(), nullable=True))
    # Of several open ones about the same thing the first stays.
    op.execute(
        "UPDATE incident SET settled_at = at WHERE settled_at IS NULL AND EXISTS (SELECT 1 FROM incident earlier"
        " WHERE earlier.kind = incident.kind AND earlier.subject = incident.subject"
        " AND earlier.settled_at IS NULL AND earlier.id < incident.id)"
    )
    with op.batch_alter_table("incident", schema=None) as batch_op:
        batch_op.create_index(
            "ix_incident_open",
            ["kind", "subject"],
            unique=True,
            sqlite_where=sa.text("settled_at IS NULL"),
            postgresql_where=sa.text("settled_at IS NULL"),
        )

    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("made_real", sa.Float(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("due_real", sa.Float(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_real", sa.Float(), nullable=True),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index("ix_alert_topic", ["topic", "made_real"], unique=False)
        batch_op.create_index(
            "ix_alert_due",
            ["due_real"],
            unique=False,
            sqlite_where=sa.text("ended_real IS NULL"),
            postgresql_where=sa.text("ended_real IS NULL"),
        )


def downgrade() -> None:
    """What a breaker knows and what was said to whom is not thrown away: a database is restored from a backup."""
    raise RuntimeError("this revision cannot be taken back")
