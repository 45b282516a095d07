"""The outside world of the demonstration: nobody real hears of it, and it lives the samples' day."""

import os
from datetime import date, datetime, time, timedelta
from urllib.parse import urlsplit

import pytest

from deployments.demo_world import DEEDS, keep_from_the_real_world, kept_in, live_until
from deployments.sample_stories import SHOPS
from deployments.samples import ZONE, orders_told
from deployments.sandbox.alongside import Alongside
from flows.gateways import settings

A_DAY = date(2026, 3, 10)
SENT_ANEW = "26202603100022-S1"
NOON, NEXT_DAY = (datetime.combine(A_DAY + timedelta(days=n), time(12), ZONE) for n in (0, 1))


@pytest.mark.parametrize(
    "name",
    [
        *("KEFU_PLATFORM_URL", "KEFU_BAG_STUDIO_STAFF_URLS", "KEFU_SMTP_URL", "KEFU_PAYMENTS_URL"),
        *("KEFU_URUMQI_KITCHEN_SMS_URL", "KEFU_KUAIDI100_KEY", "KEFU_TRUST_BLOCKS"),
    ],
)
def test_a_demonstration_writes_to_nobody_real_and_pays_nobody(monkeypatch, name):
    monkeypatch.setenv(name, "https://example.com")
    said = []
    keep_from_the_real_world(said.append)
    assert name not in os.environ
    assert [line.split()[0] for line in said] == [name]


@pytest.mark.parametrize("name", ["PLATFORM_URL", "PAYMENTS_URL", "SMS_URL", "STAFF_URLS", "KUAIDI100_URL"])
def test_all_that_leaves_a_demonstration_goes_to_this_machine_whatever_prefect_keeps(monkeypatch, name):
    monkeypatch.setattr(settings, "SOURCES", [os.environ.get, lambda name: "https://example.com"])
    monkeypatch.setenv(settings.TRUST, "1")
    with Alongside() as world:
        for setting, value in world.environment().items():
            monkeypatch.setenv(setting, value)
        for shop in SHOPS:
            assert urlsplit(settings.Settings(shop).text(name)).hostname == "127.0.0.1"


def test_a_demonstration_of_another_day_begins_anew_and_one_of_the_same_day_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("KEFU_HOME", str(tmp_path))
    for name in ("sandbox-2026-03-10.db", "kefu.db", "sandbox-2026-03-10.db-wal"):
        (tmp_path / name).touch()
    assert kept_in(A_DAY).exists()
    assert (tmp_path / "kefu.db").exists()
    assert not kept_in(A_DAY + timedelta(days=1)).exists()
    assert list(tmp_path.iterdir()) == []


def test_buyers_and_couriers_do_each_thing_once_and_at_its_own_time():
    with Alongside() as world:
        live_until(world, A_DAY, NOON)
        by_noon = world.orders()
        live_until(world, A_DAY, NOON)
        assert world.orders() == by_noon
        placed = {order["no"] for order in told() if happened(order["placed_at"], NOON)}
        assert {order["no"] for order in by_noon} == placed | {SENT_ANEW}
        assert [o for o in by_noon if any(not happened(o[at], NOON) for at in DEEDS if o[at])] == []
        live_until(world, A_DAY, NEXT_DAY)
        known = {order["no"]: order for order in world.orders()}
        assert world.control("GET", "/clock") == {"now": "2026-03-11T04:00:00.000000+00:00", "pace": 0}
    for order in told():
        there = known.pop(order["no"])
        assert [moment(there[at]) for at in DEEDS] == [moment(order.get(at)) for at in DEEDS]
        assert (there["paid_fen"], there["waybill"]) == (order["paid_fen"], order["waybill"])
    assert list(known) == [SENT_ANEW], "the shop enters it itself"


def told() -> list[dict]:
    return [order for shop in SHOPS for order in orders_told(shop, A_DAY)]


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def happened(text: str, until: datetime) -> bool:
    return moment(text) <= until
