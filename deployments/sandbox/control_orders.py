"""/control: what buyers, the warehouse and couriers do, one by one or a thousand at once."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from deployments.sandbox.answers import (
    Fen,
    Moment,
    No,
    OrderNo,
    ShopName,
    Text,
    Told,
    Waybill,
    Word,
    iso,
)
from deployments.sandbox.orders import TIMES, Order
from deployments.sandbox.parcels import STATES
from deployments.sandbox.requests import NOS, TheWorld, told
from deployments.sandbox.world import World

api = APIRouter(prefix="/control", tags=["control 控制台"], responses=NOS)
MOST_AT_ONCE = 2_000
NATURES = Literal["packaging", "attitude", "logistics", "quality", "expired", "spoiled", "safety", "other"]
State = Annotated[Literal[tuple(STATES)], Field(description="Kuaidi100's: 1 揽收, 0 在途, 5 派件, 3 签收 …")]


class Item(Told):
    sku: Word
    title: Word = "未命名"
    quantity: Annotated[int, Field(strict=True, gt=0, le=10_000)] = 1
    price_fen: Fen | None = None


class NewOrder(Told):
    """The columns of kefu's own import format."""

    no: OrderNo
    shop: ShopName
    amount_fen: Fen
    placed_at: Moment | None = None
    paid_at: Moment | None = None
    paid_fen: Fen | None = None
    shipped_at: Moment | None = None
    waybill: Waybill | None = None
    carrier: Word | None = None
    delivered_at: Moment | None = None
    confirmed_at: Moment | None = None
    cancelled_at: Moment | None = None
    refunded_at: Moment | None = None
    refunded_fen: Fen = 0
    buyer: Word = "买家"
    receiver: Word = "王小明"
    phone: Word | None = None
    address: Annotated[str, Field(max_length=500)] = ""
    buyer_message: Text | None = None
    remark: Annotated[str, Field(max_length=2_000)] = ""
    items: Annotated[list[Item], Field(max_length=100)] = []


class NewOrders(Told):
    orders: Annotated[list[NewOrder], Field(min_length=1, max_length=MOST_AT_ONCE)]


class MadeUp(Told):
    shop: ShopName
    count: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 1
    paid: bool = False
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class Then(Told):
    at: Moment | None = Field(None, description="The sandbox's now when empty.")


class Payment(Then):
    fen: Fen | None = Field(None, description="What is due when empty.")


class Departure(Told):
    waybill: Waybill | None = Field(None, description="The next number when empty.")
    carrier: Word = "顺丰速运"


class Complaint(Told):
    nature: NATURES = "quality"
    text: Text = "收到的商品有问题"


class ReturnParcel(Told):
    waybill: Waybill
    order_no: OrderNo
    carrier: Word = "顺丰速运"


class Scan(Told):
    state: State
    place: Annotated[str, Field(max_length=100)] = ""


@api.get("/orders")
async def orders(world: TheWorld, limit: Annotated[int, Query(ge=1, le=100_000)] = 100) -> Response:
    """The latest changed ones, the newest first."""
    return told({"orders": world.store.all("order", newest=limit)})


@api.post("/orders", status_code=201)
async def place(body: NewOrders, world: TheWorld) -> Response:
    """Buyers order: all of them, or none."""
    return _placed(world, [_as_stored(order) for order in body.orders])


@api.post("/orders/made-up", status_code=201)
async def place_made_up(body: MadeUp, world: TheWorld) -> Response:
    """So many orders of made-up people; the same seed makes up the same ones."""
    draw = random.Random(body.seed or world.store.number("seed"))
    return _placed(world, [_as_stored(_made_up(body, draw, world)) for _ in range(body.count)])


@api.post("/orders/{no}/pay")
async def pay(no: OrderNo, body: Payment, world: TheWorld) -> Response:
    """The buyer pays."""
    return _changed(world, lambda: world.orders.pay(no, body.at, body.fen))


@api.post("/orders/{no}/cancel")
async def cancel(no: OrderNo, body: Then, world: TheWorld) -> Response:
    """The buyer closes it without paying."""
    return _changed(world, lambda: world.orders.cancel(no, body.at))


@api.post("/orders/{no}/depart")
async def depart(no: OrderNo, body: Departure, world: TheWorld) -> Response:
    """It leaves the warehouse."""
    return _changed(world, lambda: world.ship(no, body.waybill or _waybill(world), body.carrier))


@api.post("/orders/{no}/sign")
async def sign(no: OrderNo, body: Then, world: TheWorld) -> Response:
    """The buyer signs for the parcel."""
    return _changed(world, lambda: world.sign(no, body.at))


@api.post("/orders/{no}/confirm")
async def confirm(no: OrderNo, body: Then, world: TheWorld) -> Response:
    """The buyer confirms on the platform that it came."""
    return _changed(world, lambda: world.orders.confirm(no, body.at))


@api.post("/orders/{no}/complain", status_code=201)
async def complain(no: OrderNo, body: Complaint, world: TheWorld) -> Response:
    """The buyer complains on the platform."""
    with world.store.change():
        order = world.orders.find(no)
        complaint = {"no": f"TS{world.store.number('complaint')}", "order_no": no, "shop": order["shop"]}
        complaint |= {"made_at": iso(world.hands.now()), **body.model_dump()}
        complaint |= {name: order.get(name) for name in ("buyer", "phone")}
        world.store.put("complaint", complaint["no"], complaint, updated_at=complaint["made_at"])
        world.events.complaint_made(complaint)
    return told(complaint, 201)


@api.post("/warehouse")
async def empty_the_warehouse(world: TheWorld) -> Response:
    """Everything let go leaves. What must not, because nobody stopped it in time, stays and is noted in the ledger."""
    left = []
    for order in world.orders.in_the_warehouse():
        no, waybill = order["no"], _waybill(world)
        body = {"waybill": waybill, "carrier": "顺丰速运"}
        status, answer = world.ledger.once(
            "warehouse",
            "depart",
            None,
            no,
            body,
            lambda told=body, no=no: (200, world.ship(no, **told)),
        )
        if status == 200:
            left.append(answer)
        else:
            world.orders.stop(no)
    return told({"orders": left})


@api.post("/refunds/settle")
async def settle(world: TheWorld) -> Response:
    """The payment service pays what was pending, and pushes that it did."""
    with world.store.change():
        return told({"refunds": world.refunds.settle_all()})


@api.get("/parcels")
async def parcels(world: TheWorld, limit: Annotated[int, Query(ge=1, le=100_000)] = 100) -> Response:
    """With their scans, the latest scanned first."""
    return told({"parcels": world.store.all("parcel", newest=limit)})


@api.post("/parcels", status_code=201)
async def send_back(body: ReturnParcel, world: TheWorld) -> Response:
    """The buyer sends something back."""
    with world.store.change():
        shop = world.orders.find(body.order_no)["shop"]
        return told(world.parcels.hand_over(body.waybill, body.carrier, shop, body.order_no, back=True), 201)


@api.post("/parcels/{waybill}/scan")
async def scan(waybill: Waybill, body: Scan, world: TheWorld) -> Response:
    """The courier scans a parcel; a scan of 签收 delivers the order."""
    with world.store.change():
        return told(world.scan(waybill, body.state, body.place))


@api.post("/parcels/{waybill}/give-up")
async def give_up(waybill: Waybill, world: TheWorld) -> Response:
    """Kuaidi100 pushes that it stopped watching: three days without a record."""
    with world.store.change():
        return told(world.parcels.give_up(waybill))


@api.put("/stock/{sku}")
async def stock(
    sku: Annotated[Word, Path()], pieces: Annotated[int, Query(ge=0, le=1_000_000)], world: TheWorld
) -> Response:
    """So many are left; what is never set is never short."""
    with world.store.change():
        world.orders.set_stock(sku, pieces)
    return told({"sku": sku, "pieces": pieces})


def _placed(world: World, orders: list[Order]) -> Response:
    with world.store.change():
        placed = [world.place(order)["no"] for order in orders]
    return told({"placed": placed}, 201)


def _changed(world: World, change: Any) -> Response:
    with world.store.change():
        return told(change())


def _as_stored(order: NewOrder) -> Order:
    times = {name: getattr(order, name) for name in ("placed_at", *TIMES)}
    if order.shipped_at is None and (order.waybill or order.delivered_at):
        raise No(422, "not_shipped", "a waybill or a delivery needs shipped_at")
    return order.model_dump() | {name: iso(at) if at else None for name, at in times.items()}


def _waybill(world: World) -> str:
    return f"SF{world.store.number('waybill'):013d}"


SURNAMES, NAMES = "王李张刘陈杨赵黄周吴", ("小明", "丽华", "建国", "桂英", "志强", "晓燕")
GOODS = (("BAG-01", "牛皮托特包", 26_800), ("BAG-02", "帆布双肩包", 12_800), ("DISH-01", "手抓饭", 4_200))
CITIES = ("新疆维吾尔自治区 乌鲁木齐市 天山区", "浙江省 杭州市 西湖区", "广东省 广州市 天河区")


def _made_up(told: MadeUp, draw: random.Random, world: World) -> NewOrder:
    number = world.store.number("order")
    now = world.hands.now()
    sku, title, fen = draw.choice(GOODS)
    quantity = draw.choice((1, 1, 1, 2))
    return NewOrder(
        no=f"{now:%y%m%d}{number:06d}",
        shop=told.shop,
        amount_fen=fen * quantity,
        placed_at=now - timedelta(minutes=1) if told.paid else now,
        paid_at=now if told.paid else None,
        buyer=f"buyer{number:05d}",
        receiver=draw.choice(SURNAMES) + draw.choice(NAMES),
        phone=f"1390000{number % 10_000:04d}",
        address=f"{draw.choice(CITIES)} 示范路{draw.randint(1, 300)}号",
        items=[Item(sku=sku, title=title, quantity=quantity, price_fen=fen)],
    )
