"""What people write of times: one sentence when it is none, or none that could be meant."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from flows.clock import read_time
from states.errors import BadInput

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59", "1999-12-31T23:59:59", "3000-01-01"])
def test_a_year_that_cannot_be_meant_is_refused_before_anybody_reckons_with_it(text):
    with pytest.raises(BadInput, match="can't be meant") as refused:
        read_time(text, SHANGHAI, what="--at")
    assert (refused.value.code, refused.value.where) == ("bad_time", "--at")


@pytest.mark.parametrize("text", ["2000-01-01T00:00:00", "2999-12-31T23:59:59", "2999-12-31T23:59:59-12:00"])
def test_the_first_and_the_last_year_are_read(text):
    assert read_time(text, SHANGHAI).tzinfo is not None
