"""A privacy number is a telephone number with an extension, however it is written."""

import pytest

from states.phones import phone_number, without_extension
from states.policies.audit import phone_doubts

WRITTEN = {
    "18877771111-123": ("18877771111", "123"),
    "18877771111-1234": ("18877771111", "1234"),
    "18877771111－123": ("18877771111", "123"),
    "17012345678转1234": ("17012345678", "1234"),
    "17012345678 转 1234": ("17012345678", "1234"),
    "17012345678（转1234）": ("17012345678", "1234"),
    "17012345678分机:12": ("17012345678", "12"),
    "17012345678,1234": ("17012345678", "1234"),
    "17012345678，1234": ("17012345678", "1234"),
    "17012345678#1234": ("17012345678", "1234"),
    "17012345678 ext 123": ("17012345678", "123"),
    "17012345678 Ext. 123": ("17012345678", "123"),
    "17012345678x123": ("17012345678", "123"),
    "170 1234 5678-9": ("170 1234 5678", "9"),
    "+86 18877771111-123": ("+86 18877771111", "123"),
    "010-12345678-801": ("010-12345678", "801"),
    "0571-88888888转8001": ("0571-88888888", "8001"),
    "400-820-8820转1": ("400-820-8820", "1"),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_number_with_an_extension_is_one_that_can_be_called(text):
    main, extension = WRITTEN[text]
    assert list(phone_doubts(text, "CN")) == []
    assert phone_number(text, "CN").extension == extension
    assert without_extension(text, "CN") == main


@pytest.mark.parametrize(
    "text",
    ["13812341234", "138-1234-1234", "138 1234 1234", "+8613812341234", "021-58881234", "0571-88888888"],
)
def test_hyphens_and_spaces_within_a_number_begin_no_extension(text):
    assert not phone_number(text, "CN").extension
    assert without_extension(text, "CN") == text


def test_an_extension_is_told_in_every_country():
    assert phone_number("+55 11 91234-5678", "CN").extension is None
    assert phone_number("(11) 91234-5678 ext 12", "BR").extension == "12"


@pytest.mark.parametrize(
    "text",
    ["1887777111-123", "18877771111-1234567", "18877771111-13812341234", "-123", "转1234", "138-123", "", None,
     "18877771111转", "18877771111-12a"],
)  # fmt: skip
def test_an_extension_makes_no_number_of_what_is_none(text):
    assert phone_number(text, "CN") is None


@pytest.mark.parametrize("text", ["188****1111-123", "1******6198", "12345-123"])
def test_a_masked_or_impossible_number_stays_one(text):
    assert [doubt.rule for doubt in phone_doubts(text, "CN")] == [29]
