"""Open alarms that keep people and trucks away or call them: what the agents know of a district's alarms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from city.registry import Bin, CollectionPoint
from sensors.alarms import Alarm, AlarmKind, AlarmState, in_states

# Kinds that say something of a bin which neither its level nor its silence says.
OF_BINS = (AlarmKind.FIRE, AlarmKind.TILT)


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An open alarm about a bin; `began_at` by the devices' time."""

    id: int
    bin_id: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Alarming:
    """The open alarms of a district.

    Attributes
    ----------
    of_bins
        By kind and bin; of several devices' alarms the oldest.
    burning
        The oldest open fire alarm at each point, by point id.
    """

    of_bins: Mapping[tuple[AlarmKind, str], OpenAlarm] = field(default_factory=dict)
    burning: Mapping[str, OpenAlarm] = field(default_factory=dict)

    def get(self, of: tuple[AlarmKind, str]) -> OpenAlarm | None:
        """Return the alarm of a kind about a bin, if one is open."""
        return self.of_bins.get(of)


def read_alarming(session: Session, district_id: str) -> Alarming:
    """Read the open alarms about bins of a district, wherever those stood when the alarm was raised.

    One that a person acknowledged is open still; one that a person closed is not, although its cause may stand.
    """
    rows = session.connection().execute(
        sa.select(col(Alarm.id), col(Alarm.kind), col(Alarm.bin_id), col(Alarm.began_at), col(Bin.point_id))
        .join(Bin, col(Bin.id) == col(Alarm.bin_id))
        .join(CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id))
        .where(
            col(CollectionPoint.district_id) == district_id,
            col(Alarm.kind).in_(OF_BINS),
            col(Alarm.gone_at).is_(None),
            in_states((AlarmState.OPEN, AlarmState.ACKNOWLEDGED)),
        )
        .order_by(col(Alarm.began_at), col(Alarm.id))
    )
    of_bins: dict[tuple[AlarmKind, str], OpenAlarm] = {}
    burning: dict[str, OpenAlarm] = {}
    for row in rows:
        alarm = OpenAlarm(row.id, row.bin_id, row.began_at)
        of_bins.setdefault((row.kind, row.bin_id), alarm)
        if row.kind is AlarmKind.FIRE:
            burning.setdefault(row.point_id, alarm)
    return Alarming(of_bins, burning)
