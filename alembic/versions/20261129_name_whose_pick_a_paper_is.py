"""name the ranker whose pick a paper is

Revision ID: 0007_ranker
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0007_ranker"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("edition_item", sa.Column("ranker", sa.String(length=32), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("edition_item", "ranker")
