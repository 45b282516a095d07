"""How a complaint is told to a supervisor, zh first: where it is, what happened, whose turn it is, what is owed."""

from __future__ import annotations

STATES = {
    "registered": ("已登记,待确认接手", "registered, nobody has taken it on yet"),
    "investigating": ("调查处理中", "being worked on"),
    "escalated": ("已升级,待确认接手", "escalated, nobody has taken it on yet"),
    "resolved": ("已处理,待回访", "resolved, to be called back"),
    "callback_due": ("该打回访电话了", "to be called back now"),
    "surveyed": ("已发书面问卷,等待答复", "asked in writing, the answer is awaited"),
    "closed": ("已结案", "closed"),
    "answered": ("已答复", "answered"),
}

TOLD = {
    "register": ("{by}登记了{intake}({cause})(规则 95)", "{by} registered a {intake_en}: {cause_en} (rule 95)"),
    "hear": ("客户来消息", "the customer wrote"),
    "respond": ("{by}回应了客户", "{by} answered the customer"),
    "become_complaint": ("{by}转为投诉:{nature}(规则 93)", "{by} made it a complaint: {nature_en} (rule 93)"),
    "answer": ("{by}答复了客户(规则 118)", "{by} gave the customer the answer (rule 118)"),
    "climb": ("轮到通知{who}(第 {level} 级):{why}", "{who} was to be told (level {level}): {why_en}"),
    "acknowledge": ("{by}确认接手,不再逐级通知", "{by} acknowledged it: nobody else is told"),
    "assign": ("{by}交给 {handler} 处理", "{by} gave it to {handler}"),
    "regrade": ("{by}核定等级为{grade}(规则 94)", "{by} set its grade: {grade_en} (rule 94)"),
    "escalate": ("{by}要求升级(规则 98、99)", "{by} had it escalated (rules 98, 99)"),
    "give_up": (
        "{by}上报:无法解决,引导客户其他途径(规则 99)",
        "{by} reported that it can't be solved; the customer was shown other ways (rule 99)",
    ),
    "bring_in": ("{by}请{department}协助(规则 120)", "{by} brought in {department} (rule 120)"),
    "promise_call": ("{by}答应给客户回电(规则 115)", "{by} promised to call back (rule 115)"),
    "wait": ("{by}登记:等待客户,暂停计时", "{by} noted that we wait for the customer: nothing counts"),
    "resume": ("{by}登记:不再等待客户,继续计时", "{by} noted that we wait no longer: the time counts again"),
    "chase_response": (
        "逾期未首次回应,已提醒(规则 106、112)",
        "no first answer in time: staff were told (rules 106, 112)",
    ),
    "chase_promise": (
        "答应的回电逾期未打,已提醒(规则 115)",
        "the promised call was not made in time: staff were told (rule 115)",
    ),
    "chase_update": ("逾期未告知进展,已提醒(规则 119)", "no word on how it stands in time: staff were told (rule 119)"),
    "chase_resolution": ("逾期未处理完毕,已提醒(规则 97)", "not resolved in time: staff were told (rule 97)"),
    "resolve": (
        "{by}处理完毕:{remedy},并告知客户(规则 97)",
        "{by} resolved it by {remedy_en}, and told the customer (rule 97)",
    ),
    "replan": ("{by}重新安排了回访(规则 100)", "{by} planned the callback anew (rule 100)"),
    "call_due": ("到回访时间,轮到通知回访员(规则 100)", "time to call back: who calls was to be told (rule 100)"),
    "chase_call": ("回访电话还没有打,已再次提醒(规则 100)", "the call was not made: staff were told again (rule 100)"),
    "call": ("{by}打电话回访:{outcome}(规则 100)", "{by} called back: {outcome_en} (rule 100)"),
    "survey": ("发出书面问卷(规则 100)", "the customer was asked in writing (rule 100)"),
    "answer_survey": ("客户答复问卷:{outcome}", "the customer answered the survey: {outcome_en}"),
    "lapse": ("问卷没有答复,如实登记后结案", "nobody answered the survey: recorded as it is, and closed"),
    "close": ("{by}结案", "{by} closed it"),
    "begin_round": ("发现问题,开始第 {round} 轮处理(规则 101)", "a problem was found: round {round} began (rule 101)"),
    "reopen": ("{by}重新受理,开始第 {round} 轮", "{by} took it up again: round {round} began"),
    "settle": ("{by}已处理异常", "{by} settled the anomalies"),
}  # fmt: skip

BY_THE_MACHINE = {
    "escalate": ("升级(规则 98、99)", "escalated (rules 98, 99)"),
    "close": ("按回访结果结案(规则 100)", "closed with the outcome of the callback (rule 100)"),
    "reopen": ("客户再次反映,开始第 {round} 轮", "the customer came back: round {round} began"),
}

WHY_TOLD = {  # why somebody on the ladder was told
    "first_level": ("请接手处理(规则 95)", "to take it on (rule 95)"),
    "told_at_once": ("立即通报(规则 98)", "the leaders are told at once (rule 98)"),
    "unacknowledged": ("上一级未按时确认(规则 99)", "the one before had not acknowledged in time (rule 99)"),
    "taken_up_again": ("再次升级(规则 99)", "it was escalated again (rule 99)"),
}
WHY_BEGUN = {
    "registered": ("登记", "it was registered"),
    "callback": ("回访发现问题(规则 101)", "the callback found a problem (rule 101)"),
    "survey": ("问卷反映问题(规则 101)", "the survey found a problem (rule 101)"),
    "reopened": ("客户再次反映", "the customer came back"),
}

NEXT = {
    "first_response": ("首次回应期限:逾期则提醒并升级", "the first answer: chased and escalated if it is missed"),
    "promised_callback": ("承诺回电期限:逾期则提醒并升级", "the promised call: chased and escalated if it is missed"),
    "next_update": ("告知进展期限:逾期则提醒", "a word on how it stands: chased if it is missed"),
    "resolution": ("处理完毕期限:逾期则提醒并升级", "the resolution: chased and escalated if it is missed"),
    "ladder": ("若仍无人确认,通知下一级", "the next level is told if nobody has acknowledged"),
    "callback": ("回访电话", "the customer is called back"),
    "uncalled": ("若仍未打回访电话,再次提醒", "staff are told again if nobody has called"),
    "survey": ("若仍未回访,改发书面问卷", "asked in writing if nobody has called by then"),
    "survey_over": ("问卷截止,没有答复则结案", "the survey's end: closed if nobody answered"),
}  # fmt: skip

TURN = {
    "registered": ("轮到{who}:请确认接手", "{who}'s: acknowledge it"),
    "escalated": ("轮到{who}:请确认接手", "{who}'s: acknowledge it"),
    "to_be_told": ("轮到系统:{until} 通知{who}", "the timetable's: {who} is told at {until}"),
    "nobody_left": (
        "各级都已轮到,仍无人确认:请任何一位负责人接手(规则 99)",
        "every level has had its turn and nobody has acknowledged: anybody in charge may take it on (rule 99)",
    ),
    "inquiry": ("轮到{who}:请答复客户", "{who}'s: answer the customer"),
    "investigating": ("轮到{who}:调查处理,告知客户后登记", "{who}'s: settle it, tell the customer, record both"),
    "waiting": (
        "轮到客户:{why}(计时已暂停)",
        "the customer's: {why} (nothing counts meanwhile)",
    ),
    "resolved": ("轮到{who}:{until} 打电话回访(规则 100)", "{who}'s: to call back at {until} (rule 100)"),
    "written": ("轮到系统:{until} 发书面问卷(规则 100)", "the timetable's: it asks in writing at {until} (rule 100)"),
    "callback_due": ("轮到{who}:现在打电话回访(规则 100)", "{who}'s: to call back now (rule 100)"),
    "surveyed": ("轮到客户:答复问卷,截止 {until}", "the customer's: to answer the survey by {until}"),
    "over": ("已了结", "nobody's: it is over"),
}  # fmt: skip

OWED = {
    "first_response": ("首次回应", "a first answer"),
    "promised_callback": ("承诺回电", "the promised call"),
    "next_update": ("告知进展", "a word on how it stands"),
    "resolution": ("处理完毕", "the resolution"),
}
STANDS = {  # how a promise of ours stands
    "open": ("期限 {due}", "due at {due}"),
    "late": ("逾期,期限 {due}", "overdue since {due}"),
    "kept": ("已完成 {done},期限 {due}", "done at {done}, due at {due}"),
    "missed": ("{done} 才完成,期限 {due}", "done only at {done}, due at {due}"),
    "done": ("已完成 {done}", "done at {done}"),
    "paused": ("暂停计时,等待客户", "paused: we wait for the customer"),
}

OUTCOMES = {  # of a call, or of the survey after it
    "satisfied": ("已联系上,客户满意", "reached, and satisfied"),
    "problem": ("已联系上,仍有问题", "reached, and something is still wrong"),
    "not_reached": ("没有打通", "not reached"),
    "wrong_number": ("号码不对", "a wrong number"),
    "later": ("客户要求改日再打", "asked to be called later"),
    "refused": ("客户不愿接受回访", "wishes no call"),
    "unanswered": ("问卷没有答复", "the survey was not answered"),
}

ACTS = {
    "acknowledge": ("确认接手", "acknowledge it: it is yours"),
    "assign": ("交给谁处理", "say who handles it"),
    "respond": ("登记已回应客户", "note that the customer has had an answer"),
    "answer": ("登记答复,了结", "note the answer; that is the end of it"),
    "become_complaint": ("转为投诉", "make it a complaint"),
    "promise_call": ("登记:答应客户回电", "note that we promised to call back"),
    "wait": ("等待客户,暂停计时", "we wait for the customer: nothing counts"),
    "resume": ("不再等待,继续计时", "we wait no longer: the time counts again"),
    "bring_in": ("请其他部门协助(规则 120)", "bring in a department (rule 120)"),
    "regrade": ("重新核定等级(规则 94)", "set another grade (rule 94)"),
    "escalate": ("升级,通知上一级(规则 98)", "have the next level told (rule 98)"),
    "give_up": ("上报无法解决,引导其他途径(规则 99)", "report that it can't be solved, show other ways (rule 99)"),
    "resolve": (
        "处理完毕;加 --fact return=种类 同时建售后单",
        "resolve it; --fact return=KIND also opens the after-sales case",
    ),
    "call": ("登记回访结果", "record the outcome of the call"),
    "survey": ("改发书面问卷", "ask in writing instead"),
    "answer_survey": ("登记客户的问卷答复", "note the answer to the survey"),
    "close": ("结案", "close it"),
    "reopen": ("重新受理", "take it up again"),
    "hear": ("登记客户的话", "note what the customer says"),
    "settle": ("异常已处理", "the anomalies are settled"),
}  # fmt: skip

JOINED = (
    "同一订单同一原因已有未结的 {no}:已并入,没有新建(规则 95)",
    "{no} about the same order and cause is still open: this joined it, nothing new was made (rule 95)",
)
LINKED = (
    "之前的投诉 {no} 结案已久,另立本单",
    "the earlier one, {no}, was closed too long ago: this one is linked",
)
