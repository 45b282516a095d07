"""The only place that reads a clock, and that reads what people write of times."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from states.errors import BadInput

# What can be meant: a zero of a computer or a spreadsheet is none, and near the calendar's ends nobody can reckon.
YEARS = range(2000, 3000)
WHICH_YEARS = (
    f"年份应在 {YEARS[0]} 至 {YEARS[-1]} 之间",
    f"can't be meant: give a year from {YEARS[0]} to {YEARS[-1]}",
)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def instant(at: datetime) -> datetime | None:
    """The same in UTC; None for what can't be meant, or has no offset: the one place that says so."""
    return at.astimezone(UTC) if at.tzinfo and at.year in YEARS else None


def meant(at: datetime, what: str, said: str) -> datetime:
    """The same in UTC. Raises BadInput, in the words it was said in, for what can't be meant."""
    if found := instant(at):
        return found
    raise BadInput(f"{what}: {said} {WHICH_YEARS[1]}", code="bad_time", where=what)


def told_time(told: object) -> datetime | None:
    """A time of others with its offset, in UTC; None for anything else."""
    try:
        return instant(datetime.fromisoformat(told)) if isinstance(told, str) else None
    except ValueError:
        return None


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
    return meant(at if at.tzinfo else at.replace(tzinfo=zone), what, repr(text))


def not_in_the_future(at: datetime, what: str) -> datetime:
    """What has not happened yet can't be told as a fact. Raises BadInput."""
    if at > now():
        raise BadInput(f"{what}: {at.isoformat()} lies in the future", code="future_time", where=what)
    return at
