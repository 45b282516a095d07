from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from states.policies.shops import ShopPolicies

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
A_SECOND = timedelta(seconds=1)


def a_shop(**settings) -> ShopPolicies:
    return ShopPolicies.model_validate(
        {
            "name": "a-shop",
            "title": "小店",
            "title_en": "A shop",
            "desks": {"in_sales": {"daily": ["09:00-21:00"]}},
            "payment": {"desk": "in_sales"},
            "dispatch": {"cutoff": "16:00", "promise": "dispatched"},
        }
        | settings
    )


def at(day: int, hour: int) -> datetime:
    return datetime(2018, 2, day, hour, tzinfo=SAO_PAULO)


def test_a_shop_answers_in_its_own_zone_and_contact_hours():
    shop = a_shop(zone="America/Sao_Paulo")
    assert shop.in_contact_hours(at(16, 20))
    assert not shop.in_contact_hours(at(16, 21))
    assert shop.promise(at(16, 15)).on == date(2018, 2, 16)
    assert shop.promise(at(16, 16)).on == date(2018, 2, 17)
    assert shop.promise(at(16, 16)).cutoff_at == at(17, 16)
    assert shop.last_cutoff(at(16, 16)) == at(16, 16)
    assert shop.cutoffs_between(at(16, 15), at(18, 15)) == (at(16, 16), at(17, 16))
    pay_by = shop.pay_by(at(13, 22))
    assert pay_by == at(16, 22)
    assert [rung.due_at for rung in shop.plan(at(13, 22), pay_by)] == [at(14, 9), at(14, 10), at(16, 20)]
    assert shop.next_rung(2, at(13, 22), pay_by).rung == 3


def test_phone_numbers_are_those_of_the_shops_region():
    order = SimpleNamespace(
        no="1", amount_fen=1, paid_fen=1, freight_fen=0, discount_fen=0, receiver="x", phone="(11) 91234-5678",
        address="y", buyer_id=1, goods_key=None, placed_at=at(1, 1), paid_at=at(1, 1), siblings=(),
        lines=[SimpleNamespace(title="t", sku="s", quantity=1, price_fen=1)],
    )  # fmt: skip
    assert [reason.code for reason in a_shop().findings(order, at(1, 2))] == ["impossible_phone"]
    assert a_shop(phone_region="BR").findings(order, at(1, 2)) == ()


def test_the_desk_of_the_payment_reminders_must_exist():
    with pytest.raises(ValidationError, match=r"payment.desk: there is no desk 'night', only in_sales"):
        a_shop(payment={"desk": "night"})


def a_shop_with_two_desks(**settings) -> ShopPolicies:
    desks = {"in_sales": {"daily": ["09:00-21:00"]}, "after_sales": {"daily": ["10:00-19:00"], "sat": []}}
    return a_shop(zone="America/Sao_Paulo", desks=desks, returns={"desk": "after_sales"} | settings)


def test_the_after_sales_desk_must_exist():
    with pytest.raises(
        ValidationError, match=r"returns.desk: there is no desk 'night', only in_sales, after"
    ):
        a_shop_with_two_desks(desk="night")


def test_returns_are_seen_to_in_the_hours_of_the_after_sales_desk():
    """Rule 91; 16 February 2018 is a Friday, on Saturday nobody is there, by Sunday summer time has ended."""
    shop = a_shop_with_two_desks()
    assert shop.after_sales_hours == shop.desks["after_sales"]
    assert shop.contact_hours == shop.desks["in_sales"]
    assert shop.desk_time(at(16, 17), timedelta(hours=2)) == at(16, 19)
    assert shop.desk_time(at(16, 17), timedelta(hours=4)) == at(18, 12)


def test_without_a_desk_of_their_own_returns_are_seen_to_at_the_payment_desk():
    shop = a_shop_with_two_desks(desk=None)
    assert shop.after_sales_hours == shop.contact_hours
    assert shop.desk_time(at(16, 20), timedelta(hours=2)) == at(17, 10)


def test_who_writes_to_a_closed_desk_is_told_when_it_opens():
    """Rule 188: "our hours are 10:00-19:00, we see to your message then"."""
    shop = a_shop_with_two_desks()
    assert shop.desk_opens(at(16, 10) - A_SECOND) == at(16, 10)
    assert shop.desk_opens(at(16, 10)) is None
    assert shop.desk_opens(at(16, 19) - A_SECOND) is None
    assert shop.desk_opens(at(16, 19)) == at(18, 10)
    assert shop.desk_opens(at(16, 19)).tzinfo is UTC


@pytest.mark.parametrize(
    "setting",
    [
        {"name": "A Shop"}, {"name": "-a"}, {"name": ""}, {"title": ""}, {"language": "fr"},
        {"currency": "yuan"}, {"phone_region": "XX"}, {"zone": "Mars/Olympus"}, {"desks": {}},
    ],
)  # fmt: skip
def test_a_shop_says_who_and_where_it_is(setting):
    with pytest.raises(ValidationError):
        a_shop(**setting)


def test_a_shop_survives_the_way_through_json():
    shop = a_shop(
        freight={"by_distance": {"free_from_fen": 1, "base_km": 2.5, "base_fen": 2, "fen_per_km": 3}}
    )
    stored = ShopPolicies.model_validate(shop.model_dump(mode="json"))
    assert stored == shop
    assert stored.model_dump_json() == shop.model_dump_json()


def test_a_changed_copy_of_a_shop_is_checked():
    shop = a_shop()
    assert shop.model_copy(
        update={"payment": {"desk": "in_sales", "deadline": "24 h"}}
    ).payment.deadline == timedelta(1)
    with pytest.raises(ValidationError, match="there is no desk"):
        shop.model_copy(update={"desks": {"other": {"daily": ["09:00-10:00"]}}})
