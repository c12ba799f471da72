"""Writes a whole city as the files that ``dustcart city import`` reads; equal cities give equal bytes."""

import shutil
import tempfile
from pathlib import Path

from city.errors import CityError
from city.exporting.osm import write_roads
from city.exporting.tables import write_tables
from city.store import CityData

__all__ = ["ROADS_FILE", "export"]

ROADS_FILE = "roads.osm.pbf"


def export(data: CityData, folder: Path) -> list[Path]:
    """Write a city's tables (``points.csv`` and so on) and its roads into a folder.

    All of it or nothing: the files are written beside the folder first, and moved when they are complete.

    Parameters
    ----------
    data
        The city.
    folder
        Made if it is not there; files of these names in it are replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    CityError
        If the folder cannot be written, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as unfinished:
            write_tables(data, Path(unfinished))
            write_roads(data.network, Path(unfinished) / ROADS_FILE)
            return [Path(shutil.move(file, folder / file.name)) for file in sorted(Path(unfinished).iterdir())]
    except OSError as error:
        raise CityError(f"{folder}: the city cannot be written there: {error.strerror or error}") from error
