"""Every sentence exists in English and Chinese and wants the same numbers."""

import string
from importlib.resources import files

import pytest

from city.wording import LANGUAGES, catalogue, preferred_language

ROOMS = [
    room
    for room in ("city", "sensors", "routing", "agents", "scenarios", "api")
    if files(room).joinpath("wording").is_dir()
]


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("room", ROOMS)
def test_both_languages_say_the_same_things_about_the_same_numbers(room: str) -> None:
    english, chinese = (catalogue(room, language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    assert {code: _placeholders(text) for code, text in english.items()} == {
        code: _placeholders(text) for code, text in chinese.items()
    }


@pytest.mark.parametrize("room", ROOMS)
def test_chinese_sentences_are_chinese(room: str) -> None:
    for code, sentence in catalogue(room, "zh").items():
        assert any("\u4e00" <= sign <= "\u9fff" for sign in sentence), code


def test_a_browser_gets_the_language_it_asks_for_first() -> None:
    assert preferred_language("zh-CN,zh;q=0.9,en;q=0.8") == "zh"
    assert preferred_language("en-GB,zh;q=0.5") == "en"
    assert preferred_language("fr,de") == "en"
