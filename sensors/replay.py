"""Replay: a file of messages goes through intake, cleaning, filter and forecast as if it came in now, and is judged.

Every device gets a bin of its own in a database that lasts as long as the replay. An export does not tell how high its
sensors sit: unless told, the farthest distance that a sensor ever saw is taken for the bottom of its bin.
"""

import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import open_engine, reading, transaction
from city.migrate import upgrade
from city.registry import Bin, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors import payloads
from sensors.decoders import decode, tables
from sensors.delivery import Message
from sensors.devices import Mounting, register_devices
from sensors.diary import Stored, last_heard, stored_diaries
from sensors.emptied import EmptyingRecord, list_emptyings, look
from sensors.emptyings import BELIEVED
from sensors.errors import IntakeError
from sensors.experience import open_diaries
from sensors.forecast import level_quantiles, stack
from sensors.intake import receive_all
from sensors.levels import BinState
from sensors.plain import PLAIN, Forecaster
from sensors.skill import (
    NEAR_H,
    PROBABILITIES,
    Floats,
    Series,
    Skill,
    judge,
    spans_of,
)
from sensors.telemetry import HEARD, Reading, Verdict
from sensors.uplink import Uplink

# Forecasts are made this often, and not before the sensors were heard for that long.
EVERY = timedelta(hours=6)
WARM_UP = timedelta(days=14)

# The bottom is where nearly no distance is farther, and a little noise below; the bin counts as full this far below
# the sensor, which sits in its lid.
FARTHEST_SHARE, NOISE_CM = 0.995, 2
LID_CM = 20
TALLEST_CM = 1_000

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How bins look: distance from the sensor to the bottom, and from there up to the brim; none: from the readings."""

    mounting_height_cm: int | None = None
    depth_cm: int | None = None
    usable_volume_l: int = 3_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Parameters
    ----------
    readings
        Lines of the file.
    stored, duplicates, rejected
        As intake counted them; refused ones by reason.
    verdicts
        Stored readings by verdict.
    emptyings
        When bins were emptied, as their sensors tell in hindsight; every device has a bin of its name.
    skill
        How good the forecasts 24 hours ahead were.
    baselines
        The same for plain forecasts of the same spans.
    """

    readings: int
    stored: int
    duplicates: int
    rejected: Mapping[str, int]
    verdicts: Mapping[str, int]
    emptyings: Sequence[EmptyingRecord]
    skill: Skill
    baselines: Mapping[str, Skill]


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file: when it was sent, as far as that can be read, and who by."""

    at: datetime
    text: bytes
    uplinks: tuple[Uplink, ...]


@dataclass(slots=True)
class _Origins:
    """What was known of one bin at the moments forecasts were made from."""

    at_h: list[float] = field(default_factory=list)
    states: list[BinState] = field(default_factory=list)
    diaries: list[Stored | None] = field(default_factory=list)


def replay(
    path: Path,
    format_name: str,
    *,
    model: str = "",
    geometry: Geometry | None = None,
    plain: Mapping[str, Forecaster] = PLAIN,
    progress: Progress | None = None,
) -> Replayed:
    """Replay a file, plain or gzip, of one message a line (or of a table's lines) in any order.

    Parameters
    ----------
    format_name
        A name of `sensors.decoders.formats`.
    model
        The devices' model, a name of `sensors.payloads.models`; empty if port or envelope tell.
    geometry
        How the bins look.
    plain
        Forecasts to compare with, by name.
    progress
        Told how much is done, 0..1.

    Raises
    ------
    IntakeError
        If the file cannot be read, or has no reading at all.
    """
    head, texts = _texts(path, format_name)
    lines = sorted(_lines(head, texts, format_name), key=lambda line: line.at)
    distances = _distances(lines, model)
    if not distances:
        raise IntakeError("unreadable", f"{path} has no line that reads as {format_name}; is it that format?")
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'replay.sqlite'}").execution_options(alone=True)
        upgrade(engine)
        _mount(engine, distances, model, geometry or Geometry(), lines[0].at)
        counted: Counter[str] = Counter()
        rejected: Counter[str] = Counter()
        origins: dict[str, _Origins] = defaultdict(_Origins)
        warm = lines[0].at + WARM_UP
        done = 0
        for at, slot in _slots(lines):
            messages = _messages(head, slot, format_name)
            receipts = receive_all(engine, ManualClock(at), messages, durable=False)
            for receipt in receipts:
                counted.update(stored=receipt.stored, duplicates=receipt.duplicates)
                rejected.update(rejection.code for rejection in receipt.rejected)
            states, diaries = _known(engine)
            for state in states if at >= warm else ():
                if state.heard_at is not None and at - state.heard_at <= EVERY:
                    origins[state.bin_id].at_h.append(_hours(state.heard_at))
                    origins[state.bin_id].states.append(state)
                    origins[state.bin_id].diaries.append(diaries.get(state.bin_id))
            done += len(slot)
            if progress is not None:
                progress(done / len(lines))
        skill, baselines = _judged(engine, origins, plain)
        emptied = _emptyings(engine, lines[0].at, at)
        verdicts = _verdicts(engine)
        engine.dispose()
    return Replayed(
        readings=len(lines),
        stored=counted["stored"],
        duplicates=counted["duplicates"],
        rejected=dict(rejected),
        verdicts=verdicts,
        emptyings=emptied,
        skill=skill,
        baselines=baselines,
    )


def _texts(path: Path, format_name: str) -> tuple[bytes, list[bytes]]:
    """Return the head of a table, or nothing, and the lines of a file."""
    try:
        body = path.read_bytes()
        if body.startswith(b"\x1f\x8b"):
            body = zlib.decompress(body, wbits=31)
    except (OSError, zlib.error) as error:
        raise IntakeError("unreadable", f"{path} cannot be read: {error}") from error
    texts = [text for text in body.splitlines() if text.strip()]
    if not texts:
        raise IntakeError("unreadable", f"{path} is empty")
    return (texts[0] + b"\n", texts[1:]) if format_name in tables() else (b"", texts)


def _lines(head: bytes, texts: Sequence[bytes], format_name: str) -> Iterator[_Line]:
    """Yield lines with their time; one that cannot be read takes the time of the line before it."""
    at = datetime(1970, 1, 1, tzinfo=UTC)
    for text in texts:
        try:
            uplinks = tuple(item for item in decode(format_name, head + text) if isinstance(item, Uplink))
        except IntakeError as error:
            if error.code == "unknown_format":
                raise
            uplinks = ()
        at = max((uplink.at for uplink in uplinks), default=at)
        yield _Line(at, text, uplinks)


def _messages(head: bytes, lines: Sequence[_Line], format_name: str) -> list[Message]:
    """Return the lines as they would have come in: each a message, or together one table."""
    if head:
        return [Message(format_name, head + b"\n".join(line.text for line in lines))]
    return [Message(format_name, line.text) for line in lines]


def _distances(lines: Sequence[_Line], model: str) -> dict[str, list[float]]:
    """Return the distances each device measured."""
    distances: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        for uplink in line.uplinks:
            try:
                measured = payloads.read(uplink, model)
            except IntakeError:
                continue
            seen = distances[uplink.device_id]
            if measured.distance_cm is not None and not measured.fault:
                seen.append(measured.distance_cm)
    return distances


def _mount(
    engine: Engine, distances: Mapping[str, Sequence[float]], model: str, geometry: Geometry, at: datetime
) -> None:
    """Put a bin under every device."""
    mountings = []
    with transaction(engine) as session:
        session.add(District(id="replay", name="Replay"))
        session.flush()
        point = CollectionPoint(id="replay", district_id="replay", kind=PointKind.ISLE, name="Replay", lon=0, lat=0)
        session.add(point)
        session.flush()
        for device_id, seen in distances.items():
            farthest = float(np.quantile(seen, FARTHEST_SHARE)) if seen else TALLEST_CM / 2
            height_cm = geometry.mounting_height_cm or min(round(farthest) + NOISE_CM, TALLEST_CM)
            session.add(
                Bin(
                    id=device_id,
                    point_id="replay",
                    stream=Stream.RECYCLABLE,
                    usable_volume_l=geometry.usable_volume_l,
                    depth_cm=geometry.depth_cm or max(height_cm - LID_CM, 1),
                )
            )
            mountings.append(Mounting(device_id, device_id, model, height_cm))
    if refused := register_devices(engine, mountings, at=at, actor="replay"):
        raise IntakeError(refused[0].code, refused[0].reason)


def _slots(lines: Sequence[_Line]) -> Iterator[tuple[datetime, list[_Line]]]:
    """Yield lines by slots of `EVERY`, each with the moment of its end."""
    begun = lines[0].at
    for number, slot in groupby(lines, key=lambda line: (line.at - begun) // EVERY):
        yield begun + (number + 1) * EVERY, list(slot)


def _known(engine: Engine) -> tuple[list[BinState], Mapping[str, Stored]]:
    with reading(engine) as session:
        states = list(session.exec(select(BinState)))
        return states, stored_diaries(session, [state.bin_id for state in states])


def _emptyings(engine: Engine, begun: datetime, now: datetime) -> list[EmptyingRecord]:
    """Look at every bin once more, in hindsight, and return the emptyings that are believed, in the order of time."""
    with transaction(engine) as session:
        look(session, dict.fromkeys(session.exec(select(Bin.id)), begun), now)
        found = list_emptyings(session, limit=None)
        return sorted((one for one in found if one.confidence >= BELIEVED), key=lambda one: (one.at, one.bin_id))


def _judged(
    engine: Engine, origins: Mapping[str, _Origins], plain: Mapping[str, Forecaster]
) -> tuple[Skill, dict[str, Skill]]:
    actual: list[Floats] = []
    ours: list[Floats] = []
    theirs: dict[str, list[Floats]] = {name: [] for name in plain}
    for bin_id, of_bin in origins.items():
        series = _series(engine, bin_id)
        if len(series.hours) < 2:
            continue
        # The last reading with a level at each origin; one too old to begin a span from is none.
        rows = np.searchsorted(series.hours, of_bin.at_h, side="right") - 1
        fresh = np.array(of_bin.at_h) - series.hours[np.maximum(rows, 0)] <= NEAR_H
        usable = np.flatnonzero((rows >= 0) & fresh)
        rows, first = np.unique(rows[usable], return_index=True)
        spans = spans_of(series, rows)
        if not len(spans):
            continue
        of_row = dict(zip(rows.tolist(), usable[first].tolist(), strict=True))
        chosen = [of_row[row] for row in spans.begin.tolist()]
        states = stack(
            [of_bin.states[one] for one in chosen],
            open_diaries([(of_bin.diaries[one], last_heard(of_bin.states[one].recent)) for one in chosen]),
        )
        forecasts = {name: forecast(series, spans) for name, forecast in plain.items()}
        comparable = np.all([np.isfinite(one[:, 0]) for one in forecasts.values()], axis=0)
        quantiles = level_quantiles(states, 3600.0 * series.hours[spans.end], PROBABILITIES)
        actual.append(spans.actual[comparable])
        ours.append(quantiles[comparable])
        for name, one in forecasts.items():
            theirs[name].append(one[comparable])
    if not actual:
        nothing = judge(np.empty(0), np.empty((0, len(PROBABILITIES))))
        return nothing, dict.fromkeys(plain, nothing)
    levels = np.concatenate(actual)
    return judge(levels, np.vstack(ours)), {name: judge(levels, np.vstack(one)) for name, one in theirs.items()}


def _series(engine: Engine, bin_id: str) -> Series:
    with reading(engine) as session:
        rows = session.exec(
            select(Reading.at, Reading.fill_level)
            .where(Reading.bin_id == bin_id, col(Reading.verdict).in_(HEARD))
            .order_by(col(Reading.at))
        ).all()
    return Series(np.array([_hours(at) for at, _ in rows]), np.array([level or 0.0 for _, level in rows]))


def _hours(at: datetime) -> float:
    return at.timestamp() / 3600.0


def _verdicts(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        rows = session.exec(select(Reading.verdict, sa.func.count()).group_by(col(Reading.verdict)))
        return {Verdict(verdict).value: number for verdict, number in rows}
