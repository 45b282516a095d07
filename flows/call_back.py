"""The call after a complaint: what who calls has before them, and how the call went (rules 100, 177).

Free of Prefect; the form that shows the one and asks for the other is in `call_form.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine

from flows import complaint_cases
from flows.complaint_acts import act
from flows.complaint_explaining import explain_complaint
from flows.masking import mask_text
from flows.messages import render
from flows.requests import Outcome
from flows.scope import find_case
from models.database import reading
from states.complaint_refusals import LATER_MISSING, LATER_NOT_ASKED, LATER_PASSED
from states.complaints import complaint_lifecycle
from states.errors import BadInput, Refused, TransitionNotAllowed
from states.lifecycle import case_name, not_from
from states.order_reasons import needs_a_named_person

KIND, CALL = "complaint", "call"
MISTYPED = {
    reason.code for reason in (LATER_MISSING, LATER_NOT_ASKED, LATER_PASSED, needs_a_named_person(CALL))
}


@dataclass(frozen=True, slots=True)
class CallSheet:
    """Who to call, what was settled, what to say; as Markdown, and without the number itself (promise 9)."""

    no: str
    shop: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """How a call went, as somebody typed it."""

    outcome: str = ""
    words: str = ""  # the customer's
    later_at: str = ""
    satisfaction: str = ""
    by: str = ""

    def masked(self) -> Told:
        """As it may be shown: who typed it may have typed a number."""
        return replace(
            self, words=mask_text(self.words), later_at=mask_text(self.later_at), by=mask_text(self.by)
        )

    def __str__(self) -> str:
        typed = ((name, getattr(self.masked(), name).strip()) for name in self.__slots__)
        return ", ".join(f"{name}={text!r}" for name, text in typed if text)


def must_be_callable(case: complaint_cases.ComplaintView) -> None:
    """Customers are called between the resolution and the end (rule 100). Raises Refused."""
    if CALL not in complaint_lifecycle.allowed_from(case.state):
        raise TransitionNotAllowed(case_name(KIND, case), CALL, (not_from(CALL, case.state),))


def call_sheet(engine: Engine, no: str, shop: str | None, at: datetime) -> CallSheet:
    """What who calls has to know. Raises BadInput, NotFound, and Refused where nobody is to be called."""
    with reading(engine) as connection:
        case_id, shop = find_case(connection, KIND, no, shop)
        case = complaint_cases.load(connection, [case_id], lock=False)[case_id]
        must_be_callable(case)
        story = explain_complaint(connection, case_id, at).story
    return CallSheet(no, shop, render("call_back", case, {"story": story}))


def record_call(
    engine: Engine,
    no: str,
    shop: str | None,
    told: Told,
    *,
    at: datetime,
    key: str | None = None,
    flow_run: str | None = None,
) -> Outcome:
    """Tell the complaint how the call went; under the same key it is told once.

    Raises BadInput for what was mistyped, so that it can be asked for again, and Refused where the complaint has moved
    on meanwhile.
    """
    typed = {
        "outcome": told.outcome,
        "text": told.words,
        "later_at": told.later_at,
        "satisfaction": told.satisfaction,
    }
    asked = {
        "facts": {name: text for name, text in typed.items() if text.strip()},
        "at": at.isoformat(),
        "by": told.by.strip(),
        "shop": shop,
    }
    try:
        return act(engine, no, CALL, **asked, key=key, flow_run=flow_run)
    except Refused as refusal:
        if any(reason.code not in MISTYPED for reason in refusal.reasons):
            raise
        said = "; ".join(f"{reason.zh} / {reason.en}" for reason in refusal.reasons)
        raise BadInput(said, code=refusal.code, where=no) from None


def summary(engine: Engine, outcome: Outcome, at: datetime) -> str:
    """What the call has led to, and whose turn it is now."""
    did = ", ".join(f"{change.trigger} → {change.dest}" for change in outcome.changes)
    with reading(engine) as connection:
        case_id, _ = find_case(connection, KIND, outcome.no, outcome.request.shop)
        turn = explain_complaint(connection, case_id, at).turn
    return f"{outcome.no}: {did or 'recorded already'}; {turn['zh']} / {turn['en']}"
