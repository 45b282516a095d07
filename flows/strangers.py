"""What others tell us, cleaned at the door (promise 14): no text, number or depth of theirs can be refused by a
database, by a log or by the page of a run. Where they can be answered it is refused instead (`pushes.py`)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from flows.masking import HIDDEN, mask_text

LONGEST = 200  # characters of theirs that we pass on
LONGEST_TEXT = 10_000  # characters of one text; the longest message of a buyer has some hundreds
DEEPEST = 20  # levels of JSON
LARGEST_INT = 2**63 - 1  # what a database holds
LOST = "\ufffd"  # stands where something was that is no character
SEVERAL_LINES = {  # what people write; all else is on one line
    *("address", "buyer_message", "remark", "text", "words", "said", "reason", "message", "context"),
}
BROKEN = re.compile("[\x00\ud800-\udfff]")  # a NUL, half a character, a byte that is none in its encoding
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def cleaned(text: str, *, lines: bool = False) -> str:
    """A text that can be stored and shown: without control characters, except `lines` where it may have several."""
    text = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return (CONTROL_BUT_LINES if lines else CONTROL).sub(" ", BROKEN.sub(LOST, text))


def short(text: object, *, without: str = "") -> str:
    """A word of theirs as we keep it: on one line, masked, without our secret, and not too long."""
    line = " ".join(cleaned(str("" if text is None else text)).split())
    for secret in {without, without.removeprefix("Bearer ")} - {""}:
        line = line.replace(secret, HIDDEN)
    line = mask_text(line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def in_words(error: BaseException) -> str:
    """What went wrong, as it may be kept and shown: it may quote what it went wrong on."""
    return short(f"{type(error).__name__}: {error}")


def decoded(told: str | bytes) -> Any:
    """The JSON that they tell, cleaned to its last word; a number that nobody could hold stays the text it was, and
    what lies too deep is left out. Raises ValueError for what is no JSON."""
    try:
        return _cleaned(json.loads(told, parse_int=_int, parse_float=_float, parse_constant=str), "", 0)
    except RecursionError:
        raise ValueError("deeper than anything meant well") from None


def _cleaned(told: Any, key: str, depth: int) -> Any:
    match told:
        case str():
            return cleaned(told, lines=key in SEVERAL_LINES)
        case dict() | list() if depth > DEEPEST:
            return None
        case dict():
            return {cleaned(name): _cleaned(value, name, depth + 1) for name, value in told.items()}
        case list():
            return [_cleaned(value, key, depth + 1) for value in told]
    return told


def _int(digits: str) -> int | str:
    holds = len(digits) <= len(str(-LARGEST_INT)) and abs(int(digits)) <= LARGEST_INT
    return int(digits) if holds else digits


def _float(digits: str) -> float | str:
    return number if math.isfinite(number := float(digits)) else digits
