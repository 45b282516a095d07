"""Reads a shop file, and says in one sentence each what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from states.policies.shops import ShopPolicies


class ShopFileError(ValueError):
    """The file is no shop file; `problems` holds one sentence per error, the message all of them in lines."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_shop_file(path: Path | str) -> ShopPolicies:
    """The policies of one shop; ShopFileError for a file that is missing, unreadable or wrong."""
    path = Path(path)
    settings = _toml(path)
    try:
        return ShopPolicies.model_validate(settings)
    except ValidationError as error:
        problems = [_sentence(detail) for detail in error.errors(include_url=False)]
        raise ShopFileError([f"{path.name}: {problem}" for problem in problems]) from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problem = "there is no such file"
    except IsADirectoryError:
        problem = "is a directory, not a shop file"
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 text (byte {error.start + 1})"
    except tomllib.TOMLDecodeError as error:
        problem = f"is not readable as TOML: {error}"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise ShopFileError([f"{path}: {problem}"])


def _sentence(detail: ErrorDetails) -> str:
    where, key = _key_path(detail["loc"]), detail["loc"][-1] if detail["loc"] else ""
    match detail["type"]:
        case "extra_forbidden":
            near = get_close_matches(str(key), _settings_beside(detail["loc"]), n=1)
            return f"{where} is not a setting" + (f" (did you mean {near[0]}?)" if near else "")
        case "missing":
            return f"{where} is missing"
        case "value_error":
            problem = str(detail["ctx"]["error"])
            return f"{where}: {problem}" if where else problem
        case "model_type" | "dict_type":
            return f"{where} should be a table of settings, not {detail['input']!r}"
        case "tuple_type":
            return f"{where} should be a list, not {detail['input']!r}"
        case _:
            return f"{where}: {detail['msg'].replace('Input should', 'should')}, not {detail['input']!r}"


def _key_path(loc: tuple[int | str, ...]) -> str:
    """The place as the shop file writes it, list entries counted from 1: payment.ladder[2].after"""
    return "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in loc).removeprefix(".")


def _settings_beside(loc: tuple[int | str, ...]) -> list[str]:
    """The settings known in the table that holds the last key of `loc`."""
    policy: type[BaseModel] = ShopPolicies
    for key in loc[:-1]:
        if key in policy.model_fields:  # other keys number a list or name a desk: the policy stays the same
            policy = next(_policies_in(policy.model_fields[key].annotation), policy)
    return list(policy.model_fields)


def _policies_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _policies_in(part)
