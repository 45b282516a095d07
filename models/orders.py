"""Orders, what is in them, and the batches they leave in."""

from datetime import date, datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.types import UtcDateTime


class DispatchBatch(SQLModel, table=True):
    """What one shop lets go at one cut-off: one batch, however many runs see to it."""

    __tablename__ = "dispatch_batches"

    shop: str = Field(primary_key=True)
    cutoff_at: datetime = Field(primary_key=True, sa_type=UtcDateTime)


class Order(SQLModel, table=True):
    """One order of one shop, as far as we know. Only `flows/advance.py` writes here (promise 1)."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("no", "shop"),  # this way round an order is also found by its number alone
        ForeignKeyConstraint(
            ["shop", "batch_cutoff_at"], ["dispatch_batches.shop", "dispatch_batches.cutoff_at"]
        ),
        Index("orders_by_state", "shop", "state", "promise_cutoff_at"),
        Index("orders_alike", "buyer_id", "goods_key"),
        Index("orders_in_batch", "shop", "batch_cutoff_at"),
        Index("orders_by_waybill", "shop", "waybill"),  # by which a carrier knows it
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    no: str
    state: str
    version: int = 0  # counts the changes; compared and swapped at every write
    policy_version_id: int | None = Field(default=None, foreign_key="policy_versions.id")
    changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    buyer_id: int | None = Field(default=None, foreign_key="buyers.id")
    receiver: str | None = None
    phone: str | None = None
    address: str | None = None
    region: str | None = None
    buyer_message: str | None = None
    remark: str | None = None
    goods_key: str | None = None  # equal for orders of the same goods in the same quantities

    amount_fen: int = 0  # what is due, freight and discount included
    freight_fen: int | None = None
    discount_fen: int | None = None
    paid_fen: int = 0
    refunded_fen: int = 0  # in all, as far as we know
    refunding_fen: int = Field(  # on its way back: never with the above more than was paid (promise 7)
        default=0, sa_column_kwargs={"server_default": "0"}
    )

    placed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    pay_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reminded_rung: int = 0
    opted_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paid_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    promise_kind: str | None = None
    promise_on: date | None = None
    promise_cutoff_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    promise_unknown_on: date | None = None  # provisional: the first day it rests on that nobody knew yet
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    batch_cutoff_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    part_shipped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    shipped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    waybill: str | None = None
    carrier: str | None = None
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # completed, cancelled or refunded


class OrderLine(SQLModel, table=True):
    """One kind of goods in an order; `price_fen` is for one piece, None where the source has no prices."""

    __tablename__ = "order_lines"

    order_id: int = Field(primary_key=True, foreign_key="orders.id")
    position: int = Field(primary_key=True)
    sku: str
    title: str
    quantity: int
    price_fen: int | None = None
