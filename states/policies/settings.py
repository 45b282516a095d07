"""The grammar of a shop file: what a setting may look like, and the sentence when it does not."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
LONGEST = timedelta(days=3_650)


class Policy(BaseModel):
    """Settings of one subject, fixed once read: an order keeps the policy it was placed under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: dict[str, Any] | None = None, deep: bool = False) -> Self:
        """A changed copy, checked like a new one; `deep` says nothing here, for nothing can be changed."""
        settings = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self).model_validate({**settings, **(update or {})})


def read_duration(written: object) -> timedelta:
    """`"30 min"`, `"12 h"` or `"3 d"` as a time span; ValueError with a sentence for anything else."""
    if isinstance(written, timedelta):
        span = written
    else:
        parts = (
            re.fullmatch(r"(-?\d{1,9}) ?(s|min|h|d)", written.strip()) if isinstance(written, str) else None
        )
        if parts is None:
            raise ValueError(f'{written!r} is not a duration: write for example "30 min", "12 h" or "3 d"')
        span = timedelta(seconds=int(parts[1]) * SECONDS[parts[2]])
    if span <= timedelta(0):
        raise ValueError(f"{written!r} is not a duration: it must be longer than nothing")
    if span > LONGEST:
        raise ValueError(f"{written!r} is longer than ten years")
    if span.microseconds:
        raise ValueError(f"{written!r} is not a duration: whole seconds are the finest")
    return span


def write_duration(span: timedelta) -> str:
    """The text `read_duration` reads back, in the largest unit that leaves no rest."""
    seconds = int(span.total_seconds())
    unit = next(unit for unit in reversed(SECONDS) if seconds % SECONDS[unit] == 0)
    return f"{seconds // SECONDS[unit]} {unit}"


def read_zone(written: object) -> ZoneInfo:
    """A time zone by its IANA name, `"Asia/Shanghai"`; ValueError with a sentence for anything else."""
    if isinstance(written, ZoneInfo):
        return written
    try:
        if isinstance(written, str) and written:
            return ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # unknown, malformed, or a whole continent: one sentence serves all
    raise ValueError(f'{written!r} is not a time zone: write an IANA name such as "Asia/Shanghai"')


def read_clock_time(written: object) -> time:
    """`"16:00"` as the time a wall clock shows; ValueError with a sentence for anything else.

    A bare number is refused: 1600 could be meant as a time and would be read as seconds.
    """
    if isinstance(written, time) and written.tzinfo is None:
        return written
    parts = re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", written) if isinstance(written, str) else None
    try:
        if parts:
            return time(int(parts[1]), int(parts[2]), int(parts[3] or 0))
    except ValueError:
        pass  # 25:00
    raise ValueError(f'{written!r} is not a time of day: write for example "16:00"')


def write_clock_time(clock: time) -> str:
    """The text `read_clock_time` reads back."""
    return clock.isoformat() if clock.second or clock.microsecond else f"{clock:%H:%M}"


Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    PlainSerializer(write_duration, return_type=str, when_used="json"),
]
Zone = Annotated[
    ZoneInfo, BeforeValidator(read_zone), PlainSerializer(str, return_type=str, when_used="json")
]
ClockTime = Annotated[
    time,
    BeforeValidator(read_clock_time),
    PlainSerializer(write_clock_time, return_type=str, when_used="json"),
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Fen = Annotated[int, Field(strict=True, ge=0, description="money in fen, 1/100 yuan")]
