"""Where an after-sales case can be, and what it may wait for."""

from __future__ import annotations

from enum import StrEnum


class ReturnState(StrEnum):
    """Where an after-sales case is in its life (design.md §6)."""

    REQUESTED = "requested"
    EVIDENCE_NEEDED = "evidence_needed"
    APPROVED = "approved"
    DECLINED = "declined"
    COOLING = "cooling"
    AWAITING_PARCEL = "awaiting_parcel"
    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    INSPECTED = "inspected"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    RESHIPPING = "reshipping"
    RESHIPPED = "reshipped"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


S = ReturnState
GIVEN_UP = [S.DECLINED, S.WITHDRAWN, S.CLOSED]
OVER = [*GIVEN_UP, S.REFUNDED, S.RESHIPPED]
UNDECIDED = [S.REQUESTED, S.EVIDENCE_NEEDED]
AT_US = [S.RECEIVED, S.INSPECTED, S.REFUNDING, S.RESHIPPING]
GOES_ON = [S.APPROVED, S.COOLING, S.AWAITING_PARCEL, S.IN_TRANSIT, *AT_US]


class ReturnTimer(StrEnum):
    """What a case may wait for."""

    DECISION = "decision"
    EVIDENCE_REMINDER = "evidence_reminder"
    COOLING_OVER = "cooling_over"
    WAYBILL_REMINDER = "waybill_reminder"
    SEND_BY = "send_by"
    PARCEL_OVERDUE = "parcel_overdue"
    INSPECTION = "inspection"
    DISPUTE = "dispute"
