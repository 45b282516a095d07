"""The three steps as kefu does them."""

from __future__ import annotations

from sqlalchemy import Engine

from flows.dispatch_cutoff import dispatch_cutoff
from flows.imports.rows import OrderFile
from flows.order_import import ImportReport, Telling
from flows.payment_reminders import remind_unpaid
from tests.benchmarks.sample import CUT_OFF_AT, REMIND_AT, SHOP


def take_in(engine: Engine, orders: OrderFile) -> None:
    report = Telling(engine, SHOP, orders).until(None, ImportReport("sample", SHOP))
    assert report.new == len(orders.rows), report


def remind(engine: Engine) -> None:
    assert not remind_unpaid(engine, shop=SHOP, as_of=REMIND_AT).red


def cut_off(engine: Engine) -> None:
    """With its report of what left and what did not, and the manifest, which the others do not write."""
    assert not dispatch_cutoff(engine, shop=SHOP, as_of=CUT_OFF_AT).red
