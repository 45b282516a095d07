"""The form of a flow: the parameters that all timed steps share, and how they are read.

A scheduled run, a run from the form and `kefu run` do the same thing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from prefect.states import State
from pydantic import BeforeValidator, WithJsonSchema

from flows import clock
from flows.flow_runs import as_of_or_scheduled, ended, run_batch, run_id
from flows.flow_tables import publish_delivery, publish_sweep
from flows.outbox_delivery import decide_and_deliver
from flows.policy_store import current_policies
from flows.sweep import SweepReport
from models.database import engine_from_env
from states.errors import BadInput


def _digits_are_text(value: Any) -> Any:
    # `prefect deployment run -p case_no=4711` sends a number
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# One plain text field in the form (`str | None` would be a choice of two); empty means none.
Text = Annotated[
    str | None,
    BeforeValidator(_digits_are_text),
    WithJsonSchema({"type": "string"}),
]

# What has to be named.
Name = Annotated[str, BeforeValidator(_digits_are_text)]


def swept(
    step: Callable[..., SweepReport], *told: Any, publish: Callable[[Any], str] = publish_sweep
) -> State:
    """Run a timed step with what the form told, and end as it ended."""
    return decided(step, publish, **asked(*told))


def decided(step: Callable[..., Any], publish: Callable[[Any], str], *args: Any, **how: Any) -> State:
    """Run a step, deliver at once what is owed by it, and end as both ended; each leaves its table."""
    report, delivery = decide_and_deliver(step, engine_from_env(), *args, **how)
    summary = publish(report)
    if delivery is None or not (delivery.lines or delivery.red):
        return ended(report, summary)
    told = publish_delivery(delivery) if delivery.claimed else delivery.told
    return ended(report, f"{summary}; {told}", delivery)


def asked(shop: str | None, case_no: str | None, as_of: datetime | None, dry_run: bool) -> dict[str, Any]:
    """The arguments of a plain timed step."""
    if as_of is not None:
        as_of = in_the_shops_zone(as_of, shop, "as_of")
        if not dry_run:
            clock.not_in_the_future(as_of, "as_of")
    return {
        "shop": shop or None,  # a form that was touched sends an empty text
        "case_no": case_no or None,
        "as_of": as_of_or_scheduled(as_of),
        "dry_run": dry_run,
        "run_batch": run_batch,
        "flow_run": run_id(),
    }


def in_the_shops_zone(at: datetime, shop: str | None, what: str) -> datetime:
    """A time without offset is meant in the shop's zone, as on the command line. Raises BadInput."""
    if at.tzinfo is not None:
        clock.meant(at, what, at.isoformat())
        return at
    of_shops = {zone for name, zone in zones().items() if shop in (None, "", name)}
    if len(of_shops) != 1:
        raise BadInput(
            f"{what}: {at.isoformat()} has no offset, and the shops are in several zones; "
            f"write for example {at.isoformat()}+08:00",
            code="naive_time",
            where=what,
        )
    return in_the_shops_zone(at.replace(tzinfo=of_shops.pop()), shop, what)


def zones() -> dict[str, ZoneInfo]:
    """Each shop's zone, by the shop's name."""
    return {policies.name: policies.zone for policies in current_policies(engine_from_env())}
