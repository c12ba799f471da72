"""What a reader makes of a file: a problem, and how its whole numbers are said in the file's own unit."""

from dataclasses import dataclass, field
from enum import StrEnum

from routing.problem import Problem


class Format(StrEnum):
    """Which kind of file it was."""

    CVRPLIB = "cvrplib"
    WASTE_2006 = "waste_2006"
    DUSTCART = "dustcart"


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem read from a file.

    Attributes
    ----------
    name
        What the file calls itself; otherwise the file's name without its ending.
    unit
        What one unit of distance in the file is, for people: ``m``, ``feet``, or nothing where the file has none.
    per_unit
        How many of the problem's metres (and cents) make one unit of distance (and cost) of the file. More than one
        where the file has fractions, which a problem has not.
    number_of
        Number by which the solution format of CVRPLIB knows each stop: nodes in the file's order, the depot left out.
    """

    name: str
    format: Format
    problem: Problem
    unit: str = ""
    per_unit: int = 1
    number_of: dict[str, int] = field(default_factory=dict)

    def in_units(self, whole: int) -> int | float:
        """Say metres or cents of the problem in the unit of the file."""
        return whole if self.per_unit == 1 else whole / self.per_unit
