"""How a deadline came about, sentence by sentence, for whoever asks why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from states.policies.complaint_deadlines import Countdown, Stage
from states.reasons import Reason

UNITS = ((3_600, "小时", "h"), (60, "分钟", "min"), (1, "秒", "s"))


def recited(countdown: Countdown, zone: tzinfo) -> tuple[Reason, ...]:
    """From its start over every stretch and pause to the deadline, in the shop's zone."""
    return tuple(_sentences(countdown, zone))


def _sentences(countdown: Countdown, zone: tzinfo) -> Iterator[Reason]:
    start, (zh, en) = _wall(countdown.start, zone), lasting(countdown.span)
    yield Reason(
        "counts_from", f"自 {start} 起计服务时间 {zh}", f"from {start} on, {en} of opening hours are counted"
    )
    for stage in countdown.stages:
        yield _counted(stage, zone) if stage.counts else _paused(stage, zone)
    if countdown.due_at:
        at = _wall(countdown.due_at, zone)
        yield Reason("due", f"到期时间:{at}", f"so it is due at {at}")
    else:
        zh, en = lasting(countdown.left)
        yield Reason("not_due_yet", f"还在暂停,剩余 {zh}", f"so it is not due yet: {en} are left")


def _counted(stage: Stage, zone: tzinfo) -> Reason:
    (zh, en), between = lasting(stage.end - stage.start), _between(stage, zone)
    return Reason("counted", f"{between[0]}:计入 {zh}", f"{between[1]}: {en} count")


def _paused(stage: Stage, zone: tzinfo) -> Reason:
    between, why = _between(stage, zone), f" ({stage.why})" if stage.why else ""
    return Reason(
        "paused",
        f"{between[0]}:等待客户,暂停计时{why}",
        f"{between[1]}: we wait for the customer, nothing counts{why}",
    )


def _between(stage: Stage, zone: tzinfo) -> tuple[str, str]:
    begins = _wall(stage.start, zone)
    if stage.end is None:
        return f"{begins} 起", f"since {begins}"
    ends = _wall(stage.end, zone)
    return f"{begins} 至 {ends}", f"{begins} to {ends}"


def _wall(at: datetime, zone: tzinfo) -> str:
    """The wall clock's time, with seconds only where there are any."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def lasting(span: timedelta) -> tuple[str, str]:
    """ "1小时30分钟" and "1 h 30 min"; less than a second is not told."""
    left, zh, en = int(span.total_seconds()), "", []
    for seconds, unit_zh, unit_en in UNITS:  # opening hours are told in hours: a day has fewer than 24
        count, left = divmod(left, seconds)
        if count:
            zh += f"{count}{unit_zh}"
            en.append(f"{count} {unit_en}")
    return zh or "0秒", " ".join(en) or "0 s"
