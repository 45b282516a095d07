"""The known working days end: who plans with them hears of it in time (promise 13)."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

from sqlalchemy import Engine, select

from flows.clock import now
from flows.messages import render
from flows.outbox_rows import OUTBOX
from flows.sql import insert_new
from models.database import reading, transaction
from states.policies.shops import ShopPolicies
from states.policies.working_days import DaysEnd

WHAT = "days_end"
EVENT = "kefu.calendar.ends"


def owe_warning(engine: Engine, shop: ShopPolicies, end: DaysEnd, as_of: datetime) -> bool:
    """Owe the staff word of it, once for each rung, however often it is asked; whether it is new."""
    key = f"{shop.name}/{WHAT}/{end.last}/{end.rung}"
    with reading(engine) as connection:
        if connection.scalar(select(OUTBOX.c.id).where(OUTBOX.c.key == key)):
            return False
    told = {"zh": end.reason.zh, "en": end.reason.en}
    row = {
        **{"shop": shop.name, "what": WHAT, "channel": "staff", "key": key, "payload": told},
        **{"owed_at": as_of, "recorded_at": now(), "only_while": []},
        "text": render(WHAT, SimpleNamespace(policy=shop), told),
        # about no case: the last known day keeps the warnings of each year apart
        **{"case_kind": "calendar", "case_id": int(f"{end.last:%Y%m%d}")},
    }
    with transaction(engine) as connection:
        return insert_new(connection, OUTBOX, [row]) > 0
