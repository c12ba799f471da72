"""Whether a truck stopped at a collection point, as the positions that trucks report tell."""

import math
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from city.lines import EARTH_RADIUS_M
from city.registry import Truck
from city.streams import parse_streams
from sensors.emptyings import Sighting
from sensors.telemetry import PositionRecord

# Trucks stand this near to what they serve: behind the next corner, with a receiver that is off by 10 m between houses.
NEAR_M = 80.0
# A truck that is driven faster serves nobody.
SLOW_KMH = 10.0
# Positions come every 30 s to some minutes, and a truck that served a point was there then.
AROUND = timedelta(minutes=10)
# If fewer of the trucks that might have come tell where they are, none that did not come tells anything.
TRACKED_SHARE = 0.8
# A truck tells where it is if it told anything within so long.
SPEAKS = timedelta(hours=6)


class TruckStops:
    """Looks for trucks of a district near one point.

    Parameters
    ----------
    session
        Read from when asked.
    district_id, stream
        Whose trucks may come, and for what.
    lon, lat
        The point.
    """

    def __init__(self, session: Session, district_id: str, stream: str, lon: float, lat: float) -> None:
        self._session = session
        self._district_id = district_id
        self._stream = stream
        self._lon, self._lat = lon, lat
        self._trucks: list[str] | None = None

    def near(self, since: datetime, until: datetime) -> Sighting:
        """Tell whether a truck stopped near between two moments, give or take `AROUND`."""
        if self._trucks is None:
            self._trucks = self._might_come()
        if not self._trucks:
            return Sighting.UNTRACKED
        position = PositionRecord
        of_trucks = col(position.truck_id).in_(self._trucks)
        reach = math.degrees(NEAR_M / EARTH_RADIUS_M)
        wide = reach / max(math.cos(math.radians(self._lat)), 0.01)
        there = sa.select(sa.func.count()).where(
            of_trucks,
            col(position.at).between(since - AROUND, until + AROUND),
            col(position.fixed),
            col(position.lat).between(self._lat - reach, self._lat + reach),
            col(position.lon).between(self._lon - wide, self._lon + wide),
            sa.or_(col(position.speed_kmh).is_(None), col(position.speed_kmh) <= SLOW_KMH),
        )
        if self._session.connection().execute(there).scalar_one():
            return Sighting.NEAR
        speaking = sa.select(sa.func.count(sa.distinct(col(position.truck_id)))).where(
            of_trucks, col(position.at).between(since - SPEAKS, until + SPEAKS)
        )
        share = self._session.connection().execute(speaking).scalar_one() / len(self._trucks)
        return Sighting.NONE if share >= TRACKED_SHARE else Sighting.UNTRACKED

    def _might_come(self) -> list[str]:
        rows = self._session.connection().execute(
            sa.select(col(Truck.id), col(Truck.streams)).where(
                col(Truck.district_id) == self._district_id, col(Truck.active)
            )
        )
        return sorted(truck_id for truck_id, streams in rows if self._stream in parse_streams(streams))
