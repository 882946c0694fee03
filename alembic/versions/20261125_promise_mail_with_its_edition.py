"""promise a message with its edition, pace the mail, and keep scores of what came back

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Editions that the last release had stored and not yet written as mail get their promise now.
PROMISE_THE_REST = """
INSERT INTO outbox_message (subscriber_id, edition_id, edition_date, kind, envelope_from, recipient, message_id, state,
                            attempt, doubts, paced, next_at, reply, created_at)
SELECT edition.subscriber_id, edition.id, edition.edition_date, 'edition', '', subscriber.email,
       '<' || edition.edition_date || '.' || edition.id || '@digest.invalid>', 'planned',
       0, 0, :no, edition.created_at, '', edition.created_at
FROM edition JOIN subscriber ON subscriber.id = edition.subscriber_id
WHERE edition.skip_reason IS NULL AND NOT edition.composed
"""
DATE_THE_OLD = (
    "UPDATE outbox_message SET edition_date = (SELECT edition_date FROM edition WHERE edition.id = edition_id)"
)


def upgrade() -> None:
    with op.batch_alter_table("outbox_message") as table:
        table.add_column(sa.Column("edition_date", sa.Date(), nullable=True))
        table.add_column(sa.Column("kind", sa.String(length=24), server_default="edition", nullable=False))
        table.add_column(sa.Column("doubts", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("paced", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.add_column(sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True))
        table.alter_column("content", existing_type=sa.LargeBinary(), nullable=True)
    op.execute(sa.text(DATE_THE_OLD))
    with op.batch_alter_table("outbox_message") as table:
        for column in ("kind", "doubts", "paced"):
            table.alter_column(column, server_default=None)
        table.create_unique_constraint(
            op.f("uq_outbox_message_subscriber_id_edition_date_kind"), ["subscriber_id", "edition_date", "kind"]
        )
        table.drop_index("ix_outbox_message_subscriber_id")
    op.execute(sa.text(PROMISE_THE_REST).bindparams(sa.bindparam("no", value=False, type_=sa.Boolean())))
    content_is_missing = sa.text("content IS NULL")
    op.create_index(
        "ix_outbox_message_to_compose",
        "outbox_message",
        ["id"],
        sqlite_where=content_is_missing,
        postgresql_where=content_is_missing,
    )
    op.drop_index("ix_edition_to_compose", "edition")
    op.drop_column("edition", "composed")
    op.execute(sa.text("DELETE FROM batch WHERE stage = 'compose'"))  # which named editions, and now names messages
    op.add_column("edition_item", sa.Column("version", sa.Integer(), nullable=True))
    create_pace()
    create_bounce_score()


def downgrade() -> None:
    op.drop_table("bounce_score")
    op.drop_table("pace")
    op.drop_column("edition_item", "version")
    op.add_column("edition", sa.Column("composed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(sa.text("DELETE FROM outbox_message WHERE content IS NULL OR kind <> 'edition'"))
    op.execute(
        sa.text("UPDATE edition SET composed = EXISTS (SELECT 1 FROM outbox_message WHERE edition_id = edition.id)")
    )
    where = "skip_reason IS NULL AND composed = {false}"
    op.create_index(
        "ix_edition_to_compose",
        "edition",
        ["id"],
        sqlite_where=sa.text(where.format(false="0")),
        postgresql_where=sa.text(where.format(false="false")),
    )
    op.drop_index("ix_outbox_message_to_compose", "outbox_message")
    with op.batch_alter_table("outbox_message") as table:
        table.drop_constraint(op.f("uq_outbox_message_subscriber_id_edition_date_kind"), type_="unique")
        table.create_index("ix_outbox_message_subscriber_id", ["subscriber_id"])
        table.alter_column("content", existing_type=sa.LargeBinary(), nullable=False)
        for column in ("bounced_at", "paced", "doubts", "kind", "edition_date"):
            table.drop_column(column)


def create_pace() -> None:
    op.create_table(
        "pace",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("next_free", sa.DateTime(timezone=True), nullable=True),
        sa.Column("per_minute", sa.Float(), nullable=True),
        sa.Column("slowed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pace")),
    )


def create_bounce_score() -> None:
    op.create_table(
        "bounce_score",
        sa.Column("address_digest", sa.String(length=64), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("address_digest", name=op.f("pk_bounce_score")),
    )
