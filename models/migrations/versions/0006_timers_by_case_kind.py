"""Waiting timers are found by the kind of their case, too"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITING = sa.text("done_at IS NULL AND cancelled_at IS NULL")


def upgrade() -> None:
    _index_on("case_kind", "kind", "due_at")


def downgrade() -> None:
    _index_on("kind", "due_at")


def _index_on(*columns: str) -> None:
    op.drop_index("timers_waiting", table_name="timers")
    op.create_index("timers_waiting", "timers", list(columns), postgresql_where=WAITING, sqlite_where=WAITING)
