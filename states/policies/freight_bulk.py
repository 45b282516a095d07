"""The courier's surcharge for bulk: heavy batches, by the kind of route (rules 51, 52)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from states.policies.freight_answers import FreightAnswer, charged, free, not_defined, short_yuan
from states.policies.settings import Fen, Policy

Positive = Annotated[Decimal, Field(gt=0)]


class Band(Policy):
    """From `from_kg` up to, not including, the next: "300-399 kg" ends where 400 begins and holds 399.5."""

    from_kg: Positive
    fen: Fen


class BulkFlow(Policy):
    """The courier's surcharge for a heavy batch on one kind of route (rules 51, 52)."""

    from_kg: Positive  # lighter batches cost nothing extra
    until_kg: Positive | None = None  # from here on the source is silent
    bands: tuple[Band, ...] = ()  # none: the source breaks off before the rates
    rule: int | None = Field(default=None, strict=True)

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        edges = [band.from_kg for band in self.bands]
        if edges and (edges != sorted(set(edges)) or edges[0] != self.from_kg or not self.until_kg):
            raise ValueError("bands must rise, begin at from_kg and end with until_kg")
        if edges and self.until_kg <= edges[-1]:
            raise ValueError("until_kg must lie above the last band")
        return self

    def quote(self, kg: Decimal) -> FreightAnswer:
        """The surcharge on a batch of so many kilograms; not defined where the source is silent."""
        if kg < self.from_kg:
            return free(
                "below_bulk",
                f"不足{self.from_kg:f}公斤,不加收大货费",
                f"no bulk surcharge below {self.from_kg:f} kg",
                self.rule,
            )
        if not self.bands or kg >= self.until_kg:
            return not_defined(
                "bulk_rate_unknown",
                "该重量的大货加收标准缺失",
                "the table has no surcharge for this weight",
                self.rule,
            )
        band = [band for band in self.bands if band.from_kg <= kg][-1]
        return charged(
            band.fen,
            "bulk_surcharge",
            f"{band.from_kg:f}公斤档大货加收{short_yuan(band.fen)}元",
            f"bulk surcharge from {band.from_kg:f} kg: {short_yuan(band.fen)} yuan",
            self.rule,
        )


COURIER_BULK = {
    # Jiangsu, Zhejiang, Shanghai, Anhui and intra-province (rule 51)
    "jzhw": BulkFlow(
        from_kg=Decimal(300),
        until_kg=Decimal(700),
        bands=tuple(Band(from_kg=Decimal(kg), fen=fen) for kg, fen in zip(
            (300, 400, 500, 600), (5_000, 10_000, 15_000, 20_000), strict=True
        )),
        rule=51,
    ),
    # to or between outer regions: the source breaks off before the rates (rule 52)
    "outer": BulkFlow(from_kg=Decimal(100), rule=52),
}  # fmt: skip
