"""The bulletin's numbers (rules 103, 108, 129): told once more by counting row by row, and edge by edge."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from statistics import median

import pytest
from bulletins_told import a_desk_at_work
from complaints_told import A_DAY, SAID_AT, clockwork, complain, done, settled
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, SHANGHAI, SHOP, moment, placed, rows, tell
from rectifications_told import GOODS, LAST_AT, complaints, counted, daily, rectified

from flows.bulletin import Bulletin, bulletin
from flows.bulletin_files import write_bulletin
from flows.bulletin_periods import Every, Period
from models import Complaint, ComplaintRound
from states.errors import BadInput

MARCH = Period.around(date(2026, 3, 1), Every.MONTH)
LATER = moment("06-01 08:00")
PRIVATE = ("13812341234", "王小明", "文三路", "包包开线了", "照片")


def of(engine, period: Period = MARCH, as_of: datetime = LATER, shop: str = SHOP) -> Bulletin:
    return bulletin(engine, shop, period, as_of=as_of)


def a_day(text: str) -> Period:
    return Period(date.fromisoformat(f"2026-{text}"), date.fromisoformat(f"2026-{text}"))


# -- counted once more --------------------------------------------------------------------------------


@pytest.fixture
def busy(engine):
    """Two months of a desk at work: seventy cases."""
    tell(engine, *(placed(str(n), moment("02-02 10:00") + n * timedelta(hours=7)) for n in range(150)))
    a_desk_at_work(engine, 70, moment("02-01 00:00"), 56, seed=3, every=timedelta(hours=12))
    return engine


def open_minutes(start: datetime, end: datetime, pauses: list) -> float:
    """Minutes of the desk's hours (10:00 to 19:00 every day) outside of pauses, by slicing time at every edge."""
    spans = [
        (datetime.fromisoformat(p["start"]), datetime.fromisoformat(p["end"] or end.isoformat()))
        for p in pauses
    ]
    days = [start.astimezone(SHANGHAI).date() + timedelta(days=n) for n in range((end - start).days + 2)]
    hours = [datetime(d.year, d.month, d.day, h, tzinfo=SHANGHAI) for d in days for h in (10, 19)]
    edges = sorted({start, end, *(e for e in [*hours, *(t for s in spans for t in s)] if start < e < end)})
    return sum(
        (b - a).total_seconds() / 60
        for a, b in zip(edges, edges[1:], strict=False)
        if 10 <= a.astimezone(SHANGHAI).hour < 19 and not any(s <= a < e for s, e in spans)
    )


def counted_plainly(engine, start: datetime, end: datetime) -> dict:
    """The same numbers from all rows of the shop, in plain Python."""

    def within(at: datetime | None) -> bool:
        return at is not None and start <= at < end

    cases = {c.id: c for c in rows(engine, Complaint, shop=SHOP)}
    of_case: dict[int, list] = {id_: [] for id_ in cases}
    for round_ in sorted(rows(engine, ComplaintRound), key=lambda r: (r.complaint_id, r.number)):
        of_case[round_.complaint_id].append(round_)
    came = [c for c in cases.values() if within(c.registered_at)]
    complained = [c for c in came if c.intake == "complaint"]
    kept = []  # (complaint, round) of complaints, from the one on in which it became a complaint
    asked = []  # rounds of questions
    for id_, rounds in of_case.items():
        turned = max(r.number for r in rounds if r.why == "registered")
        for r in rounds:
            (kept if cases[id_].intake == "complaint" and r.number >= turned else asked).append(
                (cases[id_], r)
            )
    resolved = [(c, r) for c, r in kept if within(r.resolved_at)]
    due = [(c, r) for c, r in kept if within(r.resolve_by)]
    called = [(c, r) for c, r in kept if within(r.call_until)]
    took = [open_minutes(r.began_at, r.resolved_at, r.pauses) / 60 for _, r in resolved]
    reached = Counter(
        any(x["outcome"] in ("satisfied", "problem", "refused") and datetime.fromisoformat(x["at"]) <= r.call_until
            for x in r.calls)
        for _, r in called
    )  # fmt: skip
    marks = [r.satisfaction for _, r in called if r.satisfaction]
    unsettled = [r for _, r in kept if r.began_at < end and not (r.resolved_at and r.resolved_at < end)]
    return {
        "classes": Counter(c.intake for c in came),
        "grades": Counter(c.grade for c in complained),
        "causes": Counter(c.nature for c in complained),
        "goods": Counter(c.sku for c in complained if c.sku),
        "taken": Counter(c.handler for c in complained if c.handler),
        "rounds": Counter(r.why for _, r in kept if within(r.began_at)),
        "resolved": len(resolved),
        "resolved_by": Counter(r.handler for _, r in resolved),
        "in_time": (len(due), sum(bool(r.resolved_at and r.resolved_at <= r.resolve_by) for _, r in due)),
        "median_h": round(median(took), 1),
        "p90_h": round(sorted(took)[-(-9 * len(took) // 10) - 1], 1),
        "answered": sum(within(r.responded_at) for _, r in [*kept, *asked]),
        "answers_due": sum(
            within(r.respond_by) and bool(r.responded_at or r is of_case[c.id][-1])
            for c, r in [*kept, *asked]
        ),
        "unsettled": (len(unsettled), sum(bool(r.resolve_by and r.resolve_by < end) for r in unsettled)),
        "called": (len(called), reached[True]),
        "outcomes": Counter(r.outcome or "pending" for _, r in called),
        "marks": Counter(marks),
    }


def as_counted(figures) -> dict:
    """The bulletin's numbers in the same shape."""
    times = list(figures.resolutions.values())
    took = sorted(span for t in times for span in t.desk)
    hours = [span.total_seconds() / 3600 for span in took]
    answers = list(figures.responses.values())
    return {
        **{name: +getattr(figures, name) for name in ("classes", "grades", "causes", "goods", "rounds")},
        "taken": Counter({name: h.taken for name, h in figures.handlers.items() if h.taken}),
        "resolved": figures.resolved,
        "resolved_by": Counter({name: len(h.resolved) for name, h in figures.handlers.items() if h.resolved}),
        "in_time": (sum(t.due for t in times), sum(t.in_time for t in times)),
        "median_h": round(median(hours), 1),
        "p90_h": round(hours[-(-9 * len(hours) // 10) - 1], 1),
        "answered": sum(len(t.desk) for t in answers),
        "answers_due": sum(t.due for t in answers),
        "unsettled": (figures.unsettled, figures.overdue),
        "called": (figures.callbacks.total(), figures.callbacks["called"]),
        "outcomes": +figures.outcomes,
        "marks": +figures.marks,
    }


def test_every_number_is_what_a_plain_count_of_the_rows_finds(busy):
    found = of(busy)
    for figures, (start, end) in ((found.now, ("03-01", "04-01")), (found.before, ("02-01", "03-01"))):
        plainly = counted_plainly(busy, moment(f"{start} 00:00"), moment(f"{end} 00:00"))
        assert as_counted(figures) == plainly
        assert plainly["resolved"] > 10, "there is something to count"
    ordered = [
        n for n in range(150) if moment("03-01 00:00") <= moment("02-02 10:00") + n * timedelta(hours=7)
    ]
    assert (found.now.orders, found.before.orders) == (len(ordered), 150 - len(ordered))


def test_a_month_day_by_day_is_the_month(busy):
    """Nothing is lost between two periods, and nothing counts twice."""
    month, each = of(busy).now, [of(busy, Period(day, day)).now for day in MARCH.days]
    assert sum((f.classes for f in each), Counter()) == month.classes
    assert sum((f.rounds for f in each), Counter()) == month.rounds
    assert sum(f.resolved for f in each) == month.resolved
    assert sum((f.outcomes for f in each), Counter()) == month.outcomes
    assert {f.came_on.total() for f in each if f.came_on} == set(month.came_on.values())
    assert each[-1].unsettled == month.unsettled


def test_no_word_name_or_number_of_a_customer_leaves_the_database(busy):
    text = write_bulletin(of(busy))
    told = "".join(path.read_text(encoding="utf-8") for path in text.parent.iterdir())
    assert "李静" in told, "colleagues may be named"
    assert not [word for word in PRIVATE if word in told]


# -- edges --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "day"), [("03-03 23:59:59.999999", "03-03"), ("03-04 00:00", "03-04")])
def test_days_are_the_shops(engine, at, day):
    complain(engine, moment(at))
    counts = {d: of(engine, a_day(d)).now.complaints for d in ("03-03", "03-04")}
    assert counts == {"03-03": 0, "03-04": 0, day: 1}


def test_what_is_resolved_in_another_period_than_it_began_counts_in_each_for_what_happened_there(engine):
    complain(engine, moment("03-03 18:00"))
    done(engine, "respond", moment("03-03 18:30"))
    settled(engine, moment("03-04 11:00"))
    came, went = of(engine, a_day("03-03")).now, of(engine, a_day("03-04")).now
    assert (came.complaints, came.resolved, came.unsettled) == (1, 0, 1)
    assert (went.complaints, went.resolved, went.unsettled) == (0, 1, 0)
    [times] = went.resolutions.values()
    assert (times.desk, times.elapsed) == ([2 * AN_HOUR], [17 * AN_HOUR])
    assert [t.desk for t in came.responses.values()] == [[AN_HOUR / 2]]


@pytest.mark.parametrize(("late", "in_time"), [(timedelta(0), 1), (A_SECOND, 0)])
def test_the_deadline_itself_is_in_time(engine, late, in_time):
    complain(engine)
    done(engine, "respond", SAID_AT + 2 * AN_HOUR + late)
    [times] = of(engine).now.responses.values()
    assert (times.due, times.in_time) == (1, in_time)


def test_what_was_never_answered_was_not_in_time(engine):
    complain(engine)
    [times] = of(engine).now.responses.values()
    assert (times.desk, times.due, times.in_time) == ([], 1, 0)


@pytest.mark.parametrize(("late", "found"), [(timedelta(0), "called"), (A_SECOND, "missed")])
def test_a_call_is_in_time_within_the_seven_days(engine, late, found):
    complain(engine)
    settled(engine, SAID_AT)
    done(engine, "call", SAID_AT + 7 * A_DAY + late, outcome="satisfied", satisfaction=4)
    figures = of(engine, a_day("03-10")).now
    survey = "surveyed" if late else found  # the survey has left meanwhile, in time
    assert figures.callbacks == {survey: 1}
    assert of(engine, a_day("03-03")).now.callbacks == {}, "the seven days ended on the 10th"


def test_a_complaint_the_customer_took_up_again_first_is_no_missed_call(engine):
    complain(engine)
    settled(engine, SAID_AT)
    done(engine, "hear", SAID_AT + A_DAY, by="platform", words="又坏了")
    assert of(engine).now.callbacks == {"reopened": 1}
    assert of(engine).now.rounds == {"registered": 1, "reopened": 1}


def test_a_question_that_became_a_complaint_is_one_complaint_with_one_answer_of_its_own(engine):
    complain(engine, intake="query", nature=None)
    done(engine, "become_complaint", SAID_AT + A_MINUTE, nature="quality")
    done(engine, "respond", SAID_AT + 2 * A_MINUTE)
    now = of(engine).now
    assert now.classes == {"complaint": 1}
    assert {kind: (len(t.desk), t.due, t.in_time) for kind, t in now.responses.items()} == {
        "general": (1, 1, 1)
    }
    assert (now.rounds, now.unsettled) == ({"registered": 1}, 1)


def test_an_empty_period_says_so_and_has_no_charts(engine):
    found = of(engine)
    text = write_bulletin(found)
    assert "本期没有投诉" in text.read_text(encoding="utf-8")
    assert [path.name for path in text.parent.iterdir()] == ["bag-studio-2026-03.md"]
    assert "![" not in text.read_text(encoding="utf-8")


def test_a_period_that_is_not_over_is_counted_up_to_now_and_says_so(engine):
    complain(engine, moment("03-03 11:00"))
    complain(engine, moment("03-04 11:00"), no="2")
    found = of(engine, as_of=moment("03-04 11:00"))
    assert (found.is_over, found.now.complaints) == (False, 1)
    assert "尚未结束" in write_bulletin(found).read_text(encoding="utf-8")
    assert of(engine, as_of=moment("04-01 00:00")).is_over
    assert not of(engine, as_of=moment("04-01 00:00") - A_SECOND).is_over


def test_a_period_that_has_not_begun_is_no_bulletin(engine):
    with pytest.raises(BadInput, match="not there yet"):
        of(engine, as_of=moment("03-01 00:00"))
    assert of(engine, as_of=moment("03-01 00:00") + A_SECOND).now.complaints == 0


def test_another_shops_complaints_are_its_own(engine):
    complain(engine, shop="urumqi-kitchen")
    assert of(engine).now.complaints == 0
    assert of(engine, shop="urumqi-kitchen").now.complaints == 1


def test_what_is_being_put_right_is_told_as_it_stood_at_the_end(engine):
    complaints(engine, *daily(5))
    counted(engine, LAST_AT)
    rectified(engine, "finish", LAST_AT + 20 * A_DAY, text="换了拉链")
    told = {
        day: of(engine, a_day(day)).rectifications
        for day in ("03-02", "03-03", "03-16", "03-17", "03-23", "03-24")
    }
    assert [r["no"] for r in told["03-03"]] == [GOODS]
    assert (told["03-02"], told["03-24"]) == ([], [])
    assert [r["overdue"] for day in ("03-16", "03-17") for r in told[day]] == [False, True]
    assert [r["done_on"] for day in ("03-17", "03-23") for r in told[day]] == [None, "2026-03-23"]


def test_names_are_no_markup_and_end_no_row(engine):
    complain(engine, sku="A|B*\n# 1")
    assert r"| A\|B\* \# 1 |" in write_bulletin(of(engine)).read_text(encoding="utf-8")


def test_writing_it_again_makes_the_same_files(engine):
    complain(engine)
    settled(engine, SAID_AT + AN_HOUR)
    clockwork(engine, SAID_AT + 8 * A_DAY)
    folder = write_bulletin(of(engine)).parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_bulletin(of(engine))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 5
    assert not any(b"<script" in svg for svg in before.values())
