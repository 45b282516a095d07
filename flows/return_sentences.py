"""How an after-sales case is told to a supervisor, zh first: where it is, what happened, whose turn it is."""

from __future__ import annotations

STATES = {
    "requested": ("待客服决定", "waiting for a decision"),
    "evidence_needed": ("待买家提供凭证", "waiting for the buyer's evidence"),
    "approved": ("已同意,待办理", "approved, to be carried out"),
    "declined": ("不予办理", "declined"),
    "cooling": ("退款等待期", "cooling before its refund"),
    "awaiting_parcel": ("待买家寄回", "waiting for the buyer's parcel"),
    "in_transit": ("退货运输中", "on its way back"),
    "received": ("已收到退货,待验货", "received, not inspected yet"),
    "inspected": ("已验货,待处理", "inspected, not settled yet"),
    "refunding": ("退款中", "being refunded"),
    "refunded": ("已退款", "refunded"),
    "reshipping": ("补发中", "being sent anew"),
    "reshipped": ("已补发", "sent anew"),
    "withdrawn": ("已撤回", "withdrawn"),
    "closed": ("已关闭", "closed"),
}

TOLD = {
    "open": ("买家申请{kind}({cause})", "the buyer asked for {kind_en}: {cause_en}"),
    "chase_decision": ("仍未决定,已提醒客服(规则 87)", "still undecided: staff were told (rule 87)"),
    "want_evidence": ("已请买家提供凭证", "the buyer was asked for evidence"),
    "remind_evidence": ("已提醒买家提供凭证", "the buyer was reminded of the evidence"),
    "show_evidence": ("买家提供了{evidence}", "the buyer showed {evidence_en}"),
    "approve": ("{by}同意办理", "approved by {by}"),
    "decline": ("{by}决定不予办理", "declined by {by}"),
    "cool": ("开始等待,{until} 退款(规则 84)", "paid back on {until}, not before (rule 84)"),
    "become_return": (
        "等待期内包裹已发出,改为退货退款(规则 84)",
        "the parcel left meanwhile: it became a return (rule 84)",
    ),
    "withdraw": ("{by}登记:买家撤回申请", "the buyer withdrew, noted by {by}"),
    "await_parcel": (
        "已告知买家退货地址,等买家寄回(规则 82、83)",
        "the buyer was told where to send the parcel (rules 82, 83)",
    ),
    "remind_waybill": ("已提醒买家告知退货运单号(规则 82)", "the buyer was reminded of the waybill (rule 82)"),
    "expire": ("到期仍未收到买家的消息,售后单关闭", "nothing came from the buyer in time: closed"),
    "track": ("买家已寄出,运单号 {waybill}(规则 82)", "the buyer sent it, waybill {waybill} (rule 82)"),
    "chase_parcel": ("退货迟迟未到,已提醒客服(规则 82)", "the parcel is late: staff were told (rule 82)"),
    "receive": ("退货已收到", "the parcel arrived"),
    "chase_inspection": ("仍未验货,已提醒客服(规则 87)", "still not inspected: staff were told (rule 87)"),
    "inspect": ("{by}验货:{finding}", "inspected by {by}: {finding_en}"),
    "chase_dispute": ("争议仍未解决,已提醒客服(规则 89)", "the dispute is not settled: staff were told (rule 89)"),
    "pay_back": ("发起退款 {amount} 元", "a refund of {amount} was ordered"),
    "refunded_elsewhere": ("订单已在别处全额退款,售后单关闭", "the order was refunded elsewhere: closed"),
    "refund_paid": ("{by}已退款 {amount} 元", "{by} paid back {amount}"),
    "refund_failed": ("退款失败:{reason}", "the refund failed: {reason}"),
    "send_anew": ("补发订单 {linked} 已建立(规则 69、80)", "order {linked} sends the goods anew (rules 69, 80)"),
    "reship_left": ("补发已寄出,运单号 {waybill}", "the goods sent anew have left, waybill {waybill}"),
    "close": ("{by}关闭了售后单", "{by} closed it"),
    "settle": ("{by}已处理异常", "{by} settled the anomalies"),
}  # fmt: skip

BY_THE_RULES = {
    "approve": ("按规则同意办理", "approved by the rules"),
    "decline": ("按规则不予办理", "declined by the rules"),
}

NEXT = {
    "decision": ("若仍未决定,提醒客服", "staff are told if it is still undecided"),
    "evidence_reminder": ("若仍无凭证,提醒买家", "the buyer is reminded if the evidence is still missing"),
    "cooling_over": ("等待期满:退款", "the time is over: the money is paid back"),
    "waybill_reminder": ("若仍无运单号,提醒买家", "the buyer is reminded if there is still no waybill"),
    "send_by": ("买家的期限到,未收到则关闭", "the buyer's time is over: closed if nothing came"),
    "parcel_overdue": ("若退货仍未到,提醒客服", "staff are told if the parcel has not come"),
    "inspection": ("若仍未验货,提醒客服", "staff are told if it is still not inspected"),
    "dispute": ("若争议仍未解决,提醒客服", "staff are told if the dispute is still not settled"),
}

TURN = {
    "requested": ("轮到客服:请同意或拒绝", "ours: approve or decline it"),
    "evidence_needed": ("轮到买家:提供{wanted}", "the buyer's: to show {wanted_en}"),
    "approved": ("轮到客服:请办理,办完关闭本单", "ours: carry it out, then close the case"),
    "declined": ("已了结,除非有人具名特批", "nobody's, unless a person with a name overrides it"),
    "cooling": (
        "轮到系统:{until} 自动退款,在此之前买家可以撤回",
        "the timetable's: it pays back on {until}; until then the buyer may withdraw",
    ),
    "awaiting_parcel": ("轮到买家:寄回商品并告知运单号(规则 82)", "the buyer's: to send it and tell its waybill (82)"),
    "in_transit": ("轮到快递:退货运单号 {waybill}", "the carrier's, waybill {waybill}"),
    "received": ("轮到客服:请验货", "ours: inspect the goods"),
    "inspected": (
        "轮到客服:请与买家协商后决定(规则 89)",
        "ours: settle it with the buyer, then decide (rule 89)",
    ),
    "refunding": ("轮到支付平台:等待退款结果", "the payment service's: we wait for its answer"),
    "refund_unknown": (
        "结果未知:系统按同一编号继续查询,不会另付;也可由人到支付平台查看后具名登记",
        "the payment service's: it is asked about by the same key, and nothing is paid anew; or ours: look there, then "
        "say by name what you saw",
    ),
    "reshipping": ("轮到仓库:补发订单 {linked}", "the warehouse's: order {linked}"),
    "refund_failed": ("轮到客服:退款失败,请再试或关闭", "ours: the refund failed; try again or close the case"),
    "over": ("已了结", "nobody's: it is over"),
}  # fmt: skip

ACTS = {
    "approve": ("同意", "approve it"),
    "override": ("具名特批", "approve it against the rules, by name"),
    "decline": ("拒绝", "decline it"),
    "withdraw": ("买家不退了", "the buyer withdraws"),
    "show_evidence": ("登记买家的凭证", "note the buyer's evidence"),
    "track": ("登记退货运单号", "note the waybill of the parcel back"),
    "receive": ("登记退货已收到", "note that the parcel has arrived"),
    "inspect": (
        "登记验货结果:as_described、other_condition、wrong_or_short",
        "note what was found: one of these words",
    ),
    "pay_back": ("退款", "pay it back"),
    "refund_paid": (
        "到支付平台查过:已退",
        "the payment service says, or somebody saw there, that it is paid",
    ),
    "refund_failed": (
        "到支付平台查过:没有退,也不会再退",
        "somebody saw there that it was not paid and won't be",
    ),
    "send_anew": ("补发", "send the goods anew"),
    "reship_left": ("登记补发已寄出", "note that the goods sent anew have left"),
    "close": ("关闭", "close it"),
    "settle": ("异常已处理", "the anomalies are settled"),
}

REFUNDS = {
    "requested": ("待提交支付平台", "to be sent to the payment service"),
    "sent": ("已提交支付平台,等待结果", "sent to the payment service, its answer is awaited"),
    "unknown": (
        "结果未知:用同一编号再次查询,不会重复付款",
        "outcome unknown: it is asked for again with the same key, and not paid twice",
    ),
    "succeeded": ("已到账", "paid"),
    "failed": ("失败", "failed"),
}

ANSWERS = {
    "allowed": ("可以办理", "allowed"),
    "a_person_must_look": ("须由人工判断", "a person must look"),
    "refused": ("不予办理", "refused"),
}
PAYERS = {"shop": ("店铺", "the shop"), "customer": ("买家", "the buyer"), None: ("待定", "open")}

# of an order, told where it is explained
OF_ITS_CASE = {
    "hold": ("售后单 {case} 未结,不要发货(规则 84)", "held for its case {case} (rule 84)"),
    "unhold": ("{by}解除扣留", "{by} lifted the hold"),
    "place": ("售后单 {case} 补发,建立本单", "made by case {case}, to send goods anew"),
    "pay": ("补发,无需付款", "sent anew: nothing is to be paid"),
}

LIFT = (
    "售后单已了结,解除扣留 kefu order unhold {order} --reason '{hold}' --by 姓名",
    "the case is over: lift the hold, with the same command",
)
# what sets an order free that waits for a case in this state; in all others it is waited for
FREES = {
    "approved": (
        "办完后关闭售后单 kefu return act {no} close --fact text=… --by 姓名",
        "carry it out, then close the case, with the same command",
    ),
    "refunding": ("等待退款结果", "wait for the refund's outcome"),
    "refunded": (
        "取出已退的商品后解除扣留 kefu order unhold {order} --reason '{hold}' --by 姓名",
        "take the refunded goods out, then lift the hold, with the same command",
    ),
} | dict.fromkeys(("declined", "reshipped", "withdrawn", "closed"), LIFT)
WITHDRAW = (
    "买家不退了:撤回售后单 kefu return act {no} withdraw --by 姓名",
    "if the buyer withdraws, with the same command",
)
