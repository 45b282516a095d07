"""The flows of complaints as Prefect runs them; see `scheduled.py`."""

from __future__ import annotations

import os

os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's SDK reports to the outside world unless told not to

from datetime import datetime

from prefect import flow

from flows.call_form import called_back
from flows.complaint_steps import complaint_callbacks as callbacks_plainly
from flows.complaint_steps import complaint_case as case_plainly
from flows.complaint_steps import complaint_escalations as escalations_plainly
from flows.flow_forms import Name, Text, swept
from flows.flow_runs import answered


@flow(name="complaint-escalations")
def complaint_escalations(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Tell whoever is next on the ladder of a complaint, and who handles what is late.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this complaint, for example 201911121212-C1.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(escalations_plainly, shop, case_no, as_of, dry_run))


@flow(name="complaint-callbacks")
def complaint_callbacks(
    shop: Text = None,
    case_no: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Have customers called back within seven days of the resolution, then ask them in writing.

    Args:
        shop: only this shop; every shop when empty.
        case_no: only this complaint, for example 201911121212-C1.
        as_of: the moment the run stands for; its scheduled time, or now, when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(callbacks_plainly, shop, case_no, as_of, dry_run))


@flow(name="complaint-case")
def complaint_case(
    case_no: Name,
    shop: Text = None,
    as_of: datetime | None = None,
    dry_run: bool = False,
) -> dict:
    """Do everything that is due of one complaint.

    Args:
        case_no: the number of the complaint, for example 201911121212-C1.
        shop: its shop, where two shops use the same number.
        as_of: the moment the run stands for; now when empty.
        dry_run: show what would be done, do nothing.
    """
    return answered(lambda: swept(case_plainly, shop, case_no, as_of, dry_run))


@flow(name="call-back", flow_run_name="call-back {case_no}")
def call_back(case_no: Name, shop: Text = None) -> None:
    """Call a customer back after a complaint: press Resume on the run, read the script, tell how the call went.

    Args:
        case_no: the number of the complaint, for example 201911121212-C1.
        shop: its shop, where two shops use the same number.
    """
    return answered(lambda: called_back(case_no, shop or None))


# what must be on the timetable, and what is started by hand
TIMED = (complaint_escalations, complaint_callbacks)
BY_HAND = (complaint_case, call_back)
