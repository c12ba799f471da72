"""Every reason to refuse a message can be told to people."""

import re
from importlib.resources import files
from pathlib import Path

from city.wording import catalogue


def test_every_code_of_an_error_has_its_sentence() -> None:
    room = Path(str(files("sensors")))
    source = "\n".join(path.read_text() for path in sorted(room.rglob("*.py")))
    codes = set(re.findall(r"(?:IntakeError|refuse)\(\s*\"(\w+)\"", source))
    assert len(codes) > 12
    assert {f"rejection.{code}" for code in codes} - catalogue("sensors", "en").keys() == set()
