"""Returns beyond the decision table: edges, kinds, bad requests, evidence, compensation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

import deployments
from deployments.shop_files import load_shop_file
from states.policies.return_requests import (
    AskedLine,
    BoughtLine,
    BoughtOrder,
    Condition,
    Evidence,
    GoodsClass,
    ReturnKind,
    ReturnReason,
    ReturnRequest,
)
from states.policies.returns import CompensationLimits, ReturnPolicy
from states.policies.shops import ShopPolicies

R, K = ReturnReason, ReturnKind
SHOPS = Path(deployments.__file__).parent / "shops"
BAGS, KITCHEN = (load_shop_file(SHOPS / f"{name}.toml") for name in ("bag-studio", "urumqi-kitchen"))
A_SECOND, A_DAY = timedelta(seconds=1), timedelta(days=1)
RECEIVED = datetime(2026, 3, 2, 18, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
TWO_BAGS = BoughtLine(1, "BAG-1", "帆布包", 2, 5_000)
ORDER = BoughtOrder(
    state="delivered",
    amount_fen=10_000,
    paid_fen=10_000,
    lines=(TWO_BAGS,),
    freight_fen=0,
    shipped_at=RECEIVED - 2 * A_DAY,
    delivered_at=RECEIVED,
)
UNSHIPPED = replace(ORDER, state="paid", shipped_at=None, delivered_at=None)


def asked(reason, kind=None, *, order=ORDER, shop=BAGS, at=RECEIVED + A_DAY, **more):
    return shop.verdict(order, ReturnRequest(R(reason), at, kind and K(kind), **more))


def codes(verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


# -- time -------------------------------------------------------------------------------------------


def test_seven_days_are_elapsed_time_also_when_the_clock_is_put_forward():
    """Clocks in São Paulo went from 24:00 to 01:00 on 4 November 2018."""
    olist = load_shop_file(SHOPS / "olist-br.toml")
    received = datetime(2018, 11, 1, 12, tzinfo=olist.zone)
    order = replace(ORDER, delivered_at=received)
    until = datetime(2018, 11, 8, 13, tzinfo=olist.zone)
    assert asked("disliked", order=order, shop=olist, at=until).answer == "allowed"
    late = asked("disliked", order=order, shop=olist, at=until + A_SECOND)
    assert (late.answer, late.until, late.until.tzinfo) == ("refused", until, UTC)


def test_the_24_hours_are_elapsed_time():
    olist = load_shop_file(SHOPS / "olist-br.toml")
    at = datetime(2018, 11, 3, 12, tzinfo=olist.zone)
    verdict = asked("disliked", order=UNSHIPPED, shop=olist, at=at)
    assert verdict.cooling_until == datetime(2018, 11, 4, 13, tzinfo=olist.zone)


def test_without_a_known_receipt_a_person_looks_at_a_wish_and_a_fault_is_open():
    order = replace(ORDER, state="completed", delivered_at=None)
    verdict = asked("disliked", order=order)
    assert (verdict.answer, codes(verdict)[0]) == ("a_person_must_look", "receipt_unknown")
    assert (verdict.until, verdict.anchor) == (None, None)
    assert asked("quality", order=order).answer == "allowed"


def test_a_late_fault_is_looked_at_by_a_person_and_never_refused():
    last = RECEIVED + timedelta(days=30)
    on_time, late = asked("quality", at=last), asked("quality", at=last + A_SECOND)
    assert (on_time.answer, on_time.until, on_time.anchor) == ("allowed", last, "delivered_at")
    assert (late.answer, codes(late)[0]) == ("a_person_must_look", "fault_late")
    never = ReturnPolicy(fault_within=None).verdict(ORDER, ReturnRequest(R.QUALITY, last + 1_000 * A_DAY))
    assert (never.answer, never.until) == ("allowed", None)


def test_a_time_without_offset_is_no_time():
    with pytest.raises(ValueError, match="no UTC offset"):
        asked("disliked", at=datetime(2026, 3, 3))  # noqa: DTZ001


def test_the_shortest_wait_can_be_told_too():
    verdict = ReturnPolicy(cooling=A_SECOND).verdict(UNSHIPPED, ReturnRequest(R.DISLIKED, RECEIVED))
    assert "1秒" in verdict.reasons[0].zh


# -- kinds ------------------------------------------------------------------------------------------


def test_a_refund_before_shipping_of_a_parcel_that_has_left_is_a_return_and_says_so():
    verdict = asked("disliked", "refund_unshipped", order=replace(ORDER, state="shipped", delivered_at=None))
    assert verdict.kind == K.RETURN_REFUND
    assert "already_handed_over" in codes(verdict)
    late = asked("disliked", "refund_unshipped", at=RECEIVED + 8 * A_DAY)
    assert codes(late) == ["window_over", "already_handed_over"]


def test_a_parcel_that_has_left_is_no_unshipped_one_however_early_the_request_was_made():
    early = ORDER.shipped_at - A_SECOND
    assert asked("disliked", "refund_unshipped", at=early).kind == K.RETURN_REFUND


@pytest.mark.parametrize("state", ["shipped", "delivered", "completed"])
def test_a_parcel_counts_as_gone_by_its_state_also_when_nobody_told_the_moment(state):
    order = replace(UNSHIPPED, state=state)
    verdict = asked("disliked", order=order)
    assert (verdict.kind, codes(verdict)[0]) == (K.RETURN_REFUND, "receipt_unknown")


@pytest.mark.parametrize("state", ["paid", "verified", "released"])
def test_a_return_of_what_has_not_left_is_a_refund_before_shipping(state):
    """Released is with the warehouse, not yet with the carrier: it can still be stopped (rule 84)."""
    verdict = asked("disliked", "return_refund", order=replace(UNSHIPPED, state=state))
    assert (verdict.answer, verdict.kind) == ("allowed", K.REFUND_UNSHIPPED)
    assert "not_shipped_yet" in codes(verdict)


@pytest.mark.parametrize("state", ["paid", "verified", "released"])
def test_a_wrong_order_is_ordered_anew_before_shipping_where_the_shop_says_so(state):
    """Rule 35, which only the bag shop has (C11)."""
    order = replace(UNSHIPPED, state=state)
    exchange = asked("bought_by_mistake", "exchange", order=order)
    assert (exchange.answer, codes(exchange)) == ("refused", ["order_anew"])
    assert exchange.reasons[0].rule == 35
    assert exchange.remedies == (K.REFUND_UNSHIPPED,)
    refund = asked("bought_by_mistake", order=order)
    assert (refund.answer, codes(refund)) == ("allowed", ["after_cooling", "order_anew"])
    kitchen = asked("bought_by_mistake", "exchange", order=order, shop=KITCHEN)
    assert (kitchen.answer, codes(kitchen)) == ("a_person_must_look", ["exchange_before_shipping"])
    assert "order_anew" not in codes(asked("bought_by_mistake", order=order, shop=KITCHEN))


def test_a_person_sees_to_the_rest_when_only_part_of_an_unshipped_order_is_unwanted():
    part = asked("disliked", order=UNSHIPPED, lines=[AskedLine(1, 1)])
    assert (part.answer, codes(part)[0], part.refund_fen) == (
        "a_person_must_look",
        "part_before_shipping",
        5_000,
    )


@pytest.mark.parametrize(("kind", "answer"), [("reship", "refused"), ("compensation", "a_person_must_look")])
def test_nothing_can_be_wrong_with_what_has_not_been_shipped(kind, answer):
    verdict = asked("quality", kind, order=UNSHIPPED, amount_fen=100)
    assert (verdict.answer, codes(verdict)[0]) == (answer, "nothing_shipped")


@pytest.mark.parametrize(
    ("reason", "kind", "answer"),
    [
        ("quality", "return_refund", "allowed"),  # rule 80
        ("quality", "exchange", "allowed"),  # rule 80
        ("quality", "reship", "allowed"),  # rule 72
        ("wrong_item", "exchange", "allowed"),
        ("wrong_item", "reship", "refused"),
        ("missing", "reship", "allowed"),  # rule 69
        ("missing", "return_refund", "allowed"),  # rule 73
        ("missing", "exchange", "refused"),
        ("damaged_in_transit", "reship", "allowed"),
        ("disliked", "exchange", "allowed"),  # rule 74: 退换货
        ("disliked", "reship", "refused"),
        ("disliked", "compensation", "refused"),
    ],
)
def test_each_fault_has_its_remedies(reason, kind, answer):
    verdict = asked(reason, kind, amount_fen=100 if kind == "compensation" else None)
    assert verdict.answer == answer
    assert (kind in verdict.remedies) == (answer == "allowed")
    if answer == "refused":
        assert codes(verdict) == ["remedy_not_open"]
        assert verdict.remedies, "what is open instead"


def test_nothing_is_open_for_goods_that_cannot_come_back():
    assert asked("disliked", at=RECEIVED + 8 * A_DAY).remedies == ()
    assert asked("disliked", "reship", at=RECEIVED + 8 * A_DAY).remedies == ()


@pytest.mark.parametrize(
    ("kind", "outward", "back"),
    [("return_refund", "shop", "shop"), ("exchange", "shop", "shop"), ("reship", "shop", None),
     ("compensation", None, None)],
)  # fmt: skip
def test_postage_is_told_for_the_parcels_there_are(kind, outward, back):
    verdict = asked("quality", kind, amount_fen=100 if kind == "compensation" else None)
    assert (verdict.outward, verdict.back) == (outward, back)


# -- goods ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sku", "title", "classes", "rules"),
    [
        ("D-1", "半成品菜 鱼香肉丝", ["semi_finished"], [79]),
        ("D-2", "特价半成品菜", ["semi_finished", "special_price"], [79, 77]),
        ("H-1", "纯棉毛巾", ["hygiene"], [76]),
        ("赠品-9", "", ["gift"], [77]),
    ],
)
def test_words_in_number_or_title_tell_the_class_and_each_class_its_rule(sku, title, classes, rules):
    order = replace(ORDER, lines=(BoughtLine(1, sku, title, 1, 10_000),))
    verdict = asked("disliked", order=order, shop=KITCHEN)
    assert list(verdict.lines[0].classes) == classes
    assert (verdict.answer, [reason.rule for reason in verdict.reasons]) == ("refused", rules)
    assert asked("quality", order=order, shop=KITCHEN).answer == "allowed"
    assert asked("disliked", order=order, shop=BAGS).answer == "allowed"


def test_what_an_agent_says_of_the_goods_stands_above_the_words():
    order = replace(ORDER, lines=(replace(TWO_BAGS, title="毛巾架"),))
    assert asked("disliked", order=order, shop=KITCHEN).answer == "refused"
    assert asked("disliked", order=order, shop=KITCHEN, goods=GoodsClass.ORDINARY).answer == "allowed"


def test_one_line_that_cannot_come_back_is_named_and_the_others_can_be_asked_for_alone():
    order = replace(ORDER, paid_fen=12_000, lines=(TWO_BAGS, BoughtLine(2, "H-1", "毛巾", 1, 2_000)))
    both = asked("disliked", order=order, shop=KITCHEN)
    assert (both.answer, codes(both)) == ("refused", ["hygiene"])
    assert "毛巾" in both.reasons[0].zh
    alone = asked("disliked", order=order, shop=KITCHEN, lines=[AskedLine(1, 2)])
    assert (alone.answer, alone.refund_fen) == ("allowed", 9_000), "20 yuan stay: no free shipping for that"


def test_a_gift_goes_back_with_its_goods_and_not_alone():
    gift = BoughtLine(2, "G-1", "赠品 钥匙扣", 1, 0)
    order = replace(ORDER, lines=(TWO_BAGS, gift))
    shop = KITCHEN.model_copy(update={"returns": KITCHEN.returns.model_copy(update={"gift_kept_fen": 300})})
    assert codes(asked("disliked", order=order, shop=shop, lines=[AskedLine(2, 1)])) == ["gift"]
    with_gift = asked("disliked", order=order, shop=shop)
    assert (with_gift.answer, with_gift.refund_fen) == ("allowed", 9_000), "free freight lost"
    without = asked("disliked", order=order, shop=shop, lines=[AskedLine(1, 2)])
    assert (without.answer, without.refund_fen) == ("allowed", 8_700)
    assert "gift_comes_back" in codes(without)
    part = asked("disliked", order=order, shop=shop, lines=[AskedLine(1, 1)])
    assert (part.refund_fen, "gift_comes_back" in codes(part)) == (5_000, False)
    assert asked("quality", order=order, shop=shop, lines=[AskedLine(1, 2)]).refund_fen == 10_000


@pytest.mark.parametrize("shop", [BAGS, KITCHEN], ids=lambda shop: shop.name)
def test_a_policy_stored_before_returns_had_a_desk_and_deadlines_still_loads(shop):
    old = shop.model_dump(mode="json")
    for setting in (
        "desk", "address", "judge_within", "inspect_within", "dispute_within", "evidence_reminder_after",
        "evidence_within", "waybill_reminder_after", "waybill_within", "parcel_within", "supervisors",
    ):  # fmt: skip
        del old["returns"][setting]
    loaded = ShopPolicies.model_validate(old)
    returns, day, hour = loaded.returns, A_DAY, timedelta(hours=1)
    assert (returns.desk, returns.address, returns.supervisors) == (None, None, ())
    assert (returns.judge_within, returns.inspect_within, returns.dispute_within) == (
        4 * hour,
        8 * hour,
        16 * hour,
    )
    assert (returns.evidence_reminder_after, returns.evidence_within) == (day, 7 * day)
    assert (returns.waybill_reminder_after, returns.waybill_within) == (3 * day, 7 * day)
    assert returns.parcel_within == 10 * day
    assert loaded.after_sales_hours == loaded.contact_hours
    request = ReturnRequest(R.DISLIKED, RECEIVED + A_DAY)
    assert loaded.verdict(ORDER, request) == shop.verdict(ORDER, request)


def test_a_policy_stored_before_there_were_returns_still_loads_and_lets_a_person_look():
    old = BAGS.model_dump(mode="json")
    del old["returns"]
    shop = ShopPolicies.model_validate(old)
    assert asked("disliked", shop=shop).answer == "allowed"
    for condition in (Condition.USED, Condition.INNER_PACKING_DAMAGED):
        assert asked("disliked", shop=shop, condition=condition).answer == "a_person_must_look"
    for goods in set(GoodsClass) - {GoodsClass.ORDINARY}:
        assert asked("disliked", shop=shop, goods=goods).answer == "a_person_must_look"


# -- what cannot be asked ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"state": "unpaid", "paid_fen": 0}, "not_paid"),
        ({"state": "shipped", "paid_fen": 0}, "not_paid"),
        ({"state": "cancelled", "paid_fen": 0}, "order_cancelled"),
        ({"state": "cancelled", "refunded_fen": 10_000}, "order_cancelled"),
        ({"state": "refunded", "refunded_fen": 10_000}, "already_refunded"),
        ({"refunded_fen": 10_000}, "already_refunded"),
        ({"lines": (replace(TWO_BAGS, returned=2),)}, "all_returned"),
    ],
)
def test_an_order_that_holds_nothing_gives_nothing_back(change, code):
    for kind in ("return_refund", "refund_unshipped", "exchange", "reship"):
        verdict = asked("quality", kind, order=replace(ORDER, **change))
        assert (verdict.answer, codes(verdict), verdict.refund_fen) == ("refused", [code], 0)


def test_what_cannot_be_opened_is_told_apart_from_what_the_rules_decline():
    """An order that is not paid makes no case; an eighth day makes one, and it is declined (rule 78)."""
    unpaid = replace(UNSHIPPED, state="unpaid", paid_fen=0)
    late = ReturnRequest(R.DISLIKED, RECEIVED + 8 * A_DAY)
    obstacles = BAGS.obstacles(unpaid, late)
    assert [reason.code for reason in obstacles] == ["not_paid"]
    assert BAGS.verdict(unpaid, late).reasons == obstacles
    assert BAGS.obstacles(ORDER, late) == ()
    assert BAGS.verdict(ORDER, late).answer == "refused"


def test_money_on_a_cancelled_order_is_seen_to_by_a_person():
    order = replace(UNSHIPPED, state="cancelled")
    verdict = asked("disliked", order=order)
    assert (verdict.answer, codes(verdict)[0], verdict.refund_fen) == (
        "a_person_must_look",
        "cancelled_but_paid",
        10_000,
    )


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([AskedLine(1, 3)], "more_than_bought"),
        ([AskedLine(1, 0)], "bad_quantity"),
        ([AskedLine(1, -1)], "bad_quantity"),
        ([AskedLine(7, 1)], "no_such_line"),
        ([AskedLine(1, 1), AskedLine(1, 1)], "line_named_twice"),
    ],
)
def test_pieces_that_are_not_there_cannot_go_back(lines, code):
    verdict = asked("quality", lines=lines)
    assert (verdict.answer, codes(verdict)) == ("refused", [code])


def test_what_went_back_before_cannot_go_back_again():
    order = replace(ORDER, lines=(replace(TWO_BAGS, returned=1),))
    assert asked("quality", order=order, lines=[AskedLine(1, 1)]).answer == "allowed"
    verdict = asked("quality", order=order, lines=[AskedLine(1, 2)])
    assert codes(verdict) == ["more_than_bought"]
    assert "1 went back already" in verdict.reasons[0].en


def test_all_that_is_wrong_with_a_request_is_told_at_once():
    verdict = asked("quality", lines=[AskedLine(1, 3), AskedLine(7, 1)], amount_fen=10_001)
    assert codes(verdict) == ["above_what_is_left", "more_than_bought", "no_such_line"]


@pytest.mark.parametrize(
    ("amount_fen", "answer", "code", "refund_fen"),
    [
        (0, "refused", "bad_amount", 0),
        (4_000, "allowed", "fault_open", 4_000),
        (5_000, "allowed", "fault_open", 5_000),
        (5_001, "a_person_must_look", "above_share", 5_000),
        (8_000, "a_person_must_look", "above_share", 5_000),
        (8_001, "refused", "above_what_is_left", 0),
    ],
)
def test_an_amount_is_held_against_the_share_and_against_what_is_left(amount_fen, answer, code, refund_fen):
    order = replace(ORDER, refunded_fen=2_000)
    verdict = asked("quality", order=order, lines=[AskedLine(1, 1)], amount_fen=amount_fen)
    assert (verdict.answer, codes(verdict)[0], verdict.refund_fen) == (answer, code, refund_fen)


# -- evidence ---------------------------------------------------------------------------------------


def test_rule_69_wants_the_delivery_note_of_short_goods_until_it_is_there():
    wanting = asked("missing")
    assert (wanting.answer, wanting.kind) == ("allowed", K.RESHIP)
    assert wanting.evidence_wanted == (Evidence.DELIVERY_NOTE,)
    assert ("evidence_wanted", 69) in [(reason.code, reason.rule) for reason in wanting.reasons]
    assert asked("missing", evidence=[Evidence.PHOTO]).evidence_wanted == (Evidence.DELIVERY_NOTE,)
    assert asked("missing", evidence=[Evidence.DELIVERY_NOTE]).evidence_wanted == ()


def test_a_wish_needs_no_evidence():
    assert asked("disliked").evidence_wanted == ()
    assert asked("quality").evidence_wanted == (Evidence.PHOTO,)


# -- compensation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount_fen", "answer", "code"),
    [
        (None, "a_person_must_look", "amount_needed"),
        (2_000, "allowed", "fault_open"),
        (2_001, "a_person_must_look", "above_limit"),
        (10_000, "a_person_must_look", "above_limit"),
        (10_001, "refused", "above_what_is_left"),
    ],
)
def test_above_the_limit_a_supervisor_decides(amount_fen, answer, code):
    """The bag shop: 20 % of what was paid, at most 50 yuan."""
    verdict = asked("quality", "compensation", amount_fen=amount_fen)
    assert (verdict.answer, codes(verdict)[0]) == (answer, code)
    if answer != "refused":
        assert (verdict.limit_fen, verdict.refund_fen) == (2_000, amount_fen or 0)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        ({}, 0),
        ({"per_order_fen": 3_000}, 3_000),
        ({"per_order_percent": 10}, 1_000),
        ({"per_order_percent": 10, "per_order_fen": 3_000}, 1_000),
        ({"per_order_percent": 100, "per_cause_fen": {"quality": 700, "missing": 1}}, 700),
        ({"per_order_percent": 100, "per_cause_fen": {"missing": 1}}, 10_000),
    ],
)
def test_of_several_limits_the_lowest_counts(limits, limit):
    assert CompensationLimits.model_validate(limits).left_fen(ORDER, R.QUALITY) == limit


def test_what_was_granted_before_counts():
    limits = CompensationLimits(per_order_fen=3_000)
    assert limits.left_fen(replace(ORDER, compensated_fen=1_000), R.QUALITY) == 2_000
    assert limits.left_fen(replace(ORDER, compensated_fen=4_000), R.QUALITY) == 0
    assert limits.left_fen(replace(ORDER, refunded_fen=9_999), R.QUALITY) == 1


# -- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"not_returnable": ["socks"]},
        {"goods": {"hygiene": [""]}},
        {"goods": {"socks": ["袜"]}},
        {"compensation": {"per_order_percent": 101}},
        {"compensation": {"per_order_percent": 12.5}},
        {"cooling": "soon"},
        {"order_anew": 1},
        {"remedies": {"quality": ["hug"]}},
        {"address": {"consignee": "售后", "phone": "000-0000-0000"}},
        {"address": {"consignee": "售后", "phone": "000-0000-0000", "address": " "}},
        {"address": {"consignee": "", "phone": "000-0000-0000", "address": "无名路0号"}},
        {"address": {"consignee": "售后", "phone": "", "address": "无名路0号"}},
        {"supervisors": ["主管", " "]},
    ],
)
def test_settings_that_say_nothing_sensible_are_refused(settings):
    with pytest.raises(ValidationError):
        ReturnPolicy.model_validate(settings)


@pytest.mark.parametrize("asked_for", ["evidence", "waybill"])
def test_a_buyer_is_reminded_before_it_is_too_late(asked_for):
    reminder, limit = f"{asked_for}_reminder_after", f"{asked_for}_within"
    ReturnPolicy.model_validate({reminder: "47 h", limit: "2 d"})
    for late in ("48 h", "49 h"):
        with pytest.raises(ValidationError, match=rf"{reminder} \(.*\) must be shorter than {limit} \(2 d\)"):
            ReturnPolicy.model_validate({reminder: late, limit: "2 d"})
    with pytest.raises(ValidationError, match=reminder):
        ReturnPolicy.model_validate({limit: "12 h"})  # shorter than the reminder we set by ourselves


def test_both_late_reminders_are_told_at_once():
    with pytest.raises(ValidationError, match=r"evidence_within \(1 h\), and waybill_reminder_after \(3 d\)"):
        ReturnPolicy.model_validate({"evidence_within": "1 h", "waybill_within": "1 h"})
