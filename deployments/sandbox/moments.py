"""The sandbox's own time: a week in a minute, or a day that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flows import clock

LAST = datetime(2999, 12, 31, tzinfo=UTC)  # there it stays


class Hands:
    """Shows the real time until it is set. Signatures and rate limits are of the wire: they go by the real one."""

    def __init__(self) -> None:
        self.set(None, 1)

    def set(self, at: datetime | None, pace: float) -> None:
        """Show `at` (None: the real time) from now on, and run at so many times the real pace; 0 stands still."""
        self._since = clock.now()
        self._shown = at or self._since
        self.pace = pace

    def now(self) -> datetime:
        return min(LAST, self._shown + (clock.now() - self._since) * self.pace)

    def forward(self, by: timedelta) -> None:
        self.set(self.now() + by, self.pace)
