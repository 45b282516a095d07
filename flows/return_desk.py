"""The after-sales desk: a buyer's request becomes a case, and a person steers it by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from flows import clock, return_cases
from flows.acting import UNNAMED, Hand, amount, answered, masked, name_of, words
from flows.advance import advancing
from flows.policy_store import current_policy
from flows.requests import Outcome, Request
from flows.return_cases import bought_order, load_orders
from flows.return_quotes import pieces_of, read_word
from flows.scope import find_order
from models import Return
from models.database import reading
from states.errors import BadInput
from states.phones import EXTENSION
from states.policies.return_requests import Condition, Evidence, GoodsClass, ReturnKind, ReturnReason
from states.return_refusals import FINDINGS
from states.returns import TIMERS, return_lifecycle

RETURNS = Return.__table__
TRIES = 5  # when somebody else took the number
WAYBILL = re.compile(r"(?=(?:[^0-9]*[0-9]){6})[A-Za-z0-9-]{8,32}")
MOBILE = re.compile(rf"(\+?86)?1[3-9][0-9]{{9}}({EXTENSION})?")
BY_THE_MACHINE = {"open", "want_evidence", "cool", "await_parcel", "become_return", "refunded_elsewhere"}


def waybill(text: str) -> str:
    """A carrier's number: 8 to 32 letters and digits, at least six of them digits. Raises ValueError."""
    number = text.strip().replace(" ", "")
    if MOBILE.fullmatch(number):
        raise ValueError("looks like a telephone number, not like a waybill")
    if not WAYBILL.fullmatch(number):
        raise ValueError("is no waybill: 8 to 32 letters and digits, at least six digits (rule 82)")
    return number


def finding(text: str) -> str:
    """What an inspection found. Raises ValueError."""
    if text not in FINDINGS:
        raise ValueError(f"is no finding: {', '.join(FINDINGS)}")
    return text


def link(text: str) -> str:
    """Where a picture is. Raises ValueError."""
    if not re.fullmatch(r"https?://[^\s/]+/\S*", text.strip()):
        raise ValueError("is no link to a picture: http(s)://…")
    return text.strip()


def evidence_kind(text: str) -> str:
    """What a picture shows. Raises ValueError."""
    if text not in list(Evidence):
        raise ValueError(f"is no evidence: {', '.join(Evidence)}")
    return text


def _key(trigger: str, told: Mapping[str, Any]) -> str | None:
    match trigger:
        case "track":
            return f"track:{told['waybill']}"
        case "show_evidence":
            return f"show_evidence:{told['kind']}:{told['link']}"
        case "receive" | "reship_left":
            return trigger
    return None


RETURNS_HAND = Hand(
    return_cases,
    tuple(
        sorted(
            {*return_lifecycle.triggers} - BY_THE_MACHINE - {w.trigger for w in TIMERS.values()}
            | {"pay_back"}
        )
    ),
    {
        "approve": {"override": masked, "amount_fen": amount},
        "decline": {"text!": masked},
        "show_evidence": {"kind!": evidence_kind, "link!": link},
        "withdraw": {"text": masked},
        "track": {"waybill!": waybill, "carrier": words},
        "inspect": {"finding!": finding, "text": masked},
        "pay_back": {"amount_fen": amount},
        "refund_paid": {"refund_ref": words},
        "refund_failed": {"reason!": masked},
        "reship_left": {"waybill": waybill, "carrier": words},
        "close": {"text!": masked},
    },
    _key,
)


def open_return(
    engine: Engine,
    order_no: str,
    *,
    reason: str,
    kind: str | None = None,
    lines: Iterable[str] = (),
    condition: str | None = None,
    goods: str | None = None,
    amount_fen: int | None = None,
    evidence: Iterable[str] = (),
    at: str | None = None,
    by: str = UNNAMED,
    shop: str | None = None,
) -> Outcome:
    """A case for this request; `lines` are written SKU or SKU=PIECES, `evidence` KIND=LINK.

    Raises BadInput, NotFound, and Refused where no case can be made of it, with every reason.
    """
    by = name_of(by)
    with reading(engine) as connection:
        order_id, shop = find_order(connection, order_no, shop)
        zone = current_policy(connection, shop).zone
        condition = read_word(Condition, condition or Condition.AS_NEW, "condition")
        goods = goods and read_word(GoodsClass, goods, "class")
        named = _pieces(connection, order_id, order_no, lines, condition, goods)
    moment = clock.not_in_the_future(clock.read_time(at, zone, what="--at"), "--at") if at else clock.now()
    facts = {
        "reason": read_word(ReturnReason, reason, "reason"),
        "kind": kind and read_word(ReturnKind, kind, "kind"),
        "amount_fen": amount_fen,
    }
    details = {
        "order_id": order_id,
        "lines": named,
        "condition": condition,
        "goods": goods,
        "evidence": [_evidence(text) for text in evidence],
    }
    asked = {"order_no": order_no, "shop": shop, "at": moment, "by": by, "facts": facts, "details": details}
    for _ in range(TRIES):
        outcome = _ask(engine, **asked)
        if not any(reason.code == "not_from_this_state" for reason in outcome.reasons):
            break  # else somebody took the number while we asked: the next one
    return answered("order", order_no, "open a return", outcome)


def _ask(
    engine: Engine, *, order_no: str, shop: str, at: datetime, by: str, facts: dict, details: dict
) -> Outcome:
    with reading(engine) as connection:
        no = next_number(connection, details["order_id"], order_no)
    request = Request(shop, no, "open", at, by, facts, None, details)
    return advancing(engine, [request], recorded_at=clock.now(), cases=return_cases).outcomes[0]


def next_number(connection: Connection, order_id: int, order_no: str) -> str:
    """The number of the order's next case, as it is written on the slip in the parcel (rule 81)."""
    count = select(func.count()).select_from(RETURNS).where(RETURNS.c.order_id == order_id)
    return f"{order_no}-R{connection.scalar(count) + 1}"


def _pieces(
    connection: Connection, order_id: int, no: str, lines: Iterable[str], condition: Condition, goods: Any
) -> list[dict]:
    order = load_orders(connection, [order_id], {}, lock=False)[order_id]
    bought = bought_order(order, order.cases)
    found = []
    for text in lines:
        sku, _, pieces = text.partition("=")
        if pieces and not re.fullmatch(r"[1-9][0-9]{0,5}", pieces):
            raise BadInput(
                f"--line {text!r}: write it as SKU=PIECES, at least one piece", code="bad_line", where=text
            )
        [asked] = pieces_of(bought, no, sku, int(pieces) if pieces else None, condition, goods)
        found.append(
            {"position": asked.position, "quantity": asked.quantity, "condition": condition, "goods": goods}
        )
    return found


def _evidence(text: str) -> dict:
    kind, equals, where = text.partition("=")
    try:
        return {"kind": evidence_kind(kind), "link": link(where)}
    except ValueError as error:
        what = where if equals and kind in list(Evidence) else kind
        raise BadInput(
            f"--evidence {text!r}: {what!r} {error}; write it as photo=https://…",
            code="bad_evidence",
            where=text,
        ) from None
