"""A notice as a pattern, for those who fill it in without a template engine: kefu's own text of one order whose
values are easy to find again."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from flows.messages import render
from states.policies.shops import ShopPolicies

PLACES = {"no": "@no@", "receiver": "@receiver@", "phone": "@phone@", "address": "@address@"}
AMOUNT_FEN, AMOUNT = 98_765_432, "987654.32"
PAY_BY, PAY_BY_LOCAL = datetime(2031, 1, 2, 3, 4, tzinfo=UTC), "2031-01-02 11:04"


def pattern(what: str, policy: ShopPolicies, payload: dict, **values: object) -> str:
    """The text with @no@, @amount@, @pay_by@ … where an order's values go."""
    order = SimpleNamespace(policy=policy, amount_fen=AMOUNT_FEN, pay_by=PAY_BY, **PLACES, **values)
    return render(what, order, payload).replace(AMOUNT, "@amount@").replace(PAY_BY_LOCAL, "@pay_by@")
