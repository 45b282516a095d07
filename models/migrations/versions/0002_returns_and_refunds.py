"""Returns and refunds"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import models.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "returns",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("no", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy_version_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("asked_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("asked_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("asked_fen", sa.Integer(), nullable=True),
        sa.Column("elsewhere_fen", sa.Integer(), nullable=False),
        sa.Column("evidence", models.types.AnyJSON(), nullable=False),
        sa.Column("holds_order", sa.Boolean(), nullable=False),
        sa.Column("answer", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reasons", models.types.AnyJSON(), nullable=False),
        sa.Column("evidence_wanted", models.types.AnyJSON(), nullable=False),
        sa.Column("until", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("anchor", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("cooling_until", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("limit_fen", sa.Integer(), nullable=True),
        sa.Column("refund_fen", sa.Integer(), nullable=False),
        sa.Column("postage_outward", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("postage_back", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("overridden_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("override_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("send_by", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("waybill", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("carrier", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("received_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finding", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("linked_no", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("closed_at", models.types.UtcDateTime(timezone=True), nullable=True),
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
    with op.batch_alter_table("returns", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_returns_order_id"), ["order_id"], unique=False)
        batch_op.create_index("returns_by_state", ["state", "shop"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("shop", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("return_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("fen", sa.Integer(), nullable=False),
        sa.Column("elsewhere_fen", sa.Integer(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("requested_at", models.types.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("settled_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("refund_ref", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("error", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.CheckConstraint("fen > 0", name="refunds_of_something"),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
        ),
        sa.ForeignKeyConstraint(
            ["return_id"],
            ["returns.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("return_id", "round"),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            "refunds_unsettled",
            ["state", "requested_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('requested', 'sent', 'unknown')"),
            sqlite_where=sa.text("state IN ('requested', 'sent', 'unknown')"),
        )

    op.create_table(
        "return_lines",
        sa.Column("return_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("condition", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("goods", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.id"],
        ),
        sa.ForeignKeyConstraint(
            ["return_id"],
            ["returns.id"],
        ),
        sa.PrimaryKeyConstraint("return_id", "position"),
    )
    with op.batch_alter_table("return_lines", schema=None) as batch_op:
        batch_op.create_index(
            "return_lines_open",
            ["order_id", "position"],
            unique=True,
            postgresql_where=sa.text("is_open"),
            sqlite_where=sa.text("is_open"),
        )

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refunding_fen", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column("part_shipped_at", models.types.UtcDateTime(timezone=True), nullable=True)
        )


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("part_shipped_at")
        batch_op.drop_column("refunding_fen")

    with op.batch_alter_table("return_lines", schema=None) as batch_op:
        batch_op.drop_index(
            "return_lines_open", postgresql_where=sa.text("is_open"), sqlite_where=sa.text("is_open")
        )

    op.drop_table("return_lines")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(
            "refunds_unsettled",
            postgresql_where=sa.text("state IN ('requested', 'sent', 'unknown')"),
            sqlite_where=sa.text("state IN ('requested', 'sent', 'unknown')"),
        )
        batch_op.drop_index(batch_op.f("ix_refunds_order_id"))

    op.drop_table("refunds")
    with op.batch_alter_table("returns", schema=None) as batch_op:
        batch_op.drop_index("returns_by_state")
        batch_op.drop_index(batch_op.f("ix_returns_order_id"))

    op.drop_table("returns")
