"""The life of an after-sales case, rule by rule, without a database."""

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from orders_told import A_SECOND, AN_HOUR, PAID_AT, moment

from deployments.shop_files import load_shop_file
from flows.messages import render
from flows.return_cases import ReturnView
from models import Return
from states.errors import GuardRefused, Refused
from states.follow_ups import Ask, Note, Owe, PayBack, SetTimer, SettleRefund, Tell
from states.lifecycle import BEFORE, Asked
from states.order_guards import MACHINE
from states.return_records import elsewhere_fen
from states.return_states import OVER, ReturnTimer
from states.return_states import ReturnState as S
from states.returns import FACTS, TIMERS, return_lifecycle

SHOPS = Path(__file__).parents[2] / "deployments" / "shops"
ASKED_AT = PAID_AT + AN_HOUR  # Monday 03-02, 11:20: the after-sales desk is there
DELIVERED_AT = moment("03-04 15:00")
A_DAY = timedelta(days=1)
PHOTO = {"kind": "photo", "link": "https://pictures.example/1"}
TOLD = {  # the least that each trigger is told with
    "open": {"reason": "disliked"},
    "show_evidence": PHOTO,
    "track": {"waybill": "SF1234567890"},
    "inspect": {"finding": "as_described"},
    "decline": {"text": "已超过期限"},
    "close": {"text": "已电话解决"},
    "refund_failed": {"reason": "account closed"},
}


@cache
def shop(name="bag-studio"):
    return load_shop_file(SHOPS / f"{name}.toml")


def a_line(position=1, *, quantity=1, price_fen=10_000):
    goods = {"position": position, "sku": f"BAG-{position}", "title": "帆布包"}
    return SimpleNamespace(**goods, quantity=quantity, price_fen=price_fen)


def an_order(state="verified", *, policy=None, lines=None, **values):
    """Its order as a case sees it: one bag of 100 yuan, unless told otherwise."""
    came = DELIVERED_AT if state in ("delivered", "completed") else None
    usual = {
        **{"id": 1, "no": "1", "state": state, "amount_fen": 10_000, "paid_fen": 10_000, "freight_fen": None},
        **{"refunded_fen": 0, "refunding_fen": 0, "repaid_fen": 0, "waybill": None, "carrier": None},
        **{"shipped_at": PAID_AT + A_DAY if came else None, "delivered_at": came, "holds": [], "cases": []},
        **{"part_shipped_at": None},
        **{"buyer_id": 7, "receiver": "王小明", "phone": "13812341234", "address": "杭州", "region": None},
    }
    return SimpleNamespace(**{**usual, **values}, lines=lines or [a_line()], policy=policy or shop())


def a_case(state=S.REQUESTED, *, order=None, number=1, **values):
    """A case as the engine shows it to the lifecycle, with its order."""
    order = order or an_order("delivered")
    usual = {
        **dict.fromkeys(c.name for c in Return.__table__.columns),
        **{"id": number, "shop": "bag-studio", "no": f"1-R{number}", "order_id": 1, "state": str(state)},
        **{"version": 0, "kind": "return_refund", "reason": "disliked", "asked_at": ASKED_AT},
        **{"evidence": [], "answer": "allowed", "reasons": [], "evidence_wanted": [], "refund_fen": 10_000},
        **{
            "holds_order": False,
            "elsewhere_fen": 0,
            "lines": [],
            "refunds": [],
            "timers": [],
            "known": {},
            "holds": [],
        },
        **{"cooling_until": ASKED_AT + A_DAY, "send_by": ASKED_AT + 7 * A_DAY, "finding": "as_described"},
    }
    case = ReturnView(**{**usual, **values}, order=order, policy=order.policy)
    order.cases.append(case)
    return case


def unshipped(state=S.COOLING, *, order=None, **values):
    """Somebody no longer wants what has not left yet (rule 84)."""
    held = {"kind": "refund_unshipped", "holds_order": True, "finding": None}
    return a_case(state, order=order or an_order(), **{**held, **values})


def asked(trigger, at=ASKED_AT, by="li", **facts):
    return Asked(trigger, at, by, {**TOLD.get(trigger, {}), **facts})


def decide(case, trigger, at=ASKED_AT, by="li", **facts):
    return return_lifecycle.decide(case, asked(trigger, at, by, **facts))


def followed(case, trigger, at=ASKED_AT, by="li", **facts):
    return decide(case, trigger, at, by, **facts)[1]


def codes(case, trigger, at=ASKED_AT, by="li", **facts):
    """Why not; fails when there was nothing against it."""
    with pytest.raises(Refused) as no:
        decide(case, trigger, at, by, **facts)
    return [reason.code for reason in no.value.reasons]


def next_asked(rows):
    return [row.trigger for row in rows if isinstance(row, Ask)]


def owed(rows):
    return [row.what for row in rows if isinstance(row, Owe)]


def told(rows):
    return [row.trigger for row in rows if isinstance(row, Tell)]


def waits(rows):
    return {str(row.kind): row.due_at for row in rows if isinstance(row, SetTimer)}


def a_hold(case):
    reason = f"aftersales {case.no}"
    return SimpleNamespace(reason=reason, released_at=None, until=None, by="x", since=ASKED_AT)


def a_refund(state, fen=10_000, elsewhere_fen=0):
    return SimpleNamespace(state=state, fen=fen, elsewhere_fen=elsewhere_fen)


# -- the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("trigger", FACTS)
def test_no_fact_is_refused_in_any_state(trigger, state):
    case = a_case(state)
    change, rows = decide(case, trigger, by="platform")
    surprised = any(isinstance(row, Note) for row in rows)
    assert surprised == (change.anomaly is not None)
    if not change.expected:
        assert change.dest == state
        assert all(isinstance(row, Note) for row in rows), "a surprise is shown, and nothing comes of it"


@pytest.mark.parametrize("state", [BEFORE, *S])
@pytest.mark.parametrize("trigger", sorted({*return_lifecycle.triggers} - {*FACTS}))
def test_a_decision_is_taken_or_refused_with_code_and_sentence_in_both_languages(trigger, state):
    case = a_case(state, refund_fen=0) if state == BEFORE else a_case(state)
    reasons = ()
    try:
        decide(case, trigger, by="timer")
    except Refused as no:
        reasons = no.reasons
    assert all(reason.code and reason.zh and reason.en for reason in reasons)


@pytest.mark.parametrize("state", [s for s in S if s not in OVER])
def test_a_case_that_is_not_over_waits_for_somebody(state):
    """For a timer, for a parcel or payment that comes as a fact, or for a person who is told of it."""
    has_a_timer = any(state in waits.while_in for waits in TIMERS.values())
    waits_for_others = state in (S.REFUNDING, S.RESHIPPING)
    assert has_a_timer or waits_for_others


@pytest.mark.parametrize("state", OVER)
def test_what_is_over_waits_for_nothing(state):
    assert all(return_lifecycle.outlived(kind, state) for kind in ReturnTimer)


def test_whatever_is_owed_has_a_text_in_both_languages_that_tells_nobodys_phone_or_name():
    seen = set()
    for state in [BEFORE, *S]:
        for trigger in return_lifecycle.triggers:
            for kind in ("refund_unshipped", "return_refund", "exchange", "reship", "compensation"):
                for finding in ("as_described", "wrong_or_short"):
                    case = a_case(state, kind=kind, reason="missing", finding=finding)
                    try:
                        rows = followed(case, trigger, case.asked_at + A_DAY, finding=finding)
                    except Refused as no:
                        rows = return_lifecycle.when_refused(case, asked(trigger, by=MACHINE), no.reasons)
                    for row in rows:
                        if isinstance(row, Owe):
                            seen.add(row.what)
                            text = render(row.what, case, row.payload)
                            assert text
                            assert not re.search("13812341234|王小明", text)
    assert {"return_opened", "judge_return", "refund_failed", "dispute", "buyer_must_be_phoned"} <= seen


# -- opening ----------------------------------------------------------------------------------------


def opened(order, at=ASKED_AT, **values):
    case = a_case(BEFORE, order=order, **{"answer": None, "asked_at": at, "refund_fen": 0, **values})
    return case, followed(case, "open", at)


def test_what_the_rules_allow_the_machine_approves():
    case, rows = opened(an_order("delivered"), DELIVERED_AT + A_DAY, kind=None)
    assert (case.answer, case.kind, case.refund_fen) == ("allowed", "return_refund", 10_000)
    assert next_asked(rows) == ["approve"]
    assert not owed(rows)


def test_an_unshipped_order_is_stopped_at_once():
    case, rows = opened(an_order("verified"))
    assert (case.kind, case.holds_order) == ("refund_unshipped", True)
    assert told(rows) == ["hold"]


def test_what_was_let_go_and_has_not_left_is_called_back_first():
    _, rows = opened(an_order("released"))
    assert told(rows) == ["recall", "hold"]


def test_who_asks_for_what_the_rules_refuse_does_not_stop_his_order():
    """Rule 35: ordered by mistake, he orders anew; a refusal in the same second must not cost him today's batch."""
    case, rows = opened(an_order("released"), asked_kind="exchange", reason="bought_by_mistake")
    assert (case.answer, case.holds_order) == ("refused", False)
    assert (told(rows), next_asked(rows)) == ([], ["decline"])
    assert [r["code"] for r in case.reasons] == ["order_anew"]


def test_a_compensation_stops_nothing():
    case, rows = opened(an_order("verified"), asked_kind="compensation", reason="quality", asked_fen=500)
    assert (case.holds_order, told(rows)) == (False, [])


def test_what_is_missing_is_sent_again_once_the_delivery_note_is_shown():
    case, rows = opened(an_order("delivered"), DELIVERED_AT + A_DAY, reason="missing")
    assert (case.kind, case.evidence_wanted, next_asked(rows)) == (
        "reship",
        ["delivery_note"],
        ["want_evidence"],
    )


def test_what_a_person_must_look_at_is_answered_with_the_desks_hours():
    at = moment("03-02 20:00")
    _, rows = opened(an_order("delivered"), at, reason="other")
    assert owed(rows) == ["return_opened", "judge_return"]
    assert rows[0].payload == {"opens_at": moment("03-03 10:00"), "answer_by": moment("03-03 14:00")}
    assert waits(rows) == {"decision": moment("03-03 14:00")}


def test_while_the_desk_is_open_nobody_is_told_when_it_opens():
    _, rows = opened(an_order("delivered"), reason="other")
    assert rows[0].payload == {"opens_at": None, "answer_by": moment("03-02 15:20")}


# -- evidence ---------------------------------------------------------------------------------------


def test_evidence_is_asked_for_reminded_of_and_not_waited_for_for_ever():
    case = a_case(reason="quality", evidence_wanted=["photo"])
    rows = followed(case, "want_evidence", moment("03-02 20:30"), by=MACHINE)
    assert waits(rows) == {"evidence_reminder": moment("03-04 10:00"), "send_by": moment("03-09 20:30")}
    assert owed(followed(case, "remind_evidence", by="timer")) == ["evidence_reminder"]
    assert owed(followed(case, "expire", case.send_by, by="timer")) == ["return_expired"]


def test_who_misses_goods_and_shows_no_delivery_note_is_telephoned():
    """Rule 69: what is not solved online is solved by telephone."""
    case = a_case(S.EVIDENCE_NEEDED, reason="missing", evidence_wanted=["delivery_note"])
    assert owed(followed(case, "remind_evidence", by="timer")) == [
        "evidence_reminder",
        "buyer_must_be_phoned",
    ]


def test_what_is_shown_is_judged_again():
    case = a_case(S.EVIDENCE_NEEDED, reason="quality", evidence_wanted=["photo"], asked_kind="return_refund")
    assert next_asked(followed(case, "show_evidence")) == ["approve"]
    assert (case.evidence, case.evidence_wanted) == ([PHOTO], [])


def test_the_wrong_picture_is_asked_for_anew():
    case = a_case(S.EVIDENCE_NEEDED, reason="missing", evidence_wanted=["delivery_note"])
    assert next_asked(followed(case, "show_evidence")) == ["want_evidence"]


def test_one_more_picture_while_a_person_looks_moves_no_deadline():
    case = a_case(S.REQUESTED, reason="other", answer="a_person_must_look")
    assert followed(case, "show_evidence") == []
    assert case.evidence == [PHOTO]


@pytest.mark.parametrize("state", [S.COOLING, S.AWAITING_PARCEL, S.INSPECTED, S.REFUNDING])
def test_a_picture_shown_later_is_filed_and_judges_nothing_anew(state):
    case = a_case(state, refund_fen=4_000)
    change, rows = decide(case, "show_evidence")
    assert (change.anomaly, rows, case.refund_fen, case.evidence) == (None, [], 4_000, [PHOTO])


# -- yes and no -------------------------------------------------------------------------------------

WINDOW_OVER = {
    "code": "window_over",
    "zh": "收货已超过7天",
    "en": "received more than 7 days ago",
    "rule": 78,
}


def test_against_the_rules_a_named_person_says_yes_with_a_reason_and_both_are_kept():
    case = a_case(S.DECLINED, answer="refused", reasons=[WINDOW_OVER], refund_fen=0, reason="disliked")
    at = DELIVERED_AT + 30 * A_DAY
    case.asked_at = at
    assert codes(case, "approve", at) == ["window_over"]
    assert codes(case, "approve", at, by="operator", override="老顾客") == ["needs_a_person"]
    change, rows = decide(case, "approve", at, override="老顾客")
    assert (case.overridden_by, case.override_reason) == ("li", "老顾客")
    assert change.facts["override"] == "老顾客"
    assert next_asked(rows) == ["await_parcel"]
    assert (case.refund_fen, case.postage_back) == (10_000, "customer"), "as if the rules had said yes"


def test_what_a_person_declined_only_a_person_approves_after_all():
    case = a_case(S.DECLINED)
    assert codes(case, "approve", by="operator") == ["needs_a_person"]
    assert decide(case, "approve")[0].dest == S.APPROVED


def test_what_was_declined_unshipped_and_is_approved_after_all_stops_its_order_again():
    case = unshipped(S.DECLINED, answer="a_person_must_look")
    rows = followed(case, "approve")
    assert (told(rows), next_asked(rows), case.holds_order) == (["hold"], ["cool"], True)


def test_what_was_declined_and_has_left_since_is_a_return_once_it_is_approved():
    case = unshipped(S.DECLINED, order=an_order("shipped"), answer="a_person_must_look")
    rows = followed(case, "approve")
    assert (case.kind, case.holds_order) == ("return_refund", False)
    assert (told(rows), next_asked(rows)) == ([], ["await_parcel"])


def test_what_a_person_must_look_at_nobody_approves_without_a_name():
    case = a_case(answer="a_person_must_look")
    assert codes(case, "approve", by=MACHINE) == ["needs_a_person"]
    assert decide(case, "approve", by="li")[0].dest == S.APPROVED


def test_missing_evidence_is_overridden_by_name_only():
    case = a_case(S.EVIDENCE_NEEDED, reason="quality", evidence_wanted=["photo"])
    assert codes(case, "approve") == ["evidence_missing"]
    assert decide(case, "approve", override="看过视频")[0].dest == S.APPROVED


def test_the_rules_decline_what_they_refuse_all_else_a_person_declines():
    assert decide(a_case(answer="refused", reasons=[WINDOW_OVER]), "decline", by=MACHINE)
    assert codes(a_case(answer="refused"), "decline", by="operator") == ["needs_a_person"]
    assert codes(a_case(answer="a_person_must_look"), "decline", by=MACHINE) == ["needs_a_person"]


def test_a_no_names_its_reasons_the_rules_or_the_persons():
    by_rules = followed(a_case(answer="refused", reasons=[WINDOW_OVER]), "decline", by=MACHINE)
    case = a_case(answer="refused", reasons=[WINDOW_OVER])
    rows = return_lifecycle.decide(case, Asked("decline", ASKED_AT, MACHINE))[1]
    assert rows[0].payload["reasons"] == [WINDOW_OVER]
    assert by_rules[0].payload["reasons"][0]["zh"] == "已超过期限"


def test_who_has_all_of_it_back_gets_nothing_more():
    case = a_case(order=an_order("delivered", refunded_fen=10_000), kind="reship", refund_fen=0)
    assert codes(case, "approve") == ["refunded_elsewhere"]
    assert codes(a_case(S.APPROVED, order=case.order, kind="reship"), "send_anew") == ["refunded_elsewhere"]


# -- compensation -----------------------------------------------------------------------------------


def compensation(state=S.REQUESTED, **values):
    order = values.pop("order", None) or an_order("delivered")
    return a_case(state, order=order, **{"kind": "compensation", "limit_fen": 2_000, **values})


def test_within_its_limit_anybody_grants_a_compensation_above_it_a_supervisor_does():
    assert codes(compensation(), "approve", amount_fen=2_001) == ["needs_a_supervisor"]
    assert decide(compensation(), "approve", amount_fen=2_000)[0].dest == S.APPROVED
    case = compensation()
    assert next_asked(followed(case, "approve", by="主管", amount_fen=2_001)) == ["pay_back"]
    assert case.refund_fen == 2_001


def test_where_no_supervisors_are_named_any_named_person_grants_more():
    order = an_order("delivered", policy=shop("urumqi-kitchen"))
    assert codes(compensation(order=order), "approve", by="operator", amount_fen=2_001) == [
        "needs_a_supervisor"
    ]
    assert decide(compensation(order=order), "approve", by="li", amount_fen=2_001)


def test_a_compensation_needs_an_amount():
    assert codes(compensation(refund_fen=0), "approve") == ["amount_needed"]
    assert codes(compensation(), "approve", amount_fen=0) == ["amount_needed"]


def test_what_the_rules_know_no_compensation_for_only_a_supervisor_grants():
    case = compensation(S.DECLINED, answer="refused", limit_fen=None, reasons=[WINDOW_OVER], refund_fen=0)
    assert codes(case, "approve", override="x", amount_fen=500) == ["needs_a_supervisor"]
    assert decide(case, "approve", by="主管", override="x", amount_fen=500)[0].dest == S.APPROVED
    assert case.refund_fen == 500


def test_once_granted_a_compensation_does_not_grow():
    """Else a supervisor's limit would be no limit."""
    case = compensation(S.APPROVED, refund_fen=2_000)
    assert codes(case, "pay_back", amount_fen=2_001) == ["above_what_was_approved"]


# -- cooling ----------------------------------------------------------------------------------------


def test_24_hours_are_over_at_their_second_and_not_before():
    case = unshipped()
    until = case.cooling_until
    assert codes(case, "pay_back", until - A_SECOND, by="timer") == ["still_cooling"]
    rows = followed(case, "pay_back", until, by="timer")
    assert [row.fen for row in rows if isinstance(row, PayBack)] == [10_000]


def test_a_buyer_withdraws_until_then_and_not_at_that_second():
    """At that second it is paid, whoever comes first: the buyer or the timetable."""
    assert decide(unshipped(), "withdraw", ASKED_AT + A_DAY - A_SECOND)[0].dest == S.WITHDRAWN
    assert codes(unshipped(), "withdraw", ASKED_AT + A_DAY) == ["too_late_to_withdraw"]


@pytest.mark.parametrize("state", [S.REQUESTED, S.EVIDENCE_NEEDED, S.APPROVED, S.COOLING])
def test_whoever_withdraws_lifts_his_hold_and_is_promised_anew(state):
    assert told(followed(unshipped(state), "withdraw")) == ["unhold", "repromise"]


@pytest.mark.parametrize("state", [S.IN_TRANSIT, S.RECEIVED, S.INSPECTED, S.REFUNDING, S.REFUNDED])
def test_what_is_on_its_way_is_not_withdrawn(state):
    assert codes(a_case(state), "withdraw") == ["not_from_this_state"]


def test_who_waited_longer_for_a_yes_does_not_wait_another_day_for_the_money():
    case = unshipped(S.APPROVED)
    at = ASKED_AT + 2 * A_DAY
    assert waits(followed(case, "cool", at, by=MACHINE)) == {"cooling_over": at}
    assert case.cooling_until == at


def test_a_held_order_is_not_held_twice_one_that_got_away_is_called_back():
    case = unshipped()
    case.order.holds.append(a_hold(case))
    assert told(followed(case, "pay_back", case.cooling_until, by="timer")) == []
    case = unshipped(order=an_order("released"))
    assert told(followed(case, "pay_back", case.cooling_until, by="timer")) == ["recall", "hold"]


def test_what_has_left_is_not_refunded_but_becomes_a_return():
    case = unshipped(order=an_order("shipped"))
    with pytest.raises(GuardRefused) as no:
        decide(case, "pay_back", case.cooling_until, by="timer")
    rows = return_lifecycle.when_refused(case, asked("pay_back", by="timer"), no.value.reasons)
    assert next_asked(rows) == ["become_return"]
    rows = followed(case, "become_return", by=MACHINE)
    assert (case.kind, case.holds_order, told(rows)) == ("return_refund", False, ["unhold"])
    assert owed(rows)[0] == "became_return"


def test_what_left_before_a_person_said_yes_does_not_cool():
    case = unshipped(S.APPROVED, order=an_order("shipped"))
    rows = followed(case, "cool", by=MACHINE)
    assert (next_asked(rows), owed(rows)) == (["become_return"], [])


def test_nothing_becomes_a_return_before_it_has_left():
    assert codes(unshipped(), "become_return", by=MACHINE) == ["not_handed_over"]


# -- the parcel back --------------------------------------------------------------------------------


def test_the_buyer_is_told_where_to_send_it_and_reminded_while_the_desk_is_open():
    case = a_case(S.APPROVED)
    rows = followed(case, "await_parcel", moment("03-02 20:00"), by=MACHINE)
    assert owed(rows) == ["return_address"]
    assert waits(rows) == {"waybill_reminder": moment("03-06 10:00"), "send_by": moment("03-09 20:00")}


def test_who_sent_it_before_we_agreed_is_not_asked_to_send_it():
    assert next_asked(followed(a_case(S.APPROVED, waybill="SF1"), "await_parcel", by=MACHINE)) == ["track"]
    arrived = a_case(S.APPROVED, waybill="SF1", received_at=ASKED_AT)
    assert next_asked(followed(arrived, "await_parcel", by=MACHINE)) == ["receive"]
    case = a_case(S.AWAITING_PARCEL, waybill="SF1")
    return_lifecycle.decide(case, Asked("track", ASKED_AT, MACHINE))
    assert case.waybill == "SF1", "asked for by the machine it tells nothing new"


def test_an_order_that_waited_for_an_exchange_and_has_left_is_not_held_any_more():
    case = a_case(S.APPROVED, kind="exchange", holds_order=True)
    case.order.holds.append(a_hold(case))
    assert told(followed(case, "await_parcel", by=MACHINE)) == ["unhold"]
    assert not case.holds_order


def test_a_second_waybill_replaces_the_first_and_moves_no_deadline():
    case = a_case(S.AWAITING_PARCEL)
    assert waits(followed(case, "track")) == {"parcel_overdue": ASKED_AT + 10 * A_DAY}
    assert followed(case, "track", waybill="YT12345678") == []
    assert case.waybill == "YT12345678"


def lapsed(**values):
    case = a_case(S.CLOSED, **values)
    case.closed_at = case.send_by
    return case


@pytest.mark.parametrize(("trigger", "goes_on"), [("track", S.IN_TRANSIT), ("receive", S.RECEIVED)])
def test_what_was_sent_in_time_goes_on_when_we_hear_of_it_after_closing(trigger, goes_on):
    case = lapsed()
    in_time, _ = decide(case, trigger, case.send_by, by="platform")
    assert (in_time.dest, in_time.anomaly, case.closed_at) == (goes_on, None, None)
    case = lapsed()
    too_late, _ = decide(case, trigger, case.send_by + A_SECOND, by="platform")
    assert too_late.dest == S.CLOSED
    assert too_late.anomaly.code in ("parcel_came_after_all", "came_too_late")


def test_evidence_shown_in_time_is_judged_when_we_hear_of_it_after_closing():
    case = lapsed(reason="quality", evidence_wanted=["photo"], asked_kind="return_refund")
    assert next_asked(followed(case, "show_evidence", case.send_by)) == ["approve"]
    case = lapsed(reason="quality", evidence_wanted=["photo"])
    change, _ = decide(case, "track", case.send_by)
    assert change.dest == S.CLOSED, "nobody had agreed to the parcel"


def test_what_a_person_closed_stays_closed():
    case = a_case(S.CLOSED, closed_at=ASKED_AT)
    assert decide(case, "track")[0].anomaly.code == "came_too_late"


def test_what_lapsed_stays_closed_while_another_case_has_its_pieces():
    case = lapsed(lines=[SimpleNamespace(position=1, quantity=1, condition="as_new", goods=None)])
    a_case(S.AWAITING_PARCEL, order=case.order, number=2, lines=case.lines)
    assert decide(case, "track", case.send_by)[0].anomaly.code == "line_in_another_case"


@pytest.mark.parametrize("state", [S.DECLINED, S.WITHDRAWN])
def test_a_parcel_for_a_case_that_is_over_is_an_anomaly(state):
    change, _ = decide(a_case(state), "receive")
    assert (change.dest, change.anomaly.code) == (state, "parcel_came_after_all")


# -- inspection and dispute -------------------------------------------------------------------------


def test_who_inspects_has_a_name():
    assert codes(a_case(S.RECEIVED), "inspect", by="operator") == ["needs_a_person"]


@pytest.mark.parametrize(("kind", "goes_on"), [("return_refund", "pay_back"), ("exchange", "send_anew")])
def test_what_is_as_described_is_settled_at_once(kind, goes_on):
    assert next_asked(followed(a_case(S.RECEIVED, kind=kind), "inspect")) == [goes_on]


@pytest.mark.parametrize("finding", ["other_condition", "wrong_or_short"])
def test_what_is_not_as_described_is_a_dispute_for_a_person_with_a_name(finding):
    case = a_case(S.RECEIVED)
    rows = followed(case, "inspect", moment("03-02 18:00"), finding=finding)
    assert (owed(rows), next_asked(rows)) == (["dispute"], [])
    assert waits(rows) == {"dispute": moment("03-04 16:00")}, "16 hours of a desk that is open from 10 to 19"
    assert codes(case, "pay_back", by=MACHINE) == ["in_dispute"]
    assert decide(case, "pay_back")[0].dest == S.REFUNDING


def test_in_a_dispute_a_named_person_pays_less_but_not_more_and_not_nothing():
    case = a_case(S.INSPECTED, finding="other_condition")
    assert codes(case, "pay_back", amount_fen=10_001) == ["above_what_was_approved", "above_what_is_left"]
    assert codes(case, "pay_back", amount_fen=0) == ["nothing_to_pay"]
    assert codes(case, "pay_back", by="operator", amount_fen=9_999) == ["in_dispute", "needs_a_person"]
    rows = followed(case, "pay_back", amount_fen=9_999)
    assert [row.fen for row in rows if isinstance(row, PayBack)] == [9_999]


def test_what_brings_goods_pays_nothing_and_what_pays_sends_no_goods():
    assert codes(a_case(S.INSPECTED, kind="exchange", refund_fen=0), "pay_back") == ["no_money_in_it"]
    assert codes(a_case(S.INSPECTED), "send_anew") == ["no_goods_in_it"]
    assert codes(a_case(kind="reship"), "approve", amount_fen=100) == ["no_money_in_it"]
    early = a_case(S.APPROVED, order=an_order(), kind="exchange", finding=None)
    assert codes(early, "send_anew") == ["goods_not_back"]


# -- money ------------------------------------------------------------------------------------------


def test_what_others_have_reserved_is_not_there():
    case = a_case(S.INSPECTED, order=an_order("delivered", refunding_fen=3_000))
    assert codes(case, "pay_back", by=MACHINE) == ["above_what_is_left"]
    assert decide(case, "pay_back", amount_fen=7_000)[0].dest == S.REFUNDING
    assert case.order.refunding_fen == 10_000


def test_a_refund_refused_for_lack_of_money_is_decided_by_a_person_and_chased_once():
    case = unshipped(order=an_order(refunding_fen=3_000))
    for round_, what in ((1, ["judge_return"]), (2, ["judge_overdue"]), (3, [])):
        at = case.cooling_until + round_ * AN_HOUR
        no = Asked("pay_back", at, "timer", round=round_)
        with pytest.raises(GuardRefused) as refused:
            return_lifecycle.decide(case, no)
        rows = return_lifecycle.when_refused(case, no, refused.value.reasons)
        assert owed(rows) == what
        assert waits(rows)["cooling_over"] > at, "and it is tried again"


@pytest.mark.parametrize(
    ("state", "timer"), [(S.REQUESTED, "decision"), (S.APPROVED, "decision"), (S.INSPECTED, "dispute")]
)
def test_wherever_the_machine_is_refused_somebody_is_told_and_chased(state, timer):
    case = a_case(state, order=an_order("delivered", refunding_fen=3_000))
    trigger = "approve" if state == S.REQUESTED else "pay_back"
    with pytest.raises(GuardRefused) as no:
        decide(case, trigger, by=MACHINE)
    rows = return_lifecycle.when_refused(case, asked(trigger, by=MACHINE), no.value.reasons)
    assert "judge_return" in owed(rows)
    assert timer in waits(rows)


def test_what_was_refunded_elsewhere_is_closed_and_its_order_stays_where_it_is():
    case = unshipped(order=an_order(refunded_fen=10_000))
    with pytest.raises(GuardRefused) as no:
        decide(case, "pay_back", case.cooling_until, by="timer")
    rows = return_lifecycle.when_refused(case, asked("pay_back", by="timer"), no.value.reasons)
    assert next_asked(rows) == ["refunded_elsewhere"]
    change, rows = decide(case, "refunded_elsewhere", by=MACHINE)
    assert (change.dest, told(rows)) == (S.CLOSED, [])
    assert [row.reason.code for row in rows] == ["still_held"], "it is paid back: it must not leave as well"


def test_what_a_person_paid_in_another_way_is_not_shipped_as_well():
    case = unshipped(S.REFUNDING, refunds=[a_refund("failed")])
    rows = followed(case, "close")
    assert told(rows) == []
    assert [row.reason.code for row in rows if isinstance(row, Note)] == ["still_held"]


def test_a_second_try_waits_for_the_outcome_of_the_first_and_for_a_name():
    case = a_case(S.REFUNDING, refunds=[a_refund("unknown")])
    assert "refund_under_way" in codes(case, "pay_back")
    case.refunds[0].state = "failed"
    assert codes(case, "pay_back", by="operator") == ["needs_a_person"]
    assert [row.fen for row in followed(case, "pay_back") if isinstance(row, PayBack)] == [10_000]


def test_what_left_after_a_failed_refund_is_not_paid_by_a_second_try():
    case = unshipped(S.REFUNDING, order=an_order("shipped"), refunds=[a_refund("failed")])
    assert codes(case, "pay_back") == ["handed_over"]


@pytest.mark.parametrize("state", ["requested", "sent", "unknown"])
def test_no_case_is_closed_while_its_money_may_be_on_its_way(state):
    case = a_case(S.REFUNDING, refunds=[a_refund(state)])
    assert codes(case, "close") == ["refund_under_way"]


def test_a_refund_of_nothing_is_not_told_to_anybody_but_the_buyer():
    case = a_case(S.INSPECTED, refund_fen=0)
    assert next_asked(followed(case, "pay_back", by=MACHINE)) == ["refund_paid"]
    rows = followed(case, "refund_paid", by=MACHINE)
    assert (told(rows), owed(rows)) == ([], ["refund_paid"])


@pytest.mark.parametrize("state", [S.COOLING, S.REFUNDED, S.CLOSED])
def test_an_answer_about_a_refund_nobody_asked_for_moves_no_money(state):
    case = a_case(state)
    change, rows = decide(case, "refund_paid", by="payments")
    assert (change.anomaly.code, case.order.refunded_fen) == ("unexpected_fact", 0)
    assert [type(row) for row in rows] == [Note]


def test_a_refund_that_failed_sets_its_money_free_and_is_told_to_staff():
    case = a_case(S.REFUNDING, order=an_order("delivered", refunding_fen=10_000), refunds=[a_refund("sent")])
    rows = followed(case, "refund_failed", by="payments")
    assert (case.state, case.order.refunding_fen, owed(rows)) == (S.REFUNDING, 0, ["refund_failed"])
    assert [row.paid for row in rows if isinstance(row, SettleRefund)] == [False]


def an_order_refunded(*refunds, told_fen, repaid_fen=0):
    order = an_order("delivered", refunded_fen=told_fen, repaid_fen=repaid_fen)
    a_case(S.REFUNDING, order=order, refunds=list(refunds))
    return order


@pytest.mark.parametrize(
    ("refunds", "told_fen", "repaid_fen", "elsewhere"),
    [
        ([], 0, 0, 0),
        ([], 3_000, 0, 3_000),
        ([a_refund("succeeded", 3_000)], 3_000, 3_000, 0),
        ([a_refund("succeeded", 3_000)], 5_000, 3_000, 2_000),
        ([a_refund("sent", 3_000)], 3_000, 0, 0),  # the platform was quicker than the payment service
        ([a_refund("sent", 3_000)], 2_000, 0, 2_000),  # too little to be ours
        ([a_refund("sent", 3_000)], 5_000, 0, 2_000),
        ([a_refund("sent", 3_000), a_refund("sent", 2_000)], 5_000, 0, 0),
        ([a_refund("sent", 3_000, elsewhere_fen=1_000)], 4_000, 0, 1_000),
        ([a_refund("failed", 3_000)], 3_000, 0, 3_000),
    ],
)
def test_what_others_refunded_is_what_cannot_be_ours(refunds, told_fen, repaid_fen, elsewhere):
    assert elsewhere_fen(an_order_refunded(*refunds, told_fen=told_fen, repaid_fen=repaid_fen)) == elsewhere


def test_what_is_refunded_in_full_is_held_no_more_for_any_of_its_parts():
    order = an_order(refunded_fen=4_000, repaid_fen=4_000, refunding_fen=6_000)
    first = unshipped(S.REFUNDED, order=order, refund_fen=4_000, refunds=[a_refund("succeeded", 4_000)])
    last = unshipped(S.REFUNDING, order=order, number=2, refund_fen=6_000, refunds=[a_refund("sent", 6_000)])
    order.holds += [a_hold(first), a_hold(last)]
    del first.order  # a case that nobody asks is loaded without it
    rows = followed(last, "refund_paid", by="payments")
    assert told(rows) == ["refund", "unhold", "unhold"]


def test_the_rest_of_an_order_stays_held_until_somebody_has_taken_the_goods_out():
    order = an_order(refunding_fen=4_000)
    case = unshipped(S.REFUNDING, order=order, refund_fen=4_000, refunds=[a_refund("sent", 4_000)])
    rows = followed(case, "refund_paid", by="payments")
    assert (told(rows), owed(rows)) == (["refund_part"], ["refund_paid", "ship_the_rest"])


# -- goods anew -------------------------------------------------------------------------------------


def test_goods_are_sent_anew_by_an_order_of_their_own():
    pieces = [SimpleNamespace(position=2, quantity=1, condition="as_new", goods=None)]
    order = an_order("delivered", lines=[a_line(), a_line(2, quantity=3)])
    case = a_case(S.APPROVED, order=order, kind="reship", lines=pieces)
    rows = followed(case, "send_anew", by=MACHINE)
    assert (told(rows), case.linked_no) == (["place", "pay"], "1-S1")
    assert {row.no for row in rows if isinstance(row, Tell)} == {"1-S1"}
    assert rows[0].facts["amount_fen"] == 0
    assert rows[0].details["receiver"] == "王小明"
    assert [(n["sku"], n["quantity"]) for n in rows[0].details["lines"]] == [("BAG-2", 1)]


def test_who_closes_a_case_stops_the_goods_that_have_not_left():
    case = a_case(S.RESHIPPING, kind="reship", linked_no="1-S1")
    [tell] = [row for row in followed(case, "close") if isinstance(row, Tell)]
    assert (tell.trigger, tell.no) == ("hold", "1-S1")


# -- chasing ----------------------------------------------------------------------------------------


def test_who_misses_goods_and_gets_no_decision_is_telephoned():
    """Rule 69."""
    overdue = followed(a_case(reason="missing"), "chase_decision", by="timer")
    assert owed(overdue) == ["judge_overdue", "buyer_must_be_phoned"]
    assert owed(followed(a_case(), "chase_decision", by="timer")) == ["judge_overdue"]


def test_an_exchange_before_shipping_is_carried_out_by_a_person_who_then_closes_the_case():
    order = an_order(policy=shop("urumqi-kitchen"))
    case = a_case(order=order, kind="exchange", holds_order=True, answer="a_person_must_look")
    rows = followed(case, "approve")
    assert (next_asked(rows), list(waits(rows))) == ([], ["decision"])
    assert told(followed(case, "close")) == ["unhold", "repromise"]
