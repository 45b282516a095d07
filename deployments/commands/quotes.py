"""kefu quote promise | freight | return | complaint: ask a policy, change nothing."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from deployments import output
from deployments.commands.options import Json
from flows import clock
from flows.complaint_quotes import quote_complaint
from flows.policy_store import current_policy
from flows.return_quotes import quote_return
from models.database import engine_from_env, reading
from states.errors import BadInput
from states.policies.shops import ShopPolicies
from states.reasons import yuan

quote = typer.Typer(help="Ask a policy; nothing is changed.", no_args_is_help=True)
Shop = Annotated[str, typer.Option("--shop")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(quote, name="quote")


@quote.command()
def promise(shop: Shop, paid_at: Annotated[str, typer.Option("--paid-at")], json: Json = False) -> None:
    """When an order paid at this moment leaves, or arrives (rules 40, 41)."""
    policies = _policies(shop)
    answer = policies.promise(clock.read_time(paid_at, policies.zone, what="--paid-at"))
    _answer(
        json,
        answer=f"{answer.kind} on {answer.on}{' (预计 expected)' if answer.unknown_on else ''}",
        reasons=answer.reasons,
        kind=answer.kind,
        on=answer.on.isoformat(),
        cutoff_at=answer.cutoff_at.astimezone(policies.zone).isoformat(),
        provisional=answer.unknown_on is not None,
    )


@quote.command()
def freight(
    shop: Shop,
    amount_fen: Annotated[int, typer.Option(help="The goods' worth, in fen.")],
    distance_km: Annotated[str | None, typer.Option()] = None,
    region: Annotated[str | None, typer.Option()] = None,
    weight_kg: Annotated[str | None, typer.Option()] = None,
    hot_items: Annotated[int, typer.Option(help="How many of the special hot styles.")] = 0,
    flow: Annotated[str | None, typer.Option(help="Of bulk goods: which flow.")] = None,
    second_delivery: Annotated[bool, typer.Option(help="Sent again after a wrong address.")] = False,
    json: Json = False,
) -> None:
    """What shipping costs and who bears it (rules 49-51, 54); what the rules don't give is "not defined"."""
    policies = _policies(shop)
    if policies.freight is None:
        raise BadInput(f"shop {shop} has no freight policy", code="no_freight_policy", where=shop)
    try:
        answer = policies.freight.quote(
            amount_fen=amount_fen,
            distance_km=_number("--distance-km", distance_km),
            region=region,
            weight_kg=_number("--weight-kg", weight_kg),
            hot_items=hot_items,
            flow=flow,
            second_delivery=second_delivery,
        )
    except ValueError as error:
        raise BadInput(str(error), code="bad_freight_input", where="quote freight") from None
    _answer(json, answer=answer.answer, reasons=answer.reasons, fen=answer.fen, payer=answer.payer)


@quote.command("return")
def return_(
    no: Annotated[str, typer.Argument(metavar="NO", help="The order's number.")],
    reason: Annotated[str, typer.Option(help="quality, wrong_item, missing, damaged_in_transit, disliked …")],
    kind: Annotated[str | None, typer.Option(help="refund_unshipped, return_refund, exchange …")] = None,
    condition: Annotated[str | None, typer.Option(help="as_new, used, inner_packing_damaged.")] = None,
    goods: Annotated[str | None, typer.Option("--class", help="hygiene, special_price, gift …")] = None,
    sku: Annotated[str | None, typer.Option(help="Only these goods; all of the order when empty.")] = None,
    quantity: Annotated[int | None, typer.Option(help="Only so many pieces of them.")] = None,
    amount_fen: Annotated[int | None, typer.Option(help="The amount asked for, in fen.")] = None,
    evidence: Annotated[list[str] | None, typer.Option(help="photo, delivery_note; again for more.")] = None,
    at: Annotated[str | None, typer.Option(help="When it is asked: ISO 8601; now when empty.")] = None,
    shop: Annotated[str | None, typer.Option(help="Needed only where two shops use one number.")] = None,
    json: Json = False,
) -> None:
    """Whether goods or money may go back, until when, at whose cost, and how much (rules 35, 55, 69, 72-85)."""
    with reading(engine_from_env()) as connection:
        answer = quote_return(
            connection, no, reason=reason, kind=kind, condition=condition, goods=goods, sku=sku,
            quantity=quantity, amount_fen=amount_fen, evidence=evidence or (), at=at, shop=shop,
        )  # fmt: skip
    if json:
        output.as_json(answer)
        return
    output.console.print(answer["answer"], style="bold")
    for name in ("kind", "until", "cooling_until", "postage", "remedies", "evidence_wanted"):
        if said := _plain(answer[name]):
            _line(f"  {name}: {said}")
    _because(answer["reasons"])
    _line(f"  退款 refund: {yuan(answer['refund_fen'])}")
    for part in answer["parts"]:
        _line(f"    {yuan(part['fen'])} {part['zh']} / {part['en']}")


@quote.command()
def complaint(
    shop: Shop,
    nature: Annotated[
        str | None, typer.Option(help="packaging, attitude, logistics, quality, spoiled …")
    ] = None,
    amount_fen: Annotated[int | None, typer.Option(help="What is at stake, in fen.")] = None,
    repeat_buyer: Annotated[int, typer.Option(help="The buyer's earlier complaints.")] = 0,
    repeat_goods: Annotated[int, typer.Option(help="Earlier complaints about these goods.")] = 0,
    intake: Annotated[str | None, typer.Option("--class", help="consultation, query, complaint.")] = None,
    furious: Annotated[bool, typer.Option("--furious", help="Extremely dissatisfied.")] = False,
    hard_to_judge: Annotated[bool, typer.Option("--hard-to-judge", help="Nobody can tell yet.")] = False,
    at: Annotated[str | None, typer.Option(help="When it is told: ISO 8601; now when empty.")] = None,
    resolved_at: Annotated[str | None, typer.Option(help="ISO 8601; at its deadline when empty.")] = None,
    json: Json = False,
) -> None:
    """How grave a complaint is, by when what is owed, who is told, and when it is called back (rules 93-101)."""
    with reading(engine_from_env()) as connection:
        answer = quote_complaint(
            connection, shop, nature=nature, intake=intake, amount_fen=amount_fen, buyer_repeats=repeat_buyer,
            goods_repeats=repeat_goods, furious=furious, hard_to_judge=hard_to_judge, at=at,
            resolved_at=resolved_at,
        )  # fmt: skip
    if json:
        output.as_json(answer)
    else:
        _say_complaint(answer)


def _say_complaint(answer: dict) -> None:
    output.console.print(answer["answer"], style="bold")
    _because(answer["reasons"])
    if answer["urgency"]:
        _line(f"紧急程度 urgency: {answer['urgency']}")
        _because(answer["urgency_reasons"])
    for deadline in answer["deadlines"]:
        _line(f"期限 {deadline['kind']}: {output.when(deadline['due_at'])}")
        _because(deadline["reasons"])
    if ladder := answer["ladder"]:
        for notice in ladder["notices"]:
            _line(f"通知 told: {output.when(notice['at'])} {notice['who']}")
            _because(notice["reasons"])
        if ladder["bring_in"]:
            _line(f"协同部门 brought in: {', '.join(ladder['bring_in'])}")
        _line(f"无人确认 nobody has acknowledged: {output.when(ladder['unheard_at'])}")
    if callback := answer["callback"]:
        assumed = "(假定 assumed)" if callback["assumed"] else ""
        _line(f"处理完毕 resolved: {output.when(callback['resolved_at'])}{assumed}")
        for call in callback["calls"]:
            _line(f"回访 call: {output.when(call['at'])}")
            _because(call["reasons"])
        _line(f"书面回访 survey: {output.when(callback['survey']['at'])}")
        _because(callback["survey"]["reasons"])
        _line(f"回访期限 callback until: {output.when(callback['until'])}")


def _plain(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {said}" for name, said in value.items() if said)
        case list():
            return ", ".join(value)
    return str(value or "")


def _number(what: str, text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise BadInput(f"{what}: {text!r} is no number", code="bad_number", where=what) from None


def _policies(shop: str) -> ShopPolicies:
    with reading(engine_from_env()) as connection:
        return current_policy(connection, shop)


def _answer(json: bool, *, answer: str, reasons: tuple, **more: object) -> None:
    if json:
        output.as_json({"answer": answer, "reasons": [r.as_dict() for r in reasons], **more})
        return
    output.console.print(answer, style="bold")
    for name, value in more.items():
        output.console.print(f"  {name}: {value}", highlight=False)
    _because([reason.as_dict() for reason in reasons])


def _because(reasons: list[dict]) -> None:
    for reason in reasons:
        rule = f" (规则 rule {reason['rule']})" if reason["rule"] else ""
        _line(f"  因为 {reason['zh']} / {reason['en']}{rule}")


def _line(text: str) -> None:
    output.console.print(text, highlight=False, markup=False, soft_wrap=True)
