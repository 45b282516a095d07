"""Whatever JSON an outside party can tell: half characters, NULs, numbers that nobody holds, nests, long tales."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FEW = settings(
    max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck]
)
NASTY = [
    "\x00",
    "\ud800",
    "a\udfffb",
    "\x1b[31m",
    "\x85\u2028",
    "王" * 11_000,
    "13812341234",
    "a\r\nBcc: x@y.cn",
]
WORDS = st.sampled_from(NASTY) | st.text(st.characters(codec=None), max_size=12)
NUMBERS = st.integers() | st.sampled_from(
    [2**31, 2**63, -(2**70), 10**400, float("nan"), float("inf"), 1e308]
)
DEEP: Any = "here"
for _ in range(60):
    DEEP = [{"a": DEEP}]
LEAVES = st.none() | st.booleans() | NUMBERS | WORDS | st.just(DEEP)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=6,
)


def an_object(**usual: Any) -> st.SearchStrategy[dict[str, Any]]:
    """An object with these names, each told as usual or in any other way, and whatever more."""
    known = st.fixed_dictionaries({name: st.just(value) | ANY for name, value in usual.items()})
    return st.builds(lambda told, more: {**more, **told}, known, st.dictionaries(WORDS, ANY, max_size=2))


def as_sent(told: Any) -> bytes:
    return json.dumps(told).encode()
