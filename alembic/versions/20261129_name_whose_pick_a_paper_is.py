"""name the ranker whose pick a paper is

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("edition_item", sa.Column("ranker", sa.String(length=32), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("edition_item", "ranker")
