"""The timed steps by the names they have in the timetable, on the command line and in Prefect."""

from flows.complaint_steps import complaint_callbacks, complaint_case, complaint_escalations
from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_watch import watch_orders
from flows.outbox_delivery import deliver_outbox
from flows.payment_reminders import remind_unpaid
from flows.return_steps import chase_returns, release_refunds, return_case
from flows.sync_orders import sync_orders

TIMED_STEPS = {
    "sync-orders": sync_orders,
    "remind-unpaid": remind_unpaid,
    "dispatch-cutoff": dispatch_cutoff,
    "watch-orders": watch_orders,
    "release-refunds": release_refunds,
    "chase-returns": chase_returns,
    "complaint-escalations": complaint_escalations,
    "complaint-callbacks": complaint_callbacks,
    "deliver-outbox": deliver_outbox,
}
# and what only people start
STEPS = {**TIMED_STEPS, "return-case": return_case, "complaint-case": complaint_case}
OF_RETURNS = ("release-refunds", "chase-returns", "return-case")
OF_COMPLAINTS = ("complaint-escalations", "complaint-callbacks", "complaint-case")
KIND_OF = {
    **dict.fromkeys(STEPS, "order"),
    **dict.fromkeys(OF_RETURNS, "return"),
    **dict.fromkeys(OF_COMPLAINTS, "complaint"),
}
