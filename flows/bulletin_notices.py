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
from states.policies.shops import Language

WHAT = "bulletin"


def owe_bulletin(engine: Engine, made: Bulletin) -> int:
    """Owe each reader what it says in short, once for a period, however often it is written; say to how many it is
    new."""
    shop, period = made.shop, made.period
    zh, en = summary(made)
    told = {"first": str(period.first), "last": str(period.last), "name": period.name}
    words = {**told, "summary": zh if shop.language is Language.ZH else en}
    row = {
        **{"case_kind": WHAT, "case_id": int(f"{period.first:%Y%m%d}"), "shop": shop.name, "what": WHAT},
        **{"channel": "staff", "owed_at": made.as_of},
        **{"recorded_at": now(), "only_while": [], "payload": told},
        "text": render(WHAT, SimpleNamespace(policy=shop), words),
    }
    rows = [
        {**row, "recipient": reader, "key": f"{shop.name}/{WHAT}/{period.name}/{reader}"}
        for reader in shop.complaints.bulletin_to
    ]
    with transaction(engine) as connection:
        return insert_new(connection, OUTBOX, rows)
