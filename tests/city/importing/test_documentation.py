"""docs/city.md lists the columns that an import reads, and says truly which of them are required."""

import re
from pathlib import Path

import pytest

from city.importing.rows import NAMELESS, required_columns
from city.importing.units import PLAUSIBLE
from city.tables import TABLES, Table

TEXT = (Path(__file__).parents[3] / "docs" / "city.md").read_text(encoding="utf-8")


def _documented(table: Table) -> dict[str, tuple[bool, str]]:
    """Return the columns of a table's section, whether each is bold, and its meaning."""
    section = TEXT.split(f"### {table.rows}\n")[1].split("\n#")[0]
    found = {}
    for names, meaning in re.findall(r"^\| (.+?) \| (.*?) ?\|", section, re.MULTILINE):
        for name in names.split(", "):
            found[name.strip("*")] = (name.startswith("**"), meaning)
    return {name: rest for name, rest in found.items() if name not in ("column", "---")}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.rows)
def test_every_column_is_documented_and_the_required_ones_are_bold(table: Table) -> None:
    documented = _documented(table)
    assert documented.keys() == set(table.columns)
    assert {name for name, (bold, _) in documented.items() if bold} == set(required_columns(table))


@pytest.mark.parametrize(("rows", "column"), PLAUSIBLE, ids=str)
def test_every_range_is_documented(rows: str, column: str) -> None:
    plausible = PLAUSIBLE[rows, column]
    _, meaning = _documented(next(table for table in TABLES if table.rows == rows))[column]
    if column != "max_interval_h":
        assert f"{plausible.least:,g}-{plausible.most:,g}" in meaning


def test_names_may_be_empty_where_it_says_so() -> None:
    told = {table.rows for table in TABLES if "a name is not" in _documented(table).get("name", (False, ""))[1]}
    assert told == set(NAMELESS)
