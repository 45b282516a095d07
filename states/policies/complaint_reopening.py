"""What a word from the customer after the end means: thanks, the same complaint again, or a new one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from states.policies.moments import utc
from states.policies.return_words import spoken
from states.policies.settings import Duration, Policy
from states.reasons import Reason

LONGEST = 200  # characters; whoever writes more has something to say
PASSED_OVER = (
    "P",
    "Z",
    "C",
    "M",
    "Sk",
    "Sm",
)  # punctuation, blanks, and what only colours a letter or an emoji


class Reopens(StrEnum):
    """What becomes of the word."""

    NOTHING = "nothing"
    JOINS = "joins"  # the same case, worked on again
    LINKED = "linked"  # a complaint of its own that names the old one


@dataclass(frozen=True, slots=True)
class Reopening:
    """The answer, and until when (UTC) a word joins the case; None: it is not closed yet."""

    answer: Reopens
    reasons: tuple[Reason, ...]
    until: datetime | None


def _courtesy(written: str) -> str:
    if not _bare(written):
        raise ValueError(f"{written!r} says nothing that could be recognised")
    return written


Courtesy = Annotated[str, AfterValidator(_courtesy)]


class ReopeningPolicy(Policy):
    """Within a set time of the end the case goes on, later a linked one begins (all numbers are ours).

    The last second is still within. A bare word of thanks reopens nothing; whatever else is said does.
    """

    within: Duration = timedelta(days=14)
    # fmt: off
    courtesies: tuple[Courtesy, ...] = (
        "谢谢", "谢谢你", "谢谢您", "谢谢你们", "谢谢啦", "谢谢了", "谢了", "多谢", "多谢了", "谢谢亲",
        "感谢", "感谢您", "非常感谢", "十分感谢", "万分感谢", "太感谢了", "謝謝", "感謝", "好", "好的",
        "好滴", "好哒", "嗯", "嗯嗯", "行", "可以", "收到", "知道了", "明白", "明白了",
        "了解", "了解了", "辛苦了", "辛苦啦", "麻烦了", "麻烦您了", "不客气", "没事了", "再见", "拜拜",
        "亲",
        "thanks", "thank you", "thanks a lot", "thank you so much", "thank you very much", "thanks again",
        "many thanks", "thx", "ok", "okay", "got it", "all good", "bye", "🙏", "👍", "🌹", "❤", "😊",
    )
    # fmt: on

    def is_thanks(self, words: str) -> bool:
        """Whether these words are courtesies and nothing else. A question mark asks something."""
        text = _bare(words)
        if not text or len(words) > LONGEST:
            return False
        known = {_bare(courtesy) for courtesy in self.courtesies}
        ends = {0}  # where a row of courtesies can end that starts at the beginning
        for here in range(len(text)):
            if here in ends:
                ends |= {here + len(word) for word in known if text.startswith(word, here)}
        return len(text) in ends

    def reopening(self, closed_at: datetime | None, at: datetime, words: str) -> Reopening:
        """What these words, said at `at`, do to a complaint closed then; None: not closed yet.

        Raises ValueError for words before the end and for times without offset.
        """
        at, until = utc(at), closed_at and utc(closed_at) + self.within
        if closed_at and at < utc(closed_at):
            raise ValueError(f"said at {at.isoformat()}, before it was closed")
        if self.is_thanks(words):
            return Reopening(Reopens.NOTHING, (ONLY_THANKS,), until)
        if until is None:
            return Reopening(Reopens.JOINS, (STILL_OPEN,), None)
        zh, en = spoken(self.within)
        if at <= until:
            reason = Reason(
                "within_reopening", f"结案{zh}内,并入原投诉", f"within {en} of its end: it goes on"
            )
            return Reopening(Reopens.JOINS, (reason,), until)
        reason = Reason(
            "after_reopening",
            f"结案超过{zh},另立关联投诉",
            f"later than {en} after its end: a linked complaint",
        )
        return Reopening(Reopens.LINKED, (reason,), until)


ONLY_THANKS = Reason("only_thanks", "客户只是致谢,不重新处理", "only a word of thanks: nothing is reopened")
STILL_OPEN = Reason("not_closed_yet", "投诉尚未结案,并入原投诉", "it is not closed yet: it belongs to it")


def _bare(words: str) -> str:
    """What is left without blanks, punctuation and capitals; question marks stay."""
    text = unicodedata.normalize("NFKC", words).casefold()
    return "".join(c for c in text if c == "?" or not unicodedata.category(c).startswith(PASSED_OVER))
