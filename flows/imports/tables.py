"""A table of orders: which columns it needs, where they are, and its rows one by one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.imports.cells import Clock, plain
from flows.imports.files import TextFile
from flows.imports.records import records
from flows.imports.rows import CellError, OrderRow, UnreadableFile
from flows.strangers import BROKEN, CONTROL_BUT_LINES, LONGEST_TEXT, cleaned

Cells = list[str]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column of a header stands."""

    places: dict[str, int]

    def of(self, name: str) -> Callable[[Cells], str]:
        """How to take this column's plain text from a row; nothing, where the file has no such column."""
        place = self.places.get(name)
        if place is None:
            return lambda cells: ""
        return lambda cells: plain(cells[place])


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of table. `reader` gets the columns and a clock, and gives the function that reads one row."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    reader: Callable[[Columns, Clock], Callable[[Cells], OrderRow]] | None = None
    closed: bool = False  # our own format: an unknown column is a typing error, not somebody's extra

    def resemblance(self, header: Cells) -> float:
        """How much of what it needs a header has, from 0 to 1."""
        return len(set(self.required) & set(header)) / len(self.required)


def header_of(cells: Cells | None) -> Cells:
    """The names in a header line; exports put spaces behind some and a byte order mark before the first."""
    return [plain(name.strip("\ufeff")) for name in cells or []]


def table_of(
    file: TextFile, table: Table, path: Path
) -> tuple[Columns, Iterator[tuple[int, str, Cells | CellError]]]:
    """The columns of an open file, and its rows: line, text, and the cells or what is wrong with them."""
    line, text, cells = next(records(file.text), (1, "", None))
    header = header_of(cells)
    columns = _columns(header, table, path, line, text)
    names = [name if name in columns.places else f"#{place}" for place, name in enumerate(header, 1)]
    return columns, _rows(file, names, line + text.count("\n") + 1)


def _columns(header: Cells, table: Table, path: Path, line: int, text: str) -> Columns:
    missing = [name for name in table.required if name not in header]
    where = f"line {line} of {path}"
    if missing:
        raise UnreadableFile(
            f"{where} is no header of a {table.name} file: " + _nearest(missing, header, text)
        )
    known = {*table.required, *table.optional}
    if twice := [name for name in known if header.count(name) > 1]:
        raise UnreadableFile(f"{where} has the column {twice[0]} twice: keep the one that is meant")
    if table.closed and (unknown := [name for name in header if name not in known]):
        guess = difflib.get_close_matches(unknown[0], known, 1, 0.5)
        meant = f", {guess[0]} may be meant" if guess else f"; known are {', '.join(table.required)}, …"
        raise UnreadableFile(f"{where} has an unknown column, number {header.index(unknown[0]) + 1}{meant}")
    return Columns({name: header.index(name) for name in known if name in header})


def _nearest(missing: list[str], header: Cells, text: str) -> str:
    """What is not there, and what comes nearest to it."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in text:
            return f"its columns are separated by {name}, save it with commas"
    parts = []
    for name in missing:
        near = difflib.get_close_matches(name, header, 1, 0.3)
        parts.append(f"{name} (nearest: column {header.index(near[0]) + 1})" if near else name)
    plural = "s are" if len(parts) > 1 else " is"
    return f"the column{plural} missing: {', '.join(parts)}; export them too, or name the format"


def _rows(file: TextFile, names: list[str], first_line: int) -> Iterator[tuple[int, str, Cells | CellError]]:
    width = len(names)
    for line, text, cells in records(file.text, width, first_line):
        if not _whole(cells, width, text):
            yield line, text, _trouble(cells, names)
        elif len(text) > LONGEST_TEXT or CONTROL_BUT_LINES.search(text):
            yield line, text, [cleaned(cell, lines=True) for cell in cells]
        else:
            yield line, text, cells


def _whole(cells: Cells | None, width: int, text: str) -> bool:
    return cells is not None and len(cells) == width and not BROKEN.search(text)


def _trouble(cells: Cells | None, names: list[str]) -> CellError:
    if cells is None:
        return CellError(
            "", "引号没有结束，或单元格过长", "a quote is never closed, or a cell is far too long"
        )
    if len(cells) != len(names):
        return CellError(
            "",
            f"有 {len(cells)} 个单元格，表头有 {len(names)} 列",
            f"has {len(cells)} cells where the header has {len(names)}",
        )
    column = next((name for name, cell in zip(names, cells, strict=True) if BROKEN.search(cell)), "")
    return broken(column)


def broken(column: str) -> CellError:
    """A byte or character that is no text."""
    return CellError(column, "有无法解码的字符", "has a byte that its encoding does not know")
