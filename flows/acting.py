"""What a person does to one order by hand: checked, told to `advance`, answered."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine

from flows import clock
from flows.advance import advancing
from flows.imports.cells import LARGEST_FEN
from flows.masking import mask_text
from flows.order_import import fact_key
from flows.policy_store import current_policy
from flows.requests import Outcome, Request, Status
from flows.scope import find_order
from models.database import reading
from states.errors import BadInput, KefuError, Refused
from states.orders import TIMERS, order_lifecycle

UNNAMED = "operator"  # acts where no name was given; what needs a named person is refused


def _amount(text: str) -> int:
    digits = text.strip()
    if re.fullmatch(r"-[0-9]+", digits):
        raise ValueError("is negative")
    if not re.fullmatch(r"[0-9]+", digits):
        raise ValueError("is no whole number of fen")
    if len(digits) > 10 or int(digits) > LARGEST_FEN:
        raise ValueError("is too large for an amount")
    return int(digits)


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


def _reason(text: str) -> str:
    """Shown wherever the order is: what looks like a telephone number in it is masked at once (promise 9)."""
    return mask_text(_text(text))


# what can be told with a trigger: name → how it is read; a ! marks what must be told
FACTS: dict[str, dict[str, Callable[[str], Any]]] = {
    "pay": {"amount_fen!": _amount},
    "refund": {"amount_fen!": _amount},
    "refund_part": {"amount_fen!": _amount},
    "ship": {"waybill!": _text, "carrier": _text},
    "ship_part": {"waybill!": _text, "carrier": _text},
    "hold": {"reason!": _reason, "until": _text},
    "unhold": {"reason!": _reason},
    "verify": {"override": _text},
    "cancel": {"reason": _reason},
    "close": {"reason": _reason},
    "amend": {"receiver": _text, "phone": _text, "address": _text, "remark": _text, "amount_fen": _amount},
}
BY_HAND = sorted(
    {*order_lifecycle.triggers} - {"place"} - {w.trigger for w in TIMERS.values()} | {"remind", "release"}
)


def act(
    engine: Engine,
    no: str,
    trigger: str,
    *,
    facts: Mapping[str, str] | None = None,
    at: str | None = None,
    by: str = UNNAMED,
    shop: str | None = None,
) -> Outcome:
    """Tell a fact of an order, or decide about it.

    Raises BadInput (unknown trigger, fact or time, a time to come), NotFound, Refused (with every reason).
    """
    with reading(engine) as connection:
        _, shop = find_order(connection, no, shop)
        zone = current_policy(connection, shop).zone
    if trigger not in BY_HAND:
        raise BadInput(
            f"trigger {trigger!r} is unknown{_nearest(trigger, BY_HAND)}", code="unknown_trigger", where=no
        )
    moment = clock.not_in_the_future(clock.read_time(at, zone, what="--at"), "--at") if at else clock.now()
    told = _read_facts(trigger, facts or {}, zone)
    if "until" in told and told["until"] <= moment:
        raise BadInput(
            f"until: {told['until'].isoformat()} has passed already", code="bad_time", where="until"
        )
    details = None
    if trigger == "amend":
        details, told = told, {"fields": sorted(told)}
    key = fact_key(trigger, told) if trigger in KEYED else None
    request = Request(shop, no, trigger, moment, by, told, key, details)
    outcome = advancing(engine, [request], recorded_at=clock.now()).outcomes[0]
    if outcome.status is Status.REFUSED:
        raise Refused(f"order {no}", trigger, outcome.reasons)
    if outcome.status is Status.FAILED:
        raise KefuError(f"order {no} could not be worked on: {outcome.error}", code="failed", where=no)
    return outcome


KEYED = order_lifecycle.facts - {"hold", "amend", "opt_out"}  # what happens to an order once


def _read_facts(trigger: str, facts: Mapping[str, str], zone: Any) -> dict[str, Any]:
    allowed = {name.rstrip("!"): read for name, read in FACTS.get(trigger, {}).items()}
    told: dict[str, Any] = {}
    for name, text in facts.items():
        if name not in allowed:
            raise BadInput(
                f"{trigger} takes no fact {name!r}{_nearest(name, allowed)}", code="unknown_fact", where=name
            )
        try:
            told[name] = allowed[name](text)
        except ValueError as error:
            raise BadInput(f"fact {name}: {text!r} {error}", code="bad_fact", where=name) from None
    missing = [n.rstrip("!") for n in FACTS.get(trigger, {}) if n.endswith("!") and n.rstrip("!") not in told]
    if missing or (trigger == "amend" and not told):
        names = ", ".join(missing or allowed)
        raise BadInput(f"{trigger} needs --fact {names}=…", code="missing_fact", where=trigger)
    if "until" in told:
        told["until"] = clock.read_time(told["until"], zone, what="until")
    return told


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    listed = ", ".join(sorted(known)) or "none"
    return f"; did you mean {close[0]}? known: {listed}" if close else f"; known: {listed}"


def parse_facts(pairs: list[str]) -> dict[str, str]:
    """`k=v` pairs from a command line. Raises BadInput."""
    told = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadInput(f"--fact {pair!r}: write it as name=value", code="bad_fact", where=pair)
        told[name.strip()] = value
    return told
