"""The phone book: whom the numbers belong to, and whether they can be reached."""

from __future__ import annotations

from typing import Any

from deployments.sandbox.answers import No
from deployments.sandbox.store import Store

REACHED, UNKNOWN, REFUSES, BOUNCES = "reached", "unknown", "refuses", "bounces"


class People:
    """By phone number, and by their handle on the platform. Whom nobody set otherwise is reached."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def meet(self, order: dict[str, Any]) -> None:
        """A buyer's number, with the name it was ordered under."""
        if order["phone"] and not self._store.get("person", _number(order["phone"])):
            self.set(order["phone"], order["receiver"], REACHED)

    def set(self, number: str, name: str, answers: str) -> dict[str, Any]:
        person = {"number": _number(number), "name": name, "answers": answers}
        self._store.put("person", person["number"], person)
        return person

    def all(self) -> list[dict[str, Any]]:
        return self._store.all("person")

    def reach(self, number: str) -> str:
        """REACHED, or BOUNCES: taken, and back later. Raises No for a number that is dead, and for a person who
        wants no messages."""
        answers = (self._store.get("person", _number(number)) or {"answers": REACHED})["answers"]
        if answers in (UNKNOWN, REFUSES):
            code = "number_unknown" if answers == UNKNOWN else "recipient_refuses"
            raise No(422, code, "this message can't be delivered to its recipient")
        return answers


def _number(told: str) -> str:
    """+86 139-0000-1234 and 13900001234 are one phone; a handle stays as it is."""
    digits = told.replace(" ", "").replace("-", "").removeprefix("+86")
    return digits if digits.lstrip("+").isdigit() else told
