"""After-sales cases of different fates, explained as a customer-service supervisor would want to read it.

The whole text of a refused, an overridden and a cooling case is in tests/deployments/test_return_commands.py.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from orders_told import A_MINUTE, AN_HOUR, PAID_AT, fact, moment, paid, placed, tell
from payment_service import PAYS_AND_HANGS_UP, PaymentService
from returns_told import case, chase, open_case, release, tell_return
from sqlalchemy import Engine

from flows.return_explaining import ReturnExplanation, explain_return
from flows.return_sentences import NEXT, STATES, TOLD, TURN
from models.database import reading
from states.policies.return_requests import ReturnKind
from states.return_states import OVER, ReturnState, ReturnTimer
from states.returns import return_lifecycle

ASKED_AT = PAID_AT + AN_HOUR
DELIVERED_AT = PAID_AT + timedelta(days=2)
LATER = DELIVERED_AT + timedelta(hours=3)
PHOTO = {"kind": "photo", "link": "https://pictures.example/1.jpg"}


@pytest.fixture
def engine(databases) -> Engine:
    return databases.new("sqlite")  # what is read here is words; the databases are compared elsewhere


@pytest.fixture
def delivered(engine) -> Engine:
    tell(engine, placed(), paid(), fact("ship", PAID_AT + AN_HOUR, waybill="SF1234567890"))
    tell(engine, fact("deliver", DELIVERED_AT))
    return engine


def told(engine: Engine, at=LATER, no: str = "1-R1") -> ReturnExplanation:
    with reading(engine) as connection:
        return explain_return(connection, case(engine, no).id, at)


def acts(answer: ReturnExplanation) -> list[str]:
    return [act["trigger"] for act in answer.possible]


def zh(lines: list[dict]) -> list[str]:
    return [line["zh"] for line in lines]


def en(lines: list[dict]) -> list[str]:
    return [line["en"] for line in lines]


def test_every_trigger_timer_and_state_has_its_words():
    assert set(TOLD) == set(return_lifecycle.triggers)
    assert set(NEXT) == set(ReturnTimer)
    assert set(STATES) == set(ReturnState)
    never_over = {state for state in ReturnState if state not in OVER}
    assert never_over | {"declined", "over", "refund_failed", "refund_unknown"} == set(TURN)


def test_a_fault_without_its_photo_waits_for_the_buyer(delivered):
    open_case(delivered, LATER, reason="quality")
    answer = told(delivered)
    assert answer.turn["zh"] == "轮到买家:提供照片"
    assert answer.possible[0]["command"] == "kefu return act 1-R1 approve --fact override=… --by NAME"
    [shown] = [a["command"] for a in answer.possible if a["trigger"] == "show_evidence"]
    assert shown == "kefu return act 1-R1 show_evidence --fact kind=photo --fact link=… --by NAME"
    assert [n["kind"] for n in answer.next] == ["evidence_reminder", "send_by"]


def test_where_the_rules_are_silent_a_person_decides(delivered):
    open_case(delivered, LATER, reason="other")
    answer = told(delivered)
    assert zh(answer.why)[0] == "规则答复:须由人工判断"
    assert answer.turn["en"] == "ours: approve or decline it"
    assert acts(answer) == ["approve", "decline", "withdraw", "close"]


def test_a_compensation_above_the_limit_names_the_supervisor_in_the_command(delivered):
    open_case(delivered, LATER, reason="wrong_item", kind="compensation", amount_fen=4_000, evidence=[PHOTO])
    answer = told(delivered)
    assert answer.possible[0]["command"] == "kefu return act 1-R1 approve --by 主管"
    assert "客服可自行补偿 20.00 元以内(规则 85)" in zh(answer.money)


def test_a_return_is_told_from_its_address_to_its_refund(delivered):
    open_case(delivered, LATER, reason="quality", evidence=[PHOTO])
    tell_return(delivered, "track", LATER + AN_HOUR, waybill="YT9876543210", key="track:YT9876543210")
    answer = told(delivered)
    assert answer.turn["zh"] == "轮到快递:退货运单号 YT9876543210"
    chase(delivered, LATER + timedelta(days=12))
    tell_return(delivered, "receive", LATER + timedelta(days=13), key="receive")
    tell_return(delivered, "inspect", LATER + timedelta(days=13), finding="as_described", by="王芳")
    assert en(told(delivered).story) == [
        "the buyer asked for return and refund: a quality problem",
        "approved by the rules",
        "the buyer was told where to send the parcel (rules 82, 83)",
        "the buyer sent it, waybill YT9876543210 (rule 82)",
        "the parcel is late: staff were told (rule 82)",
        "the parcel arrived",
        "inspected by 王芳: as described",
        "a refund of 100.00 was ordered",
    ]


def test_a_refund_nobody_knows_the_outcome_of_says_that_it_is_not_paid_twice(engine):
    tell(engine, placed(), paid())
    open_case(engine, ASKED_AT)
    over = ASKED_AT + timedelta(hours=24)
    with PaymentService() as service:
        service.behave(PAYS_AND_HANGS_UP)
        release(engine, over, service)
    answer = told(engine, over + A_MINUTE)
    [refund] = [line for line in answer.money if line["en"].startswith("refund 1")]
    assert "结果未知:用同一编号再次查询,不会重复付款" in refund["zh"]
    assert "asked for again with the same key, and not paid twice" in refund["en"]
    assert answer.turn["en"].startswith("the payment service's: it is asked about by the same key")
    assert [act["command"] for act in answer.possible] == [
        "kefu return act 1-R1 refund_paid --by NAME",
        "kefu return act 1-R1 refund_failed --fact reason=… --by NAME",
    ]


def test_of_a_refund_that_was_never_sent_nobody_need_look_what_became_of_it(engine):
    tell(engine, placed(), paid())
    open_case(engine, ASKED_AT)
    release(engine, ASKED_AT + timedelta(hours=24))
    answer = told(engine, ASKED_AT + timedelta(hours=24) + A_MINUTE)
    assert answer.turn["en"] == "the payment service's: we wait for its answer"
    assert acts(answer) == ["refund_paid"]


def test_a_refund_that_failed_is_ours_to_try_again(engine):
    tell(engine, placed(), paid())
    open_case(engine, ASKED_AT)
    over = ASKED_AT + timedelta(hours=24)
    release(engine, over)
    tell_return(engine, "refund_failed", over + A_MINUTE, reason="account closed", by="payments")
    answer = told(engine, over + AN_HOUR)
    assert answer.story[-1]["zh"] == "退款失败:account closed"
    assert answer.turn["en"].startswith("ours: the refund failed")
    assert {"pay_back", "close"} <= set(acts(answer))


def test_goods_sent_anew_name_the_order_that_carries_them(delivered):
    note = {"kind": "delivery_note", "link": "https://pictures.example/2.jpg"}
    open_case(delivered, LATER, reason="missing", evidence=[note])
    answer = told(delivered)
    assert [o["no"] for o in answer.orders] == ["1", "1-S1"]
    assert answer.turn["zh"] == "轮到仓库:补发订单 1-S1"
    assert "补发订单 1-S1 已建立(规则 69、80)" in zh(answer.story)


def test_a_parcel_that_had_left_says_why_it_is_a_return_now(engine):
    tell(engine, placed(), paid())
    open_case(engine, ASKED_AT)
    tell(engine, fact("ship", ASKED_AT + AN_HOUR, waybill="SF1234567890"))
    release(engine, ASKED_AT + timedelta(hours=24))
    assert "等待期内包裹已发出,改为退货退款(规则 84)" in zh(told(engine).story)


def test_a_link_with_a_telephone_number_in_it_is_masked(delivered):
    link = "https://pictures.example/13812341234.jpg"
    open_case(delivered, LATER, reason="quality", evidence=[PHOTO, {**PHOTO, "link": link}])
    shown = [evidence["link"] for evidence in told(delivered).case["evidence"]]
    assert shown == [PHOTO["link"], "https://pictures.example/138****1234.jpg"]


@pytest.mark.parametrize("kind", list(ReturnKind))
@pytest.mark.parametrize("shipped", [False, True])
def test_every_kind_of_case_can_be_explained_and_explaining_changes_nothing(engine, kind, shipped):
    from databases import everything

    tell(engine, placed(), paid())
    if shipped:
        tell(engine, fact("ship", PAID_AT + A_MINUTE, waybill="SF1234567890"), fact("deliver", DELIVERED_AT))
    open_case(engine, LATER, kind=kind, reason="wrong_item")
    before = everything(engine)
    answer = told(engine, moment("03-20 10:00"))
    assert everything(engine) == before
    assert all(line["zh"] and line["en"] for line in (*answer.why, *answer.story, *answer.money))
