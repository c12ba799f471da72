"""Everything the agents say as a code can be told to people."""

import re
from importlib.resources import files
from pathlib import Path

from agents.decisions import Rule
from agents.proposals import ProposalState
from agents.reasons import Exclusion
from city.wording import catalogue
from sensors.service import CouldNotReason, ServiceOutcome

SAID = {
    "error": r"Error\(\s*\"(\w+)\"",
    "outcome": r"Outcome\(code=\"(\w+)\"",
    "note": r"Note\(code=\"(\w+)\"",
}


def test_every_code_of_a_refusal_an_outcome_and_a_note_has_its_sentence() -> None:
    source = "\n".join(path.read_text() for path in sorted(Path(str(files("agents"))).glob("*.py")))
    codes = {f"{table}.{code}" for table, pattern in SAID.items() for code in re.findall(pattern, source)}
    assert len(codes) > 50
    # A cycle that fails keeps the error's code as its outcome.
    codes |= {f"outcome.{code}" for code in re.findall(r"PlanningError\(\s*\"(\w+)\"", source)}
    assert codes - catalogue("agents", "en").keys() == set()


def test_every_word_that_a_sentence_is_made_of_is_there() -> None:
    words = {
        "state": ProposalState, "rule": Rule, "excluded": Exclusion, "could_not": CouldNotReason,
        "served": ServiceOutcome,
    }  # fmt: skip
    wanted = {f"{table}.{word}" for table, kind in words.items() for word in kind}
    assert wanted - catalogue("agents", "zh").keys() == set()
