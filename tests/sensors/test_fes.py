"""The sensors of Frankfurt: every frame reads as the operator's server read it, and the export as the frames."""

import json
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors import payloads
from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.uplink import Unusable, Uplink

AT = datetime(2020, 5, 8, tzinfo=UTC)


def test_every_frame_reads_as_the_operators_server_read_it(shared_data: Path) -> None:
    frames = json.loads((shared_data / "payloads" / "fes_frames_golden.json").read_text())
    assert len(frames) == 400
    for frame in frames:
        payload = bytes.fromhex(frame["hex"])
        measured = payloads.read(Uplink("a", AT, None, payload, frame["fport"]), "fes-ultrasonic")
        said = {name: text.split()[0] for name, text in frame["expected"].items() if isinstance(text, str)}
        heights = sorted(int(said[f"Height {number}"]) for number in range(1, 5))
        assert measured.distance_cm == (heights[1] + heights[2]) / 2
        # The server shows frost without its sign: 255 for -1.
        assert measured.temperature_c is not None
        assert measured.temperature_c % 256 == int(said["Temperature"])
        assert -40 < measured.temperature_c < 70
        assert measured.battery_percent == pytest.approx(min(max((int(said["Voltage"]) - 2800) / 8, 0), 100))
        assert measured.tilted is (int(said["Tilt"]) > 30)
        assert payload[16] == int(said["Tx Event"])


def test_a_year_of_exported_lines_reads_without_a_loss(shared_data: Path) -> None:
    body = zlib.decompress((shared_data / "telemetry/frankfurt_fes/readings.csv.gz").read_bytes(), wbits=31)
    lines = body.splitlines()
    uplinks = decode("fes-csv", b"\n".join(lines[:5001]))
    assert len(uplinks) == 5000
    first = uplinks[0]
    assert isinstance(first, Uplink)
    assert first.device_id == "70b3d500700016da"
    assert first.at == datetime(2020, 5, 8, 22, 51, 59, 873000, UTC)
    assert first.counter == 142
    assert first.measured is not None
    assert (first.measured.distance_cm, first.measured.temperature_c, first.measured.tilted) == (8.0, 13.0, False)


HEAD = "time_ms,device,event,height_cm,voltage_mv,temperature_c,tilt_deg,tx_event"


def test_no_echo_is_no_distance_and_frost_has_a_sign() -> None:
    (uplink,) = decode("fes-csv", f"{HEAD}\n1588978319873,70B3D500700016DA,MEASURE,254,3570,255,222,142\n".encode())
    assert isinstance(uplink, Uplink)
    assert uplink.measured is not None
    assert (uplink.measured.fault, uplink.measured.temperature_c, uplink.measured.tilted) == ("no_echo", -1.0, None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1588978319873,70B3D500700016DA,MEASURE,8,3570", "truncated"),
        ("yesterday,70B3D500700016DA,MEASURE,8,3570,13,1,142", "wrong_shape"),
        ("1588978319873,,MEASURE,8,3570,13,1,142", "no_device"),
        ("1588978319873,70B3D500700016DA,MEASURE,nan,3570,13,1,142", "wrong_shape"),
        ("1588978319873,70B3D500700016DA,MEASURE,-8,3570,13,1,142", "impossible_value"),
        ('1588978319873,"70B3D500700016DA,MEASURE,8,3570,13,1,142', "wrong_shape"),
    ],
)
def test_a_bad_line_is_named_and_spoils_no_other(line: str, code: str) -> None:
    good = "1588978319873,70B3D500700016DA,MEASURE,8,3570,13,1,142"
    bad, kept = decode("fes-csv", f"{HEAD}\n{line}\n{good}\n".encode())
    assert isinstance(bad, Unusable)
    assert bad.code == code
    assert isinstance(kept, Uplink)
    (again,) = decode("fes-csv", bad.body)
    assert isinstance(again, Unusable)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_no_line_breaks_the_table(line: str) -> None:
    for item in decode("fes-csv", f"{HEAD}\n{line}".encode()):
        assert isinstance(item, Uplink | Unusable)


def test_a_table_without_its_columns_is_refused_with_what_is_missing() -> None:
    with pytest.raises(IntakeError, match="time_ms"):
        decode("fes-csv", b"a,b\n1,2\n")
