"""The quarantine file: every row that could not be read, why, and the row itself, to be mended and imported again."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from flows.imports.rows import BadRow

HEADER = ("line", "column", "reason", "reason_en", "row")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")


def write_quarantine(path: Path | str, bad_rows: Sequence[BadRow]) -> Path | None:
    """Write the bad rows as a CSV that spreadsheets open; no file when there are none.

    It is the one place where their text is kept, personal data and all: only its owner may read it. A cell
    that a spreadsheet would run as a formula (or that starts with ') gets a ' in front; take one ' away, and
    the text is what it was. A byte that was no character reads \\udcXX.
    """
    if not bad_rows:
        return None
    path = Path(path)
    path.unlink(missing_ok=True)  # a file of an earlier run may be readable for others
    private = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(private, "w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for bad in bad_rows:
            cells = (bad.column, bad.reason_zh, bad.reason_en, bad.raw)
            writer.writerow((bad.line or "", *map(_inert, cells)))
    return path


def _inert(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
