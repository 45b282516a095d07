"""What has not changed for several looks in a row.

Counted in looks and not by a clock: while this machine sleeps nobody looks, and the clocks of two machines need not
agree. So nobody is given up because of a pause that nobody lived through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Sign = TypeVar("Sign")


class Steady(Generic[Key, Sign]):
    """Remembers what each look saw, and for how many looks it has been the same."""

    def __init__(self) -> None:
        self._seen: dict[Key, tuple[Sign, int]] = {}

    def look(self, signs: Mapping[Key, Sign]) -> dict[Key, int]:
        """How many looks in a row have found the same sign since it was first seen; what is not seen is forgotten."""
        self._seen = {key: (sign, self._looks(key, sign)) for key, sign in signs.items()}
        return {key: looks for key, (_, looks) in self._seen.items()}

    def _looks(self, key: Key, sign: Sign) -> int:
        seen, looks = self._seen.get(key, (sign, -1))
        return looks + 1 if seen == sign else 0
