"""Every reason to refuse a message can be told to people."""

import re
from importlib.resources import files
from pathlib import Path

from city.wording import LANGUAGES, catalogue
from sensors.emptyings import Conflict, Source
from sensors.telemetry import Verdict


def test_every_code_of_an_error_has_its_sentence() -> None:
    room = Path(str(files("sensors")))
    source = "\n".join(path.read_text() for path in sorted(room.rglob("*.py")))
    codes = set(re.findall(r"(?:IntakeError|refuse)\(\s*\"(\w+)\"", source))
    assert len(codes) > 12
    assert {f"rejection.{code}" for code in codes} - catalogue("sensors", "en").keys() == set()


def test_every_verdict_its_reasons_and_every_contradiction_has_its_sentence() -> None:
    room = Path(str(files("sensors")))
    cleaning = (room / "cleaning.py").read_text() + (room / "timeline.py").read_text()
    reasons = set(re.findall(r"(?:Worth\([\w.]+|Opinion\(Verdict.\w+|Verdict\.[A-Z_]+), \"(\w+)\"", cleaning))
    assert {"tilted", "drift", "unexpected", "late"} <= reasons
    wanted = {f"verdict.{reason}" for reason in reasons} | {f"verdict_name.{verdict}" for verdict in Verdict}
    wanted |= {f"conflict.{conflict}" for conflict in Conflict} | {f"source.{source}" for source in Source}
    for language in LANGUAGES:
        assert wanted - catalogue("sensors", language).keys() == set()
