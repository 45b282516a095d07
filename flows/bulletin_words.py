"""What a bulletin calls things: Chinese first, English beside it."""

from __future__ import annotations

from states.policies.complaint_terms import NATURES, Grade, IntakeClass

NOW, BEFORE = ("本期", "this period"), ("上期", "the one before")
CAME, RESOLVED = ("受理", "came"), ("处理完毕", "resolved")
CAUSE = ("投诉原因", "Causes")
CAUSES = NATURES
GRADES = {
    Grade.GENERAL: ("一般投诉", "general"),
    Grade.MAJOR: ("重大投诉", "major"),
    Grade.CRISIS: ("危机事件", "crisis"),
}
CLASSES = {
    IntakeClass.COMPLAINT: ("投诉", "complaints"),
    IntakeClass.CONSULTATION: ("咨询", "consultations"),
    IntakeClass.QUERY: ("查询", "queries"),
}
TURNED = ("后来转为投诉的咨询、查询", "questions that became complaints")
ROUNDS = {
    "registered": ("首次受理", "first taken in"),
    "callback": ("回访发现问题,再次处理", "the callback found a problem"),
    "survey": ("书面调查发现问题,再次处理", "the survey found a problem"),
    "reopened": ("客户再次反映", "the customer came back"),
}
CALLED = {
    "called": ("按时回访到", "reached in time"),
    "surveyed": ("未回访到,已书面调查", "not reached, asked in writing"),
    "reopened": ("客户先行再次反映", "the customer came back first"),
    "missed": ("未按时", "not in time"),
}
OUTCOMES = {
    "satisfied": ("满意", "satisfied"),
    "problem": ("仍有问题", "a problem"),
    "refused": ("不愿接受回访", "wants no call"),
    "unanswered": ("书面调查无回复", "the survey was not answered"),
    "pending": ("尚无结果", "none yet"),
}


def both(words: tuple[str, str]) -> str:
    """Side by side, as a heading or a label."""
    return " ".join(words)
