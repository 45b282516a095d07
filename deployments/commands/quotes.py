"""kefu quote promise | freight: ask a policy, change nothing."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from deployments import output
from flows import clock
from flows.policy_store import current_policy
from models.database import engine_from_env, reading
from states.errors import BadInput
from states.policies.shops import ShopPolicies

quote = typer.Typer(help="Ask a policy; nothing is changed.", no_args_is_help=True)
Shop = Annotated[str, typer.Option("--shop")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(quote, name="quote")


@quote.command()
def promise(shop: Shop, paid_at: Annotated[str, typer.Option("--paid-at")], json: Json = False) -> None:
    """When an order paid at this moment leaves, or arrives (rules 40, 41)."""
    policies = _policies(shop)
    answer = policies.promise(clock.read_time(paid_at, policies.zone, what="--paid-at"))
    _answer(
        json,
        answer=f"{answer.kind} on {answer.on}",
        reasons=answer.reasons,
        kind=answer.kind,
        on=answer.on.isoformat(),
        cutoff_at=answer.cutoff_at.astimezone(policies.zone).isoformat(),
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
    for reason in reasons:
        rule = f" (规则 rule {reason.rule})" if reason.rule else ""
        output.console.print(f"  因为 {reason.zh} / {reason.en}{rule}", highlight=False, soft_wrap=True)
