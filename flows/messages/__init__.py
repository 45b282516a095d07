"""Message texts: one Jinja2 file per notice and language, open to colleagues without Python.

Each says what happened, what we do next and what the reader can do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound

from flows.complaint_sentences import OUTCOMES
from flows.masking import mask_name, mask_phone, mask_text
from states.policies.complaint_terms import CHANNELS, INTAKES, NATURES, REMEDIES
from states.policies.hours import WEEKDAYS, OpeningHours
from states.policies.rectifications import problem
from states.policies.return_reasons import CAUSES, FAULT_RULES, KINDS
from states.reasons import yuan
from states.return_refusals import FINDINGS

_CURRENCIES = {"CNY": "元"}
_WORDS = {
    **KINDS,
    **CAUSES,
    **FINDINGS,
    "photo": ("有问题的地方的图片", "a photo of what is wrong"),
    "delivery_note": ("收到的发货单的图片", "a photo of the delivery note"),
}
_TABLES = {  # some codes mean one thing of a return and another of a complaint
    **{"words": _WORDS, "intake": INTAKES, "nature": NATURES, "channel": CHANNELS},
    **{"remedy": REMEDIES, "outcome": OUTCOMES},
}


def render(what: str, case: Any, payload: dict) -> str | None:
    """The notice as its reader gets it, in the shop's language; None when `what` is a command without words.

    A text sees its `case`, and as `order` the order that the case is, or is about; None: it is about none. Lines that
    have nothing to say are left out.
    """
    template = _template(case.policy.language, what)
    if template is None:
        return None
    text = template.render(case=case, order=getattr(case, "order", case), payload=payload)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@cache
def _template(language: str, what: str) -> Template | None:
    try:
        return _environment().get_template(f"{language}/{what}.j2")
    except TemplateNotFound:
        return None


@cache
def _environment() -> Environment:
    texts = Environment(
        loader=PackageLoader("flows", "messages"),
        undefined=StrictUndefined,
        autoescape=False,
        auto_reload=False,
    )
    texts.filters |= {"money": money, "local": local, "clock": clock, "hours": hours, "daily": daily}
    texts.filters |= {name: _named(words) for name, words in _TABLES.items()} | {
        "quoted": shlex.quote,
        "problem": problem_of,
        "plain": plain,
    }
    texts.filters |= {"masked": mask_text, "masked_phone": mask_phone, "surname": mask_name}
    texts.tests["our_fault"] = FAULT_RULES.__contains__
    return texts


def money(fen: int, case: Any) -> str:
    """Money for readers; it is stored in fen."""
    return f"{yuan(fen)} {_CURRENCIES.get(case.policy.currency, case.policy.currency)}"


def local(at: datetime | str | None, case: Any) -> str:
    """An instant, or its ISO text as a payload carries it, as the shop's clock shows it."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return at.astimezone(case.policy.zone).strftime("%Y-%m-%d %H:%M") if at else "—"


def _named(table: Mapping[str, tuple[str, str]]) -> Callable[[str, Any], str]:
    """A filter that calls a code as its reader does."""

    def named(code: str, case: Any) -> str:
        zh, en = table.get(code, (code, code))
        return zh if case.policy.language == "zh" else en

    return named


def problem_of(case: Any) -> str:
    """What a rectification is about, as its reader calls it."""
    zh, en = problem(case.about, case.subject)
    return zh if case.policy.language == "zh" else en


def daily(desk: OpeningHours) -> str:
    """When a desk is there, if that is the same every day; else nothing, for it is too long to tell."""
    its_own_days = any(getattr(desk, day) is not None for day in WEEKDAYS)
    return "" if its_own_days else ", ".join(map(str, desk.daily))


def clock(at: time) -> str:
    """A time of day."""
    return at.strftime("%H:%M")


def hours(span: timedelta) -> str:
    """A time span, in hours."""
    return f"{span.total_seconds() / 3600:g}"


def plain(text: str) -> str:
    """Text in Markdown: whatever a customer wrote stands there as it was written, no link, no picture, no markup."""
    return re.sub(r"([!-/:-@[-`{-~])", r"\\\1", text)
