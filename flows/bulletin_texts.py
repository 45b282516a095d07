"""The bulletin 《客户服务交流信息》 as Markdown, Chinese first and English beside it (rule 103)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from flows import bulletin_words as w
from flows.bulletin import Bulletin
from flows.bulletin_charts import Chart
from flows.bulletin_figures import Figures, Times, middle, ninetieth, share
from flows.bulletin_words import both
from states.policies.complaint_terms import Grade, IntakeClass
from states.policies.rectifications import problem

SHOWN = 10  # articles and handlers
NONE = "—"


def markdown(bulletin: Bulletin, charts: Iterable[Chart], source: Callable[[Chart], str]) -> str:
    """All of it; `source` says where a chart's picture is found."""
    pictures = {chart.name: f"![{chart.title}]({source(chart)})" for chart in charts}
    parts = [*_head(bulletin), *_overview(bulletin), pictures.get("days")]
    parts += [*_grades(bulletin), *_causes(bulletin), pictures.get("causes"), *_goods(bulletin)]
    parts += [*_rounds(bulletin), *_times(bulletin), pictures.get("in-time")]
    parts += [*_callbacks(bulletin), pictures.get("callbacks")]
    parts += [*_handlers(bulletin), *_rectifications(bulletin), *_notes(bulletin)]
    return "\n\n".join(part for part in parts if part) + "\n"


# -- what is reported -------------------------------------------------------------------------------


def _head(b: Bulletin) -> Iterator[str]:
    yield "# 客户服务交流信息 Customer-service bulletin"
    as_of = f"{b.as_of.astimezone(b.shop.zone):%Y-%m-%d %H:%M}"
    yield (
        f"**{b.shop.title} {b.shop.title_en}** · {b.period.first} – {b.period.last} · "
        f"截至 as of {as_of}({b.shop.zone.key})"
    )
    if not b.is_over:
        yield (
            f"> 本期尚未结束,统计到 {as_of};与完整的上期相比仅供参考。 "
            f"The period is not over: counted up to {as_of}, beside the whole period before."
        )
    yield "> " + " ".join(summary(b))


def summary(b: Bulletin) -> tuple[str, str]:
    """In one sentence, Chinese and English."""
    now, before, open_ = b.now, b.before, [r for r in b.rectifications if not r["done_on"]]
    if not now.complaints:
        zh, en = "本期没有投诉", "No complaints came"
    else:
        cause = max(w.CAUSES, key=lambda kind: now.causes[kind])
        zh = f"本期受理投诉 {now.complaints} 起(上期 {before.complaints} 起),最多的是{w.CAUSES[cause][0]}"
        en = f"{now.complaints} complaint(s) came ({before.complaints} before), most about {w.CAUSES[cause][1]}"
    return (
        f"{zh};处理完毕 {now.resolved} 起,期末未结 {now.unsettled} 起,其中逾期 {now.overdue} 起;"
        f"整改中 {len(open_)} 项。",
        f"{en}; {now.resolved} were resolved, {now.unsettled} were not at its end, {now.overdue} of them late; "
        f"{len(open_)} rectification(s) open.",
    )


def _overview(b: Bulletin) -> Iterator[str]:
    yield _title("概况", "Overview")
    rows = [(both(words), *_compared(b, lambda f, k=kind: f.classes[k])) for kind, words in w.CLASSES.items()]
    rows += [
        ("订单 orders", *_compared(b, lambda f: f.orders)),
        ("每千单投诉 complaints per 1,000 orders", *_per_thousand(b)),
        ("处理完毕 resolved", *_compared(b, lambda f: f.resolved)),
        ("期末未结 not resolved at the end", *_compared(b, lambda f: f.unsettled)),
        ("其中逾期 of these late", *_compared(b, lambda f: f.overdue)),
    ]
    yield _table(("", both(w.NOW), both(w.BEFORE), "±"), rows)


def _grades(b: Bulletin) -> Iterator[str]:
    yield _title("等级", "Grades")
    yield _counted(b, w.GRADES, lambda f: f.grades)


def _causes(b: Bulletin) -> Iterator[str]:
    yield _title(*w.CAUSE)
    yield _counted(b, w.CAUSES, lambda f: f.causes)


def _goods(b: Bulletin) -> Iterator[str]:
    yield _title("商品", "Goods")
    most = sorted(b.now.goods, key=lambda sku: (-b.now.goods[sku], sku))
    words = {sku: (_cell(sku),) for sku in most[:SHOWN]}
    yield _counted(b, words, lambda f: f.goods)
    if more := most[SHOWN:]:
        rest = sum(b.now.goods[sku] for sku in more)
        yield f"另有 {len(more)} 种商品共 {rest} 起。 {len(more)} more article(s), {rest} complaint(s)."


def _rounds(b: Bulletin) -> Iterator[str]:
    yield _title("轮次", "Rounds")
    yield _counted(b, w.ROUNDS, lambda f: f.rounds)


def _times(b: Bulletin) -> Iterator[str]:
    yield _title("首次回应", "First response")
    kinds = {**w.GRADES, **{k: words for k, words in w.CLASSES.items() if k != IntakeClass.COMPLAINT}}
    yield _timed(b, {**kinds, "turned": w.TURNED}, lambda f: f.responses, "first_response")
    yield _title("处理时长", "Resolution")
    yield _timed(b, w.GRADES, lambda f: f.resolutions, "resolution")


def _callbacks(b: Bulletin) -> Iterator[str]:
    yield _title("回访", "Callbacks")
    yield _counted(b, w.CALLED, lambda f: f.callbacks)
    now, before = b.now, b.before
    yield _title("回访结果", "Outcomes", level=3)
    yield _counted(b, w.OUTCOMES, lambda f: f.outcomes)
    rows = [
        (
            "按时回访率 reached in time",
            *(_percent(f.callbacks["called"], f.callbacks.total()) for f in (now, before)),
        ),
        ("平均满意度(1–5) mean satisfaction", *(_mark(f) for f in (now, before))),
        ("打分人数 marks given", *(str(f.marks.total()) for f in (now, before))),
        ("拨打次数 calls made", *(str(f.calls) for f in (now, before))),
    ]
    yield _table(("", both(w.NOW), both(w.BEFORE)), rows)


def _handlers(b: Bulletin) -> Iterator[str]:
    yield _title("客服", "Handlers")
    names = sorted(
        b.now.handlers, key=lambda n: (-len(b.now.handlers[n].resolved), -b.now.handlers[n].taken, n)
    )
    rows = [
        (_cell(name), h.taken, len(h.resolved), _span(middle(h.resolved)), h.problems)
        for name, h in ((name, b.now.handlers[name]) for name in names)
    ]
    columns = ("", both(w.CAME), both(w.RESOLVED), "中位用时 median", "回访有问题 problems found")
    yield _table(columns, rows)


def _rectifications(b: Bulletin) -> Iterator[str]:
    yield _title("整改", "Rectifications")
    rows = [
        (_cell(r["no"]), _cell(" / ".join(dict.fromkeys(problem(r["about"], r["subject"])))), r["counted"],
         _cell(r["owner"]), r["opened_on"], r["due_on"], _stands(r))
        for r in b.rectifications
    ]  # fmt: skip
    columns = ("no", "问题 problem", "投诉 complaints", "负责 owner", "立项 opened", "期限 due", "状态 state")
    yield _table(columns, rows, cell=":--")


def _stands(rectification: dict) -> str:
    late = ",逾期 late" if rectification["overdue"] else ""
    if rectification["done_on"]:
        return f"{rectification['done_on']} 完成 done{late}"
    return f"整改中 open{late}"


def _notes(b: Bulletin) -> Iterator[str]:
    yield _title("说明", "How it is counted")
    yield (
        "- 发生在哪一期就计入哪一期:受理按登记时间,时长按办结时间,是否按时按到期时间;日期按店铺所在时区。 "
        "Each thing counts in the period in which it happened: what came, when it was registered; how long it took, "
        "when it was done; whether it was in time, when it was due. Days are those of the shop's zone.\n"
        "- 时长为服务时间,等待客户的时间除外;括号内为自然时间。P90:九成不超过此值。 "
        "Times are opening hours, less those in which we waited for the customer; in brackets as the clock ran. "
        "P90: nine in ten took no longer.\n"
        "- 回访、结果和满意度:七天期限在本期届满的投诉(规则 100)。 "
        "Callbacks, outcomes and satisfaction are of the complaints whose seven days ended in the period (rule 100).\n"
        "- 依据规则 102、103、108、129。 By rules 102, 103, 108, 129."
    )


# -- cells ------------------------------------------------------------------------------------------


def _counted(b: Bulletin, words: dict[Any, tuple[str, ...]], of: Callable[[Figures], Any]) -> str:
    """How many of each kind there were, now and before."""
    kinds = [kind for kind in words if of(b.now)[kind] or of(b.before)[kind]]
    whole = of(b.now).total()
    rows = [
        (" ".join(words[kind]), *_compared(b, lambda f, k=kind: of(f)[k]), _percent(of(b.now)[kind], whole))
        for kind in kinds
    ]
    return _table(("", both(w.NOW), both(w.BEFORE), "±", "占比 share"), rows)


def _timed(
    b: Bulletin, words: dict[Any, tuple[str, str]], of: Callable[[Figures], dict[str, Times]], owed: str
) -> str:
    rows = []
    for kind, said in words.items():
        now, before = of(b.now).get(kind, Times()), of(b.before).get(kind, Times())
        if not (now.desk or now.due or before.desk or before.due):
            continue
        in_time = [_percent(times.in_time, times.due) for times in (now, before)]
        median = f"{_span(middle(now.desk))}({_span(middle(now.elapsed))})"
        slow = f"{_span(ninetieth(now.desk))}({_span(ninetieth(now.elapsed))})"
        earlier = _span(middle(before.desk))
        rows.append(
            (both(said), len(now.desk), _target(b, kind, owed), median, slow, earlier, now.due, *in_time)
        )
    columns = (
        *("", "件数 count", "目标 target", "中位 median", "P90", "上期中位 median before"),
        *("到期 due", "按时 in time", "上期按时 in time before"),
    )
    return _table(columns, rows)


def _target(b: Bulletin, kind: str, owed: str) -> str:
    known = (*Grade, *list(IntakeClass)[:2])
    return _span(getattr(getattr(b.shop.complaints, kind), owed)) if kind in known else NONE


def _compared(b: Bulletin, of: Callable[[Figures], int]) -> tuple[str, str, str]:
    now, before = of(b.now), of(b.before)
    return str(now), str(before), f"{now - before:+d}" if now != before else "0"


def _per_thousand(b: Bulletin) -> tuple[str, str, str]:
    rates = [share(1000 * f.complaints, f.orders) for f in (b.now, b.before)]
    told = [NONE if rate is None else f"{rate:.1f}" for rate in rates]
    return *told, NONE if None in rates else f"{rates[0] - rates[1]:+.1f}"


def _percent(part: int, whole: int) -> str:
    found = share(part, whole)
    return NONE if found is None else f"{100 * found:.0f} %"


def _mark(figures: Figures) -> str:
    mean = share(sum(mark * many for mark, many in figures.marks.items()), figures.marks.total())
    return NONE if mean is None else f"{mean:.1f}"


def _span(span: timedelta | None) -> str:
    """A time span as short as it can be told."""
    if span is None:
        return NONE
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _title(zh: str, en: str, level: int = 2) -> str:
    return f"{'#' * level} {zh} {en}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], cell: str = "--:") -> str:
    """What it is about to the left, numbers to the right; a sentence where there is nothing."""
    if not rows:
        return "无。 None."
    lines = [columns, [":--", *[cell] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    """A name as it stands: nothing in it is markup, nor ends the cell or the row."""
    kept = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>|#!~" else sign for sign in kept)
