from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.policies.settings import ClockTime, Duration, Policy, Zone, read_duration, write_duration


class Sample(Policy):
    """Every kind of setting once."""

    wait: Duration = timedelta(hours=1)
    zone: Zone = ZoneInfo("Asia/Shanghai")
    clock: ClockTime = time(16)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("45 s", timedelta(seconds=45)),
        ("30 min", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("3 d", timedelta(days=3)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(written, meant):
    assert Sample(wait=written).wait == meant


@pytest.mark.parametrize(
    "written", ["0 min", "-3 h", timedelta(0), "30", 30, 1.5, None, "1.5 h", "3 weeks", "", True]
)
def test_anything_else_is_refused_with_a_sentence_that_names_it(written):
    with pytest.raises(ValidationError, match="is not a duration"):
        Sample(wait=written)


def test_a_duration_beyond_ten_years_is_refused():
    assert read_duration("3650 d") == timedelta(days=3650)
    with pytest.raises(ValueError, match="longer than ten years"):
        read_duration("3651 d")


@given(st.integers(min_value=1, max_value=3650 * 86_400))
def test_every_duration_is_written_so_that_it_reads_back(seconds):
    span = timedelta(seconds=seconds)
    assert read_duration(write_duration(span)) == span


def test_settings_survive_the_way_through_json():
    sample = Sample(wait="90 min", zone="America/Sao_Paulo", clock="09:05")
    stored = sample.model_dump(mode="json")
    assert stored == {"wait": "90 min", "zone": "America/Sao_Paulo", "clock": "09:05"}
    assert Sample.model_validate(stored) == sample


@pytest.mark.parametrize("written", ["Mars/Olympus", "America", "", "../etc", 8, None])
def test_an_unknown_time_zone_is_refused_with_a_sentence(written):
    with pytest.raises(ValidationError, match="is not a time zone"):
        Sample(zone=written)


@pytest.mark.parametrize("written", ["25:00", "24:00", "16", 1600, "16:60", "4 pm", None])
def test_a_time_of_day_is_never_guessed(written):
    with pytest.raises(ValidationError, match="is not a time of day"):
        Sample(clock=written)


def test_a_policy_cannot_be_changed_and_its_changed_copy_is_checked():
    sample = Sample()
    with pytest.raises(ValidationError):
        sample.wait = timedelta(1)
    assert sample.model_copy(update={"wait": "2 h"}).wait == timedelta(hours=2)
    with pytest.raises(ValidationError, match="is not a duration"):
        sample.model_copy(update={"wait": "soon"})


def test_a_setting_nobody_knows_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Sample(wiat="2 h")
