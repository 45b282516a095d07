"""What rests on days that are not known yet says so; orders that got no promise for want of days get one"""

from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

from models.types import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PROVISIONAL = sa.text("unknown_on IS NOT NULL AND done_at IS NULL AND cancelled_at IS NULL")
# Whoever sweeps next finds a timer that rests on a day long known, and promises anew; by itself it never falls due.
LONG_KNOWN, NEVER = date(2026, 1, 1), datetime(2100, 1, 1, tzinfo=UTC)
STRANDED = """
INSERT INTO timers (case_kind, case_id, shop, kind, round, due_at, unknown_on, attempts)
SELECT 'order', o.id, o.shop, 'dispatch_cutoff',
       1 + coalesce((SELECT max(t.round) FROM timers t
                     WHERE t.case_kind = 'order' AND t.case_id = o.id AND t.kind = 'dispatch_cutoff'), 0),
       :never, :long_known, 0
FROM orders o
WHERE o.state IN ('paid', 'verified')
  AND EXISTS (SELECT 1 FROM anomalies a
              WHERE a.case_kind = 'order' AND a.case_id = o.id AND a.code = 'no_promise')
  AND NOT EXISTS (SELECT 1 FROM timers t
                  WHERE t.case_kind = 'order' AND t.case_id = o.id AND t.kind = 'dispatch_cutoff'
                    AND t.done_at IS NULL AND t.cancelled_at IS NULL)
"""


def upgrade() -> None:
    op.add_column("orders", sa.Column("promise_unknown_on", sa.Date(), nullable=True))
    op.add_column("timers", sa.Column("unknown_on", sa.Date(), nullable=True))
    columns = ["case_kind", "shop"]
    op.create_index(
        "timers_provisional", "timers", columns, postgresql_where=PROVISIONAL, sqlite_where=PROVISIONAL
    )
    never, known = (
        sa.bindparam("never", NEVER, UtcDateTime()),
        sa.bindparam("long_known", LONG_KNOWN, sa.Date()),
    )
    op.execute(sa.text(STRANDED).bindparams(never, known))


def downgrade() -> None:
    op.drop_index("timers_provisional", table_name="timers")
    op.drop_column("timers", "unknown_on")
    op.drop_column("orders", "promise_unknown_on")
