"""What a return is worth: shares that add up to the fen, whatever goes back in which sequence."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.policies.return_money import apportioned
from states.policies.return_requests import (
    PERSONAL,
    AskedLine,
    BoughtLine,
    BoughtOrder,
    ReturnKind,
    ReturnReason,
    ReturnRequest,
    Verdict,
)
from states.policies.returns import ReturnPolicy

R, K = ReturnReason, ReturnKind
RECEIVED = datetime(2026, 3, 2, 18, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
AT = RECEIVED + timedelta(days=1)
FREE_FROM = 5_000
GENEROUS = ReturnPolicy(a_person_looks_at=())
STRICT = ReturnPolicy(
    a_person_looks_at=(),
    goods={"gift": ("赠品",)},
    lost_free_freight_fen=1_000,
    gift_kept_fen=300,
    compensation={"per_order_percent": 100},
)
FAULTS = sorted(set(R) - PERSONAL - {R.OTHER})
WISHES = sorted(PERSONAL)


def an_order(*lines: tuple[int, int | None], freight=None, discount=0, gifts=0, **more) -> BoughtOrder:
    """Delivered and paid: lines as (pieces, price of one)."""
    bought = [BoughtLine(n, f"SKU-{n}", "商品", *line) for n, line in enumerate(lines, 1)]
    if gifts:
        bought.append(BoughtLine(len(bought) + 1, "G", "赠品", gifts, 0))
    due = sum(pieces * (price or 0) for pieces, price in lines) + (freight or 0) - discount
    told = {"amount_fen": due, "paid_fen": due, "freight_fen": freight, "lines": tuple(bought)} | more
    return BoughtOrder(state="delivered", shipped_at=RECEIVED, delivered_at=RECEIVED, **told)


def quoted(order, reason, *pieces, policy=STRICT, kind=K.RETURN_REFUND, amount_fen=None) -> Verdict:
    request = ReturnRequest(R(reason), AT, kind, [AskedLine(*p) for p in pieces], amount_fen)
    return policy.verdict(order, request, free_from_fen=FREE_FROM)


def parts(*arguments, **more) -> dict[str, int]:
    verdict = quoted(*arguments, **more)
    assert sum(part.fen for part in verdict.parts) == verdict.refund_fen
    return {part.reason.code: part.fen for part in verdict.parts}


def after(order: BoughtOrder, verdict: Verdict) -> BoughtOrder:
    """The order once this return is done."""
    gone = {judged.line.position: judged.quantity for judged in verdict.lines}
    if verdict.kind is K.COMPENSATION:
        gone = {}
    lines = (replace(line, returned=line.returned + gone.get(line.position, 0)) for line in order.lines)
    return replace(order, lines=tuple(lines), refunded_fen=order.refunded_fen + verdict.refund_fen)


# -- examples, by hand ------------------------------------------------------------------------------


def test_a_fault_brings_goods_and_freight_back_a_wish_the_goods():
    order = an_order((1, 6_000), (1, 4_000), freight=800)
    assert parts(order, "quality") == {"goods": 10_000, "freight_share": 800}
    assert parts(order, "disliked") == {"goods": 10_000}
    assert parts(order, "quality", (1, 1)) == {"goods": 6_000, "freight_share": 480}
    assert parts(order, "other", (1, 1)) == {"goods": 6_000}


def test_each_piece_gives_its_share_of_the_discount_back():
    order = an_order((1, 6_000), (1, 4_000), discount=1_001)
    assert parts(order, "disliked", (1, 1)) == {"goods": 6_000, "coupon_share": -601}
    assert parts(order, "disliked", (2, 1)) == {"goods": 4_000, "coupon_share": -400}


def test_of_three_pieces_for_a_fen_that_does_not_divide_all_get_all_of_it():
    order = an_order((3, 100), discount=200)
    shares = []
    for _ in range(3):
        verdict = quoted(order, "quality", (1, 1))
        shares.append(verdict.refund_fen)
        order = after(order, verdict)
    assert shares == [33, 33, 34]


def test_free_shipping_is_lost_once_when_a_wish_leaves_less_than_its_amount():
    order = an_order((2, 3_000), freight=0)
    assert parts(order, "quality", (1, 1)) == {"goods": 3_000}
    assert parts(order, "disliked", (1, 1)) == {"goods": 3_000, "free_freight_lost": -1_000}
    order = after(order, quoted(order, "disliked", (1, 1)))
    assert parts(order, "disliked", (1, 1)) == {"goods": 3_000}
    assert parts(an_order((2, 5_000), freight=0), "disliked", (1, 1)) == {"goods": 5_000}, (
        "50 yuan stay: free"
    )
    assert parts(an_order((2, 2_499), freight=0), "disliked") == {"goods": 4_998}, (
        "it never was free for its amount"
    )
    assert parts(an_order((1, 5_000), freight=0), "disliked") == {"goods": 5_000, "free_freight_lost": -1_000}
    assert parts(an_order((2, 3_000), freight=800), "disliked") == {"goods": 6_000}, "its freight was paid"
    assert parts(an_order((2, 3_000)), "disliked") == {"goods": 6_000}, "nobody knows its freight"


def test_more_than_the_refund_is_not_kept_back():
    order = an_order((1, 5_000), (1, 100), freight=0, discount=4_700)
    assert parts(order, "disliked", (2, 1)) == {"goods": 100, "coupon_share": -92}
    assert parts(order, "disliked", (1, 1)) == {
        "goods": 5_000,
        "coupon_share": -4_608,
        "free_freight_lost": -392,
    }


def test_a_gift_that_stays_is_kept_back_when_all_goods_go_back_by_a_wish():
    order = an_order((2, 2_000), gifts=2)
    assert parts(order, "disliked", (1, 1)) == {"goods": 2_000}
    assert parts(order, "disliked", (1, 2)) == {"goods": 4_000, "gift_kept": -600}
    assert parts(order, "disliked", (1, 2), (2, 1)) == {"goods": 4_000, "gift_kept": -300}
    assert parts(order, "quality", (1, 2)) == {"goods": 4_000}


def test_what_was_refunded_before_is_not_refunded_again():
    order = an_order((1, 5_000), freight=500, refunded_fen=700)
    assert parts(order, "quality") == {"goods": 5_000, "freight_share": 500, "refunded_before": -700}
    assert parts(order, "disliked") == {"goods": 5_000, "refunded_before": -200}


def test_before_shipping_all_that_was_paid_goes_back():
    order = an_order((2, 2_000), freight=800, discount=300, gifts=1)
    unshipped = replace(order, state="released", shipped_at=None, delivered_at=None)
    assert parts(unshipped, "disliked") == {"goods": 4_000, "coupon_share": -300, "freight_share": 800}


def test_an_order_whose_goods_are_not_named_is_one_piece():
    order = an_order(paid_fen=4_310, amount_fen=4_310)
    assert parts(order, "quality") == {"goods": 4_310}
    assert parts(order, "quality", amount_fen=1_000) == {"goods": 4_310, "asked_less": -3_310}
    assert quoted(order, "quality", (1, 1)).reasons[0].code == "no_such_line"


def test_where_prices_are_not_known_a_person_confirms_the_amount_of_a_part():
    order = an_order((1, None), (3, 500), paid_fen=4_000)
    part = quoted(order, "quality", (1, 1))
    assert (part.answer, part.reasons[0].code) == ("a_person_must_look", "prices_unknown")
    assert part.refund_fen == 1_000, "of four pieces one"
    assert (quoted(order, "quality").answer, quoted(order, "quality").refund_fen) == ("allowed", 4_000)
    alone = an_order((4, None), paid_fen=4_001)
    assert (quoted(alone, "quality", (1, 1)).answer, quoted(alone, "quality", (1, 1)).refund_fen) == (
        "allowed",
        1_000,
    )


@pytest.mark.parametrize("kind", ["exchange", "reship"])
def test_goods_for_goods_refund_nothing(kind):
    assert quoted(an_order((1, 5_000)), "quality", kind=K(kind)).parts == ()


# -- what holds always ------------------------------------------------------------------------------


@st.composite
def orders(draw) -> BoughtOrder:
    """Any order: a discount larger than it should be, no prices, nothing paid as agreed."""
    fen = st.integers(0, 20_000)
    lines = draw(st.lists(st.tuples(st.integers(1, 5), st.none() | fen), min_size=1, max_size=4))
    priced = draw(st.booleans())
    lines = [(pieces, (price or 0) if priced else price) for pieces, price in lines]
    paid_fen = draw(st.integers(1, 60_000))
    freight = draw(st.none() | st.integers(0, 3_000))
    return an_order(
        *lines, freight=freight, gifts=draw(st.integers(0, 2)), paid_fen=paid_fen, amount_fen=paid_fen
    )


@st.composite
def sequences(draw) -> tuple[BoughtOrder, list[tuple[int, int]]]:
    """An order, and all its pieces in portions: (line, pieces)."""
    order, portions = draw(orders()), []
    for line in order.lines:
        left = line.quantity
        while left:
            portions.append((line.position, draw(st.integers(1, left))))
            left -= portions[-1][1]
    return order, draw(st.permutations(portions))


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=9))
def test_shares_add_up_and_are_never_a_fen_beside_their_weight(fen, weights):
    shares = apportioned(fen, weights)
    assert sum(shares) == fen
    if total := sum(weights):
        assert all(abs(s * total - fen * w) < total for s, w in zip(shares, weights, strict=True))


@given(sequences(), st.sampled_from(FAULTS))
def test_all_pieces_in_any_portions_bring_back_exactly_what_was_paid(told, reason):
    order, portions = told
    policy = GENEROUS.model_copy(update={"remedies": dict.fromkeys(R, tuple(K))})
    refunds = []
    for portion in portions:
        if order.left_fen == 0:
            break  # what is left costs nothing
        verdict = quoted(order, reason, portion, policy=policy)
        assert verdict.answer != "refused", verdict.reasons
        refunds.append(verdict.refund_fen)
        order = after(order, verdict)
    assert min(refunds) >= 0
    assert sum(refunds) == order.paid_fen


@given(sequences(), st.sampled_from(WISHES))
def test_all_pieces_by_wishes_bring_back_all_but_the_freight(told, reason):
    order, portions = told
    refunded = 0
    for portion in portions:
        verdict = quoted(order, reason, portion, policy=GENEROUS)
        if verdict.answer != "refused":
            refunded += verdict.refund_fen
            order = after(order, verdict)
    assert refunded == order.paid_fen - min(order.freight_fen or 0, order.paid_fen)


@given(sequences(), st.data())
def test_whatever_is_asked_in_whatever_sequence_no_more_than_was_paid_is_refunded(told, data):
    order, portions = told
    for portion in portions:
        reason, kind = data.draw(st.sampled_from(list(R))), data.draw(st.sampled_from(list(K)))
        amount_fen = data.draw(st.none() | st.integers(-1, order.paid_fen + 1))
        verdict = quoted(order, reason, portion, kind=kind, amount_fen=amount_fen)
        assert verdict.reasons
        assert all(reason.zh and reason.en for reason in verdict.reasons)
        assert 0 <= verdict.refund_fen <= order.left_fen
        if verdict.answer == "refused":
            assert verdict.refund_fen == 0
            continue
        if amount_fen is not None and verdict.kind in (K.COMPENSATION, K.RETURN_REFUND):
            assert verdict.refund_fen <= amount_fen
        order = after(order, verdict)
    assert order.refunded_fen <= order.paid_fen
    assert all(line.returned <= line.quantity for line in order.lines)
