"""Many rows at once, on both databases: no number of them is too large, and what goes in comes out."""

from datetime import UTC, datetime

import pytest
from orders_told import PLACED_AT
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from flows.sql import insert_all, insert_new, one_of, one_row_of, update_all
from models import Buyer, OutboxMessage
from models.database import transaction

BUYERS, OUTBOX = Buyer.__table__, OutboxMessage.__table__
MORE_THAN_PARAMETERS = 70_000  # PostgreSQL takes 65,535 of them, SQLite 32,766


def a_buyer(handle: str, **more) -> dict:
    return {"shop": "bag-studio", "handle": handle, **more}


def test_no_number_of_rows_or_keys_is_too_large(engine):
    handles = [f"买家 {n}" for n in range(MORE_THAN_PARAMETERS)]
    with transaction(engine) as connection:
        assert insert_new(connection, BUYERS, [a_buyer(h) for h in handles]) == len(handles)
        one = select(BUYERS.c.id).where(one_of(connection, BUYERS.c.handle, handles))
        both = select(BUYERS.c.id).where(
            one_row_of(connection, (BUYERS.c.shop, BUYERS.c.handle), [("bag-studio", h) for h in handles])
        )
        ids = connection.scalars(one).all()
        assert set(ids) == set(connection.scalars(both))
        keys, new = [{"id": id_} for id_ in ids], [{"opted_out_at": PLACED_AT}] * len(ids)
        assert update_all(connection, BUYERS, keys, new, ["opted_out_at"]) == len(handles)


def test_what_is_known_is_left_alone_or_an_error(engine):
    with transaction(engine) as connection:
        insert_all(connection, BUYERS, [a_buyer("a")])
        assert insert_new(connection, BUYERS, [a_buyer("a"), a_buyer("b")]) == 1
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        insert_all(connection, BUYERS, [a_buyer("c"), a_buyer("b")])


def test_an_update_finds_only_rows_whose_whole_key_is_as_told(engine):
    with transaction(engine) as connection:
        insert_all(connection, BUYERS, [a_buyer("a"), a_buyer("b")])
        keys = [a_buyer("a"), a_buyer("b") | {"shop": "another"}]
        assert update_all(connection, BUYERS, keys, [{"opted_out_at": PLACED_AT}] * 2, ["opted_out_at"]) == 1
        assert connection.scalars(
            select(BUYERS.c.handle).where(BUYERS.c.opted_out_at.is_not(None))
        ).all() == ["a"]


def test_documents_texts_and_instants_come_out_as_they_went_in(engine):
    row = {
        "case_kind": "order", "case_id": 1, "shop": "bag-studio", "what": "ship", "channel": "buyer", "key": "k",
        "owed_at": datetime(2026, 3, 2, 2, 0, 0, 123456, UTC), "recorded_at": PLACED_AT,
        "only_while": ["paid"], "payload": {"a": [1, {"引号": "\"'\\ \n%s :x"}]}, "text": "'\"\\ \n{%s} :x 😀",
    }  # fmt: skip
    with transaction(engine) as connection:
        insert_all(connection, OUTBOX, [row, row | {"key": "l", "text": None}])
        first, second = connection.execute(select(OUTBOX).order_by(OUTBOX.c.id)).mappings()
    assert {name: first[name] for name in row} == row
    assert second["text"] is None


def test_an_instant_without_zone_is_refused(engine):
    with pytest.raises(Exception, match="has no time zone"), transaction(engine) as connection:
        insert_all(connection, BUYERS, [a_buyer("a", opted_out_at=datetime(2026, 3, 2))])  # noqa: DTZ001
