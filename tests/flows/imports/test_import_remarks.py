import pytest

from flows.imports.remarks import holds_in


@pytest.mark.parametrize(
    "remark",
    [
        "不要发货",
        "先别发",
        "暂不发货",
        "别发货",
        "勿发",
        "请勿发货",
        "先不要发货，等我改地址",
        "麻烦先别发货哦",
        "暂时不要发货",
        "不要发货！！",
    ]
    + [
        "买家要退款，不要发货",
        "这单别发了",
        "等我通知再发货",
        "听通知发货",
        "先别给我发",
        "暂停发货",
        "请暂缓发货",
        "不用发货了",
    ]
    + ["货先不发，缺货", "不要急着发货", "缺货就别发货", "请推迟发货到周五"],
)
def test_a_remark_that_asks_us_not_to_ship_holds(remark):
    (hold,) = holds_in(None, None, remark)
    assert hold.trigger == "hold"
    assert hold.facts["reason"] == "remark"
    assert hold.facts["text"] in remark


@pytest.mark.parametrize(
    "remark",
    [
        "请不要发圆通",
        "不要发顺丰",
        "别发中通快递",
        "不要发货太慢",
        "别发货这么慢",
        "不要发错货",
        "别发错了",
        "不要发票",
        "不要发货单",
    ]
    + [
        "尽快发货",
        "怎么还不发货",
        "快点发货不要拖",
        "请不要暂停发货",
        "不要不发货",
        "先发货",
        "发货前请检查",
        "不用急，慢慢发货",
        "",
    ]
    + ["请不要放发货清单", "没说不要发货"],
)
def test_a_remark_that_asks_for_something_else_does_not_hold(remark):
    assert holds_in(None, remark, None) == []


def test_the_hold_keeps_the_words_that_ask_for_it_and_nothing_personal():
    (hold,) = holds_in(None, "先别发，打13812341234给我", "客户王小明：不要发货")
    assert hold.facts["text"] == "先别发 不要发货"
