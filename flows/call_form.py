"""The form of the run `call-back`: it shows the call sheet, and waits for how the call went.

The run is suspended meanwhile: it holds no thread of the worker, and goes on after a restart of worker or server.
What is typed lies in Prefect's store of inputs until it is recorded, and is deleted there then (promise 9).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import get_client
from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput, delete_flow_run_input
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed, State
from pydantic import ConfigDict, Field, create_model

from flows import clock
from flows.call_back import CallSheet, Told, call_sheet, record_call, summary
from flows.complaint_sentences import OUTCOMES
from flows.flow_runs import run_id
from flows.messages import plain
from models.database import engine_from_env
from states.errors import BadInput, Refused
from states.policies.complaint_calls import CallOutcome

WAITS = 24 * 3600  # seconds; whoever has not told it by then has hardly called
MENU = {f"{outcome}: {' / '.join(OUTCOMES[outcome])}": outcome for outcome in CallOutcome}
CLICK = "点右边的箭头选择 / click the arrows on the right to choose"  # elsewhere its menu closes at once


class CallForm(RunInput):
    """What comes back. All of it is text that `record_call` reads: what pydantic refused would end the run with a
    traceback, and everything that was typed in it."""

    model_config = ConfigDict(json_schema_extra={"required": ["outcome", "by"]})

    words: str = ""
    outcome: str = ""
    later_at: str = ""
    satisfaction: str = ""
    by: str = ""

    def told(self) -> Told:
        """The same, with the word behind what the menu says."""
        typed = {name: getattr(self, name) for name in type(self).model_fields}
        return Told(**typed | {"outcome": MENU.get(self.outcome, "")})


def called_back(no: str, shop: str | None) -> State:
    """Ask until it is told as it should be, then record the call. The run begins here anew whenever a form comes back.

    Raises what `answered` answers.
    """
    engine, shown = engine_from_env(), _forms_shown()
    told = _told(shown)
    if not told.outcome:  # none has come back, or what it told is recorded
        _ask(call_sheet(engine, no, shop, clock.now()), shown + 1, told, "")
    try:
        try:
            key = f"call:{run_id()}:{shown}"
            outcome = record_call(engine, no, shop, told, at=_told_at(), key=key, flow_run=run_id())
        except BadInput as mistake:
            sheet = call_sheet(engine, no, shop, clock.now())
            _forget(shown)
            _ask(sheet, shown + 1, told.masked(), str(mistake))
    except Refused as refusal:  # it has moved on: nothing of what was typed is lost
        _forget(shown)
        get_run_logger().error("%s", refusal)
        return Failed(message=f"{refusal}; not recorded: {told}")
    _forget(shown)
    return Completed(message=summary(engine, outcome, clock.now()))


def _ask(sheet: CallSheet, form: int, told: Told, mistake: str) -> None:
    """Show the form and end this attempt: nothing after it is done."""
    get_run_logger().info(
        "按 Resume 看话术并登记回访结果 / press Resume for the script, and to tell how the call went"
    )
    suspend_flow_run(wait_for_input=_form(sheet, told, mistake), key=_key(form), timeout=WAITS)


def _form(sheet: CallSheet, told: Told, mistake: str) -> type[CallForm]:
    """The sheet stands above the first field: the form's own description has no room where a form is long. A single
    end of line would be lost there."""
    chosen = next((says for says, outcome in MENU.items() if outcome == told.outcome), "")
    lines = [*[f"**{plain(mistake)}**"] * bool(mistake), *sheet.text.splitlines()]
    fields = {
        "words": _field(told.words, "客户怎么说 / what the customer says", "\n\n".join(lines)),
        "outcome": _field(chosen, "结果 / outcome", CLICK, enum=list(MENU)),
        "later_at": _field(
            told.later_at,
            "改到何时 / when to call again",
            "只在客户要求改日再打时填,店铺时间,如 2026-03-05 15:00 / only if asked to call later, on the shop's clock",
        ),
        "satisfaction": _field(
            told.satisfaction, "满意度 / satisfaction", f"5 最满意 / is best. {CLICK}", enum=["", *"12345"]
        ),
        "by": _field(told.by, "您的姓名 / your name", "记入投诉的经过 / kept in its history", minLength=1),
    }
    return create_model("CallForm", __base__=CallForm, **fields)


def _field(value: str, title: str, description: str, **schema: Any) -> tuple[type[str], Any]:
    def shown(found: dict) -> None:
        found.update(schema)
        if not value:
            found.pop("default")  # what must be filled in is empty, not filled in with nothing

    return str, Field(value, title=title, description=description, json_schema_extra=shown)


# -- what Prefect keeps of it -----------------------------------------------------------------------


def _key(form: int) -> str:
    return f"call-{form}"


def _forms_shown() -> int:
    return len(FlowRunContext.get().flow_run.empirical_policy.pause_keys or ())


def _told(shown: int) -> Told:
    """What came back with the last form."""
    form = suspend_flow_run(wait_for_input=CallForm, key=_key(shown)) if shown else CallForm()
    return form.told()


def _told_at() -> datetime:
    """When it was told: the call was made by then, however late a worker comes to it (promise 3)."""
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(FlowRunContext.get().flow_run.id)
    resumed_at = max(state.timestamp for state in states if state.name == "Resuming")
    return min(resumed_at, clock.now())  # the server's clock may be ahead


def _forget(form: int) -> None:
    """Delete what was typed, and the form that showed what had been typed before."""
    for part in ("response", "schema"):
        delete_flow_run_input(f"suspended-{_key(form)}-{part}")
