"""The only place that reads a clock, and that reads what people write of times."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from states.errors import BadInput


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def read_time(text: str, zone: tzinfo | None, *, what: str = "time") -> datetime:
    """ISO 8601; without offset it is in the shop's zone (None: it needs one). Raises BadInput with one sentence."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(
            f"{what}: {text!r} is no time; write ISO 8601, such as 2026-11-11T15:59:59 or …+08:00 behind it",
            code="bad_time",
            where=what,
        ) from None
    if at.tzinfo is None and zone is None:
        raise BadInput(
            f"{what}: {text!r} needs an offset such as +08:00, or a --shop: the shops are in different zones",
            code="naive_time",
            where=what,
        )
    if not 1970 <= at.year < 3000:  # so far off that reckoning with it leaves the calendar
        raise BadInput(
            f"{what}: {text!r} can't be meant: give a year from 1970 to 2999", code="bad_time", where=what
        )
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def not_in_the_future(at: datetime, what: str) -> datetime:
    """What has not happened yet can't be told as a fact. Raises BadInput."""
    if at > now():
        raise BadInput(f"{what}: {at.isoformat()} lies in the future", code="future_time", where=what)
    return at
