"""When many complain of the same, somebody puts it right (rule 102)."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from states.policies.settings import Duration, Line, Policy


class RectificationPolicy(Policy):
    """So many complaints about the same goods or cause within a time need putting right (rule 102; all numbers are
    ours, for the rule says only "prominent or representative")."""

    about_goods: Annotated[int, Field(strict=True, ge=2)] = 5  # complaints about one article
    about_cause: Annotated[int, Field(strict=True, ge=2)] = 20  # complaints of one nature
    within: Duration = timedelta(days=30)
    owner: Line = "质量技术部"  # rule 102; contradiction C13: whichever department sees to quality
    finish_within: Duration = timedelta(days=14)
    report_every: Duration = timedelta(days=3)  # the owner is asked how it stands, until it is done
