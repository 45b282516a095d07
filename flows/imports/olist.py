"""The Olist tables: the file is …orders.csv; …order_items, …order_payments and (if there) …customers lie beside it.

What the tables leave open, and what we take them to mean:
* Times are local to the shop's zone. They may come in an impossible order: each fact stays at its own time.
* Due is the sum of price and freight of all items; an order without items owes what its payments add up to.
* Its payments are one fact, at its approval. Approved without payment rows: paid what was due. Handed over or
  delivered without approval: paid no later than that. Neither: the payment never came through, no fact.
* Shipped or delivered by its status but without a date: at delivery, else at the file's closing moment. So is
  `canceled`. `unavailable`, `invoiced`, `processing` say nothing that happened to the order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flows.imports.cells import Clock, amount_fen, order_no
from flows.imports.encodings import Encoding
from flows.imports.files import opened
from flows.imports.rows import CellError, Fact, LineRow, OrderRow, UnreadableFile
from flows.imports.tables import Cells, Columns, Table, table_of

ITEMS = Table("olist order_items", ("order_id", "product_id", "price", "freight_value"))
PAYMENTS = Table("olist order_payments", ("order_id", "payment_value"))
CUSTOMERS = Table("olist customers", ("customer_id", "customer_unique_id"), ("customer_state",))

STATUSES = (
    "created",
    "approved",
    "processing",
    "invoiced",
    "shipped",
    "delivered",
    "unavailable",
    "canceled",
)
TIMES = (
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
)


@dataclass(slots=True)
class Beside:
    """What the tables beside the orders say, by order or customer."""

    encoding_of: Callable[[Path], Encoding]
    goods: dict[str, Counter] = field(
        default_factory=lambda: defaultdict(Counter)
    )  # (product, price): pieces
    freight: Counter = field(default_factory=Counter)
    paid: Counter = field(default_factory=Counter)
    buyers: dict[str, tuple[str, str]] = field(default_factory=dict)
    unreadable: dict[str, CellError] = field(default_factory=dict)  # order: its row there that cannot be read


def tables_beside(path: Path, encoding_of: Callable[[Path], Encoding]) -> Beside:
    """Read the tables that belong to this table of orders."""
    beside = Beside(encoding_of)
    for line, (order, product, price, freight) in _sibling(path, "order_items", ITEMS, beside):
        try:
            priced, freight_fen = amount_fen(price, "price"), amount_fen(freight, "freight_value")
        except CellError as error:
            _blame(order, "order_items", line, error, beside)
            continue
        beside.goods[order][product, priced] += 1
        beside.freight[order] += freight_fen
    for line, (order, value) in _sibling(path, "order_payments", PAYMENTS, beside):
        try:
            beside.paid[order] += amount_fen(value, "payment_value")
        except CellError as error:
            _blame(order, "order_payments", line, error, beside)
    for _, (customer, person, state) in _sibling(path, "customers", CUSTOMERS, beside, needed=False):
        beside.buyers[customer] = (person, state)
    return beside


def _sibling(
    path: Path, name: str, table: Table, beside: Beside, needed: bool = True
) -> Iterator[tuple[int, list[str]]]:
    start, found, end = path.name.rpartition("orders")
    if not found:
        raise UnreadableFile(
            f"{path} lacks 'orders' in its name, so its other tables cannot be found: rename it"
        )
    places = [path.with_name(start + name + other) for other in (end, end.removesuffix(".gz"), end + ".gz")]
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        if needed:
            raise UnreadableFile(f"{places[0]} is missing: put it beside {path.name}")
        return
    if place.resolve().parent != path.resolve().parent:
        raise UnreadableFile(f"{place} leads to another folder: put the table itself beside {path.name}")
    with opened(place, beside.encoding_of(place).name) as file:
        columns, rows = table_of(file, table, place)
        wanted = [columns.of(column) for column in table.required + table.optional]
        for line, text, cells in rows:
            if isinstance(cells, CellError):
                _blame(text.partition(",")[0].strip('" '), name, line, cells, beside)
            else:
                yield line, [take(cells) for take in wanted]


def _blame(order: str, name: str, line: int, error: CellError, beside: Beside) -> None:
    """An order is not to be believed when a row of it beside cannot be read."""
    where = f"{name} line {line}" + (f": {error.column}" if error.column else "")
    beside.unreadable.setdefault(order, CellError(where, error.zh, error.en))


def reader(columns: Columns, clock: Clock, beside: Beside) -> Callable[[Cells], OrderRow]:
    """How to read one row of the orders table. Trouble beside that it has met is taken off `beside`."""
    number, customer, status = map(columns.of, ("order_id", "customer_id", "order_status"))
    times = [(name, columns.of(name)) for name in TIMES]

    def read(cells: Cells) -> OrderRow:
        no = order_no(number(cells), "order_id")
        if error := beside.unreadable.pop(no, None):
            raise error
        state = status(cells)
        if state not in STATUSES:
            raise CellError("order_status", "不认识的状态", "is an unknown status")
        placed_at = clock.needed(times[0][1](cells), times[0][0])
        approved_at, handed_over_at, delivered_at = (
            clock.moment(take(cells), name) for name, take in times[1:]
        )
        lines = tuple(
            LineRow(sku, "", pieces, price) for (sku, price), pieces in beside.goods.get(no, {}).items()
        )
        paid = beside.paid.get(no)
        freight = beside.freight.get(no)
        due = sum(line.price_fen * line.quantity for line in lines) + (freight or 0) if lines else paid or 0
        facts = [Fact("place", placed_at, {})]
        shipped = handed_over_at or state in ("shipped", "delivered")
        if approved_at or shipped or delivered_at:
            paid_at = approved_at or handed_over_at or delivered_at
            facts.append(Fact("pay", paid_at, {"amount_fen": due if paid is None else paid}))
        if shipped:
            facts.append(Fact("ship", handed_over_at or delivered_at, {"waybill": None, "carrier": None}))
        if delivered_at or state == "delivered":
            facts.append(Fact("deliver", delivered_at, {}))
        if state == "canceled":
            facts.append(Fact("cancel", None, {"reason": state}))
        person, region = beside.buyers.get(customer(cells), (customer(cells), ""))
        details = {
            "amount_fen": due,
            "freight_fen": freight,
            "buyer": person or None,
            "region": region or None,
        }
        return OrderRow(0, no, details, lines, facts)

    return read


OLIST = Table(name="olist", required=("order_id", "customer_id", "order_status", *TIMES), reader=reader)
