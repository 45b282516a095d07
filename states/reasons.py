"""Why: every refusal, finding and answer carries its reasons in both languages."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, as a supervisor reads it; `rule` is the number in the rule catalogue, None where it is ours."""

    code: str
    zh: str
    en: str
    rule: int | None = None

    def as_dict(self) -> dict:
        """The shape that scripts rely on: code, zh, en, rule."""
        return asdict(self)


def yuan(fen: int) -> str:
    """Money as a sentence says it; it is counted in fen."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"
