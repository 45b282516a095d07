"""A shop's desks, as whoever reckons with their hours needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from states.policies.hours import OpeningHours


@dataclass(frozen=True, slots=True)
class Desks:
    """The hours of each desk in the shop's zone; who names no desk means the `usual` one."""

    hours: Mapping[str, OpeningHours]
    usual: str
    zone: ZoneInfo

    def of(self, desk: str | None) -> OpeningHours:
        """When this desk is there."""
        return self.hours[desk or self.usual]
