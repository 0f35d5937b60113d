"""Sums per commune over a whole campaign, and the arm as a trait: reports no longer add up every run's communes

Revision: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table and one trait, filled from the tallies there are; nothing that is there changes."""
    op.create_table(
        "tally_place",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("era", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("cost_vnd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "era", "commune", "status", "slot"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO tally_place (campaign, era, commune, status, slot, deliveries, segments, cost_vnd)"
        " SELECT r.campaign, a.era, a.commune, a.status, a.slot, sum(a.deliveries), sum(a.segments), sum(a.cost_vnd)"
        " FROM tally_area a JOIN run r ON r.id = a.run_id GROUP BY 1, 2, 3, 4, 5"
    )
    op.execute(
        "INSERT INTO tally_trait (run_id, trait, value, status, slot, deliveries, segments, cost_vnd)"
        " SELECT run_id, 'variant', variant, status, slot, sum(deliveries), sum(segments), sum(cost_vnd)"
        " FROM tally_area GROUP BY run_id, variant, status, slot"
    )
