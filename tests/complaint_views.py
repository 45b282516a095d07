"""Complaints without a database: views of them in any state, and what a decision about them brings."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from orders_told import A_MINUTE, AN_HOUR, moment

from deployments.shop_files import load_shop_file
from flows.complaint_cases import BLANK, ComplaintView
from models import Complaint
from states.complaint_states import ComplaintState as S
from states.complaint_states import ComplaintTimer
from states.complaints import complaint_lifecycle
from states.errors import Refused
from states.follow_ups import Owe, SetTimer
from states.lifecycle import Asked

SHOPS = Path(__file__).parents[1] / "deployments" / "shops"
SAID_AT = moment("03-03 11:00")  # a Tuesday; the desk is there from 10:00 to 19:00
RESOLVED_AT = SAID_AT + 3 * AN_HOUR
A_DAY = timedelta(days=1)
T = ComplaintTimer
NEEDED = {  # the least that each trigger is told with
    "become_complaint": {"nature": "logistics"},
    "answer": {"text": "明天到"},
    "assign": {"handler": "王"},
    "regrade": {"grade": "major", "text": "影响大"},
    "escalate": {"text": "处理不了"},
    "give_up": {"text": "处理不了"},
    "bring_in": {"department": "技术部"},
    "wait": {"text": "等照片"},
    "resolve": {"remedy": "apology", "text": "已道歉"},
    "call": {"outcome": "satisfied"},
    "answer_survey": {"outcome": "satisfied"},
}


@cache
def shop(name="bag-studio"):
    return load_shop_file(SHOPS / f"{name}.toml")


def unregistered(policy=None, **told):
    """Nobody has told us of it yet: a complaint about quality over 100 yuan, unless told otherwise."""
    columns = dict.fromkeys(c.name for c in Complaint.__table__.columns) | BLANK
    usual = {"no": "1-C1", "intake": "complaint", "nature": "quality", "amount_fen": 10_000}
    loaded = {"policy": policy or shop(), "rounds": [], "timers": [], "order": None, "known": {}}
    return ComplaintView(**{**columns, **usual, **loaded, **told})


def an_open_one(no):
    """Another complaint about the same order and cause."""
    return SimpleNamespace(no=no, is_open=True, nature="quality")


def decide(case, trigger, at=SAID_AT, by="li", round_=None, words=None, **facts):
    details = {"words": words} if words is not None else None
    asked = Asked(trigger, at, by, {**NEEDED.get(trigger, {}), **facts}, round_, details)
    return complaint_lifecycle.decide(case, asked)


def registered(**told):
    case = unregistered(**told)
    decide(case, "register", words="开线了")
    return case


def acknowledged(**told):
    case = registered(**told)
    decide(case, "acknowledge", SAID_AT + A_MINUTE)
    return case


def resolved(**told):
    case = acknowledged(**told)
    decide(case, "resolve", RESOLVED_AT)
    return case


def in_state(state):
    """A complaint that has come to this state on its usual way; an inquiry, where it was answered."""
    case = registered(intake="query", nature=None) if state == S.ANSWERED else registered()
    way = {
        S.REGISTERED: [],
        S.INVESTIGATING: ["acknowledge"],
        S.ESCALATED: ["escalate"],
        S.RESOLVED: ["resolve"],
        S.CALLBACK_DUE: ["resolve", "call_due"],
        S.SURVEYED: ["resolve", "survey"],
        S.CLOSED: ["resolve", "call", "close"],
        S.ANSWERED: ["answer"],
    }
    for trigger in way[state]:
        decide(case, trigger, SAID_AT + A_DAY if trigger in ("call_due", "call") else SAID_AT)
    assert case.state == state
    return case


def rows_of(kind, rows):
    return [row for row in rows if isinstance(row, kind)]


def owed(rows):
    return [(row.what, row.to) for row in rows_of(Owe, rows)]


def timers(rows):
    return {row.kind: row.due_at for row in rows_of(SetTimer, rows)}


def refusal(case, trigger, at=SAID_AT, **told):
    with pytest.raises(Refused) as no:
        decide(case, trigger, at, **told)
    return [reason.code for reason in no.value.reasons]
