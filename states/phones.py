"""Telephone numbers, with the extension that a platform's privacy number has: 18877771111-123, 17012345678转1234.

The main number of such a one belongs to the platform and to many buyers; only the extension tells them apart.
"""

from __future__ import annotations

import re

import phonenumbers

# What stands behind a number in front of its extension, as platforms and people write it. For texts, too: a comma
# with a space behind it goes on with something else.
EXTENSION = (
    r"[ \t]*[(（]?(?:(?:转接?|轉|分机|分機|;?ext[.=]?|[-－—–#＃])[ \t:：]*\d{1,6}|(?:[,，]{1,2}|x)\d{3,6})[)）]?"
    r"(?![-－.]?\d)"
)
_AT_THE_END = re.compile(EXTENSION + r"\s*$", re.IGNORECASE)


def phone_number(text: str | None, region: str) -> phonenumbers.PhoneNumber | None:
    """A number that can exist, its extension with it; None for anything else.

    Args:
        text: as somebody wrote it.
        region: whose numbers are written without a country code, such as "CN".
    """
    found = _possible(text or "", region)
    main, extension = _split(text or "")
    if found or not extension:
        return found
    if found := _possible(main, region):
        found.extension = re.sub(r"\D", "", extension)
    return found


def without_extension(text: str, region: str) -> str:
    """The main number, as it is written."""
    number = phone_number(text, region)
    return _split(text)[0] if number and number.extension else text


def _possible(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _split(text: str) -> tuple[str, str]:
    end = _AT_THE_END.search(text)
    return (text[: end.start()], end[0]) if end else (text, "")
