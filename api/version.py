"""Which version of Dustcart this is."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def installed_version() -> str:
    """Return the version of the installed package, or of the checkout this runs from."""
    try:
        return version("dustcart")
    except PackageNotFoundError:
        pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
        return str(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"])
