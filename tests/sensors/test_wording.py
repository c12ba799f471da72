"""Every reason there is can be told to people."""

import re
from importlib.resources import files
from pathlib import Path

from city.wording import catalogue


def test_every_code_of_an_error_and_every_reason_of_a_verdict_has_its_sentence() -> None:
    room = Path(str(files("sensors")))
    source = "\n".join(path.read_text() for path in sorted(room.rglob("*.py")))
    codes = set(re.findall(r"(?:IntakeError|Rejection)\(\s*\"(\w+)\"", source))
    reasons = set(re.findall(r"Verdict\.\w+, \"(\w+)\"", source)) | set(re.findall(r"fault=\"(\w+)\"", source))
    assert len(codes) > 12
    assert len(reasons) > 6
    sentences = catalogue("sensors", "en")
    missing = {f"rejection.{code}" for code in codes} | {f"verdict.{reason}" for reason in reasons}
    assert missing - sentences.keys() == set()
