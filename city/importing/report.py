"""What an import did: what it changed, which rows it left out and why, and what it noticed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from city.changes import Changes
from city.wording import Language, say


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A row that was left out.

    Attributes
    ----------
    file, line
        Where it stands: the file's name (with the layer), and its line in a CSV file or its number among the features.
    kind, subject
        The table it was meant for, and its id; empty if it has none.
    code, numbers
        Why; the sentence is ``import.<code>`` of this room's wording.
    """

    file: str
    line: int
    kind: str
    subject: str
    code: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, language: Language) -> str:
        """Say it in a sentence."""
        what = say("city", f"one.{self.kind}", language, id=self.subject or "?")
        reason = say("city", f"import.{self.code}", language, **_worded(self.numbers, language))
        return say("city", "import.excluded", language, file=self.file, line=self.line, what=what, reason=reason)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something an operator should know about a file; nothing was lost by it."""

    file: str
    code: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, language: Language) -> str:
        """Say it in a sentence."""
        return say("city", f"remark.{self.code}", language, file=self.file, **_worded(self.numbers, language))


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes
    ----------
    changes
        What was added, changed and retired; on a dry run what would be.
    exclusions
        Rows left out. What the registry knew of them before stays as it was.
    remarks
        What else was noticed.
    written
        Whether it was stored; not on a dry run, and not where nothing changed.
    """

    changes: Changes
    exclusions: tuple[Exclusion, ...]
    remarks: tuple[Remark, ...]
    written: bool

    @property
    def excluded(self) -> Counter[str]:
        """How many rows of each table were left out."""
        return Counter(one.kind for one in self.exclusions)


def _worded(numbers: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Put the name of an object in the place of its table and id."""
    words = dict(numbers)
    if "target" in words:
        words["target"] = say("city", f"one.{words['target']}", language, id=words.pop("target_id"))
    return words
