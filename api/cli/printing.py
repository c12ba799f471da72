"""How commands speak: results on stdout (tables for people, JSON for machines), everything else on stderr."""

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def results() -> Console:
    """Return the console that results go to."""
    return Console()


def notices() -> Console:
    """Return the console for progress and remarks: stderr, so that stdout stays clean."""
    return Console(stderr=True)


def print_json(value: Any) -> None:
    """Write one JSON document to stdout, the same on every machine: UTF-8, no colours, moments in ISO 8601.

    A number that does not exist becomes null.
    """
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(orjson.dumps(value, default=str, option=options).decode() + "\n")
    sys.stdout.flush()
