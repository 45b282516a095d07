"""Message texts: one Jinja2 file per notice and language, open to colleagues without Python.

Each says what happened, what we do next and what the reader can do.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound

from states.reasons import yuan

_CURRENCIES = {"CNY": "元"}


def render(what: str, order: Any, payload: dict) -> str | None:
    """The notice as its reader gets it, in the shop's language; None when `what` is a command without words."""
    template = _template(order.policy.language, what)
    return template.render(order=order, payload=payload).strip() if template else None


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
    texts.filters |= {"money": money, "local": local, "clock": clock, "hours": hours}
    return texts


def money(fen: int, order: Any) -> str:
    """Money for readers; it is stored in fen."""
    return f"{yuan(fen)} {_CURRENCIES.get(order.policy.currency, order.policy.currency)}"


def local(at: datetime | None, order: Any) -> str:
    """An instant as the shop's clock shows it."""
    return at.astimezone(order.policy.zone).strftime("%Y-%m-%d %H:%M") if at else "—"


def clock(at: time) -> str:
    """A time of day."""
    return at.strftime("%H:%M")


def hours(span: timedelta) -> str:
    """A time span, in hours."""
    return f"{span.total_seconds() / 3600:g}"
