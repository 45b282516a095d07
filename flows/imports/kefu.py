r"""Our own format, for every shop whose platform has none that we know: CSV, or JSON lines with the same keys.

    no,placed_at,amount_fen,paid_at,paid_fen,shipped_at,waybill,carrier,delivered_at,confirmed_at,cancelled_at,
    refunded_at,refunded_fen,buyer,receiver,phone,address,buyer_message,remark,items

* `no`, `placed_at` and `amount_fen` (what is due) are needed; any other column may be empty or left out. A column
  that is not in this list is refused: it is a typing error.
* Times are ISO 8601; without offset they are in the shop's zone. Amounts are whole fen.
* `paid_fen` empty: paid what was due. `refunded_fen` is all that was refunded so far; empty: all that was paid.
  An amount, a waybill or a carrier without its time is refused: here nothing is guessed.
* `items` in CSV: `sku:title:quantity:price_fen`, several joined by `;`. A `:`, `;` or `\` within is written
  with a `\` before it; the price may be empty. In JSON lines: a list of objects with these four keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from flows.imports.cells import LARGEST_FEN, Clock, order_no, quantity
from flows.imports.files import TextFile
from flows.imports.remarks import holds_in
from flows.imports.rows import CellError, Fact, LineRow, OrderRow
from flows.imports.tables import Cells, Columns, Table, broken
from flows.strangers import BROKEN, cleaned

REQUIRED = ("no", "placed_at", "amount_fen")
TEXTS = ("buyer", "receiver", "phone", "address", "buyer_message", "remark")
OPTIONAL = (
    *(
        "paid_at",
        "paid_fen",
        "shipped_at",
        "waybill",
        "carrier",
        "delivered_at",
        "confirmed_at",
        "cancelled_at",
    ),
    *("refunded_at", "refunded_fen", *TEXTS, "items"),
)
ITEM_KEYS = ("sku", "title", "quantity", "price_fen")
WITHOUT_TIME = {
    "paid_fen": "paid_at",
    "waybill": "shipped_at",
    "carrier": "shipped_at",
    "refunded_fen": "refunded_at",
}


def reader(columns: Columns, clock: Clock) -> Callable[[Cells], OrderRow]:
    """How to read one row of the CSV."""
    places = columns.places

    def read(cells: Cells) -> OrderRow:
        row = {name: cells[place].strip() for name, place in places.items()}
        return _order(row, _items(row.get("items", "")), clock)

    return read


def json_rows(file: TextFile, clock: Clock) -> Iterator[tuple[int, str, OrderRow | CellError]]:
    """The rows of JSON lines: line, text, and the order or what is wrong with it."""
    for number, line in enumerate(file.text, 1):
        text = line.strip("\ufeff\r\n\t ")
        if not text:
            continue
        try:
            yield number, text, _json_order(text, clock)
        except CellError as error:
            yield number, text, error


def _json_order(text: str, clock: Clock) -> OrderRow:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise CellError("", "不是 JSON", "is not JSON") from None
    if not isinstance(said, dict):
        raise CellError("", "不是 JSON 对象", "is not a JSON object")
    if not said.keys() <= {*REQUIRED, *OPTIONAL}:
        raise CellError("", "有不认识的键", "has an unknown key")
    if any(name not in ITEM_KEYS for item in _items_of(said) for name in item):
        raise CellError(
            "items", "商品有不认识的键", f"an item has an unknown key: known are {', '.join(ITEM_KEYS)}"
        )
    return _order_of(said, clock)


def platform_order(said: object, clock: Clock) -> OrderRow:
    """An order as a platform tells it: with our columns, and whatever more it has. Raises CellError.

    Nothing paid back yet is said as 0 without a time.
    """
    if not isinstance(said, dict):
        raise CellError("", "不是 JSON 对象", "is not a JSON object")
    nothing = {name for name in ("paid_fen", "refunded_fen") if said.get(name) == 0}
    ours = {name: said[name] for name in REQUIRED + OPTIONAL if name in said and name not in nothing}
    if "paid_fen" in nothing and said.get("paid_at"):
        ours["paid_fen"] = 0
    return _order_of(ours, clock)


def _order_of(said: dict, clock: Clock) -> OrderRow:
    row = {name: _written(name, value) for name, value in said.items() if name != "items"}
    items = [[_written("items", item.get(key)) for key in ITEM_KEYS] for item in _items_of(said)]
    return _order(row, items, clock)


def _items_of(said: dict) -> list[dict]:
    items = said.get("items") or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CellError("items", "应为对象的列表", "is not a list of objects")
    return items


def _written(name: str, value: object) -> str:
    """A JSON value as a cell would have it."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise CellError(name, "应为文字或整数", "is neither a text nor a whole number")
    text = str(value).strip()
    if BROKEN.search(text):
        raise broken(name)
    return cleaned(text, lines=True)


def _order(row: dict[str, str], items: list[list[str]], clock: Clock) -> OrderRow:
    said = dict.fromkeys(REQUIRED + OPTIONAL, "") | row
    for name, needs in WITHOUT_TIME.items():
        if said[name] and not said[needs]:
            raise CellError(needs, f"有 {name} 却没有时间", f"is empty although {name} is given")
    no = order_no(said["no"], "no")
    due = _fen(said["amount_fen"], "amount_fen")
    at = {name: clock.moment(said[name], name) for name in said if name.endswith("_at")}
    placed_at = clock.needed(said["placed_at"], "placed_at")
    facts = [Fact("place", placed_at, {}), *holds_in(placed_at, said["buyer_message"], said["remark"])]
    paid = _fen(said["paid_fen"], "paid_fen") if said["paid_fen"] else due
    if at["paid_at"]:
        facts.append(Fact("pay", at["paid_at"], {"amount_fen": paid}))
    if at["shipped_at"]:
        parcel = {"waybill": said["waybill"] or None, "carrier": said["carrier"] or None}
        facts.append(Fact("ship", at["shipped_at"], parcel))
    if at["delivered_at"]:
        facts.append(Fact("deliver", at["delivered_at"], {}))
    if at["confirmed_at"]:
        facts.append(Fact("confirm", at["confirmed_at"], {}))
    if at["refunded_at"]:
        refunded = _fen(said["refunded_fen"], "refunded_fen") if said["refunded_fen"] else paid
        facts.append(Fact("refund", at["refunded_at"], {"amount_fen": refunded}))
    if at["cancelled_at"]:
        facts.append(Fact("cancel", at["cancelled_at"], {"reason": None}))
    details = {"amount_fen": due} | {name: said[name] or None for name in TEXTS}
    return OrderRow(0, no, details, tuple(_line(item) for item in items), facts)


def _fen(text: str, column: str) -> int:
    if re.fullmatch(r"[0-9]{1,12}", text) and int(text) <= LARGEST_FEN:
        return int(text)
    if not text:
        raise CellError(column, "金额为空", "is empty, an amount in fen is needed")
    raise CellError(column, "不是以分为单位的整数金额", "is not an amount in whole fen")


def _items(text: str) -> list[list[str]]:
    """Split at the `;` and `:` that have no `\\` before them."""
    if not text:
        return []
    items, parts = [], [""]
    for token in re.findall(r"\\.|[^\\]|\\$", text, re.DOTALL):
        if token == ";":
            items.append(parts)
            parts = [""]
        elif token == ":":
            parts.append("")
        else:
            parts[-1] += token[1:] if len(token) == 2 else token
    return [*items, parts] if parts != [""] else items


def _line(item: list[str]) -> LineRow:
    if len(item) != len(ITEM_KEYS) or not (item[0] or item[1]):
        raise CellError("items", "应为 sku:title:quantity:price_fen", "is not sku:title:quantity:price_fen")
    sku, title, pieces, price = item
    return LineRow(sku, title, quantity(pieces, "items"), _fen(price, "items") if price else None)


KEFU = Table(name="kefu", required=REQUIRED, optional=OPTIONAL, reader=reader, closed=True)
