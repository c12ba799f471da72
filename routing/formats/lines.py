"""The lines of a text file, with their numbers, and the numbers on them: every fault says where it is."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from routing.errors import RoutingError

# Plain decimal numbers: what Python reads beside them (1_000, nan, inf, other scripts' digits) is a slip in a file.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Line(NamedTuple):
    """A line of a file that is not empty, by its number from 1, without blanks around it."""

    number: int
    text: str

    @property
    def words(self) -> list[str]:
        """The line cut at its blanks."""
        return self.text.split()

    def fault(self, what: str) -> RoutingError:
        """Make an error that says where it is."""
        return RoutingError(f"line {self.number}: {what}")


def lines_of(text: str) -> Iterator[Line]:
    """Cut a text into lines, whatever they end with; empty ones are left out but counted."""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if stripped := line.strip():
            yield Line(number, stripped)


def number(line: Line, word: str, what: str) -> float:
    """Read a finite decimal number."""
    value = float(word) if _NUMBER.fullmatch(word) else math.nan
    if not math.isfinite(value):
        raise line.fault(f"{what} is {shown(word)}; it should be a number")
    return value


def whole(line: Line, word: str, what: str) -> int:
    """Read a whole number; 5.0 is one."""
    value = number(line, word, what)
    if value != int(value):
        raise line.fault(f"{what} is {shown(word)}; it should be a whole number")
    return int(value)


def shown(text: str, most: int = 40) -> str:
    """Quote what a file says, so that it stays on one line and short."""
    return ascii(text if len(text) <= most else text[:most] + "...") if not text.isprintable() else repr(text[:most])
