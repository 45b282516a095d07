"""What a person does by hand leaves no personal data where others read it (promise 9)."""

import pytest
from orders_told import RECEIVER, history, order, placed, tell

from flows.acting import act
from states.errors import BadInput


def test_history_names_the_fields_that_a_person_changed_and_not_their_values(engine):
    tell(engine, placed(phone=None))
    act(engine, "1", "amend", facts={"phone": RECEIVER["phone"], "receiver": RECEIVER["receiver"]}, by="李娜")
    assert order(engine).phone == RECEIVER["phone"]
    (amended,) = [row for row in history(engine) if row.trigger == "amend"]
    assert (amended.by, amended.facts) == ("李娜", {"fields": ["phone", "receiver"]})


@pytest.mark.parametrize(
    "by",
    [
        " ",
        "Payments",
        "payments ",
        "ｐａｙｍｅｎｔｓ",
        "\u200b",
        "13812341234",
        "李\x00娜",
        "\ud800",
        "a" * 5_000,
    ],
)
def test_what_is_nobodys_name_acts_for_nobody_however_it_is_written(engine, by):
    tell(engine, placed(phone=None))
    with pytest.raises(BadInput, match="这不是人名") as no:
        act(engine, "1", "amend", facts={"phone": RECEIVER["phone"]}, by=by)
    assert (no.value.code, order(engine).phone) == ("nobodys_name", None)


def test_a_name_is_kept_as_it_is_said(engine):
    tell(engine, placed())
    act(engine, "1", "amend", facts={"receiver": "王小明"}, by=" 李  娜 ")
    assert history(engine)[-1].by == "李 娜"
