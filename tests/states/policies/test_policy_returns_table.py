"""The decision table of after-sales, written by hand from rules 55, 69, 73-79, 84, 88 and contradiction C10.

Each cell says what a shop answers and by which rules: `yes`, `look` (a person), `no`.
"""

from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import deployments
from deployments.shop_files import load_shop_file
from states.policies.return_requests import (
    BoughtLine,
    BoughtOrder,
    Condition,
    GoodsClass,
    ReturnReason,
    ReturnRequest,
)

SHOPS = Path(deployments.__file__).parent / "shops"
RECEIVED = datetime(2026, 3, 2, 18, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
A_SECOND = timedelta(seconds=1)
LAST_MOMENT = RECEIVED + timedelta(days=7)
ASKED = {"6 d 23:59:59": LAST_MOMENT - A_SECOND, "7 d": LAST_MOMENT, "7 d 00:00:01": LAST_MOMENT + A_SECOND}
IN_TIME, TOO_LATE = ("6 d 23:59:59", "7 d"), ("7 d 00:00:01",)

KITCHEN = """
reason              goods          received        as_new     used          inner_packing_damaged
quality             any            any             yes 73     yes 73        yes 73
wrong_item          any            any             yes 73     look 75       look 75
missing             any            any             yes 69     yes 69        yes 69
damaged_in_transit  any            any             yes 88     yes 88        yes 88
wish                ordinary       in_time         yes 74     no 75         no 75
wish                hygiene        in_time         no 76      no 75 76      no 75 76
wish                special_price  in_time         no 77      no 75 77      no 75 77
wish                gift           in_time         no 77      no 75 77      no 75 77
wish                semi_finished  in_time         no 79      no 75 79      no 75 79
wish                ordinary       too_late        no 78      no 75 78      no 75 78
wish                hygiene        too_late        no 76 78   no 75 76 78   no 75 76 78
wish                special_price  too_late        no 77 78   no 75 77 78   no 75 77 78
wish                gift           too_late        no 77 78   no 75 77 78   no 75 77 78
wish                semi_finished  too_late        no 78 79   no 75 78 79   no 75 78 79
other               any            any             look 73    look 73       look 73
"""
BAGS = """
reason              goods          received        as_new     used          inner_packing_damaged
quality             any            any             yes 73     yes 73        yes 73
wrong_item          any            any             yes 73     look 75       look 75
missing             any            any             yes 69     yes 69        yes 69
damaged_in_transit  any            any             yes 88     yes 88        yes 88
wish                any            in_time         yes 74     look          look
wish                any            too_late        no 78      no 78         no 78
other               any            any             look 73    look 73       look 73
"""
POSTAGE = """
reason              outward   back
quality             shop      shop
wrong_item          shop      shop
missing             shop      -
damaged_in_transit  shop      shop
disliked            customer  customer
unsuitable          customer  customer
bought_by_mistake   customer  customer
other               -         -
"""

WISHES = ("disliked", "unsuitable", "bought_by_mistake")
GOODS = [str(goods) for goods in GoodsClass]
WORDS = {"yes": "allowed", "look": "a_person_must_look", "no": "refused"}


def rows(table: str) -> list[list[str]]:
    """The cells of each line, which two or more spaces part."""
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.strip().splitlines()
    ]


def cells(table: str) -> dict[tuple[str, ...], tuple[str, set[int]]]:
    """(reason, goods, received, condition): the answer and its rules; a combination told twice is an error."""
    found = {}
    (_, _, _, *conditions), *lines = rows(table)
    for reason, goods, received, *answers in lines:
        for condition, told in zip(conditions, answers, strict=True):
            answer, *rules = told.split()
            for combination in product(
                WISHES if reason == "wish" else (reason,),
                GOODS if goods == "any" else (goods,),
                {"any": ASKED, "in_time": IN_TIME, "too_late": TOO_LATE}[received],
                (condition,),
            ):
                assert combination not in found
                found[combination] = WORDS[answer], {int(rule) for rule in rules}
    return found


def combinations() -> set[tuple[str, ...]]:
    return set(product(map(str, ReturnReason), GOODS, ASKED, map(str, Condition)))


def the_verdict(shop: str, combination: tuple[str, ...], *, shipped: bool = True):
    reason, goods, received, condition = combination
    order = BoughtOrder(
        state="delivered" if shipped else "verified",
        amount_fen=10_000,
        paid_fen=10_000,
        lines=(BoughtLine(1, "SKU-1", "商品", 1, 10_000),),
        shipped_at=RECEIVED - timedelta(days=2) if shipped else None,
        delivered_at=RECEIVED if shipped else None,
    )
    request = ReturnRequest(
        ReturnReason(reason), ASKED[received], condition=Condition(condition), goods=GoodsClass(goods)
    )
    return POLICIES[shop].verdict(order, request)


POLICIES = {name: load_shop_file(SHOPS / f"{name}.toml") for name in ("urumqi-kitchen", "bag-studio")}
TABLES = {"urumqi-kitchen": cells(KITCHEN), "bag-studio": cells(BAGS)}


def deciding(verdict) -> tuple[str, set[int]]:
    """The answer, and the rules it stands on: all of a no, the first of a yes or a doubt."""
    reasons = verdict.reasons if verdict.answer == "refused" else verdict.reasons[:1]
    assert all(reason.zh and reason.en and reason.code for reason in verdict.reasons)
    return verdict.answer.value, {reason.rule for reason in reasons} - {None}


@pytest.mark.parametrize("shop", TABLES)
def test_every_combination_after_shipping_is_answered_as_the_rules_say(shop):
    table = TABLES[shop]
    assert set(table) == combinations()
    found = {combination: deciding(the_verdict(shop, combination)) for combination in table}
    assert {c: (found[c], table[c]) for c in table if found[c] != table[c]} == {}


@pytest.mark.parametrize("shop", TABLES)
def test_before_shipping_every_combination_is_refunded_after_24_hours(shop):
    """Rule 84 asks neither why nor what, and there is nothing yet whose condition could matter."""
    for combination in combinations():
        verdict = the_verdict(shop, combination, shipped=False)
        assert deciding(verdict) == ("allowed", {84}), combination
        assert verdict.kind == "refund_unshipped"
        assert verdict.cooling_until == ASKED[combination[2]] + timedelta(hours=24)
        assert (verdict.until, verdict.anchor) == (None, None)
        assert (verdict.outward, verdict.back, verdict.evidence_wanted) == (None, None, ())
        assert verdict.refund_fen == 10_000


@pytest.mark.parametrize("shop", TABLES)
@pytest.mark.parametrize(("reason", "outward", "back"), rows(POSTAGE)[1:])
def test_who_pays_the_postage_depends_on_whose_fault_it_is(shop, reason, outward, back):
    verdict = the_verdict(shop, (reason, "ordinary", "7 d", "as_new"))
    assert [verdict.outward or "-", verdict.back or "-"] == [outward, back]
    assert (55 in {reason.rule for reason in verdict.reasons}) == (outward != "-")


@pytest.mark.parametrize("reason", WISHES)
def test_the_deadline_is_told_with_its_anchor_also_when_it_is_over(reason):
    for received in ASKED:
        verdict = the_verdict("bag-studio", (reason, "ordinary", received, "as_new"))
        assert (verdict.until, verdict.anchor) == (LAST_MOMENT, "delivered_at")
