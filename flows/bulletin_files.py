"""The bulletin as files at home: the text, and its charts beside it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from flows.bulletin import Bulletin
from flows.bulletin_charts import CHARTS, charts
from flows.bulletin_texts import markdown
from models.database import home


def write_bulletin(bulletin: Bulletin) -> Path:
    """Write it where the last one of the same period was; the path of the text."""
    folder = home("bulletins")
    drawn = charts(bulletin)
    names = {chart.name: f"{bulletin.name}-{chart.name}.svg" for chart in drawn}
    for name in set(CHARTS) - set(names):  # one that shows something no more
        (folder / f"{bulletin.name}-{name}.svg").unlink(missing_ok=True)
    for chart in drawn:
        _write(folder / names[chart.name], chart.svg)
    text = folder / f"{bulletin.name}.md"
    _write(text, markdown(bulletin, drawn, lambda chart: quote(names[chart.name])))
    return text


def _write(path: Path, text: str) -> None:
    """All of it or nothing: whoever reads meanwhile reads the last one."""
    new = path.with_suffix(f"{path.suffix}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
