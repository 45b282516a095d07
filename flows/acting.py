"""What a person does to one case by hand: checked, told to `advance`, answered."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from flows import clock, order_cases
from flows.advance import advancing
from flows.imports.cells import LARGEST_FEN
from flows.masking import mask_text
from flows.policy_store import current_policy
from flows.requests import Outcome, Request, Status
from flows.scope import find_case
from flows.strangers import CONTROL, LONGEST, short
from models.database import reading
from states.errors import BadInput, KefuError, Refused
from states.order_guards import NOBODY, NOT_BY_HAND
from states.orders import TIMERS, fact_key, order_lifecycle

TIMES = {"until", "later_at"}  # facts that are times
UNNAMED = "operator"  # acts where no name was given; what needs a named person is refused


def amount(text: str) -> int:
    """Fen, from digits. Raises ValueError with the end of a sentence."""
    digits = text.strip()
    if re.fullmatch(r"-[0-9]+", digits):
        raise ValueError("is negative")
    if not re.fullmatch(r"[0-9]+", digits):
        raise ValueError("is no whole number of fen")
    if len(digits) > 10 or int(digits) > LARGEST_FEN:
        raise ValueError("is too large for an amount")
    return int(digits)


def words(text: str) -> str:
    """A text that says something. Raises ValueError."""
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


def masked(text: str) -> str:
    """Shown wherever the order is: what looks like a telephone number in it is masked at once (promise 9)."""
    return mask_text(words(text))


Reads = Mapping[str, Mapping[str, Callable[[str], Any]]]


@dataclass(frozen=True)
class Hand:
    """What a person may do to one kind of case: the triggers, and what is told with each, name → how it is read;
    a ! marks what must be told. `key` says which facts happen to a case once; what is `private` stays with the case
    itself, for history holds no personal data."""

    cases: Any
    triggers: tuple[str, ...]
    facts: Reads
    key: Callable[[str, Mapping[str, Any]], str | None]
    private: frozenset[str] = frozenset()


ORDERS = Hand(
    order_cases,
    tuple(
        sorted(
            {*order_lifecycle.triggers} - {"place"} - {w.trigger for w in TIMERS.values()}
            | {"remind", "release"}
        )
    ),
    {
        "pay": {"amount_fen!": amount},
        "refund": {"amount_fen!": amount},
        "refund_part": {"amount_fen!": amount},
        "ship": {"waybill!": words, "carrier": words},
        "ship_part": {"waybill!": words, "carrier": words},
        "hold": {"reason!": masked, "until": words},
        "unhold": {"reason!": masked},
        "verify": {"override": words},
        "cancel": {"reason": masked},
        "close": {"reason": masked},
        "amend": {"receiver": words, "phone": words, "address": words, "remark": words, "amount_fen": amount},
    },
    lambda trigger, told: fact_key(trigger, told) if trigger in KEYED else None,
)
KEYED = order_lifecycle.facts - {"hold", "amend", "opt_out"}  # what happens to an order once


def act(
    engine: Engine,
    no: str,
    trigger: str,
    *,
    facts: Mapping[str, str] | None = None,
    at: str | None = None,
    by: str = UNNAMED,
    shop: str | None = None,
    hand: Hand = ORDERS,
    key: str | None = None,
    flow_run: str | None = None,
) -> Outcome:
    """Tell a fact of a case, or decide about it; a `key` makes it happen once, however often it is told.

    Raises BadInput (unknown trigger, fact or time, a time to come), NotFound, Refused (with every reason).
    """
    request = asked_by_hand(engine, no, trigger, facts=facts, at=at, by=by, shop=shop, hand=hand, key=key)
    advanced = advancing(engine, [request], recorded_at=clock.now(), flow_run=flow_run, cases=hand.cases)
    return answered(hand.cases.kind, no, trigger, advanced.outcomes[0])


def asked_by_hand(
    engine: Engine,
    no: str,
    trigger: str,
    *,
    facts: Mapping[str, str] | None,
    at: str | None,
    by: str,
    shop: str | None,
    hand: Hand,
    key: str | None = None,
) -> Request:
    """What these words ask of a case. Raises BadInput and NotFound."""
    by = name_of(by)
    with reading(engine) as connection:
        _, shop = find_case(connection, hand.cases.kind, no, shop)
        zone = current_policy(connection, shop).zone
    if trigger not in hand.triggers:
        raise BadInput(
            f"trigger {trigger!r} is unknown{_nearest(trigger, hand.triggers)}",
            code="unknown_trigger",
            where=no,
        )
    moment = clock.not_in_the_future(clock.read_time(at, zone, what="--at"), "--at") if at else clock.now()
    told = _read_facts(trigger, hand.facts.get(trigger, {}), facts or {}, zone)
    if "until" in told and told["until"] <= moment:
        raise BadInput(
            f"until: {told['until'].isoformat()} has passed already", code="bad_time", where="until"
        )
    details = {name: told.pop(name) for name in hand.private & set(told)} or None
    if trigger == "amend":
        details, told = told, {"fields": sorted(told)}
    return Request(shop, no, trigger, moment, by, told, key or hand.key(trigger, told), details)


def name_of(by: str) -> str:
    """Who acts, as it is kept: every desk takes a name through here. Raises BadInput for what is nobody's name, however
    it is written."""
    if not by:  # nobody says so: what wants a name refuses it
        return by
    name = " ".join(unicodedata.normalize("NFKC", by).split())
    if name.casefold() in NOBODY:
        name = name.casefold()
    if (
        name in NOT_BY_HAND
        or not any(map(str.isalpha, name))
        or len(name) > LONGEST
        or CONTROL.search(name)
        or mask_text(name) != name
    ):
        raise BadInput(
            f"--by {short(by)}:这不是人名,请写明是谁 / that is nobody's name, say who you are",
            code="nobodys_name",
            where="--by",
        )
    return name


def answered(kind: str, no: str, trigger: str, outcome: Outcome) -> Outcome:
    """The outcome, unless the answer is no. Raises Refused with every reason, or KefuError."""
    if outcome.status is Status.REFUSED:
        raise Refused(f"{kind} {no}", trigger, outcome.reasons)
    if outcome.status is Status.FAILED:
        raise KefuError(f"{kind} {no} could not be worked on: {outcome.error}", code="failed", where=no)
    return outcome


def _read_facts(
    trigger: str, reads: Mapping[str, Callable[[str], Any]], facts: Mapping[str, str], zone: Any
) -> dict[str, Any]:
    allowed = {name.rstrip("!"): read for name, read in reads.items()}
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
    missing = [n.rstrip("!") for n in reads if n.endswith("!") and n.rstrip("!") not in told]
    if missing or (trigger == "amend" and not told):
        names = ", ".join(missing or allowed)
        raise BadInput(f"{trigger} needs --fact {names}=…", code="missing_fact", where=trigger)
    for name in TIMES & set(told):
        told[name] = clock.read_time(told[name], zone, what=name)
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
