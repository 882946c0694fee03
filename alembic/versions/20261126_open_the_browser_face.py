"""open the browser face: sessions, mailed links, keys, and what people say of their interests there

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FEED_KEYS = {  # one of its own for everybody who is there already
    "sqlite": "UPDATE subscriber SET feed_key = lower(hex(randomblob(8)))",
    "postgresql": "UPDATE subscriber SET feed_key = substr(replace(gen_random_uuid()::text, '-', ''), 1, 16)",
}
PARTIAL = {  # indexes of the few rows that a tick looks for: (table, column, condition)
    "ix_paper_request_open": ("paper_request", "asked_at", "gave_up_at IS NULL"),
    "ix_paper_request_given_up": ("paper_request", "gave_up_at", "gave_up_at IS NOT NULL"),
    "ix_profile_removed": ("profile", "removed_at", "removed_at IS NOT NULL"),
    "ix_outbox_message_letters": ("outbox_message", "created_at", "kind <> 'edition'"),
}


def upgrade() -> None:
    create_api_key()
    create_mailed_link()
    create_web_session()
    create_paper_request()
    op.add_column("edition", sa.Column("hidden", sa.JSON(), server_default="[]", nullable=False))
    with op.batch_alter_table("feedback") as table:
        table.add_column(sa.Column("profile_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("reason", sa.String(length=16), server_default="", nullable=False))
        table.create_foreign_key(op.f("fk_feedback_profile_id"), "profile", ["profile_id"], ["id"], ondelete="SET NULL")
    op.add_column("profile", sa.Column("against", sa.String(), server_default="", nullable=False))
    op.add_column("profile", sa.Column("required", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("profile", sa.Column("muted_until", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("profile", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("profile_vector", sa.Column("against", sa.LargeBinary(), nullable=True))
    op.add_column("subscriber", sa.Column("feed_key", sa.String(length=32), server_default="", nullable=False))
    op.add_column("subscriber", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriber", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriber", sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True))
    op.execute(FEED_KEYS[op.get_bind().dialect.name])
    op.execute("UPDATE subscriber SET confirmed_at = created_at WHERE status = 'active'")
    op.execute("UPDATE subscriber SET left_at = CURRENT_TIMESTAMP WHERE status = 'unsubscribed'")
    op.execute("DELETE FROM outbox_message WHERE kind = 'goodbye'")  # a letter that is written no more
    for name, (table, column, condition) in PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.execute("DELETE FROM outbox_message WHERE kind IN ('no_subscription', 'address_notice')")
    op.drop_index("ix_outbox_message_letters", "outbox_message")
    op.drop_index("ix_profile_removed", "profile")
    for column in ("paused_until", "left_at", "confirmed_at", "feed_key"):
        op.drop_column("subscriber", column)
    op.drop_column("profile_vector", "against")
    for column in ("removed_at", "muted_until", "required", "against"):
        op.drop_column("profile", column)
    with op.batch_alter_table("feedback") as table:
        table.drop_constraint(op.f("fk_feedback_profile_id"), type_="foreignkey")
        table.drop_column("reason")
        table.drop_column("profile_id")
    op.drop_column("edition", "hidden")
    for table in ("paper_request", "web_session", "mailed_link", "api_key"):
        op.drop_table(table)


def create_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_api_key_name")),
    )


def create_mailed_link() -> None:
    op.create_table(
        "mailed_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        of_subscriber("mailed_link"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_link")),
        sa.UniqueConstraint("digest", name=op.f("uq_mailed_link_digest")),
    )
    op.create_index("ix_mailed_link_subscriber_id", "mailed_link", ["subscriber_id"])
    op.create_index("ix_mailed_link_expires_at", "mailed_link", ["expires_at"])
    op.create_index("ix_mailed_link_used_at", "mailed_link", ["used_at"])


def create_web_session() -> None:
    op.create_table(
        "web_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        of_subscriber("web_session"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_web_session_digest")),
    )
    op.create_index("ix_web_session_subscriber_id", "web_session", ["subscriber_id"])
    op.create_index("ix_web_session_seen_at", "web_session", ["seen_at"])


def create_paper_request() -> None:
    op.create_table(
        "paper_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("profile_id", sa.Integer(), nullable=True),
        sa.Column("line", sa.String(length=500), nullable=False),
        sa.Column("sign", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gave_up_at", sa.DateTime(timezone=True), nullable=True),
        of_subscriber("paper_request"),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["profile.id"], name=op.f("fk_paper_request_profile_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_request")),
        sa.UniqueConstraint(
            "subscriber_id", "profile_id", "line", name=op.f("uq_paper_request_subscriber_id_profile_id_line")
        ),
    )
    op.create_index("ix_paper_request_profile_id", "paper_request", ["profile_id"])


def of_subscriber(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_subscriber_id")
    return sa.ForeignKeyConstraint(["subscriber_id"], ["subscriber.id"], name=name, ondelete="CASCADE")
