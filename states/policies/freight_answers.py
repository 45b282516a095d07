"""What can be answered about freight: free, charged, or what keeps us from saying."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from states.reasons import Reason


class Freight(StrEnum):
    """The kind of an answer: free and charged carry an amount, the others do not."""

    FREE = "free"
    CHARGED = "charged"
    NOT_DEFINED = "not_defined"  # the shop's rules give no amount: a person decides
    NEEDS_INPUT = "needs_input"  # the reason says what is missing


class Payer(StrEnum):
    """Who bears it in the end."""

    CUSTOMER = "customer"
    SHOP = "shop"


@dataclass(frozen=True, slots=True)
class FreightAnswer:
    """What shipping costs and who bears it; `fen` is None unless free or charged, `payer` where unknown."""

    answer: Freight
    fen: int | None
    payer: Payer | None
    reasons: tuple[Reason, ...]


def free(code: str, zh: str, en: str, rule: int | None) -> FreightAnswer:
    """Nothing to pay: the shop bears it."""
    return FreightAnswer(Freight.FREE, 0, Payer.SHOP, (Reason(code, zh, en, rule),))


def charged(fen: int, code: str, zh: str, en: str, rule: int | None) -> FreightAnswer:
    """The customer pays so many fen."""
    return FreightAnswer(Freight.CHARGED, fen, Payer.CUSTOMER, (Reason(code, zh, en, rule),))


def not_defined(code: str, zh: str, en: str, rule: int | None = None) -> FreightAnswer:
    """The shop's rules give no amount: a person decides, we never guess."""
    return FreightAnswer(Freight.NOT_DEFINED, None, None, (Reason(code, zh, en, rule),))


def needs(field: str, zh: str, en: str, rule: int | None) -> FreightAnswer:
    """It can be told once this field is given."""
    return FreightAnswer(Freight.NEEDS_INPUT, None, None, (Reason(f"needs_{field}", zh, en, rule),))


def short_yuan(fen: int) -> str:
    """Money as a tariff says it: 5 yuan, not 5.00."""
    return f"{fen // 100}" if fen % 100 == 0 else f"{fen // 100}.{fen % 100:02}"
