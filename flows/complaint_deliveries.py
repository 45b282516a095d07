"""What became of the messages about a complaint: what left, when and to which address, and what is owed still.

What has reached nobody is not counted as said (promise 11).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

CHANNELS = {
    "buyer": ("客户", "the customer"),
    "staff": ("客服", "the staff"),
    "platform": ("平台", "the platform"),
    "warehouse": ("仓库", "the warehouse"),
}


def deliveries_of(case: dict) -> list[dict]:
    """A line for each message, in the sequence they were owed."""
    return [_line(rows) for rows in _by_message(case["owed"])]


def became_of(case: dict, kind: str, recipient: str, owed_at: str) -> tuple[str, str]:
    """Of the message of this kind to one colleague, zh and en; nothing where there is none."""
    for rows in _by_message(case["owed"]):
        what, *named = _named(rows[0])
        if what.startswith(kind) and named == [recipient, owed_at]:
            return _became(rows)
    return "", ""


def _by_message(owed: Sequence[dict]) -> list[list[dict]]:
    """The rows of each: one for every address it has."""
    found: dict[tuple, list[dict]] = defaultdict(list)
    for row in owed:
        found[row["channel"], *_named(row)].append(row)
    return list(found.values())


def _named(row: dict) -> tuple[str, str, str]:
    return row["what"], row["recipient"], row["owed_at"]


def _line(rows: Sequence[dict]) -> dict:
    what, recipient, owed_at = _named(rows[0])
    to = (recipient, recipient) if recipient else CHANNELS[rows[0]["channel"]]
    zh, en = _became(rows)
    return {"at": owed_at, "zh": f"{what} → {to[0]}:{zh}", "en": f"{what} → {to[1]}: {en}"}


def _became(rows: Sequence[dict]) -> tuple[str, str]:
    sent = [row for row in rows if row["sent_at"]]
    words = [(f"{_when(row)} 送出{_at(row)}", f"left {_when(row)}{_at(row)}") for row in sent]
    for row in rows:
        if not row["sent_at"]:
            zh, en = _not_sent(row, owed=not sent)
            words.append((zh + _at(row), en + _at(row)))
    return ";".join(zh for zh, _ in words), "; ".join(en for _, en in words)


def _not_sent(row: dict, owed: bool) -> tuple[str, str]:
    if row["dead"]:
        return "未送达,已放弃", "not delivered, given up"
    if row["lapsed_at"]:
        return "未发出,已不成立", "not sent: no longer true"
    return ("应发,尚未送达", "owed, not delivered yet") if owed else ("未送达", "not delivered")


def _when(row: dict) -> str:
    return f"{datetime.fromisoformat(row['sent_at']):%Y-%m-%d %H:%M}"


def _at(row: dict) -> str:
    return f" ({row['address']})" if row["address"] else ""
