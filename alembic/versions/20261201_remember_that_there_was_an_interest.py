"""remember that there was an interest

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Nobody without an interest got an edition until now.
REMEMBER = "UPDATE subscriber SET had_interests = :yes WHERE EXISTS (SELECT 1 FROM edition WHERE subscriber_id = subscriber.id)"


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("had_interests", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(sa.text(REMEMBER).bindparams(sa.bindparam("yes", value=True, type_=sa.Boolean())))


def downgrade() -> None:
    op.drop_column("subscriber", "had_interests")
