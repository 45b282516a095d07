"""The grammar of opening hours: how one window of a day is written and read."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

DAY = 24 * 60


class Window(NamedTuple):
    """From one minute of the day up to, not including, another; `end` above 24 h lies on the next day."""

    start: int
    end: int

    def __str__(self) -> str:
        end = self.end if self.end <= DAY else self.end - DAY
        return f"{self.start // 60:02}:{self.start % 60:02}-{end // 60:02}:{end % 60:02}"


def read_window(written: object) -> Window:
    """`"09:00-17:30"`, `"18:00-02:00"` (over midnight), `"00:00-24:00"`; else ValueError with a sentence."""
    if isinstance(written, Window):
        return written
    parts = (
        re.fullmatch(r"(\d{1,2}):(\d\d) ?- ?(\d{1,2}):(\d\d)", written) if isinstance(written, str) else None
    )
    if parts is None:
        raise ValueError(f'{written!r} is not a window of opening hours: write for example "09:00-17:30"')
    hour, minute, end_hour, end_minute = map(int, parts.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if max(minute, end_minute) > 59 or start >= DAY or end > DAY:
        raise ValueError(f"{written!r} is no possible window: a day runs from 00:00 to 24:00")
    if start == end:
        raise ValueError(
            f'{written!r} is no possible window: it is empty (write "00:00-24:00" for the whole day)'
        )
    return Window(start, end if end > start else end + DAY)


def _a_list(written: object) -> object:
    if isinstance(written, str):
        raise ValueError(f'{written!r} is one window: write a list, ["{written}"]')
    return written


Windows = Annotated[
    tuple[
        Annotated[
            Window, PlainValidator(read_window), PlainSerializer(str, return_type=str, when_used="json")
        ],
        ...,
    ],
    BeforeValidator(_a_list),
]
