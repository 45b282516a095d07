"""The desks of the demonstration: each does by a moment all that it was told by then, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime

from deployments.sample_stories import Step
from deployments.samples import moment
from states.errors import KefuError

Say = Callable[[str], None]
Story = tuple[str, str, Iterable[Step]]  # the shop, the order, what the desk is told about it
CaseOf = Callable[[str, str], tuple[str, set[str]] | None]
Do = Callable[[str, str, str, Step, str], None]


def work_off(stories: Iterable[Story], day: date, until: datetime, case_of: CaseOf, do: Do, say: Say) -> None:
    """Do what was told by `until`; what has been done already is left alone.

    `case_of` a shop's order says the number of its case and what has happened to that, None where the order is not
    known yet; `do` takes shop, order, case, step and moment.
    """
    for shop, no, steps in stories:
        for step in steps:
            at = moment(day, step.when)
            found = case_of(shop, no) if at <= until else None
            if found is None:  # later, or its order is in the next import
                break
            case_no, done = found
            try:
                if step.trigger not in done:
                    do(shop, no, case_no, step, at.isoformat())
            except KefuError as error:  # begun on another day, and gone on by itself since
                say(f"  {error}")
