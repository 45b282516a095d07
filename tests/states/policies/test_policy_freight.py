from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.policies.freight import DistanceTariff, FreightPolicy, RegionTariff
from states.policies.freight_answers import Freight, Payer

CITY = DistanceTariff(
    free_from_fen=5_000, base_km=3, base_fen=1_000, fen_per_km=200, served=("乌鲁木齐", "Urumqi")
)
KITCHEN = FreightPolicy(by_distance=CITY)
EXACT = FreightPolicy(by_distance=CITY.model_copy(update={"part_km": "exact"}))
BAGS = FreightPolicy(by_region=RegionTariff(free_from_fen=10_000, hot_item_fen=500))
BAGS_WITH_LIST = FreightPolicy(
    by_region=RegionTariff(free_from_fen=10_000, hot_item_fen=500, non_free_regions=("新疆", "西藏"))
)
BAGS_WITH_RATE = FreightPolicy(by_region=RegionTariff(free_from_fen=10_000, hot_item_fen=500, below_fen=800))


def quoted(policy, *args, **kwargs):
    answer = policy.quote(*args, **kwargs)
    assert all(reason.zh and reason.en for reason in answer.reasons)
    assert (answer.fen is not None) == (answer.answer in (Freight.FREE, Freight.CHARGED))
    return answer.answer.value, answer.fen


def why(policy, *args, **kwargs):
    return [(reason.code, reason.rule) for reason in policy.quote(*args, **kwargs).reasons]


def test_urumqi_is_free_from_50_yuan_whatever_the_distance():
    assert quoted(KITCHEN, 5_000) == ("free", 0)
    assert quoted(KITCHEN, 5_000, distance_km=40) == ("free", 0)
    assert quoted(KITCHEN, 4_999, distance_km=1) == ("charged", 1_000)
    assert why(KITCHEN, 5_000) == [("free_from_amount", 49)]


@pytest.mark.parametrize(
    ("km", "started", "exact"),
    [
        (0, 1_000, 1_000),
        (3, 1_000, 1_000),
        (3.0, 1_000, 1_000),
        (Decimal("3.001"), 1_200, 1_000),
        (3.1, 1_200, 1_020),
        (4, 1_200, 1_200),
        (5.5, 1_600, 1_500),
        (13, 3_000, 3_000),
    ],
)
def test_below_50_yuan_the_distance_counts(km, started, exact):
    assert quoted(KITCHEN, 4_999, distance_km=km) == ("charged", started)
    assert quoted(EXACT, 4_999, distance_km=km) == ("charged", exact)


def test_below_50_yuan_without_distance_the_distance_is_asked_for():
    assert quoted(KITCHEN, 4_999) == ("needs_input", None)
    assert why(KITCHEN, 4_999) == [("needs_distance_km", 49)]


def test_outside_the_city_nothing_is_set():
    assert quoted(KITCHEN, 9_000, region="北京") == ("not_defined", None)
    assert quoted(KITCHEN, 9_000, region="乌鲁木齐市天山区") == ("free", 0)
    assert quoted(KITCHEN, 9_000, region="urumqi") == ("free", 0)


def test_bags_are_free_from_100_yuan_and_hot_ones_always():
    assert quoted(BAGS, 10_000) == ("free", 0)
    assert quoted(BAGS, 9_999) == ("not_defined", None)
    assert quoted(BAGS, 9_999, hot_items=1) == ("free", 0)
    assert why(BAGS, 9_999) == [("amount_not_set", 50)]


def test_a_shop_may_set_what_an_order_below_100_yuan_costs():
    assert quoted(BAGS_WITH_RATE, 9_999) == ("charged", 800)
    assert quoted(BAGS_WITH_RATE, 10_000) == ("free", 0)


def test_a_region_is_not_judged_while_the_shop_has_listed_none():
    assert quoted(BAGS, 10_000, region="新疆", hot_items=2) == ("not_defined", None)
    (reason,) = BAGS.quote(10_000, region="新疆", hot_items=2).reasons
    assert reason.code == "non_free_regions_unknown"
    assert "5 yuan for each of 2 hot items" in reason.en


def test_each_hot_item_costs_5_yuan_in_a_non_free_region():
    assert quoted(BAGS_WITH_LIST, 10_000, region="新疆维吾尔自治区", hot_items=3) == ("charged", 1_500)
    assert quoted(BAGS_WITH_LIST, 10_000, region="上海", hot_items=3) == ("free", 0)
    assert quoted(BAGS_WITH_LIST, 10_000, region="西藏") == ("not_defined", None)
    assert quoted(BAGS_WITH_LIST, 10_000) == ("needs_input", None)


@pytest.mark.parametrize(
    ("kg", "answer"),
    [
        (Decimal("299.999"), ("free", 0)),
        (300, ("charged", 5_000)),
        (399, ("charged", 5_000)),
        (399.9, ("charged", 5_000)),
        (400, ("charged", 10_000)),
        (499.5, ("charged", 10_000)),
        (500, ("charged", 15_000)),
        (600, ("charged", 20_000)),
        (699, ("charged", 20_000)),
        (Decimal("699.999"), ("charged", 20_000)),
        (700, ("not_defined", None)),
        (5_000, ("not_defined", None)),
    ],
)
def test_a_heavy_batch_in_jiangsu_zhejiang_shanghai_anhui_pays_by_band(kg, answer):
    assert quoted(KITCHEN, 0, weight_kg=kg, flow="jzhw") == answer
    assert why(KITCHEN, 0, weight_kg=kg, flow="jzhw")[0][1] == 51


def test_rates_of_outer_regions_are_cut_off_in_the_source():
    assert quoted(KITCHEN, 0, weight_kg=99.9, flow="outer") == ("free", 0)
    assert quoted(KITCHEN, 0, weight_kg=100, flow="outer") == ("not_defined", None)
    assert why(KITCHEN, 0, weight_kg=100, flow="outer") == [("bulk_rate_unknown", 52)]


def test_a_batch_needs_its_weight_and_a_heavy_one_its_flow():
    assert why(KITCHEN, 0, flow="jzhw") == [("needs_weight_kg", 51)]
    assert why(KITCHEN, 5_000, weight_kg=100) == [("needs_flow", 51)]
    assert quoted(KITCHEN, 5_000, weight_kg=99) == ("free", 0)
    with pytest.raises(ValueError, match=r"flow 'moon' is not known.*jzhw, outer"):
        KITCHEN.quote(0, weight_kg=300, flow="moon")


def test_a_second_delivery_after_a_wrong_address_is_paid_by_the_customer():
    assert quoted(KITCHEN, 9_000, distance_km=4, second_delivery=True) == ("charged", 1_200)
    assert quoted(KITCHEN, 9_000, second_delivery=True) == ("needs_input", None)
    assert quoted(BAGS, 20_000, second_delivery=True) == ("not_defined", None)
    assert quoted(BAGS_WITH_RATE, 20_000, hot_items=1, second_delivery=True) == ("charged", 800)
    answer = BAGS.quote(20_000, second_delivery=True)
    assert answer.payer is Payer.CUSTOMER
    assert (answer.reasons[0].code, answer.reasons[0].rule) == ("second_delivery", 54)


def test_the_shop_bears_what_is_free_and_the_customer_what_is_charged():
    assert KITCHEN.quote(5_000).payer is Payer.SHOP
    assert KITCHEN.quote(100, distance_km=1).payer is Payer.CUSTOMER
    assert KITCHEN.quote(100).payer is None


def test_a_shop_without_tariff_has_no_freight():
    assert quoted(FreightPolicy(), 5_000) == ("not_defined", None)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("amount_fen", -1, "amount_fen must not be negative"),
        ("amount_fen", 49.5, "amount_fen must be a whole number"),
        ("amount_fen", True, "amount_fen must be a whole number"),
        ("hot_items", -1, "hot_items must not be negative"),
        ("distance_km", -0.1, "distance_km must not be negative"),
        ("distance_km", float("nan"), "distance_km must be a finite number"),
        ("distance_km", Decimal("Infinity"), "distance_km must be a finite number"),
        ("distance_km", Decimal("1e999999"), "distance_km is too large to be meant"),
        ("distance_km", "3", "distance_km must be a number"),
        ("weight_kg", Decimal("-1"), "weight_kg must not be negative"),
        ("weight_kg", float("inf"), "weight_kg must be a finite number"),
    ],
)
def test_an_impossible_number_is_refused_by_name(field, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        KITCHEN.quote(**{"amount_fen": 100, "distance_km": 1} | {field: value})


def test_a_shop_has_one_tariff():
    with pytest.raises(ValidationError, match="not both"):
        FreightPolicy(by_distance=CITY, by_region=BAGS.by_region)


@pytest.mark.parametrize(
    "flow",
    [
        {"from_kg": 300, "bands": [{"from_kg": 300, "fen": 1}]},
        {"from_kg": 200, "until_kg": 400, "bands": [{"from_kg": 300, "fen": 1}]},
        {"from_kg": 300, "until_kg": 300, "bands": [{"from_kg": 300, "fen": 1}]},
        {"from_kg": 1, "until_kg": 9, "bands": [{"from_kg": 1, "fen": 1}, {"from_kg": 1, "fen": 2}]},
    ],
)
def test_bands_are_in_order_and_end_somewhere(flow):
    with pytest.raises(ValidationError, match=r"bands must rise|until_kg must lie above"):
        FreightPolicy(bulk={"jzhw": flow})


KM = st.decimals(min_value=0, max_value=100, places=3)


@given(KM, KM, st.sampled_from([KITCHEN, EXACT]))
def test_farther_is_never_cheaper(one, other, policy):
    near, far = sorted((one, other))
    assert policy.quote(100, distance_km=near).fen <= policy.quote(100, distance_km=far).fen


@given(KM)
def test_a_started_km_never_costs_less_than_the_exact_distance(km):
    assert 0 <= KITCHEN.quote(100, distance_km=km).fen - EXACT.quote(100, distance_km=km).fen <= 200


@given(st.integers(0, 20_000), st.integers(0, 20_000), KM)
def test_ordering_more_never_raises_the_freight(one, other, km):
    less, more = sorted((one, other))
    assert KITCHEN.quote(more, distance_km=km).fen <= KITCHEN.quote(less, distance_km=km).fen
