"""The shop platform: changes a page at a time, commands once each, and a no to what makes no sense."""

import pytest

T = "2026-03-02T{}:00+08:00"
SHOP = "bag-studio"


def _order(no="4711", **told):
    return {"no": no, "shop": SHOP, "amount_fen": 12_800, "placed_at": T.format("09:00"), **told}


def _paid(no="4711", **told):
    return _order(no, paid_at=T.format("10:00"), **told)


def _do(sandbox, what, told=None, *, no="4711", key=None):
    answer = sandbox.signed("POST", f"/platform/orders/{no}/{what}", told or {}, key=key or f"{no}-{what}")
    return answer.status_code, answer.json().get("error", answer.json()).get("code")


def _pages(sandbox, path, limit):
    cursor, pages = None, []
    while cursor or not pages:
        told = sandbox.signed("GET", f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
        pages.append([order["no"] for order in told["orders"]])
        cursor = told["next_cursor"]
    return pages


def test_changed_orders_come_a_page_at_a_time_and_none_is_left_out_where_all_changed_in_one_moment(sandbox):
    sandbox.set_clock(T.format("12:00"))  # stands still
    nos = sandbox.make_up(SHOP, 7)
    since = "/platform/orders?since=2026-03-02T04:00:00Z"
    pages = _pages(sandbox, since, 3)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(sum(pages, [])) == sorted(nos)
    assert _pages(sandbox, "/platform/orders?since=2026-03-02T04:00:00.000001Z", 3) == [[]]


def test_an_order_that_changes_while_one_reads_comes_again(sandbox):
    nos = sandbox.make_up(SHOP, 4)
    first = sandbox.signed("GET", "/platform/orders?limit=2").json()
    sandbox.act(nos[0], "pay")
    rest = sandbox.signed("GET", f"/platform/orders?limit=50&cursor={first['next_cursor']}").json()
    assert [order["no"] for order in rest["orders"]] == [nos[2], nos[3], nos[0]]
    assert rest["next_cursor"] is None
    assert rest["orders"][-1]["status"] == "paid"


def test_an_order_is_told_in_the_columns_of_our_import_format(sandbox):
    from flows.imports.kefu import ITEM_KEYS, OPTIONAL, REQUIRED

    sandbox.place(_paid(items=[{"sku": "BAG-01", "quantity": 1}]))
    told = sandbox.signed("GET", "/platform/orders/4711").json()
    assert set(told) == {*REQUIRED, *OPTIONAL, "shop", "status", "updated_at"}
    assert set(told["items"][0]) == set(ITEM_KEYS)
    assert told["refunded_fen"] is None  # an amount without its time would be a guess


def test_under_a_shop_only_its_own_orders_are_seen(sandbox):
    sandbox.place(_paid("1"), {**_paid("2"), "shop": "urumqi-kitchen"})
    assert _pages(sandbox, "/platform/bag-studio/orders?", 50) == [["1"]]
    assert _pages(sandbox, "/platform/orders?", 50) == [["1", "2"]]
    answer = sandbox.signed("POST", "/platform/bag-studio/orders/2/remark", {"text": "x"}, key="k")
    assert answer.status_code == 404
    assert sandbox.order("2")["remark"] == ""


def test_the_same_key_does_it_once_and_answers_alike(sandbox):
    sandbox.place(_paid())
    answers = [
        sandbox.signed("POST", "/platform/orders/4711/remark", {"text": "加急"}, key="k").json()
        for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert sandbox.order("4711")["remark"] == "加急"
    [effect] = sandbox.effects()
    assert (effect["what"], effect["key"], effect["asked"], effect["outcome"]) == ("remark", "k", 3, "done")
    assert effect["body"] == {"text": "加急"}


@pytest.mark.parametrize("other", [("remark", {"text": "b"}, "4711"), ("message", {"text": "a"}, "4711")])
def test_the_same_key_for_something_else_is_refused(sandbox, other):
    sandbox.place(_paid())
    assert _do(sandbox, "remark", {"text": "a"}, key="k")[0] == 200
    what, told, no = other
    assert _do(sandbox, what, told, no=no, key="k") == (422, "key_reused")
    assert sandbox.order("4711")["remark"] == "a"
    assert len(sandbox.effects()) == 1


def test_a_command_without_a_key_is_refused(sandbox):
    sandbox.place(_paid())
    answer = sandbox.signed("POST", "/platform/orders/4711/remark", {"text": "a"})
    assert answer.status_code == 422
    assert not sandbox.effects()


def test_an_order_is_let_go_stopped_and_let_go_again(sandbox):
    sandbox.place(_paid())
    assert _do(sandbox, "ship", {"cutoff_at": T.format("17:00")}, key="a") == (200, None)
    assert _do(sandbox, "ship", key="b") == (422, "let_go_already")
    assert _do(sandbox, "stop") == (200, None)
    assert sandbox.empty_the_warehouse() == []
    assert _do(sandbox, "ship", key="c") == (200, None)
    [left] = sandbox.empty_the_warehouse()
    assert (left["status"], left["waybill"][:2]) == ("shipped", "SF")
    assert _do(sandbox, "stop", key="too-late") == (422, "left_already")
    assert _do(sandbox, "ship", key="d") == (422, "left_already")


def test_a_no_for_now_may_become_a_yes_and_a_no_for_good_may_not(sandbox):
    sandbox.place(_order())
    assert _do(sandbox, "ship") == (409, "not_paid")
    assert sandbox.effects()[0]["outcome"] == "not_now"
    sandbox.act("4711", "pay")
    assert _do(sandbox, "close", {"reason": "未付款"}) == (422, "paid_already")
    assert _do(sandbox, "ship") == (200, None)
    assert _do(sandbox, "close", {"reason": "未付款"}) == (422, "paid_already")
    told = [
        (effect["what"], effect["asked"], effect["outcome"], effect["code"]) for effect in sandbox.effects()
    ]
    assert told == [("ship", 2, "done", None), ("close", 2, "refused", "paid_already")]


@pytest.mark.parametrize("what", ["ship", "shipment"])
def test_what_is_cancelled_or_refunded_never_ships(sandbox, what):
    told = {"waybill": "SF123456"} if what == "shipment" else {}
    sandbox.place(
        _order("1", cancelled_at=T.format("11:00")),
        _paid("2", refunded_at=T.format("11:00"), refunded_fen=12_800),
    )
    assert _do(sandbox, what, told, no="1") == (422, "order_cancelled")
    assert _do(sandbox, what, told, no="2") == (422, "order_refunded")
    assert [effect["outcome"] for effect in sandbox.effects()] == ["refused", "refused"]


def test_what_was_paid_back_in_part_still_ships(sandbox):
    sandbox.place(_paid(refunded_at=T.format("11:00"), refunded_fen=12_799))
    assert _do(sandbox, "ship") == (200, None)


def test_an_order_refunded_after_it_was_let_go_and_not_stopped_is_noted_and_stays(sandbox):
    sandbox.place(_paid())
    _do(sandbox, "ship")
    assert sandbox.refund("r", "4711", 12_800).status_code == 201
    assert sandbox.empty_the_warehouse() == []
    [noted] = sandbox.effects("warehouse")
    assert (noted["outcome"], noted["code"], noted["subject"]) == ("refused", "order_refunded", "4711")


def test_a_shipment_told_twice_left_once(sandbox):
    sandbox.place(_paid())
    for key in "ab":
        assert _do(sandbox, "shipment", {"waybill": "SF123456", "carrier": "顺丰"}, key=key) == (200, None)
    assert _do(sandbox, "shipment", {"waybill": "SF999999", "carrier": "顺丰"}, key="c") == (
        422,
        "left_already",
    )
    [parcel] = sandbox.control("GET", "/parcels")["parcels"]
    assert (parcel["waybill"], parcel["company"], parcel["order_no"]) == ("SF123456", "shunfeng", "4711")


def test_an_unpaid_order_is_closed_and_a_later_payment_opens_it_again(sandbox):
    sandbox.place(_order())
    assert _do(sandbox, "close", {"reason": "未付款"}) == (200, None)
    assert sandbox.order("4711")["status"] == "cancelled"
    assert sandbox.act("4711", "pay")["status"] == "paid"


def test_stock_that_is_counted_runs_out_and_comes_back(sandbox):
    sandbox.control("PUT", "/stock/BAG-01?pieces=1")
    item = [{"sku": "BAG-01", "quantity": 1}]
    sandbox.place(_order("1", items=item))
    short = sandbox.client.post("/control/orders", json={"orders": [_order("2", items=item)]})
    assert (short.status_code, short.json()["error"]["code"]) == (422, "out_of_stock")
    assert _do(sandbox, "close", {"reason": "未付款"}, no="1") == (200, None)
    sandbox.place(_order("2", items=item))


def test_orders_are_placed_all_or_none(sandbox):
    answer = sandbox.client.post("/control/orders", json={"orders": [_order("1"), _order("1")]})
    assert answer.status_code == 422
    assert sandbox.orders() == []


def test_the_clock_is_its_own(sandbox):
    sandbox.set_clock(T.format("12:00"))
    assert (
        sandbox.signed("GET", "/platform/orders").json()["server_time"] == "2026-03-02T04:00:00.000000+00:00"
    )
    sandbox.control("POST", "/clock/forward", {"seconds": 7 * 86_400})
    [no] = sandbox.make_up(SHOP)
    assert sandbox.order(no)["placed_at"] == "2026-03-09T04:00:00.000000+00:00"
