"""What a person does by hand leaves no personal data where others read it (promise 9)."""

from orders_told import RECEIVER, history, order, placed, tell

from flows.acting import act


def test_history_names_the_fields_that_a_person_changed_and_not_their_values(engine):
    tell(engine, placed(phone=None))
    act(engine, "1", "amend", facts={"phone": RECEIVER["phone"], "receiver": RECEIVER["receiver"]}, by="李娜")
    assert order(engine).phone == RECEIVER["phone"]
    (amended,) = [row for row in history(engine) if row.trigger == "amend"]
    assert (amended.by, amended.facts) == ("李娜", {"fields": ["phone", "receiver"]})
