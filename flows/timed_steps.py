"""The timed steps by the names they have in the timetable, on the command line and in Prefect."""

from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid

TIMED_STEPS = {
    "remind-unpaid": remind_unpaid,
    "dispatch-cutoff": dispatch_cutoff,
    "watch-orders": watch_orders,
}
