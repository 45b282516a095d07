"""The flows as Prefect runs them: the same plain functions, with a parameter form, progress and a table.

What their forms ask is in `flow_forms.py`, what a flow has to know of the run it is in in `flow_runs.py`, what an
operator sees beside it in `flow_tables.py`. Those of complaints are in `scheduled_complaints.py`.
"""

from __future__ import annotations

import os

os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's SDK reports to the outside world unless told not to

from datetime import datetime
from typing import Literal

from prefect import flow
from prefect.states import State

from flows.dispatch_cutoff import dispatch_cutoff as cutoff_plainly
from flows.flow_forms import Name, Text, decided, in_the_shops_zone, swept, zones
from flows.flow_runs import answered, run_id
from flows.flow_tables import publish_cutoff, publish_delivery, publish_import, publish_refunds, publish_sync
from flows.import_folder import in_import_folder
from flows.order_import import import_orders as import_plainly
from flows.order_watch import watch_orders as watch_plainly
from flows.outbox_delivery import deliver_outbox as deliver_plainly
from flows.payment_reminders import remind_unpaid as remind_plainly
from flows.return_steps import chase_returns as chase_plainly
from flows.return_steps import release_refunds as release_plainly
from flows.return_steps import return_case as case_plainly
from flows.secret_blocks import look_there
from flows.sync_orders import sync_orders as sync_plainly

look_there()

Format = Literal["auto", "taobao", "tmall", "olist", "kefu"]


@flow(name="sync-orders")
def sync_orders(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Pull what changed on the shop platforms, and work on everything that was told us.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order, of all that is pulled.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what there is, keep nothing.
    """
    return answered(lambda: swept(sync_plainly, shop, case_no, as_of, dry_run, publish=publish_sync))


@flow(name="remind-unpaid")
def remind_unpaid(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Remind buyers who have not paid, and close orders whose payment deadline has passed.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order, for example after a phone call.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(remind_plainly, shop, case_no, as_of, dry_run))


@flow(name="watch-orders")
def watch_orders(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Show what is not verified or not shipped in time; follow up on and complete what was delivered.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(watch_plainly, shop, case_no, as_of, dry_run))


@flow(name="dispatch-cutoff")
def dispatch_cutoff(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Close the day's dispatch: release what was paid and verified in time, report what is blocked and why.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order, for example after its hold was lifted.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """

    return answered(
        lambda: swept(
            *(cutoff_plainly, shop, case_no, as_of, dry_run),
            publish=lambda report: publish_cutoff(report, zones()),
        )
    )


@flow(name="release-refunds")
def release_refunds(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Pay back what nobody wants any more once its 24 hours are over, and every other refund that waits.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this after-sales case, for example 201911121212-R1.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(release_plainly, shop, case_no, as_of, dry_run, publish=publish_refunds))


@flow(name="chase-returns")
def chase_returns(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Remind buyers of waybill and evidence, close what never came, show staff the after-sales cases that are overdue.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this after-sales case, for example 201911121212-R1.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(chase_plainly, shop, case_no, as_of, dry_run))


@flow(name="deliver-outbox")
def deliver_outbox(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Send what is owed: notices to buyers and colleagues, commands to platform and warehouse, while they are true.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this order.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show how much waits, send nothing.
    """
    return answered(lambda: swept(deliver_plainly, shop, case_no, as_of, dry_run, publish=publish_delivery))


@flow(name="return-case")
def return_case(
    case_no: Name,
    shop: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Do everything that is due of one after-sales case, its refund included.

    Args:
        case_no: the number of the case, for example 201911121212-R1.
        shop: its shop, where two shops use the same number.
        as_of: the moment the run stands for; now when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(case_plainly, shop, case_no, as_of, dry_run, publish=publish_refunds))


@flow(name="import-orders")
def import_orders(
    file: str,
    shop: Name,
    format: Format = "auto",
    encoding: str | None = None,
    until: datetime | None = None,
) -> dict:
    """Import the merchant's export of orders; importing the same file again adds nothing twice.

    Args:
        file: name of the file in the folder `import` of KEFU_HOME, on the machine where the worker runs.
        shop: the shop these orders belong to.
        format: of the file; auto finds out.
        encoding: for example gb18030; detected when empty.
        until: take only what had happened by then; everything when empty.
    """

    def read() -> State:
        moment = until and in_the_shops_zone(until, shop, "until")
        how = {"format": format, "encoding": encoding, "until": moment, "flow_run": run_id()}
        return decided(import_plainly, publish_import, in_import_folder(file), shop, **how)

    return answered(read)


# what must be on the timetable, and what is started by hand
TIMED = (
    *(sync_orders, remind_unpaid, dispatch_cutoff, watch_orders, release_refunds, chase_returns),
    deliver_outbox,
)
BY_HAND = (import_orders, return_case)
