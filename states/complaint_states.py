"""Where a complaint can be, and what it may wait for."""

from __future__ import annotations

from enum import StrEnum


class ComplaintState(StrEnum):
    """Where a consultation, query or complaint is in its life (design.md §6)."""

    REGISTERED = "registered"  # nobody has taken it on yet
    INVESTIGATING = "investigating"
    ESCALATED = "escalated"  # somebody above the agents has been told
    RESOLVED = "resolved"  # the remedy is told, the call after it is planned
    CALLBACK_DUE = "callback_due"  # call now
    SURVEYED = "surveyed"  # asked in writing, for nobody was reached
    CLOSED = "closed"
    ANSWERED = "answered"  # the end of a consultation or query


S = ComplaintState
AT_WORK = [S.REGISTERED, S.INVESTIGATING, S.ESCALATED]
SETTLED = [S.RESOLVED, S.CALLBACK_DUE, S.SURVEYED]
OVER = [S.CLOSED, S.ANSWERED]


class ComplaintTimer(StrEnum):
    """What a complaint may wait for."""

    FIRST_RESPONSE = "first_response"
    PROMISED_CALLBACK = "promised_callback"
    NEXT_UPDATE = "next_update"
    RESOLUTION = "resolution"
    LADDER = "ladder"
    CALLBACK = "callback"
    UNCALLED = "uncalled"
    SURVEY = "survey"
    SURVEY_OVER = "survey_over"
