"""The bulletin is for the customer-service department and others: they hear of it (rule 103)."""

from __future__ import annotations

from types import SimpleNamespace

from sqlalchemy import Engine

from flows.bulletin import Bulletin
from flows.bulletin_texts import summary
from flows.clock import now
from flows.messages import render
from flows.outbox_rows import OUTBOX
from flows.sql import insert_new
from models.database import transaction

WHAT = "bulletin"


def owe_bulletin(engine: Engine, made: Bulletin) -> int:
    """Owe each reader what it says in short, once for a period, however often it is written; say to how many it is
    new."""
    shop, period = made.shop, made.period
    told = {"first": str(period.first), "last": str(period.last), "name": period.name}
    zh, en = summary(made)
    text = render(WHAT, SimpleNamespace(policy=shop), {**told, "zh": zh, "en": en})
    row = {
        **{"shop": shop.name, "what": WHAT, "channel": "staff", "payload": told, "text": text},
        **{"owed_at": made.as_of, "recorded_at": now(), "only_while": []},
        # about no case: the day on which it begins keeps the messages of each period apart
        **{"case_kind": WHAT, "case_id": int(f"{period.first:%Y%m%d}")},
    }
    rows = [
        {**row, "recipient": reader, "key": f"{shop.name}/{WHAT}/{period.name}/{reader}"}
        for reader in shop.complaints.bulletin_to
    ]
    with transaction(engine) as connection:
        return insert_new(connection, OUTBOX, rows)
