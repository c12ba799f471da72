"""The agents' codes and numbers as sentences: moments become local times; states, streams and reasons become words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from city.wording import Language, say
from routing.plan import Unserved

# Numbers that are themselves codes, and the table of the wording that has their words.
WORDED = {"state": "state", "stream": "stream", "missed_reason": "could_not", "outcome": "served"}
# What a moment that is not known means, by the number's name; else "never".
WITHOUT_MOMENT = {"until_at": "further_notice"}


def said(code: str, language: Language, numbers: Mapping[str, Any], zone: ZoneInfo | None = None) -> str:
    """Make the sentence of a code.

    Parameters
    ----------
    numbers
        What its placeholders stand for; those whose names end in ``_at`` are moments, as datetimes or ISO texts.
    zone
        The city's time zone; needed where there are moments.
    """
    return say(
        "agents", code, language, **{name: _worded(name, value, language, zone) for name, value in numbers.items()}
    )


def _worded(name: str, value: Any, language: Language, zone: ZoneInfo | None) -> Any:
    if name == "unserved":
        return "" if value is None else _unserved(value).said(language)
    if name in WORDED and value is not None:
        return say("agents", f"{WORDED[name]}.{value}", language)
    if not name.endswith("_at"):
        return value
    if value is None:
        return say("agents", f"word.{WITHOUT_MOMENT.get(name, 'never')}", language)
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(zone).strftime("%m-%d %H:%M")


def _unserved(value: Any) -> Unserved:
    """Take routing's reason as it is, or as JSON kept it."""
    return value if isinstance(value, Unserved) else TypeAdapter(Unserved).validate_python(value)
