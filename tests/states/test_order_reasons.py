"""The sentences that a customer-service supervisor reads."""

from __future__ import annotations

import pytest

from states.order_reasons import contradicts


@pytest.mark.parametrize(
    ("what", "known", "told", "zh", "en"),
    [
        (
            *("pay.amount_fen", "2100", "2205"),
            "付款金额与已有记录不符:已知 21.00,新来 22.05",
            "the amount of the payment contradicts what we know: known 21.00, told 22.05",
        ),
        (
            *("ship.waybill", "None", "SF1"),
            "发货运单号与已有记录不符:已知 —,新来 SF1",
            "the waybill of the shipment contradicts what we know: known —, told SF1",
        ),
        (
            *("cancel.at", "2026-03-02T02:00:00Z", "2026-03-02T03:00:00Z"),
            "取消时间与已有记录不符:已知 2026-03-02T02:00:00Z,新来 2026-03-02T03:00:00Z",
            "the time of the cancellation contradicts what we know: "
            "known 2026-03-02T02:00:00Z, told 2026-03-02T03:00:00Z",
        ),
    ],
)
def test_a_contradiction_is_told_in_words_and_in_yuan(what, known, told, zh, en):
    reason = contradicts(what, known, told)
    assert (reason.zh, reason.en) == (zh, en)
