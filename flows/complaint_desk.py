"""The complaints desk: what a customer turns to us with becomes a case, and a person steers it by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from flows import clock, complaint_cases
from flows.acting import UNNAMED, Hand, amount, answered, masked, name_of, words
from flows.advance import advancing
from flows.complaint_cases import open_twin
from flows.policy_store import current_policy
from flows.requests import Outcome, Request
from flows.return_quotes import read_word
from flows.scope import find_case, find_order
from models import Complaint
from models.database import reading
from states.complaint_records import OUTCOMES
from states.complaints import TIMERS, complaint_lifecycle
from states.errors import BadInput, Refused
from states.order_guards import NOBODY
from states.order_reasons import needs_a_named_person
from states.policies.audit import phone_doubts
from states.policies.complaint_calls import CallOutcome
from states.policies.complaint_reopening import Reopens
from states.policies.complaint_terms import Channel, Grade, IntakeClass, Nature, Remedy
from states.policies.return_requests import ReturnKind, ReturnReason
from states.policies.shops import ShopPolicies

COMPLAINTS = Complaint.__table__
TRIES = 5  # when somebody else took the number
BY_THE_MACHINE = {"register", "begin_round", "replan"}


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a customer's word: the case it is in, and whether that case was there already."""

    outcome: Outcome
    joined: bool = False  # the same order and cause: it belongs to a complaint that is still open
    linked_no: str | None = None  # the earlier complaint, closed too long ago to go on with


# -- by hand ----------------------------------------------------------------------------------------


def _one_of(kinds: Any) -> Any:
    def read(text: str) -> str:
        if text not in list(kinds):
            raise ValueError(f"is none of {', '.join(kinds)}")
        return text

    return read


def _stars(text: str) -> int:
    if text.strip() not in {"1", "2", "3", "4", "5"}:
        raise ValueError("is no mark from 1 to 5")
    return int(text)


COMPLAINTS_HAND = Hand(
    complaint_cases,
    tuple(
        sorted(
            {*complaint_lifecycle.triggers} - BY_THE_MACHINE - {w.trigger for w in TIMERS.values()}
            | {"survey"}
        )
    ),
    {
        "hear": {"words!": words},
        "respond": {"text": masked},
        "become_complaint": {"nature!": _one_of(Nature)},
        "answer": {"text!": masked},
        "assign": {"handler!": words},
        "regrade": {"grade!": _one_of(Grade), "text!": masked},
        "escalate": {"text!": masked},
        "give_up": {"text!": masked},
        "bring_in": {"department!": words, "text": masked},
        "wait": {"text!": masked},
        "resolve": {
            **{"remedy!": _one_of(Remedy), "text!": masked, "case": words},
            **{"return": _one_of(ReturnKind), "reason": _one_of(ReturnReason), "amount_fen": amount},
        },
        "call": {
            **{"outcome!": _one_of(CallOutcome), "later_at": words, "text": masked, "satisfaction": _stars},
        },
        "answer_survey": {"outcome!": _one_of(OUTCOMES[:2]), "satisfaction": _stars, "words": words},
    },
    lambda trigger, told: None,
    private=frozenset({"words"}),
)


def hear(
    engine: Engine, no: str, text: str, *, at: str | None = None, by: str, shop: str | None = None
) -> Registered:
    """A further word of the customer: it belongs to the complaint, takes it up again, or is one of its own.

    Raises BadInput and NotFound.
    """
    by = name_of(by)
    with reading(engine) as connection:
        case_id, shop = find_case(connection, "complaint", no, shop)
        case = complaint_cases.load(connection, [case_id], lock=False)[case_id]
    moment = _moment(at, case.policy)
    if case.closed_at and moment >= case.closed_at:
        answer = case.policy.reopening(case.closed_at, moment, text)
        if answer.answer is Reopens.LINKED:
            return _linked(engine, case, moment, by, text)
    heard = Request(shop, no, "hear", moment, by, {}, None, {"words": text})
    return Registered(_told(engine, heard))


def _linked(engine: Engine, case: Any, moment: datetime, by: str, text: str) -> Registered:
    """After the shop's time it is a complaint of its own, which names the old one."""
    names = ("intake", "nature", "sku", "channel", "amount_fen")
    facts = {name: getattr(case, name) for name in names} | {"linked_no": case.no}
    who = {name: getattr(case, name) for name in ("order_id", "name", "phone", "address")}
    told = Request(case.shop, "", "register", moment, by, facts, None, {**who, "words": text})
    return _register(engine, [told], case.order and case.order.no)


# -- intake -----------------------------------------------------------------------------------------


def register(
    engine: Engine,
    *,
    words: str,
    order_no: str | None = None,
    shop: str | None = None,
    intake: str | None = None,
    channel: str | None = None,
    nature: str | None = None,
    grade: str | None = None,
    sku: str | None = None,
    amount_fen: int | None = None,
    furious: bool = False,
    hard_to_judge: bool = False,
    name: str | None = None,
    phone: str | None = None,
    address: str | None = None,
    handler: str | None = None,
    at: str | None = None,
    by: str = UNNAMED,
) -> Registered:
    """A case for what a customer said (rules 93-96); about the same order and cause, the word joins the open one.

    Raises BadInput, NotFound, and Refused where a grade or a handler is given without a name.
    """
    by = name_of(by)
    with reading(engine) as connection:
        order_id, shop = _about(connection, order_no, shop)
        policy = current_policy(connection, shop)
    intake = read_word(IntakeClass, intake or IntakeClass.COMPLAINT, "class")
    facts = {
        "intake": intake,
        "channel": read_word(Channel, channel or Channel.CHAT, "channel"),
        "nature": _nature(intake, nature),
        "sku": sku,
        "amount_fen": amount_fen,
        "furious": furious,
        "hard_to_judge": hard_to_judge,
    }
    details = {
        "order_id": order_id,
        "name": name,
        "phone": _phone(phone, policy),
        "address": address,
        "words": _said(words),
    }
    moment = _moment(at, policy)
    requests = [Request(shop, "", "register", moment, by, facts, None, details)]
    if grade:
        graded = {"grade": read_word(Grade, grade, "grade"), "text": "登记时核定 / when it was registered"}
        requests.append(Request(shop, "", "regrade", moment, by, graded))
    if handler:
        requests.append(Request(shop, "", "assign", moment, by, {"handler": handler}))
    if requests[1:] and by in NOBODY:  # before anything is stored
        raise Refused("the complaint", "register", (needs_a_named_person(requests[1].trigger),))
    return _register(engine, requests, order_no)


def _about(connection: Connection, order_no: str | None, shop: str | None) -> tuple[int | None, str]:
    if order_no:
        return find_order(connection, order_no, shop)
    if not shop:
        raise BadInput("name the order, or the shop with --shop", code="which_shop", where="--shop")
    return None, shop


def _nature(intake: IntakeClass, nature: str | None) -> Nature | None:
    if intake is not IntakeClass.COMPLAINT:
        return None
    if nature is None:
        raise BadInput(
            f"a complaint needs --nature: {', '.join(Nature)}", code="nature_missing", where="--nature"
        )
    return read_word(Nature, nature, "nature")


def _phone(text: str | None, policy: ShopPolicies) -> str | None:
    """A number that somebody can be called at (rules 95, 115). Raises BadInput."""
    if text is None or not (doubts := list(phone_doubts(text.strip(), policy.phone_region))):
        return text and text.strip()
    raise BadInput(f"--phone: {doubts[0].zh} / {doubts[0].en}", code=doubts[0].code, where="--phone")


def _said(text: str) -> str:
    if not text.strip():
        raise BadInput("what did the customer say? --words is empty", code="words_missing", where="--words")
    return text.strip()


def _moment(at: str | None, policy: ShopPolicies) -> datetime:
    if at is None:
        return clock.now()
    return clock.not_in_the_future(clock.read_time(at, policy.zone, what="--at"), "--at")


def _register(engine: Engine, requests: list[Request], order_no: str | None) -> Registered:
    """Under the next number, whoever else takes one meanwhile; or joined to the complaint that is open."""
    first = requests[0]
    for _ in range(TRIES):
        with reading(engine) as connection:
            no = next_number(connection, first, order_no)
        asked = [_of(request, no) for request in requests]
        outcomes = advancing(engine, asked, recorded_at=clock.now(), cases=complaint_cases).outcomes
        codes = {reason.code for reason in outcomes[0].reasons}
        if "already_open" in codes:
            if joined := _joined(engine, first):
                return joined
        elif "not_from_this_state" not in codes:
            break  # else somebody took the number while we asked: the next one
    for outcome, request in zip(outcomes, asked, strict=True):
        if not any(reason.code == "same_grade" for reason in outcome.reasons):
            answered("complaint", no, request.trigger, outcome)
    return Registered(outcomes[0], linked_no=first.facts.get("linked_no"))


def _joined(engine: Engine, first: Request) -> Registered | None:
    """What is said about the same order and cause belongs to the complaint that is open (rule 95); None: it has
    just been closed."""
    with reading(engine) as connection:
        no = open_twin(connection, first.details["order_id"], first.facts["nature"])
    if no is None:
        return None
    heard = Request(first.shop, no, "hear", first.at, first.by, {}, None, {"words": first.details["words"]})
    return Registered(_told(engine, heard), joined=True)


def _told(engine: Engine, request: Request) -> Outcome:
    outcome = advancing(engine, [request], recorded_at=clock.now(), cases=complaint_cases).outcomes[0]
    return answered("complaint", request.no, request.trigger, outcome)


def _of(request: Request, no: str) -> Request:
    return Request(
        request.shop, no, request.trigger, request.at, request.by, request.facts, None, request.details
    )


def next_number(connection: Connection, first: Request, order_no: str | None) -> str:
    """The number of the order's next complaint; without an order, the shop's next one of that day."""
    c = COMPLAINTS.c
    if order_no:
        mine = c.order_id == first.details["order_id"]
        start = f"{order_no}-C"
    else:
        zone = current_policy(connection, first.shop).zone
        start = f"C{first.at.astimezone(zone):%Y%m%d}-"
        mine = (c.shop == first.shop) & c.no.like(f"{start}%")
    return f"{start}{connection.scalar(select(func.count()).where(mine)) + 1}"
