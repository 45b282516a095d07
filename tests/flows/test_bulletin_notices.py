"""Whom the bulletin is for hears of it when their desk opens, once, and nothing of a customer is in it (rule 103)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from complaints_told import SAID_AT, complain, settled
from orders_told import AN_HOUR, SHOP, moment
from outbox_told import Calling, deliver, gateways, messages
from test_bulletin import PRIVATE

from flows.bulletin import bulletin
from flows.bulletin_notices import owe_bulletin
from flows.bulletin_periods import Every, Period
from flows.outbox_desk import listed
from models.database import reading
from states.policies.shops import Language

MARCH = Period.around(date(2026, 3, 1), Every.MONTH)
WRITTEN_AT = moment("04-01 08:00")
READERS = ["客户服务部", "质量技术部", "营业部"]


@pytest.fixture
def written(engine):
    """A month with one complaint, told to its readers."""
    complain(engine)
    settled(engine, SAID_AT + AN_HOUR)
    made = bulletin(engine, SHOP, MARCH, as_of=WRITTEN_AT)
    assert owe_bulletin(engine, made) == len(READERS)
    return made


@pytest.mark.parametrize(
    ("at", "leaves"), [("09:59:59", False), ("10:00", True), ("18:59:59", True), ("19:00", False)]
)
def test_each_reader_gets_it_while_the_desk_is_open(engine, written, at, leaves):
    got = []
    told = gateways({"staff": Calling("staff", lambda owed: got.append((owed.what, owed.recipient)))})
    deliver(engine, told, moment(f"04-01 {at}"))
    assert {reader for what, reader in got if what == "bulletin"} == set(READERS if leaves else [])


def test_written_again_it_is_told_to_nobody_again(engine, written):
    assert owe_bulletin(engine, written) == 0
    assert len(messages(engine, what="bulletin")) == len(READERS)


def test_it_says_what_the_period_was_like_and_where_the_whole_is(engine, written):
    text = messages(engine, what="bulletin")[0].text
    assert "2026-03-01 至 2026-03-31(规则 103):本期受理投诉 1 起(上期 0 起)" in text
    assert f"/artifacts/key/bulletin-{SHOP}" in text  # the menu of the window has no entry for them
    assert f"kefu bulletin --shop {SHOP} --from 2026-03-01 --until 2026-03-31" in text


def test_who_reads_english_gets_it_in_english(engine, written):
    week = Period.around(date(2026, 3, 2), Every.WEEK)
    shop = written.shop.model_copy(update={"language": Language.EN})
    owe_bulletin(engine, replace(written, shop=shop, period=week))
    text = messages(engine, what="bulletin")[-1].text
    assert "2026-03-02 to 2026-03-08 (rule 103): 1 complaint(s) came (0 before)" in text
    assert "本期" not in text


def test_nothing_of_a_customer_is_in_it(engine, written):
    for row in messages(engine, what="bulletin"):
        assert not [word for word in PRIVATE if word in f"{row.text} {row.payload}"]


def test_an_operator_sees_it_among_the_messages(engine, written):
    with reading(engine) as connection:
        found = listed(connection, what="bulletin")
    assert [(row["recipient"], row["state"], row["case"]) for row in found] == [
        (reader, "waiting", None) for reader in READERS
    ]
