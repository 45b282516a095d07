"""The timed steps by the names they have in the timetable, on the command line and in Prefect."""

from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid
from flows.return_steps import chase_returns, release_refunds, return_case

TIMED_STEPS = {
    "remind-unpaid": remind_unpaid,
    "dispatch-cutoff": dispatch_cutoff,
    "watch-orders": watch_orders,
    "release-refunds": release_refunds,
    "chase-returns": chase_returns,
}
STEPS = {**TIMED_STEPS, "return-case": return_case}  # and what only people start
OF_RETURNS = ("release-refunds", "chase-returns", "return-case")  # all others are about orders
