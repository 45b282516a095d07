"""Reading a merchant's file of orders, whatever its format: `read_orders`."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from flows.imports.cells import LARGEST_FEN, Clock
from flows.imports.encodings import CHINESE, Encoding
from flows.imports.files import TextFile, encoding_of, opened
from flows.imports.kefu import KEFU, json_rows
from flows.imports.merging import Orders
from flows.imports.olist import OLIST, tables_beside
from flows.imports.records import records
from flows.imports.rows import BadRow, CellError, OrderFile, OrderRow, UnreadableFile
from flows.imports.tables import header_of, table_of
from flows.imports.taobao import TAOBAO
from flows.imports.tmall import TMALL
from flows.strangers import LONGEST

TABLES = {table.name: table for table in (TAOBAO, TMALL, OLIST, KEFU)}
AUTO = "auto"
_PROGRESS_EVERY = 2000  # rows

Progress = Callable[[int, int], None]  # bytes of the file on the disk: read so far, in all


def detect(path: Path | str) -> tuple[str, str]:
    """The format and the encoding of a file: by its header, and by its bytes."""
    path = Path(path)
    encoding = encoding_of(path, CHINESE).name
    return _format_of(path, encoding), encoding


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Rows hold no cycles: looking for some among millions of them takes longer than all the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_garbage()
def read_orders(
    path: Path | str,
    zone: ZoneInfo,
    format: str = AUTO,
    encoding: str | None = None,
    *,
    now: datetime,
    usual: str = CHINESE,
    progress: Progress | None = None,
) -> OrderFile:
    """Every order of a file with its facts, and every row that could not be read.

    Args:
        path: the file, plain or gzipped.
        zone: the shop's; times without offset are local to it, except those of Chinese platforms.
        format: taobao, tmall, olist or kefu; found by the header when "auto".
        encoding: a Python codec; found when empty.
        now: nothing can have happened after it.
        usual: what a file of this shop is written in that is not UTF-8; see `usual_encoding`.
        progress: told the bytes read so far and in all.

    A fact whose time the file does not give is taken to have happened at its closing moment: the latest
    time at which anything in the file happened.
    """
    path = Path(path)
    if format != AUTO and format not in TABLES:
        raise UnreadableFile(f"there is no format {format!r}: known are {', '.join(TABLES)} and {AUTO}")
    how = partial(encoding_of, usual=usual, named=encoding)
    found = how(path)
    result = OrderFile(format if format != AUTO else _format_of(path, found.name), found.name, found.guess)
    orders = Orders()
    with opened(path, found.name) as file:
        for line, text, row in _rows(file, result.format, path, Clock(zone, now), how):
            result.read += 1
            try:
                if isinstance(row, CellError):
                    raise row
                row.line = line
                orders.add(storable(row))
            except CellError as error:
                result.bad.append(BadRow(line, error.column, error.zh, error.en, text))
            if progress and result.read % _PROGRESS_EVERY == 0:
                progress(file.done, file.size)
        if progress:
            progress(file.size, file.size)
    result.rows = list(orders.by_no.values())
    result.repeated, result.merged = orders.repeated, orders.merged
    _close(result)
    return result


def storable(row: OrderRow) -> OrderRow:
    """The row; a CellError for what no table holds: amounts that add up to too much, a name or number without end."""
    parcels = [(name, fact.facts.get(name)) for fact in row.facts for name in ("waybill", "carrier")]
    for name, text in (("buyer", row.details.get("buyer")), *parcels):
        if len(text or "") > LONGEST:
            raise CellError(name, f"超过 {LONGEST} 个字", f"is longer than {LONGEST} characters")
    for fen in (row.details["amount_fen"], *(fact.facts.get("amount_fen", 0) for fact in row.facts)):
        if fen > LARGEST_FEN:
            raise CellError("", "金额合计过大", "its amounts add up to one too large")
    return row


def _rows(
    file: TextFile, format: str, path: Path, clock: Clock, encoding_of: Callable[[Path], Encoding]
) -> Iterator[tuple[int, str, OrderRow | CellError]]:
    if format == KEFU.name and _is_json(file):
        yield from json_rows(file, clock)
        return
    columns, rows = table_of(file, TABLES[format], path)
    beside = tables_beside(path, encoding_of) if format == OLIST.name else None
    read = OLIST.reader(columns, clock, beside) if beside else TABLES[format].reader(columns, clock)
    for line, text, cells in rows:
        if isinstance(cells, CellError):
            yield line, text, cells
            continue
        try:
            row = read(cells)
        except CellError as error:
            row = error
        yield line, text, row
    for error in beside.unreadable.values() if beside else ():  # of orders that this table does not have
        yield 0, "", error


def _is_json(file: TextFile) -> bool:
    """Does the text start with an object? The file is then at its start again."""
    start = next((line.strip("\ufeff\r\n\t ") for line in file.text if line.strip("\ufeff\r\n\t ")), "")
    file.text.seek(0)
    return start.startswith("{")


def _format_of(path: Path, encoding: str) -> str:
    with opened(path, encoding) as file:
        if _is_json(file):
            return KEFU.name
        _, text, cells = next(records(islice(file.text, 100)), (1, "", None))
    header = header_of(cells)
    best = max(TABLES.values(), key=lambda table: table.resemblance(header))
    if best.resemblance(header) < 0.5 and not _resembles_when_split(text):
        raise UnreadableFile(
            f"the first line of {path} is no header of a format we know ({', '.join(TABLES)}): "
            "export the order report again, or name its format and encoding"
        )
    return best.name


def _resembles_when_split(text: str) -> bool:
    """A header whose columns are separated by something else; what, is said when it is read."""
    return any(
        table.resemblance(header_of(text.split(mark))) >= 0.5 for table in TABLES.values() for mark in ";\t"
    )


def _close(result: OrderFile) -> None:
    """Facts without a time happened at the closing moment; then everything in the order it happened."""
    result.bad.sort(key=lambda bad: bad.line)
    times = (fact.at for row in result.rows for fact in row.facts if fact.at)
    result.closing_at = closing_at = max(times, default=None)
    for row in result.rows:
        if len(row.facts) > 1:
            facts = [fact if fact.at else replace(fact, at=closing_at, assumed=True) for fact in row.facts]
            facts[1:] = sorted(facts[1:], key=lambda fact: fact.at)
            row.facts = facts
    result.rows.sort(key=lambda row: (row.placed_at, row.no))
