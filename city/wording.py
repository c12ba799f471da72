"""What people are told, in English and Chinese: a code and its numbers in, a sentence out.

Every room keeps its sentences in ``<room>/wording/en.toml`` and ``zh.toml``. Code, tables and answers carry the
code and the numbers; only the last step before a person makes a sentence of them.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@cache
def catalogue(room: str, language: Language) -> Mapping[str, str]:
    """Return the sentences of one room in one language, by code; tables of the file become dotted codes."""
    text = files(room).joinpath("wording", f"{language}.toml").read_text(encoding="utf-8")
    return dict(_flatten("", tomllib.loads(text)))


def say(room: str, code: str, language: Language, **numbers: Any) -> str:
    """Make the sentence for a code.

    Parameters
    ----------
    room
        The room whose catalogue holds it.
    code
        Which sentence, e.g. ``need.overflow_risk``.
    language
        ``en`` or ``zh``.
    numbers
        What the sentence's placeholders stand for, in `str.format` style.

    Raises
    ------
    KeyError
        If the catalogue lacks the code, or the sentence wants a number that was not given.
    """
    return catalogue(room, language)[code].format(**numbers)


def name_in(language: Language, name: str, name_zh: str) -> str:
    """Return a thing's name in a language, the other one where it has none."""
    return (name_zh if language == "zh" else name) or name or name_zh


def preferred_language(accept_language: str) -> Language:
    """Pick the language from an ``Accept-Language`` header; English unless Chinese comes first."""
    for part in accept_language.split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "en"


def _flatten(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        found += _flatten(f"{prefix}{key}.", value) if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return found
