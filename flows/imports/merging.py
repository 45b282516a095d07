"""Two rows for one order in one file: the same again, further along, or a contradiction."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.imports.rows import CellError, Fact, OrderRow


@dataclass(slots=True)
class Orders:
    """The orders of one file, one row each."""

    by_no: dict[str, OrderRow] = field(default_factory=dict)
    repeated: int = 0
    merged: int = 0

    def add(self, row: OrderRow) -> None:
        """Take a row in; a CellError when it contradicts an earlier one, which then stands."""
        first = self.by_no.setdefault(row.no, row)
        if first is row:
            return
        details = _details(first, row)
        facts = _facts(first, row)
        if first.lines and row.lines and first.lines != row.lines:
            raise _contradiction("lines", first)
        lines = first.lines or row.lines
        if (details, facts, lines) == (first.details, first.facts, first.lines):
            self.repeated += 1
        else:
            first.details, first.facts, first.lines = details, facts, lines
            self.merged += 1


def _details(first: OrderRow, row: OrderRow) -> dict:
    """What both rows say of the order. The shop's remark grows in time: the later one stands."""
    merged = dict(first.details)
    for name, value in row.details.items():
        grown = name == "remark" and value is not None
        merged[name] = value if grown else _either(name, first, merged.get(name), value)
    return merged


def _facts(first: OrderRow, row: OrderRow) -> list[Fact]:
    """What happened by both rows. One may know what the other left empty: a time, a waybill."""
    merged = {fact.trigger: fact for fact in first.facts}
    for fact in row.facts:
        known = merged.get(fact.trigger)
        if known is None:
            merged[fact.trigger] = fact
        elif fact.trigger != "hold":  # one is enough
            at = _either(f"{fact.trigger}.at", first, known.at, fact.at)
            names = {**known.facts, **fact.facts}
            said = {
                name: _either(f"{fact.trigger}.{name}", first, known.facts.get(name), fact.facts.get(name))
                for name in names
            }
            merged[fact.trigger] = Fact(fact.trigger, at, said)
    return list(merged.values())


def _either(column: str, first: OrderRow, one: object, other: object) -> object:
    if one is None or other is None or one == other:
        return other if one is None else one
    raise _contradiction(column, first)


def _contradiction(column: str, first: OrderRow) -> CellError:
    return CellError(
        column, f"与第 {first.line} 行的同一订单矛盾", f"contradicts line {first.line}, the same order"
    )
