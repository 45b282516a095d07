"""The sandbox's control page, as a person uses it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from sandbox_told import Sandbox


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def control(sandbox, page):
    """The page; whatever its script complains of fails the test."""
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    page.goto(f"{sandbox.url}/control")
    page.get_by_text("还没有订单").wait_for()
    yield page
    assert not complaints


def test_a_person_orders_pays_ships_and_signs_by_the_buttons(sandbox, control):
    control.locator("#count").fill("1")
    control.get_by_role("button", name="买家下单").click()
    for button, status in (
        ("付款", "已付款"),
        ("发货", "已发货"),
        ("签收", "已签收"),
        ("确认收货", "已完成"),
    ):
        control.locator("#orders").get_by_role("button", name=button, exact=True).click()
        control.locator("#orders").get_by_text(status, exact=True).wait_for()
    [order] = sandbox.orders()
    assert order["status"] == "completed"


def test_a_person_makes_refunds_pend_and_reads_in_the_ledger_how_they_end(sandbox, control):
    [no] = sandbox.make_up("bag-studio", paid=True)
    control.locator("#party-payments summary").click()
    control.locator("#party-payments input[name=pending]").fill("1")
    control.locator("#party-payments").get_by_role("button").click()
    control.get_by_text("捣乱中").wait_for()
    assert sandbox.refund("k", no, 100).json()["status"] == "pending"
    control.locator("#ledger").get_by_text("处理中").wait_for()
    control.get_by_role("button", name="全部恢复正常").click()
    control.get_by_text("捣乱中").wait_for(state="detached")
    assert sandbox.refund("k", no, 100).json()["status"] == "succeeded"
    control.locator("#ledger").get_by_text("完成").wait_for()


@pytest.mark.parametrize("stranger", [{"Host": "win-a-bag.example"}, {"Origin": "http://127.0.0.1:1"}])
def test_a_page_of_a_stranger_neither_reads_nor_orders(sandbox, stranger):
    assert sandbox.client.get("/control/orders", headers=stranger).status_code == 403
    assert sandbox.client.post("/control/orders", json={}, headers=stranger).status_code == 403


def test_what_others_wrote_is_text_on_the_page_and_never_markup(sandbox, control):
    sandbox.client.post("/staff/notify", json={"message": "<img src=x onerror=alert(1)>"})
    control.get_by_text("<img src=x onerror=alert(1)>").wait_for()
    assert control.locator("img").count() == 0
