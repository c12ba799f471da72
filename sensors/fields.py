"""Taking fields out of JSON that strangers wrote: every wrong kind of value is an `IntakeError` naming its place."""

import base64
import binascii
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import orjson

from sensors.errors import IntakeError

# Longer than any name or remark that somebody writes by hand.
LONGEST_TEXT = 500

Word = TypeVar("Word", bound=StrEnum)

_BOM = b"\xef\xbb\xbf"


def parse(body: bytes) -> Any:
    """Read JSON in UTF-8; not-a-number, infinities and nesting beyond the parser's bound are refused.

    Raises
    ------
    IntakeError
        ``not_json``, saying where it broke.
    """
    try:
        return orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise IntakeError(
            "not_json", f"the message of {len(body)} bytes is not JSON in UTF-8 ({error}); was it cut short?"
        ) from error


def an_object(value: Any, where: str) -> Mapping[str, Any]:
    """Return a JSON object, or refuse anything else."""
    if not isinstance(value, dict):
        raise IntakeError("wrong_shape", f"{where} should be an object, not {_kind(value)}")
    return value


def part(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object inside an object; empty if it is absent or null."""
    value = record.get(key)
    return {} if value is None else an_object(value, key)


def only(record: Mapping[str, Any], known: Collection[str], what: str) -> None:
    """Refuse fields nobody knows: a misspelt one would be lost in silence."""
    if unknown := record.keys() - known:
        raise IntakeError(
            "wrong_shape", f"unknown field {min(unknown)[:60]!r} in {what}; known are {', '.join(sorted(known))}"
        )


def text(record: Mapping[str, Any], key: str) -> str:
    """Return a printable text without blanks around it; empty if it is absent or null."""
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not (value.isprintable() and len(value) <= LONGEST_TEXT):
        raise IntakeError(
            "wrong_shape", f"{key} should be a printable text of at most {LONGEST_TEXT} signs, not {_kind(value)}"
        )
    return value.strip()


def one_word(record: Mapping[str, Any], key: str, words: type[Word]) -> Word:
    """Return the word of a closed list that stands there."""
    value = record.get(key)
    if isinstance(value, str) and value in [word.value for word in words]:
        return words(value)
    raise IntakeError("wrong_shape", f"{key} should be one of {', '.join(words)}, not {_kind(value)}")


def number(record: Mapping[str, Any], key: str) -> float | None:
    """Return a number, or none if it is absent or null."""
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IntakeError("wrong_shape", f"{key} should be a number, not {_kind(value)}")
    return float(value)


def numeric(value: Any, where: str) -> float | None:
    """Return a number that may be written as a text, as some servers do; none if it is absent or null."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise IntakeError("wrong_shape", f"{where} should be a number, not {shown(value)}") from error
    return number({where: value}, where)


def whole(record: Mapping[str, Any], key: str, *, absent: int | None = None) -> int | None:
    """Return a whole number of at most 64 bits that is not negative, or `absent`."""
    value = record.get(key)
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise IntakeError("wrong_shape", f"{key} should be a whole number from 0, not {_kind(value)}")
    return value


def truth(record: Mapping[str, Any], key: str) -> bool | None:
    """Return true or false, or none if it is absent or null."""
    value = record.get(key)
    if value is not None and not isinstance(value, bool):
        raise IntakeError("wrong_shape", f"{key} should be true or false, not {_kind(value)}")
    return value


def time(value: Any, where: str) -> datetime:
    """Return a moment written in ISO 8601 with its offset from UTC.

    Raises
    ------
    IntakeError
        ``no_time`` if there is none, it cannot be read or lacks the offset.
    """
    if value is None:
        raise IntakeError("no_time", f"{where} is missing; it needs a time such as 2026-03-01T06:30:00Z")
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise IntakeError("no_time", f"{where} is {shown(value)}; it needs a time with its offset, 2026-03-01T06:30:00Z")


def milliseconds(value: Any, where: str) -> datetime:
    """Return a moment counted in milliseconds since 1970.

    Raises
    ------
    IntakeError
        ``no_time`` if it is no such count.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000.0, UTC)
        except (ValueError, OverflowError, OSError):
            pass
    raise IntakeError("no_time", f"{where} is {shown(value)}; it needs milliseconds since 1970")


def from_base64(value: Any, where: str) -> bytes:
    """Return the bytes behind base64 text; none for an absent value."""
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise IntakeError("wrong_shape", f"{where} should be base64, not {shown(value)}")


def from_hex(value: Any, where: str) -> bytes:
    """Return the bytes behind hex digits; none for an absent value."""
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise IntakeError("wrong_shape", f"{where} should be hex digits, not {shown(value)}")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return shown(value)


def shown(value: object) -> str:
    """Quote a value for a message, cut short if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
