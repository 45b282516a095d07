"""What colleagues read of what is put right, in both languages (rule 102)."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from orders_told import moment
from test_messages import RECTIFICATION_TEXTS, SHOP_FILE
from test_return_messages import EMPTY

from deployments.shop_files import load_shop_file
from flows.messages import render
from states.policies.complaint_terms import Nature
from states.policies.shops import Language
from states.rectifications import rectification_lifecycle

A_WORD = {"at": "2026-03-05T03:00:00+00:00", "by": "质检员", "text": "已换供应商"}
ANSWERABLE = ["rectification_opened", "rectification_asked", "rectification_overdue"]


def _read(what: str, language: str = "zh", **known: Any) -> str:
    case = {
        **{"no": "BAG 1-ZG1", "about": "goods", "subject": "BAG 1", "counted": 5, "owner": "质量技术部"},
        **{"counted_since": moment("03-01 10:00"), "due_at": moment("03-17 11:00"), "progress": []},
        "policy": load_shop_file(SHOP_FILE).model_copy(update={"language": language}),
    }
    return render(what, SimpleNamespace(**{**case, **known}), {})


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("what", RECTIFICATION_TEXTS)
def test_every_text_reads_well_whatever_it_is_about(what, language):
    for nature in Nature:
        for known in ({}, {"about": "cause", "subject": str(nature)}, {"progress": [A_WORD]}):
            text = _read(what, language, **known)
            assert not EMPTY.search(text), text
            assert ("整改单" in text) == (language == Language.ZH)
            assert ("已换供应商" in text) == ("progress" in known)


@pytest.mark.parametrize("what", ANSWERABLE)
@pytest.mark.parametrize(("language", "name"), [("zh", "姓名"), ("en", "NAME")])
def test_who_is_asked_reads_the_commands_that_answer(what, language, name):
    told = re.findall(rf"kefu rectification act 'BAG 1-ZG1' (\w+) .*--by {name}", _read(what, language))
    assert told == ["report", "finish"]
    assert set(told) <= rectification_lifecycle.by_people


def test_its_owner_reads_how_many_complaints_and_until_when():
    text = _read("rectification_opened")
    assert "自 2026-03-01 10:00 起已有 5 起投诉" in text
    assert "2026-03-17 11:00 前完成(规则 102)" in text
