"""What shipping costs, who pays it, and where the source leaves it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from states.policies.freight_answers import (
    FreightAnswer,
    Payer,
    charged,
    free,
    needs,
    not_defined,
    short_yuan,
)
from states.policies.freight_bulk import COURIER_BULK, BulkFlow, Positive
from states.policies.settings import Fen, Policy
from states.reasons import Reason

LARGEST_MEASURE = 1_000_000  # km or kg


class PartKm(StrEnum):
    """How a kilometre not completed is counted."""

    STARTED = "started"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One order on its way to the customer; a second delivery has no claim to free shipping (rule 54)."""

    amount_fen: int
    distance_km: Decimal | None
    region: str | None
    hot_items: int
    second_delivery: bool


class DistanceTariff(Policy):
    """Free from an amount, below it by distance (rule 49)."""

    free_from_fen: Fen
    base_km: Positive
    base_fen: Fen
    fen_per_km: Fen  # for each km beyond base_km
    part_km: PartKm = PartKm.STARTED  # ours: the source does not say
    served: tuple[str, ...] = ()  # regions; none named: everywhere

    def quote(self, parcel: Parcel) -> FreightAnswer:
        """Exactly `base_km` still costs `base_fen`; exactly `free_from_fen` is free."""
        if parcel.region is not None and self.served and not _among(parcel.region, self.served):
            return not_defined(
                "not_served", "该地区不在配送范围内,没有运费规定", "no freight is set for this region", 49
            )
        if parcel.amount_fen >= self.free_from_fen and not parcel.second_delivery:
            return free(
                "free_from_amount",
                f"满{short_yuan(self.free_from_fen)}元包邮",
                f"free shipping from {short_yuan(self.free_from_fen)} yuan",
                49,
            )
        if parcel.distance_km is None:
            return needs("distance_km", "需要配送距离", "the distance is needed to tell the freight", 49)
        return self._by_distance(parcel.distance_km)

    def _by_distance(self, km: Decimal) -> FreightAnswer:
        beyond = max(km - self.base_km, Decimal(0))
        if self.part_km is PartKm.STARTED:
            beyond = beyond.to_integral_value(ROUND_CEILING)
        fen = self.base_fen + int((beyond * self.fen_per_km).to_integral_value(ROUND_HALF_UP))
        if not beyond:
            return charged(
                fen,
                "within_base_distance",
                f"{self.base_km:f}公里以内收{short_yuan(fen)}元",
                f"within {self.base_km:f} km: {short_yuan(fen)} yuan",
                49,
            )
        return charged(
            fen,
            "beyond_base_distance",
            f"{self.base_km:f}公里以内{short_yuan(self.base_fen)}元,超出{beyond:f}公里,每公里{short_yuan(self.fen_per_km)}元",
            f"{short_yuan(self.base_fen)} yuan up to {self.base_km:f} km, "
            f"{short_yuan(self.fen_per_km)} for each of {beyond:f} km beyond",
            49,
        )


class RegionTariff(Policy):
    """Free from an amount and for hot items; in non-free regions each hot item costs extra (rule 50)."""

    free_from_fen: Fen
    hot_item_fen: Fen  # for each hot item sent to a non-free region
    non_free_regions: tuple[str, ...] | None = None  # None: the shop has not said which
    below_fen: Fen | None = None  # freight of an order that is not free; None: the shop has not said

    def quote(self, parcel: Parcel) -> FreightAnswer:
        """Without a region an ordinary one is meant, unless the shop has listed others."""
        if parcel.region is None and self.non_free_regions:
            return needs(
                "region",
                "需要收货地区:部分地区不包邮",
                "the region is needed: some have no free shipping",
                50,
            )
        if parcel.region is not None and self.non_free_regions is None:
            return not_defined(
                "non_free_regions_unknown",
                f"店铺没有列出不包邮地区。若不属于不包邮地区:{self._ordinary(parcel).reasons[0].zh};"
                f"若属于:{self._non_free(parcel).reasons[0].zh}",
                "the shop has not listed its non-free regions. If this is none of them: "
                f"{self._ordinary(parcel).reasons[0].en}; if it is: {self._non_free(parcel).reasons[0].en}",
                50,
            )
        if parcel.region is not None and _among(parcel.region, self.non_free_regions):
            return self._non_free(parcel)
        return self._ordinary(parcel)

    def _ordinary(self, parcel: Parcel) -> FreightAnswer:
        if not parcel.second_delivery:
            if parcel.amount_fen >= self.free_from_fen:
                return free(
                    "free_from_amount",
                    f"除不包邮地区外满{short_yuan(self.free_from_fen)}元包邮",
                    f"free shipping from {short_yuan(self.free_from_fen)} yuan, except to non-free regions",
                    50,
                )
            if parcel.hot_items:
                return free(
                    "hot_items_free",
                    "除不包邮地区外特价热卖款包邮",
                    "special hot styles ship free, except to non-free regions",
                    50,
                )
        if self.below_fen is None:
            return not_defined(
                "amount_not_set",
                "不包邮时的运费金额,店铺没有规定",
                "the shop has not set the freight of an order that is not free",
                50,
            )
        return charged(
            self.below_fen,
            "below_free_amount",
            f"不符合包邮条件,运费{short_yuan(self.below_fen)}元",
            f"not free: {short_yuan(self.below_fen)} yuan",
            50,
        )

    def _non_free(self, parcel: Parcel) -> FreightAnswer:
        if not parcel.hot_items:
            return not_defined(
                "non_free_region",
                "不包邮地区的普通商品,店铺没有规定运费",
                "the shop has set no freight for ordinary goods sent to a non-free region",
                50,
            )
        fen = parcel.hot_items * self.hot_item_fen
        return charged(
            fen,
            "hot_items_non_free_region",
            f"不包邮地区热卖款每件{short_yuan(self.hot_item_fen)}元,共{parcel.hot_items}件",
            f"non-free region: {short_yuan(self.hot_item_fen)} yuan for each of {parcel.hot_items} hot items",
            50,
        )


class FreightPolicy(Policy):
    """A shop's tariff, by distance or by region, and its courier's bulk surcharges by flow."""

    by_distance: DistanceTariff | None = None
    by_region: RegionTariff | None = None
    bulk: dict[str, BulkFlow] = COURIER_BULK
    second_delivery_by: Payer = Payer.CUSTOMER  # after a wrong address (rule 54)

    @model_validator(mode="after")
    def _one_tariff(self) -> Self:
        if self.by_distance and self.by_region:
            raise ValueError("a shop ships by_distance or by_region, not both")
        return self

    def quote(
        self,
        amount_fen: int,
        distance_km: Decimal | float | None = None,
        region: str | None = None,
        weight_kg: Decimal | float | None = None,
        hot_items: int = 0,
        flow: str | None = None,
        second_delivery: bool = False,
    ) -> FreightAnswer:
        """What shipping this order costs; with `flow` or bulk weight, the courier's surcharge instead.

        Raises ValueError, naming the field, for a negative or unreadable number or an unknown flow.
        """
        amount_fen, hot_items = _whole("amount_fen", amount_fen), _whole("hot_items", hot_items)
        km, kg = _measure("distance_km", distance_km), _measure("weight_kg", weight_kg)
        if flow is not None or self._heavy(kg):
            answer = self._bulk(flow, kg)
        else:
            answer = self._tariff(Parcel(amount_fen, km, region, hot_items, second_delivery))
        return self._second(answer) if second_delivery else answer

    def _tariff(self, parcel: Parcel) -> FreightAnswer:
        tariff = self.by_distance or self.by_region
        if tariff is None:
            return not_defined("no_tariff", "店铺没有设置运费", "this shop has set no freight")
        return tariff.quote(parcel)

    def _heavy(self, kg: Decimal | None) -> bool:
        return kg is not None and any(kg >= flow.from_kg for flow in self.bulk.values())

    def _bulk(self, flow: str | None, kg: Decimal | None) -> FreightAnswer:
        if flow is None:
            return needs(
                "flow",
                f"大货需要流向:{'、'.join(self.bulk)}",
                f"a batch this heavy needs its flow: {_listed(self.bulk)}",
                51,
            )
        if flow not in self.bulk:
            raise ValueError(f"flow {flow!r} is not known: this shop's courier has {_listed(self.bulk)}")
        if kg is None:
            return needs(
                "weight_kg", "需要整批重量", "the weight of the batch is needed", self.bulk[flow].rule
            )
        return self.bulk[flow].quote(kg)

    def _second(self, answer: FreightAnswer) -> FreightAnswer:
        payer = self.second_delivery_by
        reason = Reason(
            "second_delivery",
            f"地址错误再次配送,第二次邮费由{'客户' if payer is Payer.CUSTOMER else '店铺'}承担",
            f"second delivery after a wrong address: its postage is paid by the {payer}",
            54,
        )
        return FreightAnswer(answer.answer, answer.fen, payer, (reason, *answer.reasons))


def _among(region: str, names: Sequence[str]) -> bool:
    """Whether the region is one of these or lies in one: 新疆维吾尔自治区 is 新疆."""
    return any(name.casefold() in region.casefold() for name in names)


def _whole(field: str, number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{field} must be a whole number, not {number!r}")
    if number < 0:
        raise ValueError(f"{field} must not be negative: {number}")
    return number


def _measure(field: str, number: Decimal | float | None) -> Decimal | None:
    """The number as it was written: 3.1 is 31/10, not the float next to it."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, Decimal | int | float):
        raise ValueError(f"{field} must be a number, not {number!r}")
    exact = Decimal(str(number))
    if not exact.is_finite():
        raise ValueError(f"{field} must be a finite number, not {number}")
    if exact < 0:
        raise ValueError(f"{field} must not be negative: {number}")
    if exact > LARGEST_MEASURE:
        raise ValueError(f"{field} is too large to be meant: {number}")
    return exact


def _listed(names: Sequence[str] | dict) -> str:
    return ", ".join(names) or "none"
