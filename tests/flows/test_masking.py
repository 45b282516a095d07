import pytest

from flows.masking import mask_address, mask_name, mask_phone, mask_text


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812341234", "138****1234"),
        ("+86 138 1234 1234", "138****1234"),
        ("8613812341234", "138****1234"),
        ("021-58881234", "****234"),
        ("12", "****"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_phone_keeps_only_what_recognises_it(phone, masked):
    assert mask_phone(phone) == masked


def test_names_and_addresses_keep_only_their_beginning():
    assert mask_name("王小明") == "王*"
    assert mask_name("欧阳娜娜") == "欧*"
    assert mask_address("浙江省杭州市西湖区文三路一号") == "浙江省杭州市****"
    assert mask_address("文三路188号") == "文三路****"
    assert (mask_address("西溪5号"), mask_address("家")) == ("西****", "****")
    assert (mask_name(None), mask_address("")) == ("", "")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("请打13812341234找王姐", "请打138****1234找王姐"),
        ("电话：１３８１２３４１２３４", "电话：138****1234"),
        ("86-13812341234, 021-58881234", "138****1234, ****234"),
        ("138 1234 1234或138-1234-1234", "138****1234或138****1234"),
        ("+55 11 91234-5678", "****678"),
        ("热线400-123-4567", "热线****567"),
        ("order 1234567890123456789 at 2020-02-01 10:00:00, 12.50", None),
        ("运单 773012345678901", None),
    ],
)
def test_every_phone_in_a_text_is_masked_and_nothing_else(text, masked):
    assert mask_text(text) == (masked or text)
