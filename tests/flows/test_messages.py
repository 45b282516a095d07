"""What people get to read: every text, in both languages, whatever the order lacks."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from orders_told import PAID_AT, PAY_BY, PLACED_AT, RECEIVER

import flows.messages
from deployments.shop_files import load_shop_file
from flows.messages import render
from states.policies.shops import Language

TEXTS = Path(flows.messages.__file__).parent
SHOP_FILE = Path(__file__).parents[2] / "deployments" / "shops" / "bag-studio.toml"
ORDER_TEXTS = [
    "address_confirmation",
    "dispatch_overdue",
    "follow_up",
    "late_payment",
    "order_closed",
    "order_in_doubt",
    "payment_reminder",
    "promise_moved",
    "shipped",
    "verification_chase",
]  # those of returns: test_return_messages.py, of complaints: test_complaint_messages.py and test_call_back.py
RECTIFICATION_TEXTS = [f"rectification_{what}" for what in ("opened", "asked", "overdue", "progress", "done")]
FINDING = {"zh": "缺少联系电话", "en": "the phone number is missing"}


def _an_order(language: str, **known) -> SimpleNamespace:
    policy = load_shop_file(SHOP_FILE).model_copy(update={"language": language})
    promise = policy.promise(PAID_AT)
    values = {
        **{"no": "1", "policy": policy, "amount_fen": 12_800, "paid_fen": 12_800, **RECEIVER},
        **{"placed_at": PLACED_AT, "pay_by": PAY_BY, "paid_at": PAID_AT, "waybill": "SF1", "carrier": "顺丰"},
        **{"promise_on": promise.on, "promise_kind": promise.kind, "promise_cutoff_at": promise.cutoff_at},
        "promise_unknown_on": promise.unknown_on,
    }
    return SimpleNamespace(**{**values, **known})


def test_every_text_is_there_in_every_language():
    by_language = [{path.name for path in (TEXTS / language).glob("*.j2")} for language in Language]
    assert by_language[0]
    assert all(names == by_language[0] for names in by_language)


def test_every_text_is_read_by_a_test():
    from test_complaint_messages import TEXTS as OF_COMPLAINTS
    from test_return_messages import TOLD as OF_RETURNS

    there = {path.stem for path in (TEXTS / "zh").glob("[!_]*.j2")}
    assert there == {
        *ORDER_TEXTS,
        *RECTIFICATION_TEXTS,
        *OF_RETURNS,
        *OF_COMPLAINTS,
        "call_back",
        "bulletin",
        "days_end",
    }


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("what", ORDER_TEXTS)
def test_every_text_reads_well(what, language):
    text = render(what, _an_order(language), {"rung": 1, "findings": [FINDING], "before": "2026-03-03"})
    assert text
    assert not {"None", "—", "{{", "{%", "()"} & set(text.split())
    assert ("亲" in text or "订单" in text) == (language == Language.ZH)


@pytest.mark.parametrize(("language", "expected"), [("zh", "预计"), ("en", "expect")])
@pytest.mark.parametrize("what", ["address_confirmation", "promise_moved", "verification_chase"])
def test_a_day_that_is_provisional_is_called_expected_and_any_other_is_not(what, language, expected):
    payload = {"findings": [], "before": "2027-01-04"}
    assert expected in render(what, _an_order(language, promise_unknown_on=date(2027, 1, 1)), payload)
    assert expected not in render(what, _an_order(language), payload)


@pytest.mark.parametrize(
    ("language", "words"), [("zh", "当天发货(店铺放假顺延)。"), ("en", "(later where the shop is closed).")]
)
def test_a_reminder_promises_nothing_for_days_on_which_the_shop_is_closed(language, words):
    order = _an_order(language)
    assert words not in render("payment_reminder", order, {})
    order.policy = order.policy.model_copy(update={"calendar": {"closed": ["2027-02-05/2027-02-11"]}})
    assert words in render("payment_reminder", order, {})


def test_a_command_has_no_words():
    assert render("ship", _an_order("zh"), {}) is None
