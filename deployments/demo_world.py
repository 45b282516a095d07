"""The outside world of the demonstration: a sandbox of its own, where buyers order and pay and parcels leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from deployments.demo_desks import Say
from deployments.sample_stories import SHOPS
from deployments.samples import moment, orders_of, orders_told
from deployments.sandbox.alongside import Alongside
from models.database import home

PARTIES = (
    *("_PLATFORM_", "_PAYMENTS_", "_SMS_", "_SMTP_", "_STAFF_", "_KUAIDI100_", "_RECEIVER_"),
    "_TRUST_",  # nor to an address that Prefect keeps
)
ORDERED = (
    *("no", "shop", "placed_at", "amount_fen", "buyer", "receiver", "phone", "address", "buyer_message"),
    *("remark", "items"),
)
DEEDS = {  # when it happened, and what somebody did
    **{"placed_at": "place", "paid_at": "pay", "shipped_at": "depart", "delivered_at": "sign"},
    **{"confirmed_at": "confirm", "cancelled_at": "cancel"},
}


class Deed(NamedTuple):
    """What a buyer or courier did at some time with one order."""

    at: datetime
    no: str
    time: str
    told: dict[str, Any]


def keep_from_the_real_world(say: Say) -> None:
    """A demonstration writes to nobody and pays nobody's money back: what is set for real parties is put aside."""
    for name in [name for name in os.environ if name.startswith("KEFU_") and any(p in name for p in PARTIES)]:
        del os.environ[name]
        say(f"{name} 在演示中不用 / is not used here: nothing leaves a demonstration but to its sandbox")


def kept_in(day: date) -> Path:
    """The file of that day's world. One of another day is forgotten, with all that kefu knew of it: its clock stood
    later than this one's begins, and from a platform whose clock goes back nobody could pull what changed since."""
    file = home() / f"sandbox-{day}.db"
    if not file.exists():
        for old in (*home().glob("sandbox-*.db*"), *home().glob("kefu.db*")):
            old.unlink()
    return file


def live_until(world: Alongside, day: date, until: datetime) -> None:
    """What buyers and couriers did by then, each at its own time; what has happened already is left alone."""
    known = {order["no"]: order for order in world.orders()}
    for deed in sorted(_deeds(day), key=lambda deed: deed.at):
        if deed.at <= until and not known.get(deed.no, {}).get(deed.time):
            world.set_clock(deed.at.isoformat())
            _do(world, DEEDS[deed.time], deed.no, deed.told)
    world.set_clock(until.isoformat())


def _do(world: Alongside, what: str, no: str, told: dict[str, Any]) -> None:
    if what == "place":
        world.place({name: told[name] for name in ORDERED})
    elif what == "pay":
        world.act(no, "pay", fen=told["paid_fen"])
    elif what == "depart":
        world.act(no, "depart", waybill=told["waybill"], carrier=told["carrier"])
    else:
        world.act(no, what)


def _deeds(day: date) -> Iterator[Deed]:
    for told in _orders(day):
        for time in DEEDS:
            if at := told.get(time):
                yield Deed(datetime.fromisoformat(at), told["no"], time, told)


def _orders(day: date) -> Iterator[dict[str, Any]]:
    """Those of the samples, and what the shop enters itself: its platform knows only what somebody has entered."""
    for shop in SHOPS:
        for told, (no, sample) in zip(orders_told(shop, day), orders_of(shop, day), strict=True):
            yield told
            if sample.sent_anew:
                entered, left = (moment(day, when).isoformat() for when in sample.sent_anew)
                times = dict.fromkeys(DEEDS) | {"placed_at": entered, "paid_at": entered, "shipped_at": left}
                parcel = {"no": f"{no}-S1", "waybill": f"{told['waybill']}S1"}
                yield {**told, **times, **parcel, "amount_fen": 0, "paid_fen": 0}
