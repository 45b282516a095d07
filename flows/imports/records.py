"""From lines to records: a quoted remark may run over several lines, a forgotten quote may not eat the file."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator

LONGEST = 60  # lines of one record; the longest remark a platform takes is far shorter

Record = tuple[
    int, str, list[str] | None
]  # line, the text as it stands, its cells (None: a quote never closes)


def records(lines: Iterable[str], width: int | None = None, first_line: int = 1) -> Iterator[Record]:
    """The records of a CSV text. Blank lines and lines of empty cells are none.

    A record goes on over the line's end while a quote is open. But when it would grow past `LONGEST`, or
    would swallow a line that is a whole record of `width` cells by itself, or comes out with another
    number of cells, then somebody forgot a quote: that first line alone is bad and reading goes on right after it.
    """
    source, ahead, number = iter(lines), deque(), first_line - 1
    while (line := ahead.popleft() if ahead else next(source, None)) is not None:
        number += 1
        if '"' not in line:
            text = line.rstrip("\r\n")
            if text.strip(", \t"):
                yield number, text, text.split(",")
            continue
        cells = _cells(line)
        if cells is not None:
            yield number, line.rstrip("\r\n"), cells
            continue
        text, taken = _closed(line, source, ahead, width)
        yield number, text.rstrip("\r\n"), _cells(text) if taken else None
        for _ in range(taken):
            ahead.popleft()
        number += taken


def _closed(line: str, source: Iterator[str], ahead: deque, width: int | None) -> tuple[str, int]:
    """The record that starts on `line`, and how many lines ahead it takes; none when no honest end is found."""
    text = line
    for taken in range(1, LONGEST):
        if len(ahead) < taken:
            following = next(source, None)
            if following is None:
                break
            ahead.append(following)
        following = ahead[taken - 1]
        if width and following.count(",") >= width - 1 and len(_cells(following) or ()) == width:
            break
        text += following
        if following.count('"') % 2 and (cells := _cells(text, strict=True)) is not None:
            if width is None or len(cells) == width:
                return text, taken
            break
    return line, 0


def _cells(text: str, strict: bool = False) -> list[str] | None:
    """The cells of one record; None while a quote is open. Strictly, text after a closing quote is an error."""
    reader = csv.reader((text, ""), strict=strict)
    try:
        cells = next(reader)
    except csv.Error:  # also: a cell longer than any remark
        return None
    return cells if reader.line_num == 1 else None  # an open quote reaches for the next line
