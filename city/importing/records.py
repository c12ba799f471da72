"""Reads a table's file, CSV, GeoJSON or GeoPackage, as records: plain values by column, with the line they stand on."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from pyproj import CRS

from city.errors import CityError
from city.importing.coordinates import WGS84, System, degrees, why_off_the_globe
from city.importing.sources import CSV, Source

# Columns under which coordinates may stand in a CSV file, east and north.
COORDINATES = (("lon", "lat"), ("x", "y"))

DELIMITERS = ",;\t"


class Fault(NamedTuple):
    """Why a record cannot be used: a code of the wording ``import``, and its numbers."""

    code: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file: its line (CSV) or number (features), its values without the empty ones, and what is wrong."""

    line: int
    values: Mapping[str, Any]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """A file's columns, rows, and the coordinate system it declares, if any."""

    source: Source
    columns: Sequence[str]
    rows: Sequence[Record]
    declared: CRS | None = field(default=None)


def read_records(source: Source, *, placed: bool, encoding: str = "utf-8") -> Records:
    """Read a table's file; a CSV file with commas, semicolons or tabs.

    Parameters
    ----------
    source
        The file.
    placed
        Whether its rows are places; the geometry of others, such as districts, is of no interest.
    encoding
        Of a CSV file.

    Raises
    ------
    CityError
        If the file cannot be read, or has no rows.
    """
    records = (
        _read_csv(source, encoding) if source.path.suffix.lower() == CSV else _read_features(source, placed=placed)
    )
    if not records.rows:
        raise CityError(f"{source.path}: it has no rows; leave the file out to keep the {source.holds} as they are")
    return records


def in_degrees(records: Records, system: System | None) -> Records:
    """Put the coordinates under ``lon`` and ``lat``, WGS 84.

    Parameters
    ----------
    records
        Rows with places.
    system
        What the coordinates are in, where the file does not say. A file that declares plain WGS 84, as every GeoJSON
        file does, counts as not saying.

    Raises
    ------
    CityError
        If there are no coordinates, or most of them are nowhere on the globe.
    """
    columns = next((pair for pair in COORDINATES if set(pair) <= set(records.columns)), None)
    if columns is None:
        raise CityError(f"{records.source.path}: it has no coordinates; they stand in columns lon and lat, or x and y")
    if records.declared is not None and not records.declared.equals(WGS84, ignore_axis_order=True):
        system = records.declared
    x, y = (np.array([_number(row.values.get(column)) for row in records.rows]) for column in columns)
    lon, lat = degrees(x, y, system or WGS84)
    given = ~(np.isnan(x) | np.isnan(y))
    lost = given & np.isnan(lon)
    if 2 * lost.sum() > given.sum():
        row = int(np.flatnonzero(lost)[0])
        place = f"{columns[0]} {x[row]:.10g}, {columns[1]} {y[row]:.10g}"
        raise CityError(
            f"{records.source.path}, line {records.rows[row].line}: {place} is nowhere on the globe, as are"
            f" {lost.sum()} of {given.sum()} rows; {why_off_the_globe(x[lost], y[lost], system or WGS84)}"
        )
    rows = []
    for row, record in enumerate(records.rows):
        values = {name: value for name, value in record.values.items() if name not in columns}
        fault = record.fault
        if lost[row]:
            fault = fault or Fault("nowhere", {"x": float(x[row]), "y": float(y[row])})
        elif given[row]:
            values |= {"lon": float(lon[row]), "lat": float(lat[row])}
        else:
            values |= {
                name: record.values[column]
                for name, column in zip(("lon", "lat"), columns, strict=True)
                if column in record.values
            }
        rows.append(Record(record.line, values, fault))
    kept = [column for column in records.columns if column not in columns]
    return replace(records, columns=[*kept, "lon", "lat"], rows=rows)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _read_csv(source: Source, encoding: str) -> Records:
    path = source.path
    try:
        # A byte order mark is what Excel puts before UTF-8.
        with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=header.count)
            lines = csv.reader(file, delimiter=delimiter, strict=True)
            columns = [name.strip().lower() for name in next(lines, [])]
            if not any(columns):
                raise CityError(f"{path}: it is empty; the first line names the columns")
            return Records(source, columns, list(_records(lines, columns, first_line=2)))
    except UnicodeError as error:
        raise CityError(
            f"{path}: it is not {encoding}; save it as UTF-8, or say what it is, such as --encoding gb18030"
        ) from error
    except LookupError as error:
        raise CityError(f"--encoding {encoding}: there is no such encoding; write it like gb18030") from error
    except csv.Error as error:
        raise CityError(f"{path}: it is no CSV file: {error}") from error


def _records(lines: Any, columns: Sequence[str], first_line: int) -> Iterator[Record]:
    line = first_line
    for cells in lines:
        filled = [cell.strip() for cell in cells]
        if any(filled):
            extra = len(cells) - len(columns)
            fault = Fault("too_many_cells", {"cells": len(cells), "columns": len(columns)}) if extra > 0 else None
            values = {name: cell for name, cell in zip(columns, filled, strict=False) if cell}
            yield Record(line, values, fault)
        line = lines.line_num + 1


def _read_features(source: Source, *, placed: bool) -> Records:
    import geopandas  # noqa: PLC0415 - a heavy library that only an import needs
    import pyogrio  # noqa: PLC0415
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    try:
        frame = pyogrio.read_dataframe(source.path, layer=source.layer)
    except (DataSourceError, DataLayerError) as error:
        raise CityError(f"{source.path}: cannot be read: {error}") from error
    shapes, declared = None, None
    if isinstance(frame, geopandas.GeoDataFrame):
        shapes, declared = frame.geometry.to_numpy(), frame.crs
        frame = frame.drop(columns=frame.geometry.name)
    columns = [str(name).strip().lower() for name in frame.columns]
    rows = []
    for number, cells in enumerate(frame.itertuples(index=False, name=None), start=1):
        values = {name: value for name, cell in zip(columns, cells, strict=True) if (value := _plain(cell)) is not None}
        rows.append(Record(number, values))
    if shapes is None or not placed:
        return Records(source, columns, rows)
    rows = [_placed(row, shape) for row, shape in zip(rows, shapes, strict=True)]
    columns = [name for name in columns if name not in COORDINATES[0]]
    return Records(source, [*columns, *COORDINATES[0]], rows, None if declared is None else CRS(declared))


def _placed(row: Record, shape: Any) -> Record:
    """Take the coordinates from the geometry; a MultiPoint of one point is what some programs make of a point."""
    if shape is None or shape.is_empty:
        return row
    if shape.geom_type == "MultiPoint" and len(shape.geoms) == 1:
        shape = shape.geoms[0]
    if shape.geom_type != "Point":
        return replace(row, fault=Fault("not_a_point", {"value": shape.geom_type}))
    return replace(row, values={**row.values, "lon": shape.x, "lat": shape.y})


def _plain(cell: Any) -> Any:
    """Turn a cell of a data frame into a plain value; ``None`` if it is empty."""
    if isinstance(cell, np.ndarray | list | tuple):
        return ",".join(map(str, cell)) or None
    if isinstance(cell, str):
        return cell.strip() or None
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN and NaT are what differs from itself
        return None
    return cell.item() if isinstance(cell, np.generic) else cell
