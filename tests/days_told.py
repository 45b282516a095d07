"""What the library chinesecalendar knows, as a test wants it: it ends with 2026, until it is told of 2027.

The one stand-in of these tests: its own tables, for nobody knows the make-up workdays of 2027 yet.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import chinese_calendar
import pytest
from databases import SHOP_FILES
from sqlalchemy import Engine

from deployments.shop_files import load_shop_file
from flows.policy_store import apply_policy
from states.policies import working_days

LAST_KNOWN = date(2026, 12, 31)
# as the State Council might announce it: New Year, and the Spring Festival with its make-up workdays
REST_2027 = ("2027-01-01/2027-01-03", "2027-02-05/2027-02-11", "2027-10-01/2027-10-07")
WORK_2027 = ("2027-01-30", "2027-02-13")


class Library:
    """The library's tables."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        for table in (chinese_calendar.holidays, chinese_calendar.workdays):
            for day in [day for day in table if day > LAST_KNOWN]:
                monkeypatch.delitem(table, day)
        working_days._in_china.cache_clear()

    def upgrade(self) -> None:
        """From now on it knows 2027."""
        for table, spans in ((chinese_calendar.holidays, REST_2027), (chinese_calendar.workdays, WORK_2027)):
            for day in (day for span in spans for day in working_days.read_span(span).days()):
                self._monkeypatch.setitem(table, day, "announced")
        working_days._in_china.cache_clear()

    def forget(self) -> None:
        """As it was before the test."""
        self._monkeypatch.undo()
        working_days._in_china.cache_clear()


def days_from(first: date, count: int) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


def days_come(engine: Engine, at: datetime, shop: str = "bag-studio", **calendar: Any) -> None:
    """A new shop file, with a [calendar]."""
    [file] = [path for path in SHOP_FILES if path.stem == shop]
    policies = load_shop_file(file).model_copy(update={"calendar": calendar})
    apply_policy(engine, policies, at=at)
