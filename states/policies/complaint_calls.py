"""What came of a call after a complaint, and the sentences about what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from states.policies.moments import utc
from states.policies.return_words import spoken
from states.reasons import Reason


class CallOutcome(StrEnum):
    """How a call went."""

    SATISFIED = "satisfied"
    PROBLEM = "problem"  # reached, and something is still wrong
    NOT_REACHED = "not_reached"
    WRONG_NUMBER = "wrong_number"
    LATER = "later"  # asked to be called at a time of the customer's choice
    REFUSED = "refused"  # the customer wishes no call


class StepKind(StrEnum):
    """What comes next."""

    CALL = "call"
    FIND_NUMBER = "find_number"  # another number is asked for in writing, and called at the step's moment
    SURVEY = "survey"  # in writing
    NEW_ROUND = "new_round"  # the complaint is worked on again (rule 101)
    CLOSE = "close"


ENDS = frozenset({CallOutcome.SATISFIED, CallOutcome.PROBLEM, CallOutcome.REFUSED})
UNREACHED = frozenset({CallOutcome.NOT_REACHED, CallOutcome.WRONG_NUMBER})


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was made. Raises ValueError for times without offset, and where the time to call later is
    missing, not asked for or not later."""

    at: datetime
    outcome: CallOutcome
    later_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.outcome is CallOutcome.LATER) != (self.later_at is not None):
            raise ValueError("exactly a call with outcome 'later' says when to call")
        if self.later_at is not None and utc(self.later_at) <= utc(self.at):
            raise ValueError(f"{self.later_at.isoformat()} is not later than the call")
        utc(self.at)


@dataclass(frozen=True, slots=True)
class Step:
    """What is due at `at` (UTC): a call, a survey, or at once the end of it; provisional where that rests on a day of
    which nobody knows yet whether customers are called, the first of which is `unknown_on`."""

    kind: StepKind
    at: datetime
    reasons: tuple[Reason, ...]
    unknown_on: date | None = None


SATISFIED = Reason("satisfied", "客户满意,结案", "the customer is satisfied: it is closed", 100)
NO_CALL_WISHED = Reason(
    "no_call_wished",
    "客户不愿接受回访,如实登记后结案",
    "the customer wishes no call: recorded as it is, and closed",
    100,
)
PROBLEM_FOUND = Reason(
    "problem_found",
    "回访发现问题,及时再处理",
    "the call found a problem: it is worked on again",
    101,
)
ON_THE_IDEAL_DAY = Reason("ideal_day", "在理想回访日回访", "on the shop's ideal day to call")
DAY_MOVED = Reason(
    "moved_to_a_calling_day",
    "理想回访日不能打电话或已过,改到之后最近的可回访日",
    "the ideal day is no day to call, or over: the next calling day",
)
BROUGHT_FORWARD = Reason(
    "brought_forward",
    "从理想回访日起,期限内没有可回访日,提前回访",
    "no calling day is left in time from the ideal day on, so it is called earlier",
)
OTHER_DAY_AND_HOUR = Reason(
    "other_day_and_hour", "未接通,换一天换一个时段再打", "not reached: tried on another day at another hour"
)
SAME_HOUR = Reason(
    "no_other_hour",
    "未接通,换一天再打;当天没有其他时段",
    "not reached: tried on another day, which has no other hour to offer",
)
AS_ASKED = Reason("as_asked", "按客户要求的时间再打", "called at the time the customer asked for")
MOVED_TO_CONTACT_HOURS = Reason(
    "moved_to_contact_hours",
    "客户要求的时间不在可回访时段内,顺延",
    "the time asked for lies outside the contact hours, so the call waits for the next",
)
NUMBER_WRONG = Reason(
    "number_wrong", "号码有误,先书面询问新号码", "the number is wrong: another one is asked for in writing"
)
NUMBERS_USED_UP = Reason(
    "number_wrong_again", "新号码仍有误,改为书面回访", "the other number is wrong too: a survey in writing"
)
ASKED_TOO_LATE = Reason(
    "asked_for_after_the_end",
    "客户要求的时间已超出回访期限,改为书面回访",
    "the time asked for is after the last day to call: a survey in writing",
    100,
)
NOBODY_CALLED = Reason(
    "no_time_to_call",
    "期限内没有可回访时段,改为书面回访",
    "no time to call is left within the limit: a survey in writing",
    100,
)


def within(limit: timedelta) -> Reason:
    zh, en = spoken(limit)
    return Reason("callback_within", f"处理后{zh}内回访", f"called back within {en} of the resolution", 100)


def tried(times: int) -> Reason:
    return Reason(
        "tried_enough",
        f"已打 {times} 次未接通,改为书面回访",
        f"called {times} times and not reached: a survey in writing",
        100,
    )
