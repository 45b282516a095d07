"""All the policies of one shop, as its shop file sets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AfterValidator, Field, model_validator

from states.policies.aftercare import AftercarePolicy
from states.policies.audit import AuditedOrder, AuditPolicy
from states.policies.complaint_call_hours import CallHours
from states.policies.complaint_callbacks import CallbackPlan
from states.policies.complaint_calls import Call, Step
from states.policies.complaint_deadlines import Countdown, Pause
from states.policies.complaint_desks import Desks
from states.policies.complaint_grades import Proposal
from states.policies.complaint_ladders import LadderNotice
from states.policies.complaint_reopening import Reopening
from states.policies.complaint_terms import ComplaintFacts, Grade, IntakeClass, Owed
from states.policies.complaints import ComplaintPolicy
from states.policies.dispatch import DispatchPolicy, Promise
from states.policies.freight import FreightPolicy
from states.policies.gateways import GatewayPolicy
from states.policies.hours import OpeningHours
from states.policies.reminders import PaymentPolicy, PlannedRung
from states.policies.return_requests import BoughtOrder, ReturnRequest, Verdict
from states.policies.returns import ReturnPolicy
from states.policies.settings import Policy, Zone
from states.policies.working_days import NO_DAYS_OF_ITS_OWN, DaysEnd, ShopCalendar, WorkingDays, days_end
from states.reasons import Reason


class Language(StrEnum):
    """What notices are written in."""

    ZH = "zh"
    EN = "en"


def _phone_region(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f'{code!r} is not a region with phone numbers: write a country code such as "CN"')
    return code


class ShopPolicies(Policy):
    """One shop: who it is, when its desks are there, and its policies.

    The methods answer for this shop, with its zone and the hours of its desks.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: Annotated[str, Field(min_length=1)]
    title_en: Annotated[str, Field(min_length=1)]
    zone: Zone = ZoneInfo("Asia/Shanghai")
    language: Language = Language.ZH
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    phone_region: Annotated[str, AfterValidator(_phone_region)] = "CN"
    calendar: ShopCalendar = NO_DAYS_OF_ITS_OWN
    desks: dict[str, OpeningHours]
    payment: PaymentPolicy
    audit: AuditPolicy = AuditPolicy()
    dispatch: DispatchPolicy
    freight: FreightPolicy | None = None
    aftercare: AftercarePolicy = AftercarePolicy()
    returns: ReturnPolicy = (
        ReturnPolicy()
    )  # a version stored before there were any: where silent, a person looks
    complaints: ComplaintPolicy = ComplaintPolicy()  # likewise: the built-in ones
    gateways: GatewayPolicy = GatewayPolicy()  # likewise: nobody

    @model_validator(mode="after")
    def _desks_exist(self) -> Self:
        known = ", ".join(self.desks) or "none"
        of_complaints = ((f"complaints.{name}", desk) for name, desk in self.complaints.desks_named())
        named = (("payment.desk", self.payment.desk), ("returns.desk", self.returns.desk), *of_complaints)
        for setting, desk in named:
            if desk is not None and desk not in self.desks:
                raise ValueError(f"{setting}: there is no desk {desk!r}, only {known}")
        return self

    @property
    def contact_hours(self) -> OpeningHours:
        """When buyers may be reminded or called about a payment."""
        return self.desks[self.payment.desk]

    @property
    def after_sales_hours(self) -> OpeningHours:
        """When somebody is there for returns (rule 91); where no desk is named for them, the payment desk's."""
        return self.desks[self.returns.desk or self.payment.desk]

    @property
    def complaint_desks(self) -> Desks:
        """The desks as ComplaintPolicy reckons with them; the after-sales desk where it names none."""
        usual = self.complaints.desk or self.returns.desk or self.payment.desk
        return Desks(self.desks, usual, self.zone)

    def days_end(self, at: datetime) -> DaysEnd | None:
        """What is to be said of the end of the days by which this shop promises and calls; None: nothing yet."""
        of = (
            WorkingDays(days, self.calendar) for days in (self.dispatch.days, self.complaints.callback.days)
        )
        last = min((days.known_until for days in of if days.known_until), default=None)
        return days_end(last, at.astimezone(self.zone).date())

    def pay_by(self, placed_at: datetime) -> datetime:
        """See PaymentPolicy.pay_by."""
        return self.payment.pay_by(placed_at)

    def plan(self, placed_at: datetime, pay_by: datetime) -> tuple[PlannedRung, ...]:
        """See PaymentPolicy.plan."""
        return self.payment.plan(placed_at, pay_by, self.contact_hours, self.zone)

    def next_rung(self, done: int | None, placed_at: datetime, pay_by: datetime) -> PlannedRung | None:
        """See PaymentPolicy.next_rung."""
        return self.payment.next_rung(done, placed_at, pay_by, self.contact_hours, self.zone)

    def in_contact_hours(self, at: datetime) -> bool:
        """Whether buyers may be reminded now."""
        return self.contact_hours.is_open(at, self.zone)

    def findings(self, order: AuditedOrder, at: datetime) -> tuple[Reason, ...]:
        """See AuditPolicy.findings."""
        return self.audit.findings(order, at, self.phone_region)

    def promise(self, paid_at: datetime) -> Promise:
        """See DispatchPolicy.promise_for."""
        return self.dispatch.promise_for(paid_at, self.zone, self.calendar)

    def cutoff_on(self, day: date) -> datetime:
        """See DispatchPolicy.cutoff_on."""
        return self.dispatch.cutoff_on(day, self.zone)

    def last_cutoff(self, at: datetime) -> datetime:
        """See DispatchPolicy.last_cutoff."""
        return self.dispatch.last_cutoff(at, self.zone, self.calendar)

    def cutoffs_between(self, start: datetime, end: datetime) -> tuple[datetime, ...]:
        """See DispatchPolicy.cutoffs_between."""
        return self.dispatch.cutoffs_between(start, end, self.zone, self.calendar)

    def verdict(self, order: BoughtOrder, request: ReturnRequest) -> Verdict:
        """See ReturnPolicy.verdict."""
        return self.returns.verdict(order, request, free_from_fen=self._free_from_fen)

    def granted(self, order: BoughtOrder, request: ReturnRequest) -> Verdict:
        """See ReturnPolicy.granted."""
        return self.returns.granted(order, request, free_from_fen=self._free_from_fen)

    @property
    def _free_from_fen(self) -> int | None:
        tariff = self.freight and (self.freight.by_distance or self.freight.by_region)
        return tariff.free_from_fen if tariff else None

    def obstacles(self, order: BoughtOrder, request: ReturnRequest) -> tuple[Reason, ...]:
        """See ReturnPolicy.obstacles."""
        return self.returns.obstacles(order, request)

    def desk_time(self, at: datetime, span: timedelta) -> datetime:
        """When (UTC) the after-sales desk has been open for `span` since `at`: by then we have answered (87, 91)."""
        return self.after_sales_hours.after(at, span, self.zone)

    def desk_opens(self, at: datetime) -> datetime | None:
        """When (UTC) the after-sales desk opens next, for who writes outside its hours (188); None: it is open."""
        hours = self.after_sales_hours
        return None if hours.is_open(at, self.zone) else hours.next_open(at, self.zone)

    def proposal(self, told: ComplaintFacts) -> Proposal:
        """See ComplaintPolicy.proposal."""
        return self.complaints.proposal(told)

    def owed_by(
        self,
        owed: Owed,
        start: datetime,
        *,
        intake: IntakeClass = IntakeClass.COMPLAINT,
        grade: Grade | None = None,
        pauses: Iterable[Pause] = (),
    ) -> Countdown | None:
        """See ComplaintPolicy.deadline."""
        rules = self.complaints.of(intake, grade)
        return self.complaints.deadline(owed, rules, start, pauses, self.complaint_desks)

    def told(
        self, grade: Grade, since: datetime, acknowledged_at: datetime | None = None
    ) -> tuple[LadderNotice, ...]:
        """See LadderPolicy.notices."""
        ladder = self.complaints.graded(grade).ladder
        return ladder.notices(since, self.complaint_desks, acknowledged_at=acknowledged_at)

    def next_told(self, grade: Grade, since: datetime, told: Mapping[str, datetime]) -> LadderNotice | None:
        """See LadderPolicy.next_notice."""
        return self.complaints.graded(grade).ladder.next_notice(since, told, self.complaint_desks)

    def off_duty_until(
        self, at: datetime, *, who: str | None = None, grade: Grade | None = None
    ) -> datetime | None:
        """See ComplaintPolicy.on_duty; None: this colleague may be told now."""
        then = self.complaints.on_duty(who, at, grade, self.complaint_desks)
        return then if then > at else None

    @property
    def call_hours(self) -> CallHours:
        """When customers may be called back."""
        return self.complaints.call_hours(self.complaint_desks, self.calendar)

    def callback_step(self, resolved_at: datetime, calls: Iterable[Call], at: datetime) -> Step:
        """See CallbackPolicy.step."""
        return self.complaints.callback.step(resolved_at, calls, at, self.call_hours)

    def callback_plan(self, resolved_at: datetime) -> CallbackPlan:
        """See CallbackPolicy.plan."""
        return self.complaints.callback.plan(resolved_at, self.call_hours)

    def survey_by(self, resolved_at: datetime, planned: Step | None = None) -> Step:
        """See CallbackPolicy.survey_by."""
        return self.complaints.callback.survey_by(resolved_at, self.call_hours, planned)

    def may_call(self, at: datetime) -> bool:
        """Whether a customer may be called back now."""
        return self.call_hours.may_call(at)

    def reopening(self, closed_at: datetime | None, at: datetime, words: str) -> Reopening:
        """See ReopeningPolicy.reopening."""
        return self.complaints.reopening.reopening(closed_at, at, words)
