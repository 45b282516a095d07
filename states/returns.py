"""The life of an after-sales case, as a process manual.

The rules its decisions keep to are in `return_guards.py`, what is written down in `return_records.py`, what follows
in `return_follow_ups.py`; what the rules say of goods and money is a policy.
"""

from __future__ import annotations

from states.lifecycle import BEFORE, SAME, Lifecycle, Waits
from states.order_guards import not_by_name
from states.return_follow_ups import follow_ups, when_refused
from states.return_guards import (
    awaiting_the_payment,
    compensation_not_granted,
    cooling_not_over,
    cooling_over,
    declined_by_nobody,
    disputed,
    lapsed_otherwise,
    more_than_left,
    no_goods_in_it,
    no_money_in_it,
    nothing_to_open,
    other_amount,
    parcel_handed_over,
    parcel_not_handed_over,
    part_handed_over,
    pieces_in_another_case,
    refunded_meanwhile,
    rules_against,
    settled_by_nobody,
)
from states.return_records import record
from states.return_refusals import came_after_all
from states.return_states import AT_US, GOES_ON, OVER, UNDECIDED, ReturnState, ReturnTimer

S = ReturnState

# fmt: off
TRANSITIONS = [
    {"trigger": "open",           "source": BEFORE,            "dest": S.REQUESTED,
                                  "unless": [pieces_in_another_case, nothing_to_open]},
    {"trigger": "chase_decision", "source": [S.REQUESTED, S.APPROVED], "dest": SAME},
    {"trigger": "want_evidence",  "source": S.REQUESTED,       "dest": S.EVIDENCE_NEEDED},
    {"trigger": "remind_evidence","source": S.EVIDENCE_NEEDED, "dest": SAME},
    {"trigger": "show_evidence",  "source": UNDECIDED,         "dest": S.REQUESTED},
    {"trigger": "show_evidence",  "source": GOES_ON,           "dest": SAME},
    {"trigger": "show_evidence",  "source": S.CLOSED,          "dest": S.REQUESTED,
                                  "unless": [lapsed_otherwise, pieces_in_another_case]},
    {"trigger": "approve",        "source": UNDECIDED,         "dest": S.APPROVED,
                                  "unless": [rules_against, compensation_not_granted, no_money_in_it, more_than_left]},
    {"trigger": "approve",        "source": S.DECLINED,        "dest": S.APPROVED,
                                  "unless": [rules_against, compensation_not_granted, no_money_in_it, more_than_left,
                                             pieces_in_another_case, nothing_to_open]},
    {"trigger": "decline",        "source": [*UNDECIDED, S.INSPECTED], "dest": S.DECLINED,
                                  "unless": declined_by_nobody},

    {"trigger": "cool",           "source": S.APPROVED,        "dest": S.COOLING},
    {"trigger": "become_return",  "source": S.COOLING,         "dest": S.REQUESTED, "unless": parcel_not_handed_over},
    {"trigger": "become_return",  "source": S.REFUNDING,       "dest": S.REQUESTED,
                                  "unless": [parcel_not_handed_over, awaiting_the_payment]},
    {"trigger": "withdraw",       "source": [*UNDECIDED, S.APPROVED, S.COOLING, S.AWAITING_PARCEL],
                                  "dest": S.WITHDRAWN,         "unless": cooling_over},

    {"trigger": "await_parcel",   "source": S.APPROVED,        "dest": S.AWAITING_PARCEL},
    {"trigger": "remind_waybill", "source": S.AWAITING_PARCEL, "dest": SAME},
    {"trigger": "expire",         "source": [S.EVIDENCE_NEEDED, S.AWAITING_PARCEL], "dest": S.CLOSED},
    {"trigger": "track",          "source": [S.AWAITING_PARCEL, S.IN_TRANSIT], "dest": S.IN_TRANSIT},
    {"trigger": "track",          "source": [*AT_US, S.REFUNDED, S.RESHIPPED], "dest": SAME},
    {"trigger": "track",          "source": S.CLOSED,          "dest": S.IN_TRANSIT,
                                  "unless": [lapsed_otherwise, pieces_in_another_case]},
    {"trigger": "chase_parcel",   "source": S.IN_TRANSIT,      "dest": SAME},
    {"trigger": "receive",        "source": [S.AWAITING_PARCEL, S.IN_TRANSIT], "dest": S.RECEIVED},
    {"trigger": "receive",        "source": S.CLOSED,          "dest": S.RECEIVED,
                                  "unless": [lapsed_otherwise, pieces_in_another_case]},
    {"trigger": "receive",        "source": [S.DECLINED, S.WITHDRAWN], "dest": SAME, "anomaly": came_after_all()},
    {"trigger": "chase_inspection", "source": S.RECEIVED,      "dest": SAME},
    {"trigger": "inspect",        "source": S.RECEIVED,        "dest": S.INSPECTED, "unless": not_by_name},
    {"trigger": "chase_dispute",  "source": S.INSPECTED,       "dest": SAME},

    {"trigger": "pay_back",       "source": S.COOLING,         "dest": S.REFUNDING,
                                  "unless": [cooling_not_over, parcel_handed_over, part_handed_over, other_amount,
                                             more_than_left, refunded_meanwhile]},
    {"trigger": "pay_back",       "source": S.APPROVED,        "dest": S.REFUNDING,
                                  "unless": [no_money_in_it, other_amount, more_than_left, refunded_meanwhile]},
    {"trigger": "pay_back",       "source": S.INSPECTED,       "dest": S.REFUNDING,
                                  "unless": [no_money_in_it, disputed, other_amount, more_than_left,
                                             refunded_meanwhile]},
    {"trigger": "pay_back",       "source": S.REFUNDING,       "dest": SAME,
                                  "unless": [not_by_name, awaiting_the_payment, parcel_handed_over, other_amount,
                                             more_than_left]},
    {"trigger": "refunded_elsewhere", "source": [S.REQUESTED, S.APPROVED, S.COOLING, S.INSPECTED], "dest": S.CLOSED},
    {"trigger": "refund_paid",    "source": S.REFUNDING,       "dest": S.REFUNDED, "unless": settled_by_nobody},
    {"trigger": "refund_failed",  "source": S.REFUNDING,       "dest": SAME,       "unless": settled_by_nobody},
    {"trigger": "send_anew",      "source": S.APPROVED,        "dest": S.RESHIPPING,
                                  "unless": [no_goods_in_it, more_than_left]},
    {"trigger": "send_anew",      "source": S.INSPECTED,       "dest": S.RESHIPPING,
                                  "unless": [no_goods_in_it, disputed, more_than_left]},
    {"trigger": "reship_left",    "source": S.RESHIPPING,      "dest": S.RESHIPPED},

    {"trigger": "close",          "source": [s for s in S if s not in (*OVER, S.REFUNDING)], "dest": S.CLOSED,
                                  "unless": not_by_name},
    {"trigger": "close",          "source": S.REFUNDING,       "dest": S.CLOSED,
                                  "unless": [not_by_name, awaiting_the_payment]},
    {"trigger": "settle",         "source": list(S),           "dest": SAME,        "unless": not_by_name},
]

FACTS = ["show_evidence", "track", "receive", "refund_paid", "refund_failed", "reship_left"]
# fmt: on

TIMERS = {
    ReturnTimer.DECISION: Waits("chase_decision", while_in=(S.REQUESTED, S.APPROVED)),
    ReturnTimer.EVIDENCE_REMINDER: Waits("remind_evidence", while_in=(S.EVIDENCE_NEEDED,)),
    ReturnTimer.COOLING_OVER: Waits("pay_back", while_in=(S.COOLING,)),
    ReturnTimer.WAYBILL_REMINDER: Waits("remind_waybill", while_in=(S.AWAITING_PARCEL,)),
    ReturnTimer.SEND_BY: Waits("expire", while_in=(S.EVIDENCE_NEEDED, S.AWAITING_PARCEL)),
    ReturnTimer.PARCEL_OVERDUE: Waits("chase_parcel", while_in=(S.IN_TRANSIT,)),
    ReturnTimer.INSPECTION: Waits("chase_inspection", while_in=(S.RECEIVED,)),
    ReturnTimer.DISPUTE: Waits("chase_dispute", while_in=(S.INSPECTED,)),
}

return_lifecycle = Lifecycle(
    "return",
    ReturnState,
    TRANSITIONS,
    facts=FACTS,
    final=OVER,
    timers=TIMERS,
    by_people=(
        "open",
        "approve",
        "decline",
        "withdraw",
        "inspect",
        "pay_back",
        "send_anew",
        "close",
        "settle",
    ),
    record=record,
    follow_ups=follow_ups,
    when_refused=when_refused,
)
