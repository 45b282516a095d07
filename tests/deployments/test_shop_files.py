import re
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

import deployments
from deployments.shop_files import ShopFileError, load_shop_file
from states.policies.shops import ShopPolicies

SHOPS = Path(deployments.__file__).parent / "shops"
A_SHOP = """
name = "a-shop"
title = "小店"
title_en = "A shop"
desks.in_sales.daily = ["09:00-21:00"]

[payment]
desk = "in_sales"
ladder = [{ after = "30 min" }, { after = "2 h" }]

[dispatch]
cutoff = "16:00"
promise = "dispatched"
"""


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a-shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, old: str, new: str) -> list[str]:
    assert old in A_SHOP
    with pytest.raises(ShopFileError) as refused:
        load_shop_file(a_file(tmp_path, A_SHOP.replace(old, new)))
    assert str(refused.value).splitlines() == refused.value.problems
    return refused.value.problems


@pytest.mark.parametrize("path", sorted(SHOPS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shop_we_ship_loads_under_its_own_name_and_survives_json(path):
    shop = load_shop_file(path)
    assert shop.name == path.stem
    assert ShopPolicies.model_validate(shop.model_dump(mode="json")) == shop


def test_the_four_shops_keep_the_rules_of_their_sources():
    kitchen, bags, tmall, olist = (
        load_shop_file(SHOPS / f"{name}.toml")
        for name in ("urumqi-kitchen", "bag-studio", "tmall-2020", "olist-br")
    )
    assert (kitchen.dispatch.cutoff, kitchen.dispatch.promise) == (time(16), "delivered")
    assert (bags.dispatch.cutoff, bags.dispatch.promise) == (time(17), "dispatched")
    assert kitchen.freight.quote(4_999, distance_km=5).fen == 1_400
    assert bags.freight.quote(10_000).answer == "free"
    assert bags.freight.bulk == kitchen.freight.bulk
    assert tmall.payment.deadline == timedelta(hours=24)
    assert tmall.dispatch.ship_within is None
    assert olist.zone.key == "America/Sao_Paulo"


def test_the_two_shops_of_the_rules_say_where_parcels_come_back_to_and_when_somebody_is_there():
    """Rules 83 and 91; the address is a sample that no parcel can reach."""
    bags, kitchen = (load_shop_file(SHOPS / f"{name}.toml") for name in ("bag-studio", "urumqi-kitchen"))
    for shop in (bags, kitchen):
        assert shop.after_sales_hours == shop.desks["after_sales"]
        assert "示例" in shop.returns.address.address
        assert "示例" in shop.returns.address.consignee
        assert set(shop.returns.address.phone) <= {"0", "-"}
    monday_at_17 = datetime(2026, 3, 2, 17, tzinfo=bags.zone)
    assert bags.desk_time(monday_at_17, bags.returns.judge_within) == monday_at_17 + timedelta(hours=19)
    assert (bags.returns.supervisors, kitchen.returns.supervisors) == (("主管",), ())


def test_a_typo_is_named_with_the_setting_it_may_have_meant(tmp_path):
    assert problems(tmp_path, "cutoff =", "cutof =") == [
        "a-shop.toml: dispatch.cutoff is missing",
        "a-shop.toml: dispatch.cutof is not a setting (did you mean cutoff?)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title_en", "titel_en", "titel_en is not a setting (did you mean title_en?)"),
        ("{ after = \"2 h\" }", "{ aftr = \"2 h\" }", "payment.ladder[2].aftr is not a setting (did you mean after?)"),
        ("in_sales.daily", "in_sales.dayly", "desks.in_sales.dayly is not a setting (did you mean daily?)"),
        ('"16:00"', "1600", "dispatch.cutoff: 1600 is not a time of day"),
        ('"16:00"', '"25:00"', "dispatch.cutoff: '25:00' is not a time of day"),
        ('"dispatched"', '"sent"', "dispatch.promise: should be 'dispatched' or 'delivered', not 'sent'"),
        ('"30 min"', '"soon"', "payment.ladder[1].after: 'soon' is not a duration"),
        ("09:00-21:00", "09:00-09:00", "desks.in_sales.daily[1]: '09:00-09:00' is no possible window"),
        ('desk = "in_sales"', 'desk = "night"', "payment.desk: there is no desk 'night', only in_sales"),
        ("[dispatch]", "[audit]\nautomatic = 1\n[dispatch]", "audit.automatic: should be a valid boolean, not 1"),
        ("title =", "freight = 50\ntitle =", "freight should be a table of settings, not 50"),
        ("[dispatch]", "[audit]\nrequired = 1\n[dispatch]", "audit.required should be a list, not 1"),
        ('desks.in_sales.daily = ["09:00-21:00"]', "desks = 1", "desks should be a table of settings, not 1"),
        ("title =", "colour = 50\ntitle =", "colour is not a setting"),
        ("[dispatch]", "[returns]\ndesk = \"night\"\n[dispatch]", "returns.desk: there is no desk 'night'"),
        ("[dispatch]", "[returns]\nwaybill_within = \"1 d\"\n[dispatch]",
         "returns: waybill_reminder_after (3 d) must be shorter than waybill_within (1 d)"),
        ("[dispatch]", "[returns.address]\nphone = \"1\"\naddress = \"x\"\n[dispatch]",
         "returns.address.consignee is missing"),
    ],
)  # fmt: skip
def test_each_problem_is_one_sentence_with_its_place(tmp_path, old, new, sentence):
    found = problems(tmp_path, old, new)
    assert any(problem.startswith(f"a-shop.toml: {sentence}") for problem in found), found
    assert all("\n" not in problem for problem in found)


def test_all_problems_are_told_at_once(tmp_path):
    assert len(problems(tmp_path, 'title = "小店"\ntitle_en = "A shop"', 'zone = "Mars"\ncolour = 1')) == 4


def test_unreadable_toml_is_refused_with_its_line(tmp_path):
    with pytest.raises(ShopFileError, match=r"is not readable as TOML: .*line 2"):
        load_shop_file(a_file(tmp_path, 'name = "a"\ntitle = \n'))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ShopFileError, match="nowhere.toml: there is no such file"):
        load_shop_file(tmp_path / "nowhere.toml")
    with pytest.raises(ShopFileError, match="is a directory"):
        load_shop_file(tmp_path)


def test_a_file_in_another_encoding_is_refused_and_a_byte_order_mark_is_not(tmp_path):
    path = tmp_path / "a-shop.toml"
    path.write_bytes(A_SHOP.encode("gb18030"))
    with pytest.raises(ShopFileError, match="is not UTF-8 text"):
        load_shop_file(path)
    path.write_bytes(A_SHOP.encode("utf-8-sig"))
    assert load_shop_file(str(path)).name == "a-shop"


@pytest.mark.parametrize("name", ["bag-studio", "urumqi-kitchen"])
def test_the_days_that_our_files_show_as_an_example_can_be_taken_as_they_stand(name, tmp_path):
    """Their lines are comments: the days are not announced yet."""
    text = (SHOPS / f"{name}.toml").read_text("utf-8")
    shown = re.sub(r"^# (\[calendar\]|closed = |working = |known_until = )", r"\1", text, flags=re.MULTILINE)
    path = tmp_path / f"{name}.toml"
    path.write_text(shown, "utf-8")
    assert not load_shop_file(SHOPS / f"{name}.toml").calendar.closed
    assert str(load_shop_file(path).calendar.closed[0]) == "2027-02-05/2027-02-11"
