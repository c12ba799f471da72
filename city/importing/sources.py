"""Finds what there is to import: which file, or layer of a file, holds which table."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from city.errors import CityError
from city.importing.osm import SUFFIXES as ROAD_SUFFIXES
from city.importing.report import Remark
from city.tables import BY_ROWS

CITY, ROADS = "city", "roads"
NAMES = (CITY, *BY_ROWS)

# Tables whose rows are places.
PLACED = tuple(rows for rows, table in BY_ROWS.items() if "lon" in table.columns)

CSV, GEOJSON, GEOPACKAGE = ".csv", (".geojson", ".json"), ".gpkg"
TABLE_SUFFIXES = (CSV, *GEOJSON, GEOPACKAGE)


@dataclass(frozen=True, slots=True)
class Source:
    """One table's file.

    Attributes
    ----------
    holds
        ``roads``, ``city``, or a table of the registry.
    path
        The file.
    layer
        Which layer of a GeoPackage.
    """

    holds: str
    path: Path
    layer: str | None = None

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.path.name}:{self.layer}" if self.layer else self.path.name


def find_sources(paths: Sequence[str]) -> tuple[list[Source], list[Remark]]:
    """Find the tables and roads in folders and files.

    Parameters
    ----------
    paths
        Folders, of which every file with a known name is taken; files; or ``table=file`` for a file with another name.

    Returns
    -------
    tuple
        One source for each table, and remarks on files that were passed over.

    Raises
    ------
    CityError
        If a path is not there or is of no known kind, if a table comes from two files, or if nothing is found.
    """
    found: list[Source] = []
    remarks: list[Remark] = []
    for text in paths:
        holds, equals, rest = text.partition("=")
        if equals and holds in (*NAMES, ROADS):
            found += _in_named_file(_existing(rest), holds)
            continue
        path = _existing(text)
        if path.is_dir():
            for file in sorted(path.iterdir()):
                taken = _in_file(file)
                found += taken
                if not taken and file.suffix.lower() in TABLE_SUFFIXES:
                    remarks.append(Remark(file.name, "file_not_read", {"known": ", ".join(NAMES)}))
        else:
            taken = _in_file(path)
            if not taken:
                raise CityError(_why_not(path))
            found += taken
    _must_be_one_each(found)
    if not found:
        raise CityError(
            f"there is nothing to import in {', '.join(paths)}: no roads ({', '.join(ROAD_SUFFIXES)}), and no .csv or"
            f" .geojson file, or layer of a .gpkg file, with one of the names {', '.join(NAMES)}"
        )
    return found, remarks


def _existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise CityError(f"{text}: there is no such file or folder")
    return path


def _in_file(path: Path) -> list[Source]:
    name = path.name.lower()
    if name.endswith(ROAD_SUFFIXES):
        return [Source(ROADS, path)]
    if name.endswith(GEOPACKAGE):
        return [Source(layer.lower(), path, layer) for layer in _layers(path) if layer.lower() in NAMES]
    stem = path.stem.lower()
    return [Source(stem, path)] if path.suffix.lower() in TABLE_SUFFIXES and stem in NAMES else []


def _in_named_file(path: Path, holds: str) -> list[Source]:
    if path.suffix.lower() != GEOPACKAGE:
        return [Source(holds, path)]
    layers = _layers(path)
    layer = next((one for one in layers if one.lower() == holds), layers[0] if len(layers) == 1 else None)
    if layer is None:
        raise CityError(f"{path}: which layer holds the {holds}? It has {', '.join(layers)}; name one of them {holds}")
    return [Source(holds, path, layer)]


def _layers(path: Path) -> list[str]:
    import pyogrio  # noqa: PLC0415 - a heavy library that only an import needs
    from pyogrio.errors import DataSourceError  # noqa: PLC0415

    try:
        return [str(name) for name, _ in pyogrio.list_layers(path)]
    except DataSourceError as error:
        raise CityError(f"{path}: cannot be read as a GeoPackage: {error}") from error


def _why_not(path: Path) -> str:
    if path.suffix.lower() not in TABLE_SUFFIXES:
        kinds = ", ".join((*TABLE_SUFFIXES, *ROAD_SUFFIXES))
        return f"{path}: files of this kind cannot be read; known kinds are {kinds}"
    near = get_close_matches(path.stem.lower(), NAMES, 1)
    guess = near[0] if near else "points"
    return (
        f"{path}: its name does not say what it holds; known names are {', '.join(NAMES)}. Rename it, or write"
        f" {guess}={path}"
    )


def _must_be_one_each(found: Sequence[Source]) -> None:
    seen: dict[str, Source] = {}
    for source in found:
        first = seen.setdefault(source.holds, source)
        if first is not source:
            raise CityError(
                f"{source.holds} come from two places, {first.path} and {source.path}; put them into one, or name one"
            )
