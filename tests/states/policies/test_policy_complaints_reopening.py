"""What a word after the end does: thanks, the same case, or a linked one (issue 4)."""

from datetime import UTC, datetime, timedelta

import pytest

from states.policies.complaint_reopening import ReopeningPolicy

POLICY = ReopeningPolicy()
CLOSED = datetime(2026, 3, 2, 10, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
A_DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "words",
    [
        "谢谢", "谢谢!", " 谢谢 。", "好的,谢谢", "好的谢谢你们,辛苦了", "嗯嗯", "收到~", "謝謝",
        "谢谢亲~~", "谢谢🙏🙏", "👍🏽", "❤️",
        "thanks", "Thanks!!", "THANK YOU", "thank  you so much :)", "OK, got it. Thanks a lot!", "ok谢谢", "谢谢\n再见",
        "THANKS", "谢谢^_^", "谢谢" * 100,
    ],
)  # fmt: skip
def test_a_bare_word_of_thanks_is_one(words):
    assert POLICY.is_thanks(words)


@pytest.mark.parametrize(
    "words",
    [
        "", "   ", "...", "😡", "谢谢,但是还是坏的", "不谢谢", "不行", "不好", "没收到", "收到?",
        "收到了吗", "好的?", "ok?", "❓",
        "thanks for nothing", "no thanks", "not ok", "thanks, but it broke again", "again",
        "谢谢 13812341234", "行不行",
        "thank", "谢", "谢谢" * 101, "谢" * 199,
    ],
)  # fmt: skip
def test_whatever_says_more_or_asks_is_none(words):
    assert not POLICY.is_thanks(words)


def test_a_long_row_of_half_thanks_is_answered_at_once():
    nearly = ReopeningPolicy(courtesies=("谢", "谢谢", "谢谢谢", "ok"))
    assert not nearly.is_thanks("谢" * 199 + "x")
    assert nearly.is_thanks("谢" * 199)


def test_the_words_are_the_shops():
    portuguese = ReopeningPolicy(courtesies=("Obrigado!", "muito obrigada"))
    assert portuguese.is_thanks("obrigado")
    assert portuguese.is_thanks("Muito  Obrigada ...")
    assert not portuguese.is_thanks("thanks")
    assert not ReopeningPolicy(courtesies=()).is_thanks("谢谢")


@pytest.mark.parametrize(
    ("said_at", "answer", "code"),
    [
        (CLOSED, "joins", "within_reopening"),
        (CLOSED + 14 * A_DAY - A_SECOND, "joins", "within_reopening"),
        (CLOSED + 14 * A_DAY, "joins", "within_reopening"),
        (CLOSED + 14 * A_DAY + A_SECOND, "linked", "after_reopening"),
    ],
)
def test_within_the_window_it_is_the_same_case_and_later_a_linked_one(said_at, answer, code):
    found = POLICY.reopening(CLOSED, said_at, "还是坏的")
    assert (found.answer, [reason.code for reason in found.reasons]) == (answer, [code])
    assert found.until == CLOSED + 14 * A_DAY
    assert "14" in found.reasons[0].zh
    assert "14 days" in found.reasons[0].en


def test_thanks_reopen_nothing_whenever_they_come():
    for closed_at, later in ((CLOSED, A_DAY), (CLOSED, 30 * A_DAY), (None, A_DAY)):
        found = POLICY.reopening(closed_at, CLOSED + later, "谢谢")
        assert (found.answer, found.reasons[0].code) == ("nothing", "only_thanks")


def test_what_is_said_before_the_end_belongs_to_the_case():
    found = POLICY.reopening(None, CLOSED, "还是坏的")
    assert (found.answer, found.reasons[0].code, found.until) == ("joins", "not_closed_yet", None)


def test_what_was_said_before_it_was_closed_reopens_nothing_that_is_closed():
    with pytest.raises(ValueError, match="before it was closed"):
        POLICY.reopening(CLOSED, CLOSED - A_SECOND, "还是坏的")
    with pytest.raises(ValueError, match="no UTC offset"):
        POLICY.reopening(CLOSED, datetime(2026, 3, 3), "还是坏的")  # noqa: DTZ001
