"""After-sales cases from the first word to the last, by the clock of the shop (rules 35, 54, 55, 69, 72-92)."""

import threading
from datetime import timedelta
from itertools import permutations

import pytest
from databases import difference, end_state
from orders_told import (
    A_MINUTE,
    A_SECOND,
    AN_HOUR,
    CUTOFF,
    RECEIVER,
    RECORDED,
    SHOP,
    anomalies,
    fact,
    holds,
    moment,
    open_timers,
    order,
    owed,
    placed,
    rows,
    steps,
    tell,
    triggers,
)
from returns_told import (
    ASKED_AT,
    DELIVERED_AT,
    SHIPPED_AT,
    WAYBILL,
    asked,
    bought,
    case,
    case_anomalies,
    case_owed,
    case_state,
    case_steps,
    case_timers,
    chase,
    delivered,
    goods,
    money,
    of_return,
    of_return_case,
    open_case,
    paid_back,
    pieces,
    refunds,
    refused,
    release,
    sent_back,
    tell_return,
    tell_returns,
    told,
)

from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_watch import watch_orders
from flows.policy_store import apply_policy, current_policy
from flows.requests import Status
from flows.return_cases import ReturnView
from flows.return_desk import open_return
from models import OutboxMessage, Refund, Return, ReturnLine, StateChange
from models.database import reading
from states.errors import Refused
from states.policies.hours import OpeningHours
from states.policies.windows import Window
from states.return_states import OVER, ReturnState

A_DAY = timedelta(days=1)
AT = DELIVERED_AT + A_DAY  # Friday 03-06, 15:00
KITCHEN = "urumqi-kitchen"
PHOTO = {"kind": "photo", "link": "https://pictures.example/1"}
NOTE = {"kind": "delivery_note", "link": "https://pictures.example/2"}


# -- who decides ------------------------------------------------------------------------------------


def test_what_the_rules_allow_goes_on_by_itself_to_the_address(engine):
    """Rules 74, 82, 83: yes, where to, and until when; then a reminder, and an end."""
    delivered(engine)
    open_case(engine, moment("03-06 20:30"))
    assert [trigger for trigger, _ in case_steps(engine)] == ["open", "approve", "await_parcel"]
    assert case_timers(engine) == {"waybill_reminder": "03-10 10:00", "send_by": "03-13 20:30"}, "desk: 10-19"
    chase(engine, moment("03-10 10:00") - A_SECOND)
    assert case_owed(engine) == ["return_address"]
    chase(engine, moment("03-10 10:00"))
    assert case_owed(engine) == ["return_address", "waybill_reminder"]
    chase(engine, moment("03-13 20:30") - A_SECOND)
    assert case_state(engine) == "awaiting_parcel"
    chase(engine, moment("03-13 20:30"))
    assert case_state(engine) == "closed"
    assert case_owed(engine)[-1] == "return_expired"
    assert money(engine) == (10_000, 0, 0)


def test_evidence_is_asked_for_shown_and_judged(engine):
    delivered(engine)
    open_case(engine, AT, reason="quality", kind="return_refund")
    assert case_state(engine) == "evidence_needed"
    assert case_timers(engine) == {"evidence_reminder": "03-07 15:00", "send_by": "03-13 15:00"}
    chase(engine, AT + A_DAY)
    told(engine, "show_evidence", AT + A_DAY + AN_HOUR, **PHOTO, key="show_evidence:1")
    assert case_state(engine) == "awaiting_parcel"
    assert case(engine).postage_back == "shop", "rule 55"
    assert case_owed(engine) == ["evidence_wanted", "evidence_reminder", "return_address"]


def test_without_evidence_a_request_lapses_at_its_second(engine):
    delivered(engine)
    open_case(engine, AT, reason="quality")
    chase(engine, AT + 7 * A_DAY - A_SECOND)
    assert case_state(engine) == "evidence_needed"
    chase(engine, AT + 7 * A_DAY)
    assert case_state(engine) == "closed"


def test_evidence_shown_in_time_and_heard_of_after_closing_goes_on(engine):
    delivered(engine)
    open_case(engine, AT, reason="quality", kind="return_refund")
    chase(engine, AT + 8 * A_DAY)
    told(engine, "show_evidence", AT + 6 * A_DAY, **PHOTO, key="show_evidence:1")
    assert (case_state(engine), case(engine).closed_at) == ("awaiting_parcel", None)
    assert rows(engine, ReturnLine)[0].is_open


def test_a_doubtful_request_is_answered_within_four_hours_of_an_open_desk(engine):
    """Rules 87, 91: asked for on Friday at 18:00, the desk closes at 19:00 and is shut on the weekend."""
    with reading(engine) as connection:
        policy = current_policy(connection, SHOP)
    shut = OpeningHours(daily=(Window(600, 1140),), sat=(), sun=())
    apply_policy(
        engine, policy.model_copy(update={"desks": {**policy.desks, "after_sales": shut}}), at=RECORDED
    )
    tell(engine, placed("0"))  # the older version still counts for what was placed before it
    newer = policy.model_copy(update={"title": "x", "desks": {**policy.desks, "after_sales": shut}})
    apply_policy(engine, newer, at=moment("2016-01-01 00:00"))
    delivered(engine)

    open_case(engine, moment("03-06 18:00"), reason="other")
    assert case_timers(engine) == {"decision": "03-09 13:00"}
    assert case_owed(engine) == ["return_opened", "judge_return"]
    chase(engine, moment("03-09 13:00") - A_SECOND)
    assert case_owed(engine) == ["return_opened", "judge_return"]
    chase(engine, moment("03-09 13:00"))
    assert case_owed(engine)[-1] == "judge_overdue"


def test_who_writes_at_night_is_told_when_the_desk_opens(engine):
    """Rule 188."""
    delivered(engine)
    open_case(engine, moment("03-06 23:00"), reason="other")
    [opened] = of_return_case(engine, OutboxMessage, what="return_opened")
    assert "2026-03-07 10:00" in opened.text
    assert "2026-03-07 14:00" in opened.text
    chase(engine, moment("03-07 14:00"))
    assert case_owed(engine) == ["return_opened", "judge_return", "judge_overdue"]


def test_who_misses_goods_is_telephoned_when_nothing_was_solved_online(engine):
    """Rule 69."""
    delivered(engine)
    open_case(engine, AT, reason="missing")
    chase(engine, AT + A_DAY)
    assert case_owed(engine) == ["evidence_wanted", "evidence_reminder", "buyer_must_be_phoned"]
    told(engine, "show_evidence", AT + A_DAY, **NOTE)
    assert case_state(engine) == "reshipping"


def test_a_refusal_names_its_rules_and_a_named_person_may_decide_otherwise(engine):
    delivered(engine)
    late = DELIVERED_AT + 7 * A_DAY
    open_case(engine, late)
    assert case_state(engine) == "awaiting_parcel", "the last second is still in time"
    delivered(engine, "2")
    open_case(engine, late + A_SECOND, of="2")
    assert case_state(engine, "2-R1") == "declined"
    [said] = of_return_case(engine, OutboxMessage, "2-R1")
    assert (said.what, [r["rule"] for r in said.payload["reasons"]]) == ("return_declined", [78])

    at, two = late + AN_HOUR, {"no": "2-R1"}
    assert refused(tell_return(engine, "approve", at, **two)) == ["window_over"]
    assert refused(tell_return(engine, "approve", at, **two, by="operator", override="x")) == [
        "needs_a_person"
    ]
    told(engine, "approve", at, **two, by="lin", override="老顾客")
    found = case(engine, "2-R1")
    assert (found.overridden_by, found.override_reason, found.refund_fen) == ("lin", "老顾客", 10_000)
    approved = next(h for h in of_return_case(engine, StateChange, "2-R1") if h.trigger == "approve")
    assert (approved.by, approved.facts) == ("lin", {"override": "老顾客"})


def test_a_case_is_judged_by_the_policy_its_order_was_placed_under(engine):
    with reading(engine) as connection:
        policy = current_policy(connection, SHOP)
    kinder = policy.returns.model_copy(update={"no_reason_within": timedelta(days=30)})
    apply_policy(engine, policy.model_copy(update={"returns": kinder}), at=moment("03-02 12:00"))
    delivered(engine, "1")
    delivered(engine, "2", at=moment("03-02 12:00"))
    for no in ("1", "2"):
        open_case(engine, DELIVERED_AT + 10 * A_DAY, of=no)
    assert (case_state(engine, "1-R1"), case_state(engine, "2-R1")) == ("declined", "awaiting_parcel")
    assert case(engine, "1-R1").policy_version_id == order(engine, "1").policy_version_id


# -- return and refund ------------------------------------------------------------------------------


def test_goods_come_back_and_all_that_was_paid_goes_back(engine):
    """Rule 80."""
    delivered(engine)
    open_case(engine, AT)
    sent_back(engine, AT + A_DAY)
    assert (case_state(engine), refunds(engine), money(engine)) == (
        "refunding",
        [("requested", 10_000)],
        (10_000, 0, 10_000),
    )
    paid_back(engine, AT + 3 * A_DAY)
    assert (case_state(engine), order(engine).state, money(engine)) == (
        "refunded",
        "refunded",
        (10_000, 10_000, 0),
    )
    assert case_owed(engine) == ["return_address", "parcel_received", "inspect_return", "refund_paid"]
    assert case_timers(engine) == open_timers(engine) == {}
    assert (case_anomalies(engine), anomalies(engine)) == ([], [])


def test_a_parcel_that_does_not_come_and_one_that_is_not_inspected_are_chased(engine):
    delivered(engine)
    open_case(engine, AT)
    told(engine, "track", AT + AN_HOUR, waybill=WAYBILL, key=f"track:{WAYBILL}")
    assert case_timers(engine) == {"parcel_overdue": "03-16 16:00"}
    chase(engine, moment("03-16 16:00") - A_SECOND)
    assert "parcel_overdue" not in case_owed(engine)
    chase(engine, moment("03-16 16:00"))
    assert case_owed(engine)[-1] == "parcel_overdue"
    told(engine, "receive", moment("03-17 16:00"), key="receive")
    assert case_timers(engine) == {"inspection": "03-18 15:00"}, "8 hours of a desk that closes at 19:00"
    chase(engine, moment("03-18 15:00"))
    assert case_owed(engine)[-1] == "inspection_overdue"


def test_a_fact_told_twice_counts_once(engine):
    delivered(engine)
    open_case(engine, AT)
    for _ in range(2):
        tell_return(engine, "track", AT + A_DAY, waybill=WAYBILL, key=f"track:{WAYBILL}")
        tell_return(engine, "receive", AT + 2 * A_DAY, key="receive")
    assert [trigger for trigger, _ in case_steps(engine)].count("receive") == 1
    told(engine, "inspect", AT + 3 * A_DAY, finding="as_described")
    for _ in range(2):
        tell_return(engine, "refund_paid", AT + 4 * A_DAY, by="payments", key="refund_paid:1")
    assert (refunds(engine), money(engine)) == ([("succeeded", 10_000)], (10_000, 10_000, 0))


def test_what_is_not_as_described_is_settled_by_a_person_for_less_but_not_for_more(engine):
    delivered(engine)
    open_case(engine, AT)
    sent_back(engine, AT + A_DAY, finding="other_condition")
    assert (case_state(engine), case_owed(engine)[-1], refunds(engine)) == ("inspected", "dispute", [])
    assert case_timers(engine) == {"dispute": "03-10 14:00"}
    chase(engine, moment("03-10 14:00"))
    assert case_owed(engine)[-1] == "dispute_overdue"
    at = moment("03-10 15:00")
    assert "above_what_was_approved" in refused(tell_return(engine, "pay_back", at, amount_fen=10_001))
    assert "in_dispute" in refused(tell_return(engine, "pay_back", at, by="operator", amount_fen=6_000))
    told(engine, "pay_back", at, amount_fen=6_000)
    paid_back(engine, at + AN_HOUR)
    assert (money(engine), order(engine).state) == ((10_000, 6_000, 0), "delivered")
    assert triggers(engine)[-1] == "refund_part"


@pytest.mark.parametrize(("act", "end"), [("decline", "declined"), ("close", "closed")])
def test_a_dispute_may_end_with_nothing_paid(engine, act, end):
    delivered(engine)
    open_case(engine, AT)
    sent_back(engine, AT + A_DAY, finding="wrong_or_short")
    assert refused(tell_return(engine, act, AT + 3 * A_DAY, by="operator", text="x")) == ["needs_a_person"]
    told(engine, act, AT + 3 * A_DAY, text="里面是空盒子")
    assert (case_state(engine), refunds(engine), money(engine)) == (end, [], (10_000, 0, 0))
    assert case_owed(engine)[-1] == f"return_{end}"


def test_a_parcel_that_comes_after_all_is_shown_to_somebody(engine):
    delivered(engine)
    open_case(engine, AT)
    chase(engine, AT + 7 * A_DAY)
    told(engine, "receive", AT + 8 * A_DAY, key="receive")
    assert (case_state(engine), case_anomalies(engine)) == ("closed", ["parcel_came_after_all"])


def test_a_parcel_sent_in_time_is_taken_though_we_heard_of_it_after_closing(engine):
    """Promise 3, as with a payment."""
    delivered(engine)
    open_case(engine, AT)
    chase(engine, AT + 7 * A_DAY)
    told(engine, "track", AT + 7 * A_DAY - A_SECOND, waybill=WAYBILL, key=f"track:{WAYBILL}")
    assert (case_state(engine), case_anomalies(engine)) == ("in_transit", [])
    told(engine, "receive", AT + 9 * A_DAY, key="receive")
    assert case_state(engine) == "received"


def test_a_parcel_refused_at_the_door_is_not_asked_for_again(engine):
    """Rule 70: it is here before anybody has agreed."""
    delivered(engine)
    open_case(engine, AT, reason="other")
    told(engine, "receive", AT + AN_HOUR, key="receive")
    told(engine, "approve", AT + 2 * AN_HOUR)
    assert case_state(engine) == "received"
    assert case_timers(engine) == {"inspection": "03-07 16:00"}, "from when it was agreed"


def test_pieces_of_several_lines_in_two_cases_add_up_to_all_that_was_paid(engine):
    """Three pieces of one kind and one of another for 100.01 yuan, 3.33 of it freight: no fen is lost or made."""
    lines = goods(("A", 3, 2_500), ("B", 1, 3_000))
    delivered(engine, amount_fen=10_001, lines=lines, freight_fen=333, discount_fen=832)
    shots = {"reason": "quality", "kind": "return_refund", "evidence": [PHOTO]}
    open_case(engine, AT, lines=pieces((1, 2)), **shots)
    sent_back(engine, AT + A_DAY)
    paid_back(engine, AT + 3 * A_DAY)
    open_case(engine, AT + 4 * A_DAY, lines=pieces((1, 1), (2, 1)), **shots)
    sent_back(engine, AT + 5 * A_DAY, "1-R2")
    paid_back(engine, AT + 7 * A_DAY, "1-R2")
    [(_, first)], [(_, second)] = refunds(engine, "1-R1"), refunds(engine, "1-R2")
    assert 0 < first < second
    assert first + second == 10_001
    assert (money(engine), order(engine).state) == ((10_001, 10_001, 0), "refunded")


# -- exchange and reship ----------------------------------------------------------------------------


def test_an_exchange_sends_goods_anew_as_an_order_like_any_other(engine):
    delivered(engine)
    open_case(engine, AT, kind="exchange")
    sent_back(engine, AT + A_DAY)  # inspected on Sunday 03-08 at 16:00
    assert (case_state(engine), case(engine).linked_no, refunds(engine)) == ("reshipping", "1-S1", [])
    new, old = order(engine, "1-S1"), order(engine)
    assert (new.state, new.amount_fen, new.paid_fen) == ("verified", 0, 0)
    assert {name: getattr(new, name) for name in RECEIVER} == RECEIVER
    assert (new.buyer_id, new.goods_key) == (old.buyer_id, old.goods_key)
    assert triggers(engine, "1-S1") == ["place", "pay", "verify"]
    assert open_timers(engine, "1-S1")["dispatch_cutoff"] == "03-09 17:00", "the next working day"
    assert "payment_reminder" not in owed(engine, "1-S1")

    dispatch_cutoff(engine, as_of=moment("03-09 17:00"))
    assert order(engine, "1-S1").state == "released"
    chase(engine, moment("03-09 18:00"))
    assert case_state(engine) == "reshipping"
    tell(engine, fact("ship", moment("03-09 19:00"), no="1-S1", waybill="SF999999999"))
    chase(engine, moment("03-10 10:00"))
    assert case_steps(engine)[-1] == ("reship_left", "03-09 19:00")
    [reshipped] = of_return_case(engine, OutboxMessage, what="reshipped")
    assert (case_state(engine), reshipped.payload["waybill"]) == ("reshipped", "SF999999999")
    chase(engine, moment("03-11 10:00"))
    assert case_owed(engine).count("reshipped") == 1


def test_a_linked_order_is_audited_like_any_other(engine):
    """Rules 29, 32: an order without a telephone number was let through by hand; its replacement is not."""
    tell(engine, placed(phone=None))
    delivered(engine)
    open_case(engine, AT, reason="missing", evidence=[NOTE])
    assert (case_state(engine), order(engine, "1-S1").state) == ("reshipping", "paid")
    assert "order_in_doubt" in owed(engine, "1-S1")


def test_missing_pieces_are_sent_again_and_no_others(engine):
    delivered(engine, lines=goods(("A", 3, 2_000), ("B", 1, 4_000)))
    open_case(engine, AT, reason="missing", lines=pieces((1, 2)), evidence=[NOTE])
    assert case_owed(engine) == ["reship_promised"]
    with engine.connect() as connection:
        lines = connection.exec_driver_sql(
            "SELECT sku, quantity FROM order_lines JOIN orders ON orders.id = order_id WHERE no = '1-S1'"
        ).all()
    assert [tuple(line) for line in lines] == [("A", 2)]


def test_closing_a_case_stops_what_has_not_left(engine):
    delivered(engine)
    open_case(engine, AT, reason="missing", evidence=[NOTE])
    told(engine, "close", AT + AN_HOUR, text="找到了")
    dispatch_cutoff(engine, as_of=AT + 4 * A_DAY)
    assert (order(engine, "1-S1").state, holds(engine, "1-S1")) == ("verified", ["aftersales 1-R1"])


def test_who_ordered_the_wrong_thing_orders_anew_and_his_order_leaves_as_promised(engine):
    """Rule 35, at the bag shop."""
    bought(engine)
    dispatch_cutoff(engine, as_of=CUTOFF)
    open_case(engine, CUTOFF + A_MINUTE, kind="exchange", reason="bought_by_mistake")
    assert (case_state(engine), order(engine).state, holds(engine)) == ("declined", "released", [])
    assert open_case(engine, CUTOFF + AN_HOUR, reason="bought_by_mistake").changes[-1].dest == "cooling"


def test_elsewhere_a_person_changes_the_order_before_it_leaves(engine):
    """Contradiction C11: the kitchen exchanges."""
    bought(engine, shop=KITCHEN)
    at = ASKED_AT
    open_case(engine, at, kind="exchange", reason="bought_by_mistake", shop=KITCHEN)
    case_of = {"no": "1-R1", "shop": KITCHEN}
    assert (case_state(engine, **case_of), holds(engine, shop=KITCHEN)) == ("requested", ["aftersales 1-R1"])
    told(engine, "approve", at + AN_HOUR, **case_of)
    assert case_timers(engine, **case_of) == {"decision": "03-02 16:20"}, "four hours, to carry it out"
    assert refused(tell_return(engine, "send_anew", at + AN_HOUR, **case_of)) == ["goods_not_back"]
    dispatch_cutoff(engine, as_of=moment("03-02 16:00"))
    assert order(engine, shop=KITCHEN).state == "verified"
    chase(engine, moment("03-02 16:20"))
    assert case_owed(engine, **case_of)[-1] == "judge_overdue"
    told(engine, "close", moment("03-02 16:30"), text="已改为大份", **case_of)
    assert holds(engine, shop=KITCHEN) == []
    dispatch_cutoff(engine, as_of=moment("03-03 16:00"))
    assert order(engine, shop=KITCHEN).state == "released"


# -- compensation -----------------------------------------------------------------------------------


def test_a_compensation_is_paid_at_once_and_the_goods_stay(engine):
    """Rule 85: 20 percent of 100 yuan without a supervisor."""
    delivered(engine)
    open_case(engine, AT, reason="quality", kind="compensation", amount_fen=1_500, evidence=[PHOTO])
    assert (case_state(engine), refunds(engine)) == ("refunding", [("requested", 1_500)])
    paid_back(engine, AT + AN_HOUR)
    assert (money(engine), order(engine).state) == ((10_000, 1_500, 0), "delivered")

    open_case(engine, AT + A_DAY)
    sent_back(engine, AT + A_DAY, "1-R2")
    paid_back(engine, AT + 3 * A_DAY, "1-R2")
    assert refunds(engine, "1-R2") == [("succeeded", 8_500)], "what was paid already is not paid again"
    assert (money(engine), order(engine).state) == ((10_000, 10_000, 0), "refunded")


def test_above_the_limit_a_supervisor_decides_and_what_was_granted_before_counts(engine):
    delivered(engine)
    how = {"reason": "quality", "kind": "compensation", "evidence": [PHOTO]}
    open_case(engine, AT, amount_fen=1_500, **how)
    paid_back(engine, AT + AN_HOUR)
    open_case(engine, AT + 2 * AN_HOUR, amount_fen=501, **how)
    two = {"no": "1-R2"}
    assert (case_state(engine, **two), case(engine, **two).limit_fen) == ("requested", 500)
    assert refused(tell_return(engine, "approve", AT + A_DAY, **two)) == ["needs_a_supervisor"]
    told(engine, "approve", AT + A_DAY, **two, by="主管")
    assert refunds(engine, "1-R2") == [("requested", 501)]


def test_within_the_limit_anybody_with_a_name_grants_less_than_was_asked(engine):
    delivered(engine)
    open_case(engine, AT, reason="quality", kind="compensation", amount_fen=5_000, evidence=[PHOTO])
    assert refused(tell_return(engine, "approve", AT + AN_HOUR, by="operator", amount_fen=2_000)) == [
        "needs_a_person"
    ]
    told(engine, "approve", AT + AN_HOUR, by="li", amount_fen=2_000)
    assert refunds(engine) == [("requested", 2_000)]


# -- money ------------------------------------------------------------------------------------------


def test_two_open_cases_cannot_reserve_more_than_was_paid(engine):
    """The first is to bring all of it back; then a compensation is paid while its parcel is on its way."""
    delivered(engine, lines=goods(("A", 1, 6_000), ("B", 1, 4_000)))
    open_case(engine, AT, lines=pieces((1, 1)))
    open_case(engine, AT, lines=pieces((2, 1)))
    tell(engine, fact("refund_part", AT + AN_HOUR, amount_fen=1_000))  # the platform paid something itself
    sent_back(engine, AT + A_DAY, "1-R1")
    assert case_anomalies(engine) == ["refunded_meanwhile"]
    told(engine, "pay_back", case(engine).changed_at)  # a person knows that it was something else
    sent_back(engine, AT + A_DAY, "1-R2")
    assert money(engine) == (10_000, 1_000, 6_000)
    assert (case_state(engine, "1-R2"), case_anomalies(engine, "1-R2")) == (
        "inspected",
        ["above_what_is_left"],
    )
    assert case_owed(engine, "1-R2")[-1] == "judge_return"
    assert case_timers(engine, "1-R2") == {"dispute": "03-09 11:00"}
    chase(engine, moment("03-09 11:00"))
    assert case_owed(engine, "1-R2")[-1] == "judge_overdue"
    told(engine, "pay_back", AT + 4 * A_DAY, no="1-R2", amount_fen=3_000)
    paid_back(engine, AT + 5 * A_DAY, "1-R1")
    paid_back(engine, AT + 5 * A_DAY, "1-R2")
    assert (money(engine), order(engine).state) == ((10_000, 10_000, 0), "refunded")


def test_what_failed_is_free_again_and_tried_once_more_by_name_with_a_new_key(engine):
    delivered(engine)
    open_case(engine, AT)
    sent_back(engine, AT + A_DAY)
    at = AT + 3 * A_DAY
    told(engine, "refund_failed", at, by="payments", reason="account closed", key="refund_failed:1")
    assert (money(engine), refunds(engine)) == ((10_000, 0, 0), [("failed", 10_000)])
    assert case_owed(engine)[-1] == "refund_failed"
    assert refused(tell_return(engine, "pay_back", at, by="operator")) == ["needs_a_person"]
    told(engine, "pay_back", at + AN_HOUR)
    assert "refund_under_way" in refused(tell_return(engine, "pay_back", at + AN_HOUR))
    assert money(engine) == (10_000, 0, 10_000)
    assert [r.key for r in rows(engine, Refund)] == [f"{SHOP}/return/1-R1/refund/{n}" for n in (1, 2)]
    paid_back(engine, at + 2 * AN_HOUR, round_=2)
    assert (money(engine), case_state(engine)) == ((10_000, 10_000, 0), "refunded")


PLATFORM_SAYS = [  # of 100 yuan: what it tells before we ask, while we wait, and afterwards; what is known at the end
    ({}, 4_000),
    ({"before": 1_000}, 5_000),
    ({"between": 4_000}, 4_000),  # its sum has ours in it already
    ({"between": 1_000}, 5_000),  # too little to be ours
    ({"between": 5_000}, 5_000),
    ({"after": 4_000}, 4_000),
    ({"after": 6_000}, 6_000),
    ({"before": 1_000, "between": 5_000, "after": 6_000}, 6_000),
]


@pytest.mark.parametrize(("told_at", "known"), PLATFORM_SAYS)
def test_what_the_platform_tells_of_refunds_is_not_counted_twice(engine, told_at, known):
    delivered(engine, lines=goods(("A", 1, 4_000), ("B", 1, 6_000)))
    for when, days in (("before", -1), ("between", 3), ("after", 5)):
        if when == "between":
            open_case(engine, AT, lines=pieces((1, 1)))
            sent_back(engine, AT + A_DAY)
        if when == "after":
            paid_back(engine, AT + 4 * A_DAY)
        if when in told_at:
            tell(engine, fact("refund_part", AT + days * A_DAY + AN_HOUR, amount_fen=told_at[when]))
    assert money(engine) == (10_000, known, 0)
    assert anomalies(engine) == []


def test_of_two_refunds_under_way_the_platforms_sum_is_neither_counted_twice_nor_missed(engine):
    delivered(engine, lines=goods(("A", 1, 4_000), ("B", 1, 2_000), ("C", 1, 4_000)))
    for position in (1, 2):
        open_case(engine, AT, lines=pieces((position, 1)))
    sent_back(engine, AT + A_DAY, "1-R1")
    tell(engine, fact("refund_part", AT + 3 * A_DAY, amount_fen=4_000))  # ours, of the first case
    assert refunds(engine, "1-R1") == [("requested", 4_000)]
    sent_back(engine, AT + 4 * A_DAY, "1-R2")
    assert money(engine) == (10_000, 4_000, 6_000), "until we know, it is on the safe side"
    paid_back(engine, AT + 6 * A_DAY, "1-R1")
    paid_back(engine, AT + 6 * A_DAY, "1-R2")
    assert (money(engine), order(engine).state) == ((10_000, 6_000, 0), "delivered")
    assert anomalies(engine) == []


# -- one case for each piece ------------------------------------------------------------------------


def lines_of(engine):
    nos = {found.id: found.no for found in rows(engine, Return)}
    return sorted((nos[line.return_id], line.position, line.is_open) for line in rows(engine, ReturnLine))


def test_a_line_is_in_one_open_case_only(engine):
    delivered(engine, lines=goods(("A", 2, 3_000), ("B", 1, 4_000)))
    open_case(engine, AT, lines=pieces((1, 1)))
    second = open_case(engine, AT + AN_HOUR, lines=pieces((1, 1)))
    assert refused(second) == ["line_in_another_case"]
    assert "1-R1" in second.reasons[0].en
    assert len(rows(engine, Return)) == 1
    assert open_case(engine, AT + AN_HOUR, lines=pieces((2, 1))).status is Status.CHANGED

    told(engine, "withdraw", AT + 2 * AN_HOUR)
    assert open_case(engine, AT + 3 * AN_HOUR, lines=pieces((1, 1))).status is Status.CHANGED
    assert lines_of(engine) == [("1-R1", 1, False), ("1-R2", 2, True), ("1-R3", 1, True)]


def test_of_two_requests_in_one_batch_for_the_same_line_one_is_a_case(engine):
    delivered(engine)
    found = tell_returns(engine, asked(AT, number=1), asked(AT, number=2))
    assert [o.status for o in found.outcomes] == [Status.CHANGED, Status.REFUSED]
    assert [r.no for r in rows(engine, Return)] == ["1-R1"]


def test_of_several_who_ask_at_once_for_the_same_goods_one_gets_a_case(engine):
    delivered(engine)
    start, cases, refusals = threading.Barrier(4), [], []

    def ask():
        start.wait()
        try:
            cases.append(open_return(engine, "1", reason="disliked", at=AT.isoformat(), by="li").no)
        except Refused as no:
            refusals.append(no.code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cases, refusals) == (["1-R1"], ["line_in_another_case"] * 3)
    assert lines_of(engine) == [("1-R1", 1, True)]


def test_the_database_keeps_a_line_out_of_a_second_case_when_the_rule_forgets_it(engine, monkeypatch):
    delivered(engine, lines=goods(("A", 2, 3_000), ("B", 1, 4_000)))
    open_case(engine, AT, lines=pieces((1, 1)))
    monkeypatch.setattr(ReturnView, "taken", {})
    second = open_case(engine, AT + AN_HOUR, lines=pieces((1, 1)))
    assert second.status is Status.FAILED
    assert len(rows(engine, Return)) == len(rows(engine, ReturnLine)) == 1


def test_what_was_declined_is_not_approved_while_another_case_has_its_line(engine):
    delivered(engine)
    late = DELIVERED_AT + 8 * A_DAY
    open_case(engine, late)
    assert case_state(engine) == "declined"
    open_case(engine, late + AN_HOUR, reason="quality", kind="exchange")
    no = tell_return(engine, "approve", late + 2 * AN_HOUR, override="老顾客")
    assert refused(no) == ["line_in_another_case"]
    assert "1-R2" in no.reasons[0].en
    told(engine, "withdraw", late + 3 * AN_HOUR, no="1-R2")
    told(engine, "approve", late + 4 * AN_HOUR, override="老顾客")
    assert lines_of(engine) == [("1-R1", 1, True), ("1-R2", 1, False)]


# -- by its own time --------------------------------------------------------------------------------


def _a_month(engine):
    """Cases of every kind, told in the sequence of their times."""
    for no in ("1", "2", "3", "4"):
        bought(engine, no)
    tell_returns(engine, asked(ASKED_AT, of="1", order_id=order(engine, "1").id))
    tell_returns(engine, asked(ASKED_AT, of="2", order_id=order(engine, "2").id))
    told(engine, "withdraw", ASKED_AT + 2 * AN_HOUR, no="2-R1")
    for no in ("3", "4"):
        tell(engine, fact("ship", SHIPPED_AT, no=no, waybill=f"YT{no}"), fact("deliver", DELIVERED_AT, no=no))
    open_case(engine, AT, of="3", reason="quality")
    open_case(engine, AT, of="4", reason="other")


def _swept(engine, at):
    dispatch_cutoff(engine, as_of=at)
    watch_orders(engine, as_of=at)
    release(engine, at)
    chase(engine, at)


def test_cases_swept_late_end_in_the_same_rows_as_those_swept_in_time(databases, database_kind):
    punctual, late = databases.new(database_kind), databases.new(database_kind)
    for engine in (punctual, late):
        _a_month(engine)
    now, end = ASKED_AT, AT + 9 * A_DAY
    while now < end:
        _swept(punctual, now)
        now += 6 * AN_HOUR
    _swept(punctual, end)
    _swept(late, end)
    assert difference(end_state(punctual), end_state(late)) == []
    assert case_steps(late, "1-R1")[-1] == ("pay_back", "03-03 11:20")
    assert case_steps(late, "3-R1")[-2:] == [("remind_evidence", "03-07 15:00"), ("expire", "03-13 15:00")]


EVENTS = {  # at 16:00 stopped, at 16:30 wanted after all, at 17:00 the cut-off; the sweeps may come at any time
    "cut-off": lambda engine: dispatch_cutoff(engine, as_of=CUTOFF),
    "refunds": lambda engine: release(engine, CUTOFF + 2 * A_DAY),
    "chases": lambda engine: chase(engine, CUTOFF),
}


@pytest.mark.parametrize("sequence", [*permutations(EVENTS)])
def test_stopped_and_wanted_after_all_before_the_cut_off_leaves_with_it_whoever_comes_first(engine, sequence):
    bought(engine)
    open_case(engine, CUTOFF - AN_HOUR)
    told(engine, "withdraw", CUTOFF - AN_HOUR / 2)
    for event in sequence:
        EVENTS[event](engine)
    assert (order(engine).state, steps(engine)[-1]) == ("released", ("release", "03-02 17:00"))
    assert (case_state(engine), refunds(engine), holds(engine)) == ("withdrawn", [], [])


@pytest.mark.parametrize("sequence", [*permutations(EVENTS)])
def test_stopped_before_the_cut_off_is_paid_and_does_not_leave_whoever_comes_first(engine, sequence):
    bought(engine)
    open_case(engine, CUTOFF - AN_HOUR)
    for event in sequence:
        EVENTS[event](engine)
    assert (order(engine).state, case_state(engine)) == ("verified", "refunding")
    assert case_steps(engine)[-1] == ("pay_back", "03-03 16:00")


# -- all of it --------------------------------------------------------------------------------------


def test_every_state_is_reached_and_every_open_one_is_left_and_nobodys_phone_or_name_is_told(engine):
    for no in "123456789":
        delivered(engine, no, lines=goods((f"A{no}", 1, 10_000)))
    bought(engine, "10", lines=goods(("A10", 1, 10_000)))
    open_case(engine, ASKED_AT, of="10")
    release(engine, ASKED_AT + A_DAY)
    open_case(engine, AT, of="1")
    sent_back(engine, AT)
    paid_back(engine, AT + 3 * A_DAY)
    open_case(engine, AT, of="2", kind="exchange")
    sent_back(engine, AT, "2-R1")
    tell(engine, fact("ship", AT + 4 * A_DAY, no="2-S1", waybill="SF88888888"))
    open_case(engine, AT, of="3", reason="quality")
    open_case(engine, AT, of="4", reason="other")
    open_case(engine, AT + 20 * A_DAY, of="5")
    told(engine, "approve", AT + 20 * A_DAY, no="5-R1", override="老顾客")
    told(engine, "withdraw", AT + 21 * A_DAY, no="5-R1")
    open_case(engine, AT, of="6", reason="quality", kind="compensation", evidence=[PHOTO])
    told(engine, "approve", AT, no="6-R1", amount_fen=100)
    chase(engine, AT + 9 * A_DAY)
    told(engine, "decline", AT + 10 * A_DAY, no="4-R1", text="无法核实")
    changes = rows(engine, StateChange, case_kind="return")
    left = {c.source for c in changes if c.source != c.dest}
    assert left >= {s for s in ReturnState if s not in OVER} | {"declined"}
    assert {c.dest for c in changes} == {*ReturnState}

    texts = "".join(row.text or "" for row in rows(engine, OutboxMessage, case_kind="return"))
    assert "1-R1" in texts
    for personal in (*RECEIVER.values(), "buyer of 1"):
        assert personal not in texts
    assert personal not in str([c.facts for c in changes])


def test_a_case_nobody_opened_is_answered_and_not_invented(engine):
    delivered(engine)
    found = tell_returns(engine, of_return("receive", AT, key="receive"))
    assert found.outcomes[0].status is Status.UNKNOWN
    assert rows(engine, Return) == []
