"""Reads a city from files: registry tables from CSV, GeoJSON and GeoPackage, streets from OpenStreetMap."""

from city.importing.report import Exclusion, ImportReport, Remark
from city.importing.whole import Options, import_city

__all__ = ["Exclusion", "ImportReport", "Options", "Remark", "import_city"]
