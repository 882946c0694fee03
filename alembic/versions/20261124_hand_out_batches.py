"""hand out batches to many workers, and index what a tick looks for

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


LAST_ENCODER = (
    "UPDATE {table} SET embedded_by = (SELECT max(encoder) FROM {table}_vector WHERE {table}_id = {table}.id)"
)


def upgrade() -> None:
    create_batch()
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.add_column("edition", sa.Column("composed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        sa.text("UPDATE edition SET composed = EXISTS (SELECT 1 FROM outbox_message WHERE edition_id = edition.id)")
    )
    for table in ("paper", "profile"):
        op.add_column(table, sa.Column("embedded_by", sa.String(length=128), nullable=True))
        op.create_index(f"ix_{table}_embedded_by", table, ["embedded_by"])
    op.execute(sa.text(LAST_ENCODER.format(table="paper")))
    op.execute(sa.text(LAST_ENCODER.format(table="profile")))
    partial_index("ix_edition_to_compose", "edition", "id", "skip_reason IS NULL AND composed = {false}")
    partial_index("ix_edition_skipped", "edition", "created_at", "skip_reason IS NOT NULL")
    op.drop_index("ix_subscriber_due", "subscriber")
    op.create_index("ix_subscriber_due", "subscriber", ["status", "next_edition_at", "id"])
    op.drop_index("ix_profile_subscriber_id", "profile")
    op.create_index("ix_profile_subscriber_id_active", "profile", ["subscriber_id", "active"])


def downgrade() -> None:
    op.drop_index("ix_profile_subscriber_id_active", "profile")
    op.create_index("ix_profile_subscriber_id", "profile", ["subscriber_id"])
    op.drop_index("ix_subscriber_due", "subscriber")
    op.create_index("ix_subscriber_due", "subscriber", ["status", "next_edition_at"])
    op.drop_index("ix_edition_skipped", "edition")
    op.drop_index("ix_edition_to_compose", "edition")
    op.drop_column("edition", "composed")
    for table in ("paper", "profile"):
        op.drop_index(f"ix_{table}_embedded_by", table)
        op.drop_column(table, "embedded_by")
    op.drop_table("lease")
    op.drop_table("batch")


def create_batch() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.Column("woken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index("ix_batch_moment", "batch", ["moment"])
    partial_index("ix_batch_open", "batch", "stage", "finished_at IS NULL")


def partial_index(name: str, table: str, column: str, where: str) -> None:
    op.create_index(
        name,
        table,
        [column],
        sqlite_where=sa.text(where.format(false="0")),
        postgresql_where=sa.text(where.format(false="false")),
    )
