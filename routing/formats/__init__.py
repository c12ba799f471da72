"""Problem files: CVRPLIB, the waste instances of Kim et al., this project's own JSON; told apart by their content."""

from pathlib import Path

import orjson

from routing.errors import RoutingError
from routing.files import MAGIC, load_problem, problem_from_json
from routing.formats.cvrplib import looks_like_cvrplib, read_cvrplib
from routing.formats.instance import Format, Instance
from routing.formats.lines import shown
from routing.formats.waste_2006 import looks_like_waste_2006, read_waste_2006

__all__ = ["Format", "Instance", "read_instance"]


def read_instance(path: Path) -> Instance:
    """Read a problem file of any kind.

    Raises
    ------
    RoutingError
        If it is none that is read or there is something wrong in it, naming the file and, where there is one, the line.
    OSError
        If it cannot be opened.
    """
    try:
        return parse_instance(path.read_bytes(), path.stem)
    except RoutingError as error:
        raise RoutingError(f"{path}: {error}") from error


def parse_instance(body: bytes, name: str) -> Instance:
    """Read a problem file's content; `name` is for instances that do not name themselves."""
    if body.startswith(MAGIC):
        return Instance(name, Format.DUSTCART, load_problem(body), "m")
    text = _text(body)
    if text.lstrip().startswith(("{", "[")):
        return Instance(name, Format.DUSTCART, problem_from_json(_json_object(text)), "m")
    if looks_like_cvrplib(text):
        return read_cvrplib(text, name)
    if looks_like_waste_2006(text):
        return read_waste_2006(text, name)
    begins = f"it begins with {shown(text.strip())}" if text.strip() else "it is empty"
    raise RoutingError(
        f"this is no problem file that is read: {begins}. Those read are CVRPLIB (.vrp), the waste instances of Kim"
        " et al. (2006), and JSON as docs/routing.md describes it"
    )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")  # names of authors in old files; everything that counts is ASCII


def _json_object(text: str) -> dict[str, object]:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RoutingError(f"line {error.lineno}: this is not JSON: {error.msg}") from error
    if not isinstance(content, dict):
        raise RoutingError("this JSON is a list; a problem is an object with stops, facilities, trucks and matrices")
    return content
