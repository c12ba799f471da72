"""One thing that is wrong with a city, as a code with numbers, and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from city.wording import Language, say


class Severity(StrEnum):
    """How bad it is: something cannot be served or planned, or somebody should look at it."""

    ERROR = "error"
    WARNING = "warning"


# Everything not named here keeps something from being served or planned.
WARNINGS = frozenset(
    (
        "bin_at_retired_point",
        "closure_of_nothing",
        "cut_off_nearby",
        "depot_closed",
        "district_without_points",
        "facility_closes_early",
        "looks_like_gcj02",
        "off_street",
        "plate_twice",
        "point_without_bins",
        "roads_cut_off",
        "same_place",
        "shift_without_crews",
        "stream_without_rule",
        "tag_twice",
        "terminal_twice",
    )
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    code
        What; the sentence is ``check.<code>`` of this room's wording.
    kind
        What the subject is: a table of the registry (``points``, ``trucks``...) or ``city``.
    subject
        Its id.
    numbers
        What the sentence says about it.
    """

    code: str
    kind: str
    subject: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity.WARNING if self.code in WARNINGS else Severity.ERROR

    def sentence(self, language: Language) -> str:
        """Say it in a sentence."""
        words = {
            name: say("city", f"stream.{value}", language) if name == "stream" else value
            for name, value in self.numbers.items()
        }
        if "target" in words:
            words["target"] = say("city", f"one.{words['target']}", language, id=words["target_id"])
        sentence = say(
            "city",
            f"check.{self.code}",
            language,
            what=say("city", f"one.{self.kind}", language, id=self.subject),
            **words,
        )
        return sentence[0].upper() + sentence[1:]
