"""What trucks and people report besides readings: tied to the registry, and stored once however often it comes.

Reports are first tied to their trucks and bins, and stored when those bins are locked; before that, none is surely new.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, col

from city.database import UtcDateTime, reading
from city.registry import Bin, Truck
from city.streams import Stream
from sensors.bulk import document, given, insert_new
from sensors.delivery import Delivery
from sensors.errors import IntakeError
from sensors.lift import Lift
from sensors.moments import check_moment
from sensors.observation import Observation
from sensors.position import Position
from sensors.telemetry import LiftRecord, ObservationRecord, PositionRecord
from sensors.timeline import Event, Identity
from sensors.witnesses import lifted_since, looked_since

Report = Position | Lift | Observation

# What two rows with one key may not say differently. Of two positions of one second the first counts.
SAID: Mapping[type[SQLModel], tuple[str, ...]] = {
    PositionRecord: (),
    LiftRecord: ("weight_kg",),
    ObservationRecord: ("seen",),
}

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Tied:
    """A report tied to its truck and bins: the rows it becomes, and the delivery that brought it."""

    delivery: Delivery
    report: Report
    table: type[SQLModel]
    rows: tuple[dict[str, Any], ...]

    @property
    def bin_ids(self) -> set[str]:
        """The bins it tells of; a position tells of none."""
        return {row["bin_id"] for row in self.rows if row.get("bin_id") is not None}


def tie_reports(session: Session, deliveries: Sequence[Delivery], now: datetime) -> list[Tied]:
    """Tie what deliveries report to the registry, and refuse what cannot be tied.

    Parameters
    ----------
    deliveries
        Decoded.
    now
        When they came in.
    """
    brought = [(delivery, item) for delivery in deliveries for item in delivery.found if isinstance(item, Report)]
    if not brought:
        return []
    trucks = _Trucks(session, {report.truck for _, report in brought if not isinstance(report, Observation)})
    bins = _Bins(session, [report for _, report in brought])
    tied = []
    for delivery, report in brought:
        try:
            check_moment(_speaker(report), report.at, now)
            table, rows = _rows(report, trucks, bins, now)
        except IntakeError as error:
            _refuse(delivery, report, error.code, str(error))
        else:
            tied.append(Tied(delivery, report, table, rows))
    return tied


def knows_truck(engine: Engine, name: str) -> bool:
    """Tell whether a truck in use has that id, or a terminal of that number as `city.marks` writes it."""
    with reading(engine) as session:
        try:
            _Trucks(session, {name}).named(name)
        except IntakeError:
            return False
    return True


def _speaker(report: Report) -> str:
    return report.observer if isinstance(report, Observation) else f"truck {report.truck}"


def _refuse(delivery: Delivery, report: Report, code: str, reason: str) -> None:
    who = report.observer if isinstance(report, Observation) else report.truck
    delivery.refuse(code, reason, device_id=who, index=report.index, alone=report.alone)


def _rows(
    report: Report, trucks: "_Trucks", bins: "_Bins", now: datetime
) -> tuple[type[SQLModel], tuple[dict[str, Any], ...]]:
    match report:
        case Position():
            return PositionRecord, (_position_row(report, trucks.named(report.truck), now),)
        case Lift():
            truck_id, bin_id = trucks.named(report.truck), bins.lifted(report)
            return LiftRecord, (_lift_row(report, truck_id, bin_id, now),)
        case Observation():
            return ObservationRecord, tuple(_observation_row(report, bin_id, now) for bin_id in bins.seen(report))


def _position_row(position: Position, truck_id: str, now: datetime) -> dict[str, Any]:
    return {
        "truck_id": truck_id,
        "at": position.at,
        "received_at": now,
        "lon": position.lon,
        "lat": position.lat,
        "fixed": position.fixed,
        "speed_kmh": position.speed_kmh,
        "heading_deg": position.heading_deg,
    }


def _lift_row(lift: Lift, truck_id: str, bin_id: str | None, now: datetime) -> dict[str, Any]:
    count = "" if lift.sequence is None else lift.sequence
    return {
        "truck_id": truck_id,
        "lift_key": f"{int(lift.at.timestamp() * 1000):013d}-{count}-{lift.tag or lift.bin_id or ''}",
        "bin_id": bin_id,
        "at": lift.at,
        "received_at": now,
        "tag": lift.tag,
        "sequence": lift.sequence,
        "gross_kg": lift.gross_kg,
        "tare_kg": lift.tare_kg,
        "net_kg": lift.net_kg,
        "weight_kg": lift.weight_kg,
        "lon": lift.lon,
        "lat": lift.lat,
    }


def _observation_row(observation: Observation, bin_id: str, now: datetime) -> dict[str, Any]:
    return {
        "bin_id": bin_id,
        "at": observation.at,
        "observer": observation.observer,
        "received_at": now,
        "seen": observation.seen,
        "note": observation.note,
    }


class _Trucks:
    """The trucks that reports name, by id or by the number of their terminal."""

    def __init__(self, session: Session, names: set[str]) -> None:
        self._found: dict[str, dict[str, bool]] = defaultdict(dict)
        if not names:
            return
        wanted = given(session, name=sa.String())
        columns = (wanted.c.name, col(Truck.id), col(Truck.active))
        query = sa.union_all(
            sa.select(*columns).join(wanted, wanted.c.name == Truck.id),
            sa.select(*columns).join(wanted, wanted.c.name == Truck.terminal).where(wanted.c.name != ""),
        )
        named = document(session, [{"name": name} for name in sorted(names)])
        for name, truck_id, active in session.connection().execute(query, named):
            self._found[name][truck_id] = active

    def named(self, name: str) -> str:
        """Return the id of the truck in use that a name stands for."""
        found = self._found.get(name, {})
        in_use = sorted(truck_id for truck_id, active in found.items() if active)
        if not found:
            raise IntakeError(
                "unknown_truck",
                f"no truck has the id or the terminal {name}; write it in the trucks' column terminal, import that and"
                " try the message again",
            )
        if not in_use:
            raise IntakeError("retired_truck", f"truck {min(found)} is in the registry but not in use")
        if len(in_use) > 1:
            raise IntakeError(
                "unknown_truck", f"{name} stands for several trucks: {', '.join(in_use)}; a terminal belongs to one"
            )
        return in_use[0]


class _Bins:
    """The bins that reports name, by id, by tag, or by point and stream."""

    def __init__(self, session: Session, reports: Iterable[Report]) -> None:
        ids, tags, points = set(), set(), set()
        for report in reports:
            match report:
                case Lift(bin_id=str(bin_id)) | Observation(bin_id=str(bin_id)):
                    ids.add(bin_id)
                case Lift(tag=tag) if tag:
                    tags.add(tag)
                case Observation(point_id=str(point_id)):
                    points.add(point_id)
        self._known = {bin_id for bin_id, _, _, _ in _bins_by(session, Bin.id, ids)}
        self._of_tag: dict[str, list[str]] = defaultdict(list)
        for bin_id, tag, _, _ in _bins_by(session, Bin.tag, tags):
            self._of_tag[tag].append(bin_id)
        self._of_stop: dict[tuple[str, Stream], list[str]] = defaultdict(list)
        for bin_id, _, point_id, stream in _bins_by(session, Bin.point_id, points):
            self._of_stop[point_id, stream].append(bin_id)

    def lifted(self, lift: Lift) -> str | None:
        """Return the bin that was lifted; none if neither truck nor tag names one."""
        if lift.bin_id is not None:
            return self._checked(lift.bin_id)
        if not lift.tag:
            return None
        match self._of_tag.get(lift.tag, []):
            case [bin_id]:
                return bin_id
            case []:
                raise IntakeError(
                    "unknown_bin",
                    f"no bin in use has the tag {lift.tag}; write it in the bins' column tag, import that and try the"
                    " message again",
                )
            case several:
                raise IntakeError(
                    "unknown_bin",
                    f"tag {lift.tag} is on several bins: {', '.join(sorted(several))}; a tag belongs to one",
                )

    def seen(self, observation: Observation) -> list[str]:
        """Return the bins that somebody looked at."""
        if observation.bin_id is not None:
            return [self._checked(observation.bin_id)]
        point_id, stream = observation.point_id, observation.stream
        if point_id is None or stream is None:
            raise IntakeError("unknown_bin", "an observation names a bin, or a point and a stream; this one does not")
        if not (of_stop := self._of_stop.get((point_id, stream))):
            raise IntakeError("unknown_bin", f"there is no bin in use for {stream} at collection point {point_id}")
        return sorted(of_stop)

    def _checked(self, bin_id: str) -> str:
        if bin_id not in self._known:
            raise IntakeError("unknown_bin", f"bin {bin_id} is not in the registry; import it and try again")
        return bin_id


def _bins_by(session: Session, column: Any, values: set[str]) -> Sequence[sa.Row[str, str, str, Stream]]:
    """Return the bins in use with one of the values: id, tag, point and stream."""
    if not values:
        return []
    wanted = given(session, value=sa.String())
    query = (
        sa.select(col(Bin.id), col(Bin.tag), col(Bin.point_id), col(Bin.stream))
        .join(wanted, wanted.c.value == column)
        .where(col(Bin.active))
    )
    return session.connection().execute(query, document(session, [{"value": value} for value in sorted(values)])).all()


def store_reports(session: Session, tied: Sequence[Tied]) -> dict[str, list[Event]]:
    """Store what is new, and return what it tells of bins; they are locked by the caller.

    What is stored or known is counted, and what was reported otherwise before refused, on the delivery that brought it.
    """
    known = {table: _known(session, table, tied) for table in SAID}
    new: dict[type[SQLModel], dict[Key, dict[str, Any]]] = defaultdict(dict)
    for one in tied:
        there = known[one.table]
        keyed = [(_key(one.table, row), row, tuple(row[name] for name in SAID[one.table])) for row in one.rows]
        otherwise = [(there[key], said) for key, _, said in keyed if there.get(key, said) != said]
        fresh = [(key, row, said) for key, row, said in keyed if key not in there]
        if otherwise:
            before, now = (", ".join(map(str, said)) for said in otherwise[0])
            reason = (
                f"{_speaker(one.report)} reported {before} at {one.report.at.isoformat()} before, and now {now};"
                " what was reported is not changed"
            )
            _refuse(one.delivery, one.report, "record_contradicts", reason)
            continue
        for key, row, said in fresh:
            there[key], new[one.table][key] = said, row
        if fresh:
            one.delivery.stored += 1
        else:
            one.delivery.duplicates += 1
    for table, rows in new.items():
        insert_new(session, table, [rows[key] for key in sorted(rows)])
    return _told(session, new)


def _told(session: Session, new: Mapping[type[SQLModel], Mapping[Key, Mapping[str, Any]]]) -> dict[str, list[Event]]:
    """Return what new rows tell of bins."""
    told: dict[str, list[Event]] = defaultdict(list)
    for table, look_up in ((LiftRecord, lifted_since), (ObservationRecord, looked_since)):
        rows = [row for row in new.get(table, {}).values() if row["bin_id"] is not None]
        since: dict[str, datetime] = {}
        for row in rows:
            since[row["bin_id"]] = min(row["at"], since.get(row["bin_id"], row["at"]))
        keys = {_identity(row) for row in rows}
        for bin_id, events in look_up(session, since).items() if since else ():
            told[bin_id] += [event for event in events if (bin_id, event.at, event.identity) in keys]
    return told


def _identity(row: Mapping[str, Any]) -> tuple[str, datetime, Identity]:
    """Return how the timeline tells the row from others of its bin."""
    identity = (row["truck_id"], row["lift_key"]) if "lift_key" in row else (row["observer"], "")
    return row["bin_id"], row["at"], identity


def _key(table: type[SQLModel], row: Mapping[str, Any]) -> Key:
    return tuple(row[name] for name in _keys(table))


def _keys(table: type[SQLModel]) -> list[str]:
    return [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]


def _known(session: Session, table: type[SQLModel], tied: Sequence[Tied]) -> dict[Key, tuple[Any, ...]]:
    """Return what is stored under the keys of the rows that came."""
    names = _keys(table)
    rows = [{name: row[name] for name in names} for one in tied if one.table is table for row in one.rows]
    if not rows:
        return {}
    wanted = given(session, **{name: UtcDateTime() if name == "at" else sa.String() for name in names})
    said = SAID[table]
    query = sa.select(*(col(getattr(table, name)) for name in (*names, *said))).join(
        wanted, sa.and_(*(wanted.c[name] == getattr(table, name) for name in names))
    )
    return {
        tuple(row[: len(names)]): tuple(row[len(names) :])
        for row in session.connection().execute(query, document(session, rows))
    }
