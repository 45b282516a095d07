"""A notice to colleagues has a row for each of their addresses"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COPIES = sa.text("copy_of IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("address", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("copy_of", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("outbox_copies", "outbox", ["copy_of"], postgresql_where=COPIES, sqlite_where=COPIES)


def downgrade() -> None:
    op.drop_index("outbox_copies", table_name="outbox")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        for name in ("urgent", "copy_of", "address"):
            batch_op.drop_column(name)
