"""What a file of orders says, whatever its format: orders with the facts that happened to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; one sentence says what is wrong, where, and what to do."""


class CellError(ValueError):
    """One row cannot be read: the column, and why in both languages. It never names a person."""

    def __init__(self, column: str, zh: str, en: str) -> None:
        super().__init__(f"{column}: {en}")
        self.column, self.zh, self.en = column, zh, en


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to an order. `facts` holds no personal data and is never changed.

    place     {}
    pay       {"amount_fen"}            what the buyer paid then, before any refund
    ship      {"waybill", "carrier"}    and "partial": True when only a part has left
    deliver, confirm  {}
    refund    {"amount_fen"}            all that has been refunded so far
    cancel    {"reason"}
    hold      {"reason": "remark", "text"}   rule 84; only the words that ask for it
    """

    trigger: str
    at: datetime | None  # aware, UTC; None only until the reader knows the file's closing moment
    facts: dict
    assumed: bool = False  # the file gives no time: `at` is its closing moment


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line of goods; `price_fen` is for one piece, None where the file does not say."""

    sku: str
    title: str
    quantity: int
    price_fen: int | None


@dataclass(slots=True)
class OrderRow:
    """One order: where it stands in the file, what it is, and its facts in the order they happened.

    `details` has any of: amount_fen (what is due), freight_fen, discount_fen, buyer, receiver, phone, address,
    region, buyer_message, remark. Rows may share one `details`, so nobody changes it. `closing_at`: when the row
    was as it is, where that is not the file's closing moment.
    """

    line: int
    no: str
    details: dict
    lines: tuple[LineRow, ...]
    facts: list[Fact]
    closing_at: datetime | None = None

    @property
    def placed_at(self) -> datetime:
        """When it was placed: always its first fact."""
        return self.facts[0].at


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read. `raw` is the only place its text is kept; it may hold personal data."""

    line: int
    column: str
    reason_zh: str
    reason_en: str
    raw: str = field(repr=False)


@dataclass(slots=True)
class OrderFile:
    """A file, read. `read` data rows = `rows` + `bad` + `repeated` + `merged`."""

    format: str
    encoding: str
    guess: str | None = None  # zh / en: what spoke for the encoding, where it was not certain
    rows: list[OrderRow] = field(default_factory=list, repr=False)  # by the moment placed, then by number
    bad: list[BadRow] = field(default_factory=list)  # by line
    closing_at: datetime | None = None  # the latest time the file names; None when it holds no order
    read: int = 0
    repeated: int = 0  # said again what an earlier row had said
    merged: int = 0  # were further along than an earlier row of the same order
