"""Ten orders of different fates, explained as a customer-service supervisor would want to read it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from orders_told import A_MINUTE, AN_HOUR, CUTOFF, PLACED_AT, by, fact, moment, order, paid, placed, tell
from returns_told import open_case, tell_return
from sqlalchemy import Engine

from flows.explaining import NEXT, STATES, TOLD, Explanation, explain
from flows.order_watch import watch_orders
from flows.payment_reminders import remind_unpaid
from flows.requests import Status
from flows.timed_steps import TIMED_STEPS
from models.database import reading
from states.orders import OrderState, TimerKind, order_lifecycle

AFTER_LUNCH = moment("03-02 13:00")


@pytest.fixture
def engine(databases) -> Engine:
    return databases.new("sqlite")  # what is read here is words; the databases are compared elsewhere


def told(engine: Engine, no: str = "1", at=AFTER_LUNCH) -> Explanation:
    with reading(engine) as connection:
        return explain(connection, order(engine, no).id, at)


def codes(answer: Explanation) -> list[str]:
    return [blocker["code"] for blocker in answer.blockers]


def test_every_trigger_timer_and_state_has_its_words():
    assert set(TOLD) == set(order_lifecycle.triggers)
    assert set(NEXT) == set(TimerKind)
    assert set(STATES) == set(OrderState)


def test_an_unpaid_order_tells_which_reminders_went_and_which_come(engine):
    tell(engine, placed())
    remind_unpaid(engine, as_of=AFTER_LUNCH)
    answer = told(engine)
    assert [entry["zh"] for entry in answer.story] == ["买家下单,应付 100.00 元", "第 1 次催付(规则 38)"]
    assert [(n["kind"], n["due_at"]) for n in answer.next] == [
        ("payment_reminder", "2026-03-02T22:00:00+08:00"),
        ("payment_deadline", "2026-03-05T10:00:00+08:00"),
    ]
    assert codes(answer) == ["not_paid"]


def test_an_order_that_was_never_paid_ends_with_its_closing(engine):
    tell(engine, placed())
    remind_unpaid(engine, as_of=moment("03-05 10:00"))
    answer = told(engine)
    assert answer.story[-1]["zh"] == "过了付款期限仍未付款,订单关闭"
    assert (answer.next, answer.blockers) == ([], [])


def test_a_sound_order_only_waits_for_its_cut_off(engine):
    tell(engine, placed(), paid())
    answer = told(engine)
    assert codes(answer) == ["before_cutoff"]
    assert "17:00" in answer.blockers[0]["zh"]
    assert answer.blockers[0]["unblock_zh"] == "等到截单时间即可"
    assert answer.next[0]["kind"] == "dispatch_cutoff"


def test_a_missing_telephone_number_comes_with_the_command_that_adds_it(engine):
    tell(engine, placed(phone=None), paid())
    answer = told(engine)
    assert codes(answer) == ["missing_phone", "before_cutoff"]
    assert answer.blockers[0]["unblock_zh"] == "kefu order act 1 amend --fact phone=… --by NAME"
    assert answer.blockers[0]["rule"] == 29


def test_a_duplicate_names_the_order_it_repeats_and_how_to_overrule(engine):
    tell(engine, placed("1", buyer="b"), placed("2", PLACED_AT + A_MINUTE, buyer="b"), paid("1"), paid("2"))
    answer = told(engine, "2")
    assert codes(answer)[0] == "duplicate"
    assert "订单1" in answer.blockers[0]["zh"]
    assert "override=duplicate" in answer.blockers[0]["unblock_en"]


def test_an_overridden_finding_stays_readable(engine):
    tell(engine, placed(phone=None), paid(), by("李娜", "verify", AFTER_LUNCH, override="missing_phone"))
    assert told(engine).story[-1]["zh"] == "李娜 审单通过(规则 28-31),不计 missing_phone"


def test_findings_that_only_help_together_are_overruled_in_one_command(engine):
    line = {"sku": "BAG-1", "title": "帆布包", "quantity": 1, "price_fen": 8_000}
    tell(engine, placed(lines=[line]), paid(amount_fen=9_000))
    answer = told(engine)
    overruled = [b["unblock_zh"] for b in answer.blockers if b["code"] in ("amounts_disagree", "underpaid")]
    together = "kefu order act 1 verify --fact override=amounts_disagree,underpaid --by NAME"
    assert overruled == [together, together]
    facts = {"override": "amounts_disagree,underpaid"}
    assert tell(engine, by("李娜", "verify", AFTER_LUNCH, **facts)).outcomes[0].status is Status.CHANGED


def test_a_hold_for_a_reason_of_several_words_is_lifted_by_a_command_that_can_be_pasted(engine):
    tell(engine, placed(), paid(), by("李娜", "hold", AFTER_LUNCH, reason="买家 在想"))
    assert (
        told(engine).blockers[0]["unblock_zh"]
        == "解除扣留 kefu order unhold 1 --reason '买家 在想' --by 姓名"
    )


def test_two_holds_are_both_named_each_with_its_remedy(engine):
    tell(
        engine,
        placed(),
        fact("hold", PLACED_AT, reason="remark", text="不要发货"),
        paid(),
        by("李娜", "hold", AFTER_LUNCH, reason="换色"),
    )
    answer = told(engine)
    assert codes(answer) == ["held", "held", "before_cutoff"]
    assert [b["unblock_zh"].split(" --by")[0] for b in answer.blockers[:2]] == [
        "解除扣留 kefu order unhold 1 --reason remark",
        "解除扣留 kefu order unhold 1 --reason 换色",
    ]
    assert "备注要求不要发货:不要发货(规则 84)" in [entry["zh"] for entry in answer.story]


def test_a_wrong_amount_is_an_anomaly_and_a_hold(engine):
    tell(engine, placed(), paid(amount_fen=9_000))
    answer = told(engine)
    assert answer.anomalies[0]["zh"] == "实付 90.00 与应付 100.00 不符,已暂停发货"
    assert "held" in codes(answer)


def test_a_late_payment_says_that_somebody_has_to_decide(engine):
    tell(engine, placed(), paid(at=moment("03-05 10:00")))
    remind_unpaid(engine, as_of=moment("03-05 10:00"))
    answer = told(engine)
    assert answer.order["state"] == "cancelled"
    assert answer.anomalies[0]["code"] == "late_payment"
    assert answer.anomalies[0]["remedy"] == "kefu order act 1 reopen --by NAME"
    assert "reopen" in answer.possible


def test_a_shipped_order_tells_its_waybill_and_an_overdue_one_that_staff_know(engine):
    tell(engine, placed("1"), paid("1"), placed("2"), paid("2"))
    TIMED_STEPS["dispatch-cutoff"](engine, as_of=CUTOFF)
    tell(engine, fact("ship", CUTOFF + AN_HOUR, waybill="HT001"))
    watch_orders(engine, as_of=moment("03-04 12:00"))
    assert told(engine, "1").story[-1]["zh"] == "已发货,运单号 HT001"
    assert told(engine, "2").story[-1]["zh"] == "超过规定时间未发货,已提醒客服(规则 42)"


def test_a_time_the_file_did_not_give_is_marked_as_assumed(engine):
    tell(engine, placed(), paid(), fact("refund", AFTER_LUNCH, amount_fen=10_000, assumed=True))
    answer = told(engine)
    assert answer.order["state"] == "refunded"
    assert answer.story[-1]["zh"].startswith("已全额退款 100.00 元(时间为文件截止时刻")


def test_an_order_set_free_after_its_cut_off_can_be_let_go_at_once(engine):
    tell(engine, placed(phone=None), paid())
    TIMED_STEPS["dispatch-cutoff"](engine, as_of=CUTOFF)
    tell(engine, by("李娜", "verify", CUTOFF + A_MINUTE, override="missing_phone"))
    answer = told(engine, at=CUTOFF + AN_HOUR)
    assert codes(answer) == ["free_since"]
    assert answer.blockers[0]["unblock_zh"] == "现在就放行 kefu order act 1 release --by 姓名"
    tell(engine, by("李娜", "release", CUTOFF + AN_HOUR))
    assert order(engine).batch_cutoff_at == CUTOFF


def test_an_order_held_for_its_case_is_explained_with_the_case_and_not_with_unhold(engine):
    tell(engine, placed(), paid())
    open_case(engine, AFTER_LUNCH)
    answer = told(engine, at=AFTER_LUNCH)
    held = answer.blockers[0]
    assert (held["zh"], held["rule"]) == ("不要发货:售后单 1-R1 退款等待期", 84)
    assert held["unblock_zh"] == "买家不退了:撤回售后单 kefu return act 1-R1 withdraw --by 姓名"
    assert "unhold" not in str(answer.blockers)
    assert [(case["no"], case["zh"], case["refund_fen"]) for case in answer.returns] == [
        ("1-R1", "退款等待期", 10_000)
    ]
    assert answer.story[-1]["zh"] == "售后单 1-R1 未结,不要发货(规则 84)"


def test_what_its_case_did_to_an_order_is_told_with_the_case(engine):
    tell(engine, placed(), paid())
    open_case(engine, AFTER_LUNCH)
    tell_return(engine, "withdraw", AFTER_LUNCH + AN_HOUR, by="李娜")
    assert [entry["zh"] for entry in told(engine).story[-2:]] == [
        "售后单 1-R1 解除扣留",
        "售后单 1-R1 重新承诺了发货时间",
    ]


def test_a_part_of_an_order_is_taken_out_before_the_rest_is_let_go(engine):
    lines = [{"sku": f"BAG-{n}", "title": "包", "quantity": 1, "price_fen": 5_000} for n in (1, 2)]
    tell(engine, placed(lines=lines), paid())
    one = [{"position": 1, "quantity": 1, "condition": "as_new", "goods": None}]
    open_case(engine, AFTER_LUNCH, lines=one)
    tell_return(engine, "approve", AFTER_LUNCH, by="李娜")
    tell_return(engine, "pay_back", AFTER_LUNCH + timedelta(hours=24), by="李娜")
    tell_return(engine, "refund_paid", AFTER_LUNCH + timedelta(hours=25), by="payments")
    held = told(engine, at=AFTER_LUNCH + timedelta(hours=26)).blockers[0]
    assert held["unblock_zh"] == (
        "取出已退的商品后解除扣留 kefu order unhold 1 --reason 'aftersales 1-R1' --by 姓名"
    )


def test_an_order_made_to_send_goods_anew_says_so(engine):
    tell(engine, placed(), paid(), fact("ship", AFTER_LUNCH, waybill="HT001"), fact("deliver", AFTER_LUNCH))
    note = {"kind": "delivery_note", "link": "https://pictures.example/1.jpg"}
    open_case(engine, AFTER_LUNCH + AN_HOUR, reason="missing", evidence=[note])
    assert [entry["zh"] for entry in told(engine, "1-S1").story[:2]] == [
        "售后单 1-R1 补发,建立本单",
        "补发,无需付款",
    ]


def test_digests_of_personal_data_are_not_shown(engine):
    tell(engine, placed(), fact("deliver", AFTER_LUNCH, told={"phone": "0123456789ab"}))
    assert "0123456789ab" not in str(told(engine).as_dict())


def test_explaining_changes_nothing(engine):
    from databases import everything

    tell(engine, placed(), paid())
    before = everything(engine)
    told(engine)
    assert everything(engine) == before
