"""An export of FES's sensors: a CSV table with a head, one frame a line.

Columns: ``time_ms`` (since 1970), ``device``, ``event``, ``height_cm`` (down to the waste), ``voltage_mv``,
``temperature_c``, ``tilt_deg``, ``tx_event`` (a counter of one byte).
"""

import csv

import orjson

from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import milliseconds
from sensors.payloads.fes_ultrasonic import said
from sensors.uplink import Unusable, Uplink, checked, normal_device_id, one_of_many

COLUMNS = ("time_ms", "device", "height_cm", "voltage_mv", "temperature_c", "tilt_deg", "tx_event")


@decoder("fes-csv", table=True)
def decode(body: bytes) -> list[Uplink | Unusable]:
    """Read a table; lines that cannot be used do not spoil the others."""
    try:
        lines = body.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise IntakeError("wrong_shape", f"the table is not UTF-8: {error}") from error
    head = lines[0].split(",") if lines else []
    if missing := [name for name in COLUMNS if name not in head]:
        raise IntakeError("wrong_shape", f"the table has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    return [
        one_of_many(lambda line: _uplink(_cells(line, head)), line, index, f"{lines[0]}\n{line}\n".encode())
        for index, line in enumerate(lines[1:])
    ]


def _cells(line: str, head: list[str]) -> dict[str, str]:
    try:
        (cells,) = csv.reader([line], strict=True)
    except (csv.Error, ValueError) as error:
        raise IntakeError("wrong_shape", f"the line {line[:60]!r} is no line of a CSV table: {error}") from error
    if len(cells) != len(head):
        raise IntakeError("truncated", f"the line {line[:60]!r} has {len(cells)} cells and not {len(head)}")
    return dict(zip(head, cells, strict=True))


def _uplink(cells: dict[str, str]) -> Uplink:
    measured = said(
        distance_cm=_number(cells, "height_cm"),
        voltage_mv=_number(cells, "voltage_mv"),
        temperature_c=_number(cells, "temperature_c"),
        tilt_deg=_number(cells, "tilt_deg"),
    )
    return Uplink(
        device_id=normal_device_id(cells["device"]),
        at=milliseconds(_whole(cells, "time_ms"), "time_ms"),
        counter=_whole(cells, "tx_event"),
        measured=checked(measured),
    )


def _number(cells: dict[str, str], name: str) -> float | None:
    if not cells[name]:
        return None
    try:
        value = orjson.loads(cells[name])
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise IntakeError("wrong_shape", f"{name} should be a number, not {cells[name][:60]!r}")
    return float(value)


def _whole(cells: dict[str, str], name: str) -> int:
    if not (cells[name].isascii() and cells[name].isdigit() and len(cells[name]) < 19):
        raise IntakeError("wrong_shape", f"{name} should be a whole number, not {cells[name][:60]!r}")
    return int(cells[name])
