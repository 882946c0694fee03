"""follow the votes: the day on which a source listed a paper, and a prior before any vote

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LISTED = """
INSERT INTO paper_listing (paper_id, source, listed_on)
SELECT DISTINCT signal.paper_id, signal.source, {day}
FROM signal JOIN paper ON paper.id = signal.paper_id
"""
DAY = {"sqlite": "date(paper.announced_at)", "postgresql": "(paper.announced_at AT TIME ZONE 'UTC')::date"}


def upgrade() -> None:
    op.create_table(
        "paper_listing",
        sa.Column("paper_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("listed_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_paper_listing_paper_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("paper_id", "source", name=op.f("pk_paper_listing")),
    )
    op.create_index("ix_paper_listing_listed_on", "paper_listing", ["listed_on"])
    op.create_table(
        "trend_prior",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trend_prior")),
    )
    op.add_column("paper", sa.Column("prior", sa.Float(), nullable=True))
    where = sa.text("prior IS NULL")
    op.create_index("ix_paper_unforeseen", "paper", ["announced_at"], sqlite_where=where, postgresql_where=where)
    op.execute(LISTED.format(day=DAY[op.get_bind().dialect.name]))
    op.execute("UPDATE paper SET trended_at = NULL WHERE trended_at IS NOT NULL")  # the facts have new fields


def downgrade() -> None:
    op.drop_index("ix_paper_unforeseen", "paper")
    op.drop_column("paper", "prior")
    op.drop_table("trend_prior")
    op.drop_table("paper_listing")
