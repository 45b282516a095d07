"""Many outcomes stored at once, and none of them lost to a neighbour that can't be stored (promise 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models.database import in_trouble

Item = TypeVar("Item")


def apart(store: Callable[[Sequence[Item]], Any], items: Sequence[Item]) -> list[tuple[Item, Exception]]:
    """Store them, each call all or nothing; where that goes wrong in halves, down to the bad ones. Those come back,
    with what went wrong. Raises what is the database's own trouble: then all of it waits."""
    if not items:
        return []
    try:
        store(items)
    except Exception as error:
        if in_trouble(error):
            raise
        if len(items) == 1:
            return [(items[0], error)]
        half = len(items) // 2
        return [*apart(store, items[:half]), *apart(store, items[half:])]
    return []
