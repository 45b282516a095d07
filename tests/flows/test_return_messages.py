"""What buyers and colleagues read at every step of a return case, in both languages."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from orders_told import PAID_AT, moment
from test_messages import SHOP_FILE

from deployments.shop_files import load_shop_file
from flows.messages import render
from states.policies.hours import OpeningHours
from states.policies.return_requests import ReturnKind, ReturnReason
from states.policies.returns import ReturnAddress
from states.policies.shops import Language
from states.returns import return_lifecycle

OPENS_AT, ANSWER_BY = "2026-03-03T02:00:00+00:00", "2026-03-03T04:00:00+00:00"  # 10:00, 12:00 in Shanghai
REASON = {"code": "window_over", "zh": "收货已超过7天", "en": "received more than 7 days ago", "rule": 78}
TO_BUYERS = {
    "return_opened": {"opens_at": None, "answer_by": ANSWER_BY},
    "return_cooling": {},
    "evidence_wanted": {"evidence": ["photo", "delivery_note"]},
    "evidence_reminder": {"evidence": ["photo"]},
    "return_address": {},
    "return_declined": {"reasons": [REASON]},
    "waybill_reminder": {},
    "return_expired": {},
    "parcel_received": {"inspected_by": ANSWER_BY},
    "became_return": {},
    "refund_paid": {"fen": 12_800},
    "reship_promised": {"no": "4711-S1"},
    "reshipped": {"waybill": "YT2", "carrier": "圆通"},
    "return_withdrawn": {},
    "return_closed": {"text": None},
}
TO_STAFF = {
    "judge_return": {"reasons": [REASON, {**REASON, "rule": None}]},
    "judge_overdue": {"reasons": [REASON]},
    "parcel_overdue": {},
    "inspect_return": {"inspect_by": ANSWER_BY},
    "inspection_overdue": {},
    "dispute": {"finding": "wrong_or_short"},
    "dispute_overdue": {"finding": "other_condition"},
    "refund_failed": {"fen": 12_800, "reason": None},
    "ship_the_rest": {"hold": "refund of 4711-R1"},
    "buyer_must_be_phoned": {},
}
TOLD = TO_BUYERS | TO_STAFF
STATE = {
    **{"parcel_overdue": "in_transit", "inspect_return": "received", "inspection_overdue": "received"},
    **{"dispute": "inspected", "dispute_overdue": "inspected", "refund_failed": "refunding"},
}
THE_SHOPS = ReturnAddress(consignee="售后部", phone="0571-88888888", address="杭州市滨江区江南大道 1 号")
EMPTY = re.compile(r"None|—|Undefined|[{}]|\( *\)|[,,] *[,,。]|  | [,.;]|^ *$", re.MULTILINE)


def _a_return(
    language: str = "zh", *, to: Any = THE_SHOPS, desks: dict | None = None, **known: Any
) -> SimpleNamespace:
    shop = load_shop_file(SHOP_FILE)
    returns = shop.returns.model_copy(update={"address": to})
    policy = shop.model_copy(
        update={"language": language, "returns": returns, "desks": shop.desks | (desks or {})}
    )
    case = {
        **{"no": "4711-R1", "kind": "return_refund", "reason": "disliked", "state": "requested"},
        **{"refund_fen": 12_800, "postage_back": "customer", "asked_at": PAID_AT, "until": None},
        **{"cooling_until": moment("03-03 10:20"), "send_by": moment("03-09 10:20"), "linked_no": None},
        **{"waybill": "SF1", "carrier": "顺丰", "finding": None, "lines": [], "policy": policy},
        "order": SimpleNamespace(no="4711", paid_fen=12_800, waybill="ST9", carrier=None),
    }
    return SimpleNamespace(**{**case, **known})


def _read(what: str, language: str = "zh", payload: dict | None = None, **known: Any) -> str:
    return render(what, _a_return(language, **known), {**TOLD[what], **(payload or {})})


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("what", TOLD)
def test_every_text_reads_well_for_every_kind_and_reason_and_whatever_is_not_known(what, language):
    bare = {"waybill": None, "carrier": None, "refund_fen": 0, "postage_back": None, "to": None}
    bare["state"] = "approved"
    bare["order"] = SimpleNamespace(no="4711", paid_fen=12_800, waybill=None, carrier=None)
    for kind in ReturnKind:
        for reason in ReturnReason:
            for known in ({}, bare):
                text = _read(what, language, kind=str(kind), reason=str(reason), **known)
                assert not EMPTY.search(text), text
                assert "4711-R1" in text
                assert bool(re.search("亲|售后单", text)) == (language == Language.ZH)


@pytest.mark.parametrize("what", TO_STAFF)
@pytest.mark.parametrize(("language", "name"), [("zh", "姓名"), ("en", "NAME")])
def test_staff_are_told_the_command_that_settles_it(what, language, name):
    text = _read(what, language)
    assert re.search(rf"kefu (return act 4711-R1 \w+|order unhold 4711) .*--by {name}", text)
    triggers = set(re.findall(r"kefu return act \S+ (\w+)", text))
    assert triggers <= return_lifecycle.by_people | return_lifecycle.facts
    assert all(trigger in return_lifecycle.allowed_from(STATE.get(what, "requested")) for trigger in triggers)


@pytest.mark.parametrize("what", ["judge_return", "judge_overdue", "buyer_must_be_phoned"])
def test_what_is_approved_and_waits_for_a_person_is_not_to_be_approved_again(what):
    text = _read(what, kind="exchange", state="approved")
    assert "kefu return show 4711-R1" in text
    assert "approve" not in text
    assert "close" in text


def test_a_compensation_without_an_amount_is_approved_with_one():
    assert "approve --fact amount_fen=" in _read("judge_return", kind="compensation", refund_fen=0)
    assert "approve --by" in _read("judge_return", kind="compensation")


@pytest.mark.parametrize(("kind", "trigger"), [("return_refund", "pay_back"), ("exchange", "send_anew")])
@pytest.mark.parametrize("what", ["dispute", "dispute_overdue"])
def test_a_dispute_is_settled_with_what_was_asked_for_or_a_no(what, kind, trigger):
    text = _read(what, kind=kind)
    assert f"act 4711-R1 {trigger} --by" in text
    assert "act 4711-R1 decline" in text


@pytest.mark.parametrize("what", ["judge_return", "judge_overdue"])
def test_whoever_judges_reads_the_reasons_with_their_rules(what):
    assert "- 收货已超过7天(规则 78)" in _read(what)
    assert "- received more than 7 days ago (rule 78)" in _read(what, "en")


def test_who_asks_while_the_desk_is_open_reads_when_the_answer_comes():
    text = _read("return_opened")
    assert "他们稍后会及时和您联系解决的" in text  # rule 188
    assert "2026-03-03 12:00" in text
    assert "售后服务时间" not in text


def test_who_asks_while_the_desk_is_closed_reads_when_it_opens():
    text = _read("return_opened", payload={"opens_at": OPENS_AT})
    assert "售后服务时间是:10:00-19:00,收到您的留言后会及时帮您解决的,请放心" in text  # rule 188
    assert "2026-03-03 10:00 上班,会在 2026-03-03 12:00 前答复您" in text
    assert "10:00-19:00" in _read("return_opened", "en", {"opens_at": OPENS_AT})


def test_a_time_reads_the_same_whether_it_is_stored_as_text_or_not_yet():
    at = moment("03-03 12:00")
    assert _read("parcel_received", payload={"inspected_by": at}) == _read("parcel_received")


def test_hours_that_differ_by_the_day_are_not_told_but_the_opening_is():
    desks = {"after_sales": OpeningHours(daily=["10:00-19:00"], sun=[])}
    text = _read("return_opened", payload={"opens_at": OPENS_AT}, desks=desks)
    assert "售后服务时间" not in text
    assert "2026-03-03 10:00 上班" in text


def test_a_refund_before_shipping_says_that_the_order_is_stopped_and_until_when_one_may_think_again():
    text = _read("return_cooling", kind="refund_unshipped")
    for words in ("我们是可以帮您退款的", "不要发货", "128.00 元", "2026-03-03 10:20"):  # rule 84
        assert words in text


@pytest.mark.parametrize("what", ["evidence_wanted", "evidence_reminder"])
def test_evidence_is_asked_for_by_name_and_until_when(what):
    photo, note = (_read(what, payload={"evidence": [kind]}) for kind in ("photo", "delivery_note"))
    assert "把有问题的地方拍下图片" in photo
    assert "把收到的发货单拍下图片" in note  # rule 69
    assert "发货单" not in photo
    assert "图片,并把收到的发货单" in _read(what, payload={"evidence": ["photo", "delivery_note"]})
    assert "a photo of what is wrong and a photo of the delivery note" in _read(
        what, "en", {"evidence": ["photo", "delivery_note"]}
    )
    assert "2026-03-09 10:20" in photo


def test_a_problem_parcel_is_answered_in_the_words_of_rule_182():
    text = _read("evidence_wanted", reason="missing")
    assert "对于您收到包裹出现了问题,我们表示非常抱歉,亲先别急,我们一定会为您及时处理的。" in text
    assert "一定会补发,不要担心" in text  # rule 69


def test_who_misses_goods_and_has_no_photo_is_promised_a_call():  # rule 69
    assert "请直接回复我们,我们会打电话给您" in _read("evidence_wanted", reason="missing")
    assert "打电话" not in _read("evidence_wanted", reason="quality")


def test_the_slip_names_the_case_account_name_number_and_reason():
    text = _read("return_address")
    assert "写张纸条放在包裹里,一起给寄回来,写上售后单号 4711-R1、您购物所用的账号" in text  # rule 81
    assert "您的姓名和手机号,还有退换货的具体原因" in text
    assert "给我们留言您寄过来的快递和运单号" in text  # rule 82
    assert "2026-03-09 10:20" in text


@pytest.mark.parametrize("language", list(Language))
def test_the_parcel_goes_to_the_address_the_shop_has_stored(language):
    text = _read("return_address", language)
    assert all(part in text for part in THE_SHOPS.model_dump().values())  # rule 83


def test_without_a_stored_address_the_desk_sends_it():
    assert "邮寄地址,我们的售后会马上发给您" in _read("return_address", to=None)
    assert "Our after-sales desk sends you the address" in _read("return_address", "en", to=None)


@pytest.mark.parametrize(
    ("payer", "zh", "en"),
    [
        ("shop", "邮费由我们承担", "We pay the postage"),
        ("customer", "来回的快递费亲您承担的哦", "The postage both ways is yours"),
        (None, "邮费由谁承担,我们的售后会和您确认", "will settle with you"),
    ],
)
def test_the_buyer_reads_who_pays_the_postage(payer, zh, en):  # rules 55, 73, 74, 187
    assert zh in _read("return_address", postage_back=payer)
    assert en in _read("return_address", "en", postage_back=payer)


@pytest.mark.parametrize("what", ["return_address", "parcel_received"])
def test_goods_sent_back_bring_the_money_or_new_goods(what):  # rule 80
    assert "将全款 128.00 元退回给您" in _read(what)
    assert "将 100.00 元退回给您" in _read(what, refund_fen=10_000)
    assert "重新为您发货" in _read(what, kind="exchange")
    assert "退回给您" not in _read(what, kind="exchange")


def test_a_no_comes_with_its_reasons_and_a_way_on():
    text = _read("return_declined")
    assert ":\n- 收货已超过7天\n如果商品有质量问题" in text
    assert "没有通过。\n如果" in _read("return_declined", payload={"reasons": []})


def test_a_no_says_where_the_goods_are():
    assert "订单 4711 会照常为您发货" in _read("return_declined", kind="refund_unshipped")
    assert "您寄回的商品还在我们这里" in _read("return_declined", finding="other_condition")
    assert "照常" not in _read("return_declined")


def test_a_parcel_that_had_left_makes_it_a_return():
    text = _read("became_return")
    assert "已经发出(快递,运单号 ST9)" in text
    assert "改为退货退款" in text


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        ("refund_unshipped", "other", "我们已将全款 128.00 元退回给您,退款的商品不再发货"),  # rule 84
        ("return_refund", "quality", "您寄回的商品已经收到,我们已将全款 128.00 元退回给您"),  # rule 80
        ("compensation", "quality", "真诚地向您道歉。补偿给您的 128.00 元"),  # rule 85
    ],
)
def test_money_paid_back_says_what_for(kind, reason, words):
    assert words in _read("refund_paid", kind=kind, reason=reason)


def test_nothing_is_not_called_money():
    assert "没有可退的金额" in _read("refund_paid", payload={"fen": 0})
    assert "0.00" not in _read("refund_paid", "en", payload={"fen": 0})


def test_only_the_whole_sum_is_called_the_whole_sum():
    assert "全款" not in _read("refund_paid", payload={"fen": 12_799})


@pytest.mark.parametrize("kind", ["reship", "exchange"])
@pytest.mark.parametrize(("reason", "words"), [("missing", "一定会补发"), ("quality", "一定会重新为您发货")])
def test_goods_sent_anew_are_promised_with_the_number_of_their_order(kind, reason, words):
    text = _read("reship_promised", kind=kind, reason=reason)
    assert f"{words},不要担心" in text  # rule 185
    assert "4711-S1" in text


def test_goods_sent_anew_come_with_their_waybill_if_there_is_one():
    assert "圆通,运单号 YT2" in _read("reshipped")
    assert "运单号" not in _read("reshipped", payload={"waybill": None, "carrier": None})
    assert "当着快递员面前检查" in _read("reshipped")  # rules 70, 187


def test_a_withdrawn_refund_sends_the_order_on_its_way():
    assert "照常为您发货" in _read("return_withdrawn", kind="refund_unshipped")
    assert "发货" not in _read("return_withdrawn")


def test_what_a_colleague_wrote_at_closing_is_passed_on():
    assert "关闭:已线下解决\n" in _read("return_closed", payload={"text": "已线下解决"})
    assert "关闭。\n" in _read("return_closed")


def test_the_hold_of_what_is_left_is_named_so_that_the_line_can_be_copied():
    assert "kefu order unhold 4711 --reason 'refund of 4711-R1' --by" in _read("ship_the_rest")


def test_a_failed_refund_says_why_if_it_is_known():
    assert "失败:账户已注销。" in _read("refund_failed", payload={"reason": "账户已注销"})
    assert "128.00 元失败。" in _read("refund_failed")


def test_a_case_of_missing_goods_ends_on_the_telephone():
    assert "一定要打电话给买家,在电话里解释(规则 69)" in _read("buyer_must_be_phoned")
