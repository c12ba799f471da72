"""The one way the marks of bins and trucks are written: RFID tags, and the terminals that report where a truck is.

Readers, registers and makers spell the same number differently; the registry and what devices report meet in one form.
"""

import re

_TAG = re.compile(r"(?:[0-9A-F]{2}[-: ]?)*[0-9A-F]{1,2}")
_BETWEEN = str.maketrans("", "", "-: ")


def canonical_tag(text: str) -> str:
    """Write a tag's number in capitals, hex digits without what stands between them."""
    tag = text.strip().upper()
    return tag.translate(_BETWEEN) if _TAG.fullmatch(tag) else tag


def canonical_terminal(text: str) -> str:
    """Write a terminal's number; JT/T 808 fills phone numbers up with zeros, to 12 or 20 digits, so none lead."""
    number = text.strip()
    return number.lstrip("0") or number if number.isdecimal() else number
