"""What a shop would do about a complaint: grade, deadlines, ladder and callback. Nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from flows import clock
from flows.policy_store import current_policy
from flows.return_quotes import read_word
from states.errors import BadInput
from states.policies.complaint_callbacks import CallbackPlan
from states.policies.complaint_calls import Step
from states.policies.complaint_deadlines import Countdown
from states.policies.complaint_ladders import LadderNotice, LadderPolicy
from states.policies.complaint_recitals import recited
from states.policies.complaint_terms import ComplaintFacts, Grade, IntakeClass, Nature, Owed
from states.policies.complaints import CLASSES, owed_within
from states.policies.settings import write_duration
from states.policies.shops import ShopPolicies
from states.reasons import Reason


def quote_complaint(
    connection: Connection,
    shop: str,
    *,
    nature: str | None = None,
    intake: str | None = None,
    amount_fen: int | None = None,
    buyer_repeats: int = 0,
    goods_repeats: int = 0,
    furious: bool = False,
    hard_to_judge: bool = False,
    at: str | None = None,
    resolved_at: str | None = None,
) -> dict:
    """The shop's answer to these words as a document, by its newest settings; times in its zone.

    Without `resolved_at` the callback is planned for a resolution at its deadline. Raises BadInput, naming the
    nearest known word, or NotFound.
    """
    shop_ = current_policy(connection, shop)
    said_at = clock.read_time(at, shop_.zone, what="--at") if at else clock.now()
    intake = read_word(IntakeClass, intake or IntakeClass.COMPLAINT, "class")
    if nature is None and intake is IntakeClass.COMPLAINT:
        raise BadInput(
            f"a complaint needs --nature: {', '.join(Nature)}", code="nature_missing", where="--nature"
        )
    nature = Nature.OTHER if nature is None else read_word(Nature, nature, "nature")
    try:
        told = ComplaintFacts(nature, amount_fen, buyer_repeats, goods_repeats, furious, hard_to_judge)
    except ValueError as error:
        raise BadInput(str(error), code="bad_complaint_input", where="quote complaint") from None
    if intake is not IntakeClass.COMPLAINT:
        if resolved_at:
            raise BadInput(
                f"--resolved-at is for complaints: no callback follows a {intake}",
                code="no_callback",
                where="--resolved-at",
            )
        return _inquiry(shop_, intake, said_at)
    end = clock.read_time(resolved_at, shop_.zone, what="--resolved-at") if resolved_at else None
    if end and end < said_at:
        raise BadInput(
            f"--resolved-at: {end.astimezone(shop_.zone).isoformat()} is before the complaint",
            code="resolved_before",
            where="--resolved-at",
        )
    return _complaint(shop_, told, said_at, end)


def _inquiry(shop: ShopPolicies, intake: IntakeClass, at: datetime) -> dict:
    return {
        "answer": intake,
        "reasons": _told([CLASSES[intake]]),
        "class": intake,
        "at": _local(at, shop),
        "grade": None,
        "urgency": None,
        "urgency_reasons": [],
        "deadlines": _deadlines(shop, intake, None, at),
        "ladder": None,
        "callback": None,
    }


def _complaint(shop: ShopPolicies, told: ComplaintFacts, at: datetime, end: datetime | None) -> dict:
    proposal = shop.proposal(told)
    grade = proposal.grade
    resolved_at = end or shop.owed_by(Owed.RESOLUTION, at, grade=grade).due_at
    return {
        "answer": grade,
        "reasons": _told(proposal.reasons),
        "class": IntakeClass.COMPLAINT,
        "at": _local(at, shop),
        "grade": grade,
        "urgency": proposal.urgency,
        "urgency_reasons": _told(proposal.urgency_reasons),
        "deadlines": _deadlines(shop, IntakeClass.COMPLAINT, grade, at),
        "ladder": _ladder(shop.complaints.graded(grade).ladder, shop.told(grade, at), shop),
        "callback": {
            "resolved_at": _local(resolved_at, shop),
            "assumed": end is None,
            **_callback(shop.callback_plan(resolved_at), shop),
        },
    }


def _deadlines(shop: ShopPolicies, intake: IntakeClass, grade: Grade | None, at: datetime) -> list[dict]:
    """Each counted from `at`; what is promised later counts from the promise."""
    counted = ((owed, shop.owed_by(owed, at, intake=intake, grade=grade)) for owed in Owed)
    return [_deadline(owed, countdown, shop) for owed, countdown in counted if countdown]


def _deadline(owed: Owed, countdown: Countdown, shop: ShopPolicies) -> dict:
    return {
        "kind": owed,
        "within": write_duration(countdown.span),
        "due_at": _local(countdown.due_at, shop),
        "reasons": _told([owed_within(owed, countdown.span)]),
        "how": _told(recited(countdown, shop.zone)),
    }


def _ladder(ladder: LadderPolicy, notices: Iterable[LadderNotice], shop: ShopPolicies) -> dict:
    notices = list(notices)
    unheard_at = ladder.unheard_at({notice.who: notice.at for notice in notices}, shop.complaint_desks)
    return {
        "starts": ladder.starts,
        "calm_first": ladder.calm_first,
        "duty_hours": ladder.duty_hours,
        "bring_in": list(ladder.bring_in),
        "notices": [
            {
                "level": notice.level,
                "who": notice.who,
                "at": _local(notice.at, shop),
                "reasons": _told(notice.reasons),
            }
            for notice in notices
        ],
        "unheard_at": _local(unheard_at, shop),
    }


def _callback(plan: CallbackPlan, shop: ShopPolicies) -> dict:
    open_until = plan.survey.at + shop.complaints.callback.survey_open
    return {
        "until": _local(plan.until, shop),
        "provisional": any(step.unknown_on for step in (*plan.calls, plan.survey)),
        "calls": [_step(call, shop) for call in plan.calls],
        "survey": {**_step(plan.survey, shop), "open_until": _local(open_until, shop)},
    }


def _step(step: Step, shop: ShopPolicies) -> dict:
    provisional = step.unknown_on is not None
    return {"at": _local(step.at, shop), "provisional": provisional, "reasons": _told(step.reasons)}


def _told(reasons: Iterable[Reason]) -> list[dict]:
    return [reason.as_dict() for reason in reasons]


def _local(at: datetime, shop: ShopPolicies) -> str:
    return at.astimezone(shop.zone).isoformat()
