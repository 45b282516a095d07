"""What left the demonstration, by destination: kefu's own rows beside what the outside world says it got."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from sqlalchemy import Engine, select

from deployments.sandbox.alongside import Alongside
from flows.gateways import as_told
from flows.gateways.registry import open_gateways
from flows.outbox_cases import cases_of, owed
from flows.outbox_desk import Standing, standing
from flows.outbox_rows import OUTBOX
from flows.policy_store import current_policies
from flows.refund_rows import REFUNDS
from models.database import reading

REFUND_IS = {"succeeded": Standing.SENT, "failed": Standing.DEAD}  # any other waits
OFF_DUTY = "等收件人上班 / until its recipient is on duty"
IN_TURN = "排在同案的前一条之后 / after the one before it about its case"
COLUMNS = (Standing.SENT, Standing.WAITING, Standing.LAPSED, Standing.DEAD)


@dataclass
class Departures:
    """What went to one destination, or was to: idempotency keys."""

    ours: dict[Standing, set[str]] = field(default_factory=lambda: defaultdict(set))
    got: set[str] = field(default_factory=set)  # by the ledger over there
    why: Counter[str] = field(default_factory=Counter)  # what did not leave, did not


def departures(engine: Engine, world: Alongside) -> dict[str, Departures]:
    """By destination: how each message and refund of ours stands, and what is in the ledger over there."""
    found: dict[str, Departures] = defaultdict(Departures)
    for destination, row in asyncio.run(_with_destinations(engine)):
        here, key = found[destination], as_told(row.key)
        if row.digest_id is None:
            here.ours[standing(row)].add(key)
        if why := _why(row):
            here.why[why] += 1
    with reading(engine) as connection:
        for row in connection.execute(select(REFUNDS)):
            here = found[f"{row.shop}/payments"]
            here.ours[REFUND_IS.get(row.state, Standing.WAITING)].add(as_told(row.key))
            if row.error:
                here.why[row.error] += 1
    for effect in world.effects(outcome="done"):
        if key := effect["key"]:  # an alarm of Prefect's own, that a message died, has none
            found[f"{key.partition('/')[0]}/{effect['party']}"].got.add(key)
    return dict(sorted(found.items()))


async def _with_destinations(engine: Engine) -> list[tuple[str, Any]]:
    """Each message and where it goes, found as its delivery finds it."""
    with reading(engine) as connection:
        rows = connection.execute(select(OUTBOX).order_by(OUTBOX.c.id)).all()
        cases = cases_of(connection, rows)
    async with open_gateways(current_policies(engine)) as gateways:
        told = [(row, gateways.of(owed(row, cases.get((row.case_kind, row.case_id))))) for row in rows]
        parties = ((to.name if to else f"{row.shop}/{row.channel}", row) for row, to in told)
        return [
            ("/".join(name.split("/")[:2]), row) for name, row in parties
        ]  # the staff's addresses are one party


def departures_table(found: Mapping[str, Departures]) -> Table:
    """In numbers, and below them why what did not leave did not. What we sent is what they got: nothing twice,
    nothing missing."""
    table = Table(
        title="各去向发出的 What left, by destination", title_justify="left", caption_justify="left"
    )
    table.add_column("去向\ndestination", no_wrap=True)
    for heading in ("已发\nsent", "沙箱收到\nthere", "待发\nwaiting", "作废\nlapsed", "放弃\ndead"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, here in found.items():
        sent, *others = (len(here.ours[one]) for one in COLUMNS)
        table.add_row(name, *map(str, (sent, len(here.got), *others)))
    why = [f"{name}: {n} × {why}" for name, here in found.items() for why, n in here.why.most_common()]
    table.caption = "\n".join(why)
    return table


def _why(row: Any) -> str:
    """What keeps or kept a message from leaving; empty for one that left, or leaves next."""
    if row.digest_id is not None:
        return "并入另一条 / told within another"
    if standing(row) is Standing.WAITING and not row.answer:
        return OFF_DUTY if row.not_before or row.retry_at else IN_TURN
    return row.lapsed_why or row.dead_why or row.answer or ""
