"""Complaints and rectifications"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import models.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rectifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("no", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy_version_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("about", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("opened_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("counted_since", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("due_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("progress", models.types.AnyJSON(), nullable=False),
        sa.Column("finished_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["policy_version_id"],
            ["policy_versions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("no", "shop"),
    )
    with op.batch_alter_table("rectifications", schema=None) as batch_op:
        batch_op.create_index(
            "rectifications_open",
            ["shop", "about", "subject"],
            unique=True,
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "complaints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("no", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy_version_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("buyer_id", sa.Integer(), nullable=True),
        sa.Column("sku", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("intake", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("phone", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("address", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("said", models.types.AnyJSON(), nullable=False),
        sa.Column("registered_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("nature", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("amount_fen", sa.Integer(), nullable=True),
        sa.Column("furious", sa.Boolean(), nullable=False),
        sa.Column("hard_to_judge", sa.Boolean(), nullable=False),
        sa.Column("buyer_repeats", sa.Integer(), nullable=False),
        sa.Column("goods_repeats", sa.Integer(), nullable=False),
        sa.Column("grade", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("urgency", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reasons", models.types.AnyJSON(), nullable=False),
        sa.Column("graded_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("handler", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("linked_no", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("closed_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["buyer_id"],
            ["buyers.id"],
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
        ),
        sa.ForeignKeyConstraint(
            ["policy_version_id"],
            ["policy_versions.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("no", "shop"),
    )
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.create_index("complaints_about_goods", ["shop", "sku", "registered_at"], unique=False)
        batch_op.create_index("complaints_by_buyer", ["buyer_id", "registered_at"], unique=False)
        batch_op.create_index("complaints_by_state", ["state", "shop"], unique=False)
        batch_op.create_index(
            "complaints_open",
            ["order_id", "nature"],
            unique=True,
            postgresql_where=sa.text("is_open AND order_id IS NOT NULL"),
            sqlite_where=sa.text("is_open AND order_id IS NOT NULL"),
        )

    op.create_table(
        "complaint_rounds",
        sa.Column("complaint_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("why", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("began_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("handler", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("pauses", models.types.AnyJSON(), nullable=False),
        sa.Column("respond_by", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("responded_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("promised_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("call_by", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_word_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("update_by", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("resolve_by", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("missed", models.types.AnyJSON(), nullable=False),
        sa.Column("ladder_since", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("told", models.types.AnyJSON(), nullable=False),
        sa.Column("acknowledged_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("resolved_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("remedy", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("answer", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("return_no", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("call_until", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_call_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("calls", models.types.AnyJSON(), nullable=False),
        sa.Column("surveyed_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("satisfaction", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["complaint_id"],
            ["complaints.id"],
        ),
        sa.PrimaryKeyConstraint("complaint_id", "number"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recipient", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("not_before", models.types.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("digest_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("digest_id")
        batch_op.drop_column("not_before")
        batch_op.drop_column("recipient")

    op.drop_table("complaint_rounds")
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.drop_index(
            "complaints_open",
            postgresql_where=sa.text("is_open AND order_id IS NOT NULL"),
            sqlite_where=sa.text("is_open AND order_id IS NOT NULL"),
        )
        batch_op.drop_index("complaints_by_state")
        batch_op.drop_index("complaints_by_buyer")
        batch_op.drop_index("complaints_about_goods")

    op.drop_table("complaints")
    with op.batch_alter_table("rectifications", schema=None) as batch_op:
        batch_op.drop_index(
            "rectifications_open",
            postgresql_where=sa.text("state = 'open'"),
            sqlite_where=sa.text("state = 'open'"),
        )

    op.drop_table("rectifications")
