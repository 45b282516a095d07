"""Grades and urgency (rules 93, 94, 98, 111), written by hand from the rules and the two seed shops' files."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import deployments
from deployments.shop_files import load_shop_file
from states.policies.complaint_grades import Signs
from states.policies.complaint_terms import ComplaintFacts, Grade, IntakeClass, Nature, Owed
from states.policies.complaints import ComplaintPolicy
from states.policies.shops import ShopPolicies

SHOPS = Path(deployments.__file__).parent / "shops"
KITCHEN, BAGS = (load_shop_file(SHOPS / f"{name}.toml") for name in ("urumqi-kitchen", "bag-studio"))
ORDER = [Grade.GENERAL, Grade.MAJOR, Grade.CRISIS]

# what is told                                  bag-studio                      urumqi-kitchen
GRADES = """
packaging                                       general general/94              general general/94
attitude                                        general general/94              general general/94
logistics                                       general general/94              general general/94
quality                                         general general                 major nature/94
other                                           general nature_unclear          general nature_unclear
expired                                         crisis nature/94                crisis nature/94
spoiled                                         crisis nature/94                crisis nature/94
safety                                          crisis nature/94                crisis nature/94
attitude furious                                major furious/94                major furious/94
quality furious                                 crisis furious/94               crisis furious/94 nature/94
other hard                                      major hard_to_judge/98          major hard_to_judge/98
quality hard                                    major hard_to_judge/98          major nature/94 hard_to_judge/98
logistics fen=19999                             general general/94              general general/94
logistics fen=20000                             general general/94              major amount
logistics fen=49999                             general general/94              major amount
logistics fen=50000                             major amount                    major amount
logistics buyer=1                               general general/94              general general/94
logistics buyer=2                               major buyer_repeats             major buyer_repeats
packaging goods=1                               general general/94              general general/94
packaging goods=2                               general general/94              major goods_repeats/102
packaging goods=3                               major goods_repeats/102         major goods_repeats/102
logistics fen=50000 buyer=2 goods=3             major amount buyer_repeats goods_repeats/102  -
spoiled fen=50000 hard                          crisis nature/94 hard_to_judge/98 amount      -
"""
URGENCY = """
packaging               normal urgency_of_grade/111         normal urgency_of_grade/111
packaging buyer=1       high buyer_repeats                  high buyer_repeats
packaging goods=1       normal urgency_of_grade/111         high goods_repeats/102
packaging fen=9999      normal urgency_of_grade/111         normal urgency_of_grade/111
packaging fen=10000     normal urgency_of_grade/111         high amount
packaging hard          high urgency_of_grade/111           high urgency_of_grade/111
packaging buyer=2       high urgency_of_grade/111 buyer_repeats  high urgency_of_grade/111 buyer_repeats
safety                  immediate urgency_of_grade/111      immediate urgency_of_grade/111
"""


def told(words: str) -> ComplaintFacts:
    nature, *more = words.split()
    facts = {"furious": "furious" in more, "hard_to_judge": "hard" in more}
    names = {"fen": "amount_fen", "buyer": "buyer_repeats", "goods": "goods_repeats"}
    for pair in more:
        if "=" in pair:
            name, number = pair.split("=")
            facts[names[name]] = int(number)
    return ComplaintFacts(Nature(nature), **facts)


def cells(table: str) -> list:
    rows = [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.strip().splitlines()
    ]
    found = [(shop, row[0], row[column]) for row in rows for column, shop in ((1, BAGS), (2, KITCHEN))]
    return [pytest.param(*cell, id=f"{cell[0].name} {cell[1]}") for cell in found if cell[2] != "-"]


def said(reasons) -> list[str]:
    return [reason.code + (f"/{reason.rule}" if reason.rule else "") for reason in reasons]


@pytest.mark.parametrize(("shop", "words", "expected"), cells(GRADES))
def test_the_grade_and_every_reason_for_it(shop, words, expected):
    proposal = shop.proposal(told(words))
    assert [proposal.grade, *said(proposal.reasons)] == expected.split()


@pytest.mark.parametrize(("shop", "words", "expected"), cells(URGENCY))
def test_the_urgency_and_every_reason_for_it(shop, words, expected):
    proposal = shop.proposal(told(words))
    assert [proposal.urgency, *said(proposal.urgency_reasons)] == expected.split()


def test_the_reasons_name_the_numbers_in_both_languages():
    [reason] = BAGS.proposal(told("logistics buyer=4")).reasons
    assert "30天内此前已投诉 4 次" in reason.zh
    assert "30 days: 4 (counts from 2)" in reason.en
    [reason] = BAGS.proposal(told("logistics fen=50001")).reasons
    assert "500.01" in reason.zh
    assert "500.00" in reason.en


def test_an_amount_nobody_knows_is_no_sign_not_even_where_every_amount_is():
    always = Signs(from_fen=0)
    assert list(always.seen(told("other"), timedelta(days=1))) == []
    assert len(list(always.seen(told("other fen=0"), timedelta(days=1)))) == 1


@pytest.mark.parametrize("words", ["quality fen=-1", "quality buyer=-1", "quality goods=-1"])
def test_counts_and_amounts_below_nothing_are_refused(words):
    with pytest.raises(ValueError, match="can't be below nothing"):
        told(words)


facts = st.builds(
    ComplaintFacts,
    nature=st.sampled_from(Nature),
    amount_fen=st.none() | st.integers(0, 100_000),
    buyer_repeats=st.integers(0, 5),
    goods_repeats=st.integers(0, 5),
    furious=st.booleans(),
    hard_to_judge=st.booleans(),
)


@settings(deadline=None)
@given(st.sampled_from([BAGS, KITCHEN]), facts, st.integers(0, 100_000), st.integers(0, 5), st.integers(0, 5))
def test_the_worse_it_is_the_higher_the_grade(shop, one, fen, buyer, goods):
    worse = replace(
        one,
        amount_fen=(one.amount_fen or 0) + fen,
        buyer_repeats=one.buyer_repeats + buyer,
        goods_repeats=one.goods_repeats + goods,
        furious=True,
        hard_to_judge=True,
    )
    assert ORDER.index(shop.proposal(worse).grade) >= ORDER.index(shop.proposal(one).grade)
    assert shop.proposal(one).reasons
    assert shop.proposal(one).urgency_reasons


# -- the settings -----------------------------------------------------------------------------------


def test_a_version_stored_before_there_were_complaints_still_loads():
    stored = BAGS.model_dump(mode="json")
    del stored["complaints"]
    assert ShopPolicies.model_validate(stored).complaints == ComplaintPolicy()


def test_settings_survive_the_way_through_json():
    for shop in (BAGS, KITCHEN):
        assert ShopPolicies.model_validate_json(shop.model_dump_json()) == shop


def test_each_class_has_its_own_spans_and_only_a_complaint_is_resolved():
    asked = datetime(2026, 3, 2, 10, tzinfo=BAGS.zone)
    for intake in (IntakeClass.CONSULTATION, IntakeClass.QUERY):
        assert BAGS.owed_by(Owed.FIRST_RESPONSE, asked, intake=intake).due_at == asked + timedelta(minutes=15)
        assert BAGS.owed_by(Owed.RESOLUTION, asked, intake=intake) is None
    due = {
        owed: BAGS.owed_by(owed, asked, grade=Grade.MAJOR).due_at.astimezone(BAGS.zone).strftime("%d. %H:%M")
        for owed in Owed
    }
    assert due == {  # 1, 2, 4 and 16 hours of 10:00-19:00
        "first_response": "02. 11:00",
        "promised_callback": "02. 12:00",
        "next_update": "02. 14:00",
        "resolution": "03. 17:00",
    }


def test_deadlines_and_calls_keep_the_hours_of_the_desk_named_for_them_or_else_the_complaints_desk():
    hours = {
        "complaints": "11:00-12:00",
        "crises": "00:00-24:00",
        "callers": "20:00-21:00",
        "other": "09:00-10:00",
    }
    shop = BAGS.model_copy(
        update={
            "desks": {**BAGS.desks, **{desk: {"daily": [window]} for desk, window in hours.items()}},
            "complaints": {
                "desk": "complaints",
                "crisis": SPANS | {"ladder": LADDER, "desk": "crises"},
                "callback": {"desk": "callers"},
            },
        }
    )
    asked = datetime(2026, 3, 2, 3, tzinfo=shop.zone)
    answered = [shop.owed_by(Owed.FIRST_RESPONSE, asked, grade=grade).due_at for grade in ORDER]
    assert answered == [asked + timedelta(hours=hours) for hours in (24 + 9, 9, 1)]  # 2 h, 1 h, 1 h
    assert shop.callback_plan(asked).calls[0].at == asked + timedelta(days=2, hours=17)
    assert shop.may_call(asked + timedelta(hours=17))
    assert not shop.may_call(asked + timedelta(hours=8))
    assert shop.told(Grade.MAJOR, asked)[0].at == asked + timedelta(hours=8)
    shop = shop.model_copy(update={"complaints": {}})
    assert shop.told(Grade.MAJOR, asked)[0].at == asked + timedelta(hours=7)  # the after-sales desk opens


LADDER = {"levels": [{"who": "x"}]}
SPANS = {"first_response": "1 h", "promised_callback": "1 h", "next_update": "1 h", "resolution": "2 h"}


@pytest.mark.parametrize(
    ("complaints", "sentence"),
    [
        ({"desk": "night"}, "complaints.desk: there is no desk 'night'"),
        ({"callback": {"desk": "night"}}, "complaints.callback.desk: there is no desk 'night'"),
        ({"query": {"first_response": "1 h", "promised_callback": "1 h", "next_update": "1 h", "desk": "night"}},
         "complaints.query.desk: there is no desk 'night'"),
        ({"crisis": SPANS | {"ladder": {"levels": [{"who": "x"}, {"who": "y", "desk": "night"}]}}},
         r"complaints.crisis.ladder.levels\[2\].desk: there is no desk 'night'"),
        ({"major": SPANS | {"ladder": {"levels": []}}}, "a ladder needs at least one level"),
        ({"major": SPANS | {"ladder": {"levels": [{"who": "x"}, {"who": "x "}]}}}, "'x' stands on this ladder twice"),
        ({"major": SPANS | {"ladder": {"levels": [{"who": " "}]}}}, "at least 1 character"),
        ({"general": SPANS | {"ladder": LADDER, "first_response": "3 h"}},
         r"first_response \(3 h\) must not be longer"),
        ({"general": {"ladder": LADDER, "first_response": "3 h"}}, "Field required"),
        ({"major_when": {"natures": ["rude"]}}, "natures"),
        ({"major_when": {"from_buyer_repeats": 0}}, "greater than or equal to 1"),
        ({"callback": {"ideal_day": 8}}, "beyond `within`"),
        ({"callback": {"not_before": "7 d"}}, "not_before must be shorter"),
        ({"callback": {"attempts": 0}}, "attempts"),
        ({"callback": {"days": "weekdays"}}, "days"),
        ({"reopening": {"courtesies": ["..."]}}, "says nothing that could be recognised"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_with_a_sentence(complaints, sentence):
    settings = BAGS.model_dump(mode="json") | {"complaints": complaints}
    with pytest.raises(ValidationError, match=sentence):
        ShopPolicies.model_validate(settings)


def test_an_ideal_day_on_the_last_day_is_still_possible():
    assert ComplaintPolicy.model_validate({"callback": {"ideal_day": 7}}).callback.ideal_day == 7
