"""What one cell says: an amount, a moment, a number. Anything doubtful is refused, with a reason.

No reason quotes the cell: whoever reads a run's errors may not be meant to read the file."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from flows.clock import WHICH_YEARS, instant
from flows.imports.rows import CellError
from flows.strangers import LOST

LARGEST_FEN = 2**31 - 1  # what the tables hold: 21 million yuan

_AMOUNT = re.compile(r"([0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,20})(?:\.([0-9]{1,2})0*)?")
_ROUNDED_BY_A_SPREADSHEET = re.compile(r"[0-9](\.[0-9]+)?[eE]\+[0-9]+")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d([.,]\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_LOOSE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T]+(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_ONE_WORD = re.compile(r"\S{1,64}")
_REGION = re.compile(r"\S{2,7}?(?:省|自治区|特别行政区|市)|\S{2,4}(?=\s|$)")


def plain(cell: str) -> str:
    """A cell without what exports wrap around it so that spreadsheets leave it alone: ="123", '123, null."""
    text = cell.strip()
    if text.startswith(("=", "'")):
        if text.startswith('="') and text.endswith('"') and len(text) > 2:
            text = text[2:-1]
        text = text.removeprefix("'").strip()
    return "" if text in ("null", "NULL") else text


def amount_fen(text: str, column: str) -> int:
    """Yuan as written into fen, exactly."""
    fen, why = _fen(text)
    if why:
        raise CellError(column, *why)
    return fen


@lru_cache(maxsize=65536)
def _fen(text: str) -> tuple[int, tuple[str, str] | None]:
    # NFKC turns full-width digits, commas and ￥ into the plain ones
    plain_text = unicodedata.normalize("NFKC", text).strip()
    plain_text = plain_text.removeprefix("¥").removesuffix("元").strip()
    match = _AMOUNT.fullmatch(plain_text)
    if match:
        fen = int(match[1].replace(",", "")) * 100 + int((match[2] or "").ljust(2, "0"))
        return (fen, None) if fen <= LARGEST_FEN else (0, ("金额过大", "is too large for an amount"))
    if not plain_text:
        return 0, ("金额为空", "is empty, an amount is needed")
    if plain_text.startswith(("-", "−")):
        return 0, ("金额不能为负", "is a negative amount")
    if re.fullmatch(r"[0-9,]+\.[0-9]{3,}", plain_text):
        return 0, ("金额超过两位小数", "has more than two decimals")
    return 0, ("不是金额", "is not an amount")


@dataclass(frozen=True, slots=True)
class Clock:
    """Reads times: without offset they are local to `zone`, and none may lie after `now`.

    A local time that the clocks skipped is read with the offset before the change; one that came twice is
    the first of the two.
    """

    zone: ZoneInfo
    now: datetime

    def moment(self, text: str, column: str) -> datetime | None:
        """The instant a cell names, in UTC; None when it is empty."""
        if not text:
            return None
        try:
            said = _parse(text)
        except ValueError:
            raise CellError(column, "不是时间", "is not a time") from None
        at = instant(said if said.tzinfo else said.replace(tzinfo=self.zone))
        if at is None:
            raise CellError(column, *WHICH_YEARS)
        if at > self.now:
            raise CellError(column, "时间在未来", "lies in the future")
        return at

    def needed(self, text: str, column: str) -> datetime:
        """The instant a cell names; the cell may not be empty."""
        if at := self.moment(text, column):
            return at
        raise CellError(column, "时间为空", "is empty, a time is needed")


def _parse(text: str) -> datetime:
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text)
    if loose := _LOOSE.fullmatch(text):  # a spreadsheet program has been at it: 2020/2/1 9:05
        return datetime(*(int(part or 0) for part in loose.groups()))  # noqa: DTZ001 (local, made aware above)
    raise ValueError(text)


def order_no(text: str, column: str) -> str:
    """An order number: text, never arithmetic."""
    if not text:
        raise CellError(column, "订单编号为空", "is empty, every order has a number")
    if _ROUNDED_BY_A_SPREADSHEET.fullmatch(text):
        raise CellError(
            column,
            "订单编号被表格软件改成了科学计数",
            "was rounded by a spreadsheet program: export the file again and do not save it there",
        )
    if not text.isprintable() or LOST in text or not _ONE_WORD.fullmatch(text):
        raise CellError(column, "不是订单编号", "is not an order number")
    return text


def quantity(text: str, column: str) -> int:
    """How many pieces: one or more."""
    digits = unicodedata.normalize("NFKC", text).strip()
    if re.fullmatch(r"[0-9]{1,6}", digits) and int(digits):
        return int(digits)
    raise CellError(column, "不是数量", "is not a quantity")


def region_of(address: str) -> str | None:
    """The province an address starts with, never more of it."""
    match = _REGION.match(address)
    return match[0] if match else None
