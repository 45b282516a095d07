"""How the command line speaks: tables for people, JSON for machines, one sentence for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

# what people wrote, such as [新款] or :bag:, is shown as they wrote it
console = Console(markup=False, emoji=False)
errors = Console(stderr=True, markup=False, emoji=False)

DONE, REFUSED, WRONG_USAGE, OUTSIDE_FAILED = 0, 1, 2, 3


def as_json(document: Any) -> None:
    """One document on standard output, Chinese as Chinese."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def as_json_line(document: Any) -> None:
    """One document on a line of its own."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")


def as_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """For people; what is not known is an empty cell."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def say(text: str, style: str | None = None) -> None:
    """One line for people, as it stands: nothing in it is markup."""
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def section(title: str, lines: Iterable[tuple[str, str, str]]) -> None:
    """A heading and its lines: a mark, zh, en; nothing at all where there are none."""
    for number, (mark, zh, en) in enumerate(lines):
        if not number:
            say(f"\n{title}", style="bold")
        say(f"  {mark}  {zh}" if zh == en else f"  {mark}  {zh} / {en}")


def when(text: str | None) -> str:
    """An ISO time as people read it, in the zone it is in."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}" if text else ""
