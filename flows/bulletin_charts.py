"""The charts of a bulletin as SVG: no script in them, no date of making, and the reader's fonts for Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pygal
from pygal.style import Style

from flows.bulletin import Bulletin
from flows.bulletin_figures import Figures, share
from flows.bulletin_words import BEFORE, CALLED, CAME, CAUSE, CAUSES, GRADES, NOW, RESOLVED, both

FONTS = "Noto Sans CJK SC, Source Han Sans SC, PingFang SC, Microsoft YaHei, sans-serif"
STYLE = Style(
    background="white",
    plot_background="white",
    opacity=".9",
    guide_stroke_color="#dddddd",
    major_guide_stroke_color="#dddddd",
    colors=("#2f6db5", "#b9c7d8"),
    font_family=FONTS,
    title_font_size=16,
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=12,
    value_font_size=11,
)
LOOKS: dict[str, Any] = {
    **{"style": STYLE, "js": (), "width": 760, "height": 300, "explicit_size": True, "margin": 12},
    **{"legend_at_bottom": True, "legend_box_size": 12, "truncate_label": -1},
    **{"rounded_bars": 2, "disable_xml_declaration": True, "value_formatter": lambda value: f"{value:.0f}"},
}
ABOVE = {"print_values_position": "top"}
TICKS = 12  # days named along the foot of a chart
SCRIPT = "script"
CHARTS = ("days", "causes", "in-time", "callbacks")


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture beside the bulletin: the end of its file's name, what it shows, and the SVG."""

    name: str
    title: str
    svg: str


def charts(bulletin: Bulletin) -> list[Chart]:
    """Those that show something: an empty period has none."""
    now, before = bulletin.now, bulletin.before
    found = []
    if now.came_on or now.resolved_on:
        found.append(_by_day(bulletin))
    if now.causes:
        found.append(_side_by_side("causes", both(CAUSE), CAUSES, now.causes, before.causes))
    if any(times.due for times in now.resolutions.values()):
        found.append(_in_time(now, before))
    if now.callbacks:
        title = both(("七天内回访", "The call within seven days"))
        found.append(_side_by_side("callbacks", title, CALLED, now.callbacks, before.callbacks))
    return found


def _by_day(bulletin: Bulletin) -> Chart:
    days, now = bulletin.period.days, bulletin.now
    every = -(-len(days) // TICKS)
    title = both(("每日投诉", "Complaints day by day"))
    labels = [f"{day:%m-%d}" for day in days]
    chart = pygal.Bar(
        title=title, x_labels=labels, x_labels_major=labels[::every], **LOOKS, show_minor_x_labels=False
    )
    chart.add(both(CAME), [now.came_on[day] for day in days])
    chart.add(both(RESOLVED), [now.resolved_on[day] for day in days])
    return _drawn("days", title, chart, _whole(now.came_on, now.resolved_on))


def _side_by_side(name: str, title: str, words: dict, now: Any, before: Any) -> Chart:
    """Of each kind the number now and before, the most frequent at the top."""
    kinds = [kind for kind in words if now[kind] or before[kind]]
    kinds.sort(key=lambda kind: now[kind])  # drawn from the foot upwards
    height = 120 + 34 * len(kinds)
    labels = [both(words[kind]) for kind in kinds]
    chart = pygal.HorizontalBar(
        title=title, x_labels=labels, **{**LOOKS, "height": height}, print_values=True
    )
    chart.add(both(NOW), [now[kind] for kind in kinds])
    chart.add(both(BEFORE), [before[kind] for kind in kinds])
    return _drawn(name, title, chart, _whole(now, before))


def _in_time(now: Figures, before: Figures) -> Chart:
    title = both(("按时处理完毕的比例", "Resolved in time, of what was due"))
    grades = [grade for grade in GRADES if now.resolutions[grade].due or before.resolutions[grade].due]
    labels = [both(GRADES[grade]) for grade in grades]
    chart = pygal.Bar(
        title=title,
        x_labels=labels,
        range=(0, 100),
        **LOOKS,
        print_values=True,
        print_values_position="top",
        print_zeroes=True,
    )
    chart.value_formatter = lambda percent: f"{percent:.0f} %"
    for words, figures in ((NOW, now), (BEFORE, before)):
        of_grades = (share(figures.resolutions[g].in_time, figures.resolutions[g].due) for g in grades)
        chart.add(both(words), [None if part is None else 100 * part for part in of_grades])
    return _drawn("in-time", title, chart, range(0, 101, 25))


def _whole(*counters: Any) -> Sequence[int]:
    """Marks along an axis that counts: whole numbers, a few of them."""
    most = max([*(max(counter.values(), default=0) for counter in counters), 1])
    step = next(s * 10**n for n in range(9) for s in (1, 2, 5) if most <= 6 * s * 10**n)
    return range(0, most + step, step)


def _drawn(name: str, title: str, chart: Any, marks: Iterable[int]) -> Chart:
    chart.y_labels = chart.y_labels_major = list(marks)
    chart.uuid = name  # else a new one each time
    chart.add_xml_filter(_plain)
    return Chart(name, title, chart.render(is_unicode=True))


def _plain(root: Any) -> Any:
    """Without scripts, and without the comments that name the day of making."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == SCRIPT:
                parent.remove(child)
    return root
