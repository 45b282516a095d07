"""Complaints by the clock: deadlines and the ladder, and the call after the resolution (rules 97-101, 111-119).

Free of Prefect, like all timed steps outside `scheduled.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from flows import complaint_cases
from flows.rectification_steps import rectify
from flows.sweep import SweepReport, sweep
from states.complaint_states import ComplaintTimer
from states.errors import BadInput

CALLBACK_TIMERS = (
    ComplaintTimer.CALLBACK,
    ComplaintTimer.UNCALLED,
    ComplaintTimer.SURVEY,
    ComplaintTimer.SURVEY_OVER,
)
ESCALATION_TIMERS = tuple(kind for kind in ComplaintTimer if kind not in CALLBACK_TIMERS)


def complaint_escalations(engine: Engine, *, as_of: datetime, **scope: Any) -> SweepReport:
    """Tell whoever is next on the ladder, and who handles what is late (rules 98, 99, 119); have put right what many
    complain of (rule 102)."""
    return _work_through(engine, "complaint-escalations", ESCALATION_TIMERS, as_of, rectifies=True, **scope)


def complaint_callbacks(engine: Engine, *, as_of: datetime, **scope: Any) -> SweepReport:
    """Have customers called within the seven days, then ask them in writing; close what nobody answers (rule 100)."""
    return _work_through(engine, "complaint-callbacks", CALLBACK_TIMERS, as_of, **scope)


def complaint_case(engine: Engine, *, as_of: datetime, **scope: Any) -> SweepReport:
    """Everything that is due of one complaint. Raises BadInput when none is named."""
    if not scope.get("case_no"):
        raise BadInput(
            "complaint-case is about one complaint: give its number", code="which_case", where="case_no"
        )
    return _work_through(engine, "complaint-case", tuple(ComplaintTimer), as_of, **scope)


def _work_through(
    engine: Engine,
    flow: str,
    timers: Iterable[ComplaintTimer],
    as_of: datetime,
    *,
    case_no: str | None = None,
    rectifies: bool = False,
    **how: Any,
) -> SweepReport:
    report = sweep(engine, flow, timers, as_of=as_of, case_no=case_no, cases=complaint_cases, **how)
    if rectifies and not case_no:
        rectify(engine, report, **{name: value for name, value in how.items() if name != "dry_run"})
    return report
