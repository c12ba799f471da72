"""Replay: a file through the same intake as a live message, and a verdict on the forecasts made on the way."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sensors.errors import IntakeError
from sensors.replay import Geometry, replay


@pytest.fixture(scope="module")
def export(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return four months of four real sensors: two with a free view, two with something in the way."""
    whole = gzip.decompress((shared_data / "telemetry/frankfurt_fes/readings.csv.gz").read_bytes()).splitlines()
    wanted = (b"16DA", b"1739", b"16F6", b"1722")
    chosen = [line for line in whole[1:] if line.split(b",")[1].endswith(wanted) and int(line[:13]) < 1_599_500_000_000]
    path = tmp_path_factory.mktemp("export") / "readings.csv"
    path.write_bytes(b"\n".join([whole[0], *chosen, chosen[0], b"garbage"]))
    return path


def test_a_real_export_is_forecast_within_its_stated_doubt_and_better_than_plainly(export: Path) -> None:
    found = replay(export, "fes-csv")
    assert found.readings == found.stored + found.duplicates + 1
    assert found.rejected == {"truncated": 1}
    assert sum(found.verdicts.values()) == found.stored
    assert 0.005 < found.verdicts["spike"] / found.stored < 0.15
    # Seventeen weeks of four glass containers: emptied about once a week, some less.
    assert 25 <= len(found.emptyings) <= 130
    assert found.skill.spans > 1000
    assert 0.7 <= found.skill.coverage_80 <= 0.9
    # Over a whole year it is 15 % and more; a bin's experience of four months is less.
    assert len(found.baselines) == 3
    assert all(found.skill.pinball < 0.9 * plain.pinball for plain in found.baselines.values())


def test_a_file_of_envelopes_is_replayed_with_the_geometry_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        {
            "device": "meter-1",
            "at": f"2026-03-{day:02}T{hour:02}:00:00Z",
            "distance_cm": 110 - 0.4 * (day * 24 + hour) % 90,
        }
        for day in range(1, 25)
        for hour in range(0, 24, 2)
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    found = replay(path, "dustcart", geometry=Geometry(mounting_height_cm=120, depth_cm=100))
    assert (found.readings, found.stored, found.rejected) == (len(lines), len(lines), {})


@pytest.mark.parametrize("body", [b"", b"nothing that reads\n", b"\x1f\x8bbroken"])
def test_a_file_of_nothing_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "empty"
    path.write_bytes(body)
    with pytest.raises(IntakeError):
        replay(path, "dustcart")


def test_the_command_tells_what_went_wrong_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "sensors", "replay", str(tmp_path / "none"), "--format", "fes-csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_too_short_to_judge_says_null_to_machines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"device": "meter-1", "at": "2026-03-01T00:00:00Z", "distance_cm": 90}\n')
    words = ["sensors", "replay", str(path), "--format", "dustcart", "--json"]
    done = subprocess.run([sys.executable, "-m", "api.cli", *words], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (said["stored"], said["forecasts"], said["pinball_loss_24h"]) == (1, 0, None)
