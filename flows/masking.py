"""Personal data as it may leave the database: enough to recognise, too little to use (promise 9)."""

from __future__ import annotations

import re

from states.phones import EXTENSION

HIDDEN = "****"

# A mobile number with or without +86, a landline with its area code, a foreign number with its +.
# Each may have an extension. Longer runs of digits (order numbers, waybills) are no telephone numbers and stay.
_PHONE_LIKE = re.compile(
    r"(?P<main>(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[-. \u00a0\t]?\d{4}){2}(?!\d)"
    r"|[(（]1[3-9]\d[)）][- ]?\d{4}[- ]?\d{4}(?!\d)"
    r"|[(（]0\d{2,3}[)）][- ]?\d{3,4}[- ]?\d{4}(?!\d)"
    r"|(?<!\d)0\d{2,3}[- ]?\d{3,4}[- ]?\d{4}(?!\d)"
    r"|(?<!\d)400[- ]?\d{3}[- ]?\d{4}(?!\d)"
    r"|\+\d{1,3}[- ]?(?:\d[- ]?){6,12}\d(?!\d))"
    rf"(?P<extension>{EXTENSION})?",
    re.IGNORECASE,
)
_PLAIN_DIGITS = {ord("０") + digit: str(digit) for digit in range(10)}
_MOBILE = re.compile(r"1[3-9]\d{9}")


def mask_phone(phone: str | None) -> str:
    """13812341234 as 138****1234; of any other number only the last digits, of an extension that there is one."""
    found = _PHONE_LIKE.fullmatch((phone or "").strip().translate(_PLAIN_DIGITS))
    if found and found["extension"]:
        return f"{mask_phone(found['main'])}-{HIDDEN}"
    digits = re.sub(r"\D", "", phone or "")
    if digits.startswith("86") and len(digits) == 13:
        digits = digits[2:]
    if _MOBILE.fullmatch(digits):
        return digits[:3] + HIDDEN + digits[-4:]
    if len(digits) >= 7:
        return HIDDEN + digits[-3:]
    return HIDDEN if (phone or "").strip() else ""


def mask_name(name: str | None) -> str:
    """王小明 as 王*, whatever the length."""
    name = (name or "").strip()
    return name[:1] + "*" if name else ""


def mask_address(address: str | None) -> str:
    """The first six characters, which is about the province and the city; of a short one less than half."""
    address = (address or "").strip()
    return address[: min(6, (len(address) - 1) // 2)] + HIDDEN if address else ""


def mask_text(text: str | None) -> str:
    """Any text, with everything in it that looks like a telephone number masked."""
    return _PHONE_LIKE.sub(lambda match: mask_phone(match[0]), (text or "").translate(_PLAIN_DIGITS))
