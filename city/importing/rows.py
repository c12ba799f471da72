"""Makes rows of the registry from a file's records, or says of each record why it cannot be one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from functools import cache
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlmodel import SQLModel

from city.errors import CityError
from city.importing.records import Fault, Record, Records
from city.importing.report import Exclusion, Remark
from city.importing.units import PLAUSIBLE, probable_unit
from city.importing.words import canonical_hours, canonical_streams, canonical_word
from city.registry import Closure, ClosureKind
from city.tables import Table

# What pydantic calls a fault, and what we do.
CODES = {
    "missing": "missing_value",
    "int_parsing": "not_a_number",
    "float_parsing": "not_a_number",
    "finite_number": "not_a_number",
    "int_from_float": "not_whole",
    "enum": "unknown_word",
    "bool_parsing": "not_yes_or_no",
    "bool_type": "not_yes_or_no",
    "greater_than": "too_small",
    "greater_than_equal": "too_small",
    "less_than": "too_large",
    "less_than_equal": "too_large",
}


# Many a street bin has no name; districts and shifts are chosen by theirs.
NAMELESS = ("points", "facilities", "crews")


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row that was read, and the line it stands on."""

    line: int
    row: SQLModel


@dataclass(frozen=True, slots=True)
class TableRead:
    """What a table's file gave."""

    table: Table
    file: str
    rows: Sequence[NewRow]
    exclusions: Sequence[Exclusion]
    remarks: Sequence[Remark]

    def excluded(self, row: NewRow, code: str, **numbers: Any) -> Exclusion:
        """Say why a row that was read is left out after all."""
        return Exclusion(self.file, row.line, self.table.rows, self.table.name(row.row), code, numbers)


def read_table(table: Table, records: Records, timezone: ZoneInfo) -> TableRead:
    """Make rows of records.

    Parameters
    ----------
    table
        Which rows they are to be.
    records
        A file's.
    timezone
        Of moments that name none.

    Raises
    ------
    CityError
        If a column that every row needs is missing.
    """
    _must_have_columns(table, records)
    name = records.source.name
    rows: dict[Any, NewRow] = {}
    exclusions = []
    for record in records.rows:
        made = record.fault or _row(table, record, timezone)
        if isinstance(made, SQLModel):
            first = rows.setdefault(table.identity(made), NewRow(record.line, made))
            if first.row is made:
                continue
            made = Fault("twice", {"first": first.line})
        subject = " ".join(str(record.values.get(column, "")) for column in table.key)
        exclusions.append(Exclusion(name, record.line, table.rows, subject, made.code, made.numbers))
    return TableRead(table, name, list(rows.values()), exclusions, list(unread_columns(records, table.columns)))


def required_columns(table: Table) -> list[str]:
    """Return the columns that every row needs."""
    return [name for name in table.columns if table.model.model_fields[name].is_required()]


def _must_have_columns(table: Table, records: Records) -> None:
    missing = [name for name in required_columns(table) if name not in records.columns]
    if missing:
        raise CityError(
            f"{records.source.path}: it lacks {', '.join(missing)}, which {table.rows} need; its columns are"
            f" {', '.join(records.columns)}. Name the columns as docs/city.md does"
        )


def unread_columns(records: Records, known: Sequence[str]) -> Iterator[Remark]:
    """Name the columns of a file that say nothing to us, and which of ours they may be meant for."""
    unread = [name for name in records.columns if name and name not in known]
    if unread:
        near = [match for name in unread for match in get_close_matches(name, known, 1)]
        code = "columns_misspelt" if near else "columns_not_read"
        yield Remark(records.source.name, code, {"columns": ", ".join(unread), "known": ", ".join(near)})


def _row(table: Table, record: Record, timezone: ZoneInfo) -> SQLModel | Fault:
    values: dict[str, Any] = {"name": ""} if table.rows in NAMELESS else {}
    for column, value in record.values.items():
        if isinstance(value, str) and "\0" in value:
            return Fault("no_text", {"column": column})
        if column in table.columns:
            try:
                values[column] = _value(table, column, value, timezone)
            except (ValueError, OverflowError):
                return Fault(_CODE_OF_FORMS[column], {"column": column, "value": str(value)})
    try:
        row = table.model.model_validate(values)
    except ValidationError as error:
        return _fault(table, error, values)
    return _implausible(table, row) or _upside_down(row) or row


_CODE_OF_FORMS = {
    "hours": "bad_hours",
    "break_hours": "bad_hours",
    "streams": "bad_streams",
    "shape": "bad_shape",
    "starts_at": "bad_moment",
    "ends_at": "bad_moment",
    "day": "bad_day",
}


def _value(table: Table, column: str, value: Any, timezone: ZoneInfo) -> Any:
    """Bring a cell into the form that the registry's column takes."""
    is_text = column in _text_columns(table.model)
    if column in ("starts_at", "ends_at"):
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return (moment.replace(tzinfo=timezone) if moment.tzinfo is None else moment).astimezone(UTC)
    if column == "day":
        return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))
    if isinstance(value, float) and value.is_integer() and is_text:
        # A column of numbers with gaps comes out of a GeoPackage as floats: 17.0 is district 17.
        value = int(value)
    if column in ("hours", "break_hours"):
        spans = canonical_hours(str(value))
        if table.rows == "shifts" and ("," in spans or (column == "hours" and not spans)):
            raise ValueError("a shift is one span, and so is the time of its break")
        return spans
    if column == "streams":
        return canonical_streams(str(value))
    if is_text or isinstance(value, str):
        return canonical_word(table.rows, column, str(value))
    return value


@cache
def _text_columns(model: type[SQLModel]) -> frozenset[str]:
    return frozenset(name for name, column in model.model_fields.items() if column.annotation in (str, str | None))


def _fault(table: Table, error: ValidationError, values: Mapping[str, Any]) -> Fault:
    first = error.errors()[0]
    column = str(first["loc"][0])
    code = CODES.get(first["type"], "bad_value")
    value = values.get(column)
    numbers: dict[str, Any] = {"column": column, "value": value}
    if code in {"not_a_number", "not_whole"}:
        return _wrong_unit(table, column, value) or Fault(code, numbers)
    context = first.get("ctx", {})
    if code in ("too_small", "too_large"):
        numbers["limit"] = next(iter(context.values()))
    if code == "unknown_word":
        numbers["known"] = context["expected"].replace("'", "").replace(" or ", ", ")
    if code == "bad_value":
        numbers["why"] = first["msg"]
    return Fault(code, numbers)


def _implausible(table: Table, row: SQLModel) -> Fault | None:
    for column in table.columns:
        plausible = PLAUSIBLE.get((table.rows, column))
        value = getattr(row, column)
        if isinstance(value, float) and not isfinite(value):
            return Fault("not_a_number", {"column": column, "value": value})
        if plausible is not None and value is not None and value not in plausible:
            numbers = {"column": column, "value": value, "least": plausible.least, "most": plausible.most}
            return _wrong_unit(table, column, value) or Fault("implausible", numbers)
    return None


def _upside_down(row: SQLModel) -> Fault | None:
    if isinstance(row, Closure) and row.slower is not None and row.kind != ClosureKind.ROAD:
        return Fault("only_roads_are_slower", {"column": "slower", "value": row.slower, "kind": str(row.kind)})
    if isinstance(row, Closure) and row.ends_at is not None and row.ends_at <= row.starts_at:
        return Fault("ends_before_start", {"column": "ends_at", "value": row.ends_at, "starts_at": row.starts_at})
    return None


def _wrong_unit(table: Table, column: str, value: Any) -> Fault | None:
    try:
        found = probable_unit(table.rows, column, float(value))
    except (TypeError, ValueError):
        return None
    if found is None:
        return None
    return Fault("wrong_unit", {"column": column, "value": value, "unit": found[0], "converted": f"{found[1]:g}"})
