"""What the parties answer, and the words and numbers they take."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class No(Exception):
    """A party's no: 409 is for now and may be asked again, every other status is for good."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}

    def as_dict(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": self.message}}


class ErrorWords(BaseModel):
    """Why not."""

    code: str
    message: str


class Error(BaseModel):
    """What every party answers instead of a yes."""

    error: ErrorWords


def as_json(told: Any) -> bytes:
    """As it goes over the wire and into the ledger: Chinese as Chinese."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def iso(at: datetime) -> str:
    """A moment as it is stored and told: in UTC and always as long, so that text sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _one_line(text: str) -> str:
    """A name or number that ends up in a header or a list must not be able to begin a line of its own."""
    if _CONTROL.search(text):
        raise ValueError("control characters and line breaks are not taken here")
    return text


def _several_lines(text: str) -> str:
    _one_line(text.replace("\n", "").replace("\t", ""))
    return text


def _in_the_calendar(at: datetime) -> datetime:
    if not 1970 <= at.year < 3000:
        raise ValueError("give a year from 1970 to 2999")
    return at


MOST_FEN = 10**11  # a thousand million yuan: more is a typing error

Moment = Annotated[AwareDatetime, AfterValidator(_in_the_calendar)]
Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_several_lines)]
OrderNo = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
ShopName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Waybill = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{4,40}$")]
Fen = Annotated[int, Field(strict=True, ge=0, le=MOST_FEN)]
SomeFen = Annotated[int, Field(strict=True, gt=0, le=MOST_FEN)]


class Told(BaseModel):
    """What is sent to a party: a key that is none of ours is a typing error."""

    model_config = ConfigDict(extra="forbid")
