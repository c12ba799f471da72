"""Writes the registry's tables as CSV files, named and with columns as the registry has them."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from city.store import CityData
from city.tables import TABLES

# A city's row has an id and a version of its roads, too; those are given by whoever stores it.
_CITY_COLUMNS = ("name", "timezone", "source")


def write_tables(data: CityData, folder: Path) -> None:
    """Write every table that has rows: UTF-8, commas, one line a row, in the order of the city's lists."""
    _write(folder / "city.csv", _CITY_COLUMNS, [data.city])
    for table in TABLES:
        rows = getattr(data, table.rows)
        if rows:
            _write(folder / f"{table.rows}.csv", table.columns, rows)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows([_cell(getattr(row, column)) for column in columns] for row in rows)


def _cell(value: Any) -> Any:
    """Write a value the way an import reads it; nothing is an empty cell."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
    return value
