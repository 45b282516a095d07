"""kefu shop apply | list | show"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import func, select

from deployments import output
from deployments.commands.options import Json
from deployments.shop_files import load_shop_file
from flows import clock
from flows.gateways.registry import check_kinds
from flows.policy_store import VERSIONS, apply_policy, current_policy
from flows.remaking import on_closed_days
from models.database import engine_from_env, reading

shop = typer.Typer(help="Shops and their policy versions.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(shop, name="shop")


@shop.command()
def apply(file: Path, json: Json = False) -> None:
    """Store a shop file as the shop's newest policy version; the same file again changes nothing."""
    policies = load_shop_file(file)
    check_kinds(policies)
    number, new = apply_policy(engine_from_env(), policies, at=clock.now())
    with reading(engine_from_env()) as connection:
        closed = on_closed_days(connection, policies.name)
    if json:
        told = {"shop": policies.name, "policy_version": number, "new": new, "on_closed_days": closed}
        output.as_json(told)
        return
    output.console.print(f"{policies.title} {policies.name}: version {number}{'' if new else ', as it was'}")
    if closed:
        output.say(
            f"{closed} 个发货承诺或回访落在休息日,重新承诺:kefu repromise --shop {policies.name} / "
            f"{closed} promises or callbacks lie on days that are closed; make them again with that command",
            style="yellow",
        )


@shop.command("list")
def list_(json: Json = False) -> None:
    """Every shop with its newest policy version."""
    newest = (
        select(VERSIONS.c.shop, func.max(VERSIONS.c.number), func.max(VERSIONS.c.applied_at))
        .group_by(VERSIONS.c.shop)
        .order_by(VERSIONS.c.shop)
    )
    with reading(engine_from_env()) as connection:
        rows = connection.execute(newest).all()
        shops = [(current_policy(connection, name), number, at) for name, number, at in rows]
    if json:
        output.as_json(
            [
                {"shop": p.name, "title": p.title, "policy_version": n, "applied_at": at.isoformat()}
                for p, n, at in shops
            ]
        )
    else:
        rows = [(p.name, p.title, p.title_en, f"{p.dispatch.cutoff:%H:%M} {p.zone}", n) for p, n, _ in shops]
        output.as_table("店铺 Shops", ("shop", "名称", "title", "cut-off", "version"), rows)


@shop.command()
def show(name: Annotated[str, typer.Argument(metavar="SHOP")], json: Json = False) -> None:
    """One shop's settings as they now are."""
    with reading(engine_from_env()) as connection:
        settings = current_policy(connection, name).model_dump(mode="json")
    output.as_json(settings) if json else output.console.print(settings)
