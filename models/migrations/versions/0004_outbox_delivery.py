"""Delivery of what is owed"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

import models.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

UNSENT_BEFORE = "sent_at IS NULL AND dead_at IS NULL"
UNSENT = "sent_at IS NULL AND dead_at IS NULL AND lapsed_at IS NULL"
DEAD = "dead_at IS NOT NULL"
TOLD_BY_ANOTHER = "digest_id IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "destinations",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("next_at", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("open_until", models.types.UtcDateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("answer", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("outbox_unsent")
        for name in ("ref", "claimed_by", "answer", "lapsed_why", "dead_why", "abandoned_by"):
            batch_op.add_column(sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        for name in ("claimed_until", "retry_at", "lapsed_at"):
            batch_op.add_column(sa.Column(name, models.types.UtcDateTime(timezone=True), nullable=True))
        for name in ("attempts", "misses"):
            batch_op.add_column(sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        _create(batch_op, "outbox_unsent", ["shop", "channel", "id"], UNSENT)
        _create(batch_op, "outbox_dead", ["dead_at"], DEAD)
        _create(batch_op, "outbox_of_digest", ["digest_id"], TOLD_BY_ANOTHER)


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        for name in ("outbox_unsent", "outbox_dead", "outbox_of_digest"):
            batch_op.drop_index(name)
        for name in ("ref", "claimed_by", "answer", "lapsed_why", "dead_why", "abandoned_by"):
            batch_op.drop_column(name)
        for name in ("claimed_until", "retry_at", "lapsed_at", "attempts", "misses"):
            batch_op.drop_column(name)
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        _create(batch_op, "outbox_unsent", ["channel", "owed_at"], UNSENT_BEFORE)
    op.drop_table("destinations")


def _create(batch_op, name: str, columns: list[str], where: str) -> None:
    batch_op.create_index(
        name, columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
