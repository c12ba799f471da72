"""How commands speak: results on stdout (tables for people, JSON for machines), everything else on stderr."""

import json
import sys
from typing import Annotated, Any

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
    """Write one JSON document to stdout, the same on every machine: UTF-8, no colours, moments in ISO 8601."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()
