"""What a person does by hand leaves no personal data where others read it (promise 9)."""

import pytest
from complaints_told import complain
from orders_told import PAID_AT, RECEIVER, SHOP, history, order, paid, placed, rows, tell
from outbox_told import owe

from flows.acting import act
from flows.complaint_desk import hear, register
from flows.outbox_desk import abandon
from flows.rectification_desk import open_rectification
from flows.return_desk import open_return
from models import OutboxMessage, StateChange
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


DESKS = {
    "return": lambda engine, by: open_return(engine, "1", reason="disliked", by=by),
    "complaint": lambda engine, by: register(engine, shop=SHOP, words="开线了", nature="quality", by=by),
    "further word": lambda engine, by: hear(engine, "1-C1", "还没解决", by=by),
    "rectification": lambda engine, by: open_rectification(
        engine, shop=SHOP, goods="BAG-1", owner="采购部", by=by
    ),
    "message": lambda engine, by: abandon(engine, "1", reason="已电话说明", by=by, now=PAID_AT),
}


@pytest.mark.parametrize("by", [" ", "ｐayments"])
@pytest.mark.parametrize("desk", DESKS)
def test_nor_does_it_open_register_or_give_up_anything(engine, desk, by):
    tell(engine, placed(), paid())
    complain(engine)
    owe(engine)
    before = _told(engine)
    with pytest.raises(BadInput, match="这不是人名") as no:
        DESKS[desk](engine, by)
    assert (no.value.code, _told(engine)) == ("nobodys_name", before)


@pytest.mark.parametrize("desk", DESKS)
def test_every_desk_keeps_a_name_in_one_way(engine, desk):
    tell(engine, placed(), paid())
    complain(engine)
    owe(engine)
    DESKS[desk](engine, "  李\u3000娜 ")
    changes, messages = _told(engine)
    names = {change.by for change in changes} | {message.abandoned_by for message in messages}
    assert [name for name in names if name and "娜" in name] == ["李 娜"]


def _told(engine):
    return rows(engine, StateChange), rows(engine, OutboxMessage)


def test_a_name_is_kept_as_it_is_said(engine):
    tell(engine, placed())
    act(engine, "1", "amend", facts={"receiver": "王小明"}, by=" 李  娜 ")
    assert history(engine)[-1].by == "李 娜"
