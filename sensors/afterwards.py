"""Verdicts that only time can pass: stuck, frozen, and waste under the sensor, on readings that are stored already.

A device that stands still as of its last reading is remembered, so that what it goes on saying is not believed as it
comes in: the bin becomes unknown, which is not the same as empty. It is forgotten when it moves again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column, Engine
from sqlmodel import Field, Session, SQLModel, col

from city.database import moment, transaction, word
from sensors.bridging import Bridge
from sensors.bulk import document, given, insert_or_update, update_rows
from sensors.calibrations import CalibrationRecord
from sensors.stillness import FEWEST, SAME_CM, SHORTEST, Said, Still, stills
from sensors.stirred import stir
from sensors.telemetry import HEARD, Reading, Verdict
from sensors.timeline import Identity

# Verdicts given here, and those that may be changed here.
GIVEN = (Verdict.STUCK, Verdict.FROZEN, Verdict.BRIDGED)
# A drifted sensor's levels are off, and still fall when its bin is emptied: so it may be learnt anew.
LOOKED_AT = (*HEARD, Verdict.STUCK, Verdict.FROZEN, Verdict.DRIFT)


class StillDevice(SQLModel, table=True):
    """A device that says the same for too long, as of its last reading."""

    __tablename__ = "still_device"

    device_id: str = Field(primary_key=True, foreign_key="device.id")
    distance_cm: float = Field(description="what it says")
    since: datetime = Field(sa_column=moment())
    verdict: Verdict = Field(sa_column=word(Verdict))
    reason: str
    numbers: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stored reading, as a look reads it."""

    device_id: str
    frame_key: str
    at: datetime
    level: float
    distance_cm: float | None
    temperature_c: float | None
    verdict: Verdict
    reason: str

    @property
    def identity(self) -> Identity:
        """Device and frame key."""
        return self.device_id, self.frame_key


def find_still(
    spoken: Sequence[Spoken], visits: Sequence[datetime], rate_alike_per_h: float
) -> tuple[dict[Identity, Still], dict[str, tuple[Still, Spoken] | None]]:
    """Find the readings of a bin's devices that stand still.

    Parameters
    ----------
    spoken
        Of all devices of the bin, ascending.
    visits, rate_alike_per_h
        As in `sensors.stillness.stills`.

    Returns
    -------
    dict, dict
        By reading, the run it is part of; and by device, the run it is in as of its last reading with the first
        reading of it, or none.
    """
    of_device: dict[str, list[Spoken]] = defaultdict(list)
    for one in spoken:
        if one.distance_cm is not None:
            of_device[one.device_id].append(one)
    still: dict[Identity, Still] = {}
    standing: dict[str, tuple[Still, Spoken] | None] = {}
    for device_id, rows in of_device.items():
        said = [Said(one.at, one.distance_cm or 0.0, one.level, one.temperature_c) for one in rows]
        standing[device_id] = None
        for run in stills(said, visits, rate_alike_per_h=rate_alike_per_h):
            still |= {one.identity: run for one in rows[run.first : run.last + 1]}
            if run.last == len(rows) - 1:
                standing[device_id] = run, rows[run.first]
    return still, standing


def changed_verdicts(
    spoken: Sequence[Spoken],
    still: Mapping[Identity, Still],
    heard: Sequence[Spoken],
    false: Sequence[bool],
    bridged: Iterable[Bridge],
    *,
    anew_from: datetime,
) -> list[dict[str, Any]]:
    """Return the rows of readings whose verdict changes, by the names of `Reading`'s columns.

    Parameters
    ----------
    spoken, still
        All readings of the bin, and those that stand still.
    heard, false, bridged
        The others, whether each is false in hindsight, and which of them saw hanging waste.
    anew_from
        Verdicts on readings before are not taken back.
    """
    wanted: dict[Identity, tuple[Verdict, str, dict[str, float] | None]] = {
        identity: (run.verdict, run.reason, run.numbers) for identity, run in still.items()
    }
    for bridge in bridged:
        for one in heard[bridge.first : bridge.last + 1]:
            wanted[one.identity] = Verdict.BRIDGED, bridge.reason, bridge.numbers
    untrue = {one.identity for one, wrong in zip(heard, false, strict=True) if wrong}
    changed = []
    for one in spoken:
        identity = one.identity
        if identity not in wanted and one.verdict in GIVEN and one.at >= anew_from:
            back = (Verdict.SPIKE, "hindsight", None) if identity in untrue else (Verdict.OK, "", None)
            wanted[identity] = back
        if identity in wanted and (one.verdict, one.reason) != wanted[identity][:2]:
            verdict, reason, numbers = wanted[identity]
            changed.append(
                {
                    "device_id": one.device_id,
                    "frame_key": one.frame_key,
                    "verdict": verdict,
                    "verdict_reason": reason,
                    "verdict_numbers": numbers,
                }
            )
    return changed


def keep_verdicts(
    session: Session, changed: Sequence[Mapping[str, Any]], standing: Mapping[str, tuple[Still, Spoken] | None]
) -> None:
    """Store verdicts that changed, and which devices stand still."""
    update_rows(session, Reading, changed)
    rows = [
        {
            "device_id": device_id,
            "distance_cm": first.distance_cm,
            "since": first.at,
            "verdict": run.verdict,
            "reason": run.reason,
            "numbers": run.numbers,
        }
        for device_id, (run, first) in sorted((name, one) for name, one in standing.items() if one is not None)
    ]
    insert_or_update(session, StillDevice, rows, update=["distance_cm", "since", "verdict", "reason", "numbers"])
    wanted = given(session, device_id=sa.String())
    gone = sa.delete(StillDevice).where(sa.exists().where(wanted.c.device_id == col(StillDevice.device_id)))
    moving = [{"device_id": device_id} for device_id, one in standing.items() if one is None]
    session.connection().execute(gone, document(session, moving))


def stir_still(engine: Engine, now: datetime) -> int:
    """Mark bins of devices that said the same for a day, that stood still, or have drifted; return how many."""
    since = now - SHORTEST - timedelta(hours=2)
    distance = col(Reading.distance_cm)
    with transaction(engine) as session:
        same = (
            sa.select(col(Reading.bin_id), sa.func.max(col(Reading.at)).label("at"))
            .where(
                col(Reading.received_at) >= since,
                col(Reading.at) >= since,
                col(Reading.bin_id).is_not(None),
                col(Reading.verdict).in_(LOOKED_AT),
                distance.is_not(None),
            )
            .group_by(col(Reading.device_id), col(Reading.bin_id))
            .having(sa.func.max(distance) - sa.func.min(distance) <= SAME_CM, sa.func.count() >= FEWEST)
        )
        named = sa.union(
            sa.select(col(StillDevice.device_id)),
            sa.select(col(CalibrationRecord.device_id)).where(col(CalibrationRecord.drifted)),
        ).subquery()
        stood = (
            sa.select(col(Reading.bin_id), sa.func.max(col(Reading.at)).label("at"))
            .join(named, named.c.device_id == col(Reading.device_id))
            .where(col(Reading.received_at) >= since, col(Reading.at) >= since, col(Reading.bin_id).is_not(None))
            .group_by(col(Reading.bin_id))
        )
        found = dict[str, datetime]()
        for query in (same, stood):
            for bin_id, at in session.connection().execute(query):
                if bin_id is not None:
                    found[bin_id] = max(at, found.get(bin_id, at))
        stir(session, {bin_id: (at, at) for bin_id, at in found.items()})
    return len(found)
