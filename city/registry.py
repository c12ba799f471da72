"""The registry's tables: what stands where in the city, what drives, who works when, and what is closed."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from city.database import moment, word
from city.shapes import BOX
from city.streams import Stream


class PointKind(StrEnum):
    """How bins stand at a collection point."""

    BIN_ROOM = "bin_room"
    ISLE = "isle"
    STREET = "street"


class FacilityKind(StrEnum):
    """What happens at a facility: trucks sleep, waste is reloaded, waste is treated."""

    DEPOT = "depot"
    TRANSFER_STATION = "transfer_station"
    PLANT = "plant"


class ClosureKind(StrEnum):
    """What is closed."""

    ROAD = "road"
    POINT = "point"
    FACILITY = "facility"
    TRUCK = "truck"


class DayKind(StrEnum):
    """What is special about a day: more is thrown away, or less."""

    HOLIDAY = "holiday"
    SCHOOL_HOLIDAY = "school_holiday"
    MARKET = "market"
    FESTIVAL = "festival"
    EVENT = "event"
    RAIN = "rain"
    HOT = "hot"
    FROST = "frost"


class City(SQLModel, table=True):
    """The one city of this database."""

    id: int = Field(default=1, primary_key=True)
    name: str
    timezone: str = Field(description="IANA name; shifts and opening hours are local times")
    source: str = Field(default="", description="where the registry came from: a file, or the generator and its seed")
    roads_version: str = Field(default="", description="hash of the road network; caches hang on it")


class District(SQLModel, table=True):
    """A part of the city that plans for itself."""

    id: str = Field(primary_key=True)
    name: str
    name_zh: str = ""
    active: bool = True


class StreamRule(SQLModel, table=True):
    """What the city knows and demands of one stream."""

    stream: Stream = Field(sa_column=word(Stream, primary_key=True))
    density_kg_per_l: float = Field(gt=0, description="weight of a litre as it lies in the bin")
    max_interval_h: float | None = Field(
        default=None, description="longest time between two collections that the rules allow; none: no rule"
    )
    certificate: str = Field(default="", description="what its crews must be certified for; empty: nothing")


class CollectionPoint(SQLModel, table=True):
    """A place where bins stand: the unit of service."""

    __tablename__ = "collection_point"

    id: str = Field(primary_key=True)
    district_id: str = Field(foreign_key="district.id", index=True)
    kind: PointKind = Field(sa_column=word(PointKind))
    name: str
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    hours: str = Field(default="", description="when it can be served, HH:MM-HH:MM,...; empty: always")
    service_s: int = Field(default=60, ge=0, description="time to reach and open the point, without emptying bins")
    attended: bool = Field(default=False, description="somebody is there to swap a full bin")
    max_width_cm: int | None = None
    max_height_cm: int | None = None
    max_weight_kg: int | None = None
    active: bool = True


class Bin(SQLModel, table=True):
    """A container at a collection point."""

    id: str = Field(primary_key=True)
    point_id: str = Field(foreign_key="collection_point.id", index=True)
    stream: Stream = Field(sa_column=word(Stream))
    usable_volume_l: int = Field(gt=0)
    depth_cm: int = Field(gt=0, description="inner height from the bottom to where the bin counts as full")
    shape: str = Field(default=BOX, description="how it widens: a name of city.shapes, or a table of depth and volume")
    tag: str = Field(default="", index=True, description="number of its RFID tag, as city.marks writes it; empty: none")
    active: bool = True


class Facility(SQLModel, table=True):
    """A depot, transfer station or plant."""

    id: str = Field(primary_key=True)
    district_id: str | None = Field(default=None, foreign_key="district.id", index=True)
    kind: FacilityKind = Field(sa_column=word(FacilityKind))
    name: str
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    streams: str = Field(default="", description="streams it accepts, comma-separated; none for a mere depot")
    hours: str = Field(default="", description="opening hours, HH:MM-HH:MM,...; empty: always")
    unloading_s: int = Field(default=900, ge=0, description="from the gate in to the gate out")
    active: bool = True


class Truck(SQLModel, table=True):
    """A collection truck."""

    id: str = Field(primary_key=True)
    plate: str
    district_id: str = Field(foreign_key="district.id", index=True)
    depot_id: str = Field(foreign_key="facility.id")
    streams: str = Field(description="streams it may carry, one at a time, comma-separated")
    capacity_kg: int = Field(gt=0)
    capacity_l: int = Field(gt=0, description="volume of the body")
    compaction: float = Field(default=1.0, ge=1, description="litres in the bin that become one litre in the body")
    width_cm: int = Field(default=250, gt=0)
    height_cm: int = Field(default=320, gt=0)
    gross_weight_kg: int = Field(default=16_000, gt=0)
    road_permit: bool = Field(default=True, description="may drive where, or when, a street asks for a permit")
    fixed_cost: float = Field(default=300.0, ge=0, description="cost of a day on the road, city's currency")
    cost_per_km: float = Field(default=4.0, ge=0)
    cost_per_h: float = Field(default=90.0, ge=0, description="crew and machine")
    overtime_cost_per_h: float = Field(default=0.0, ge=0, description="what an hour of overtime costs on top")
    terminal: str = Field(
        default="",
        index=True,
        description="number of the terminal that reports where it is, as city.marks writes it; empty: none",
    )
    active: bool = True


class Shift(SQLModel, table=True):
    """A working time of the day, in every district or in one."""

    id: str = Field(primary_key=True)
    name: str
    name_zh: str = ""
    district_id: str | None = Field(default=None, foreign_key="district.id")
    hours: str = Field(description="one span, HH:MM-HH:MM; trucks leave and are back within it")
    max_duration_s: int = Field(default=8 * 3600, gt=0, description="longest route of one crew")
    max_overtime_s: int = Field(default=0, ge=0, description="how much longer a crew may be out")
    break_hours: str = Field(default="", description="one span, HH:MM-HH:MM, in which its break begins; empty: none")
    break_s: int = Field(default=1800, gt=0, description="how long the break takes")
    active: bool = True


class Crew(SQLModel, table=True):
    """People who drive a truck in a shift."""

    id: str = Field(primary_key=True)
    name: str
    district_id: str = Field(foreign_key="district.id", index=True)
    shift_id: str = Field(foreign_key="shift.id")
    truck_id: str = Field(foreign_key="truck.id", index=True)
    size: int = Field(default=2, gt=0)
    certificates: str = Field(default="", description="what it is certified for, comma-separated")
    active: bool = True


class Closure(SQLModel, table=True):
    """Something that cannot be used for a while: a road (OSM way), a point, a facility, or a truck in repair."""

    __table_args__ = (Index("ix_closure_subject", "kind", "subject_id"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: ClosureKind = Field(sa_column=word(ClosureKind))
    subject_id: str
    starts_at: datetime = Field(sa_column=moment())
    ends_at: datetime | None = Field(default=None, sa_column=moment(nullable=True))
    slower: float | None = Field(
        default=None, gt=1, description="of a road: open, but it takes so many times as long; none: closed"
    )
    reason: str = ""


class CalendarDay(SQLModel, table=True):
    """A day that is special in one district or in all; what came in on those of the past is learnt from."""

    __tablename__ = "calendar_day"

    day: date = Field(primary_key=True, description="in the city's time zone")
    kind: DayKind = Field(sa_column=word(DayKind, primary_key=True))
    district_id: str = Field(default="", primary_key=True, description="empty: the whole city")
    name: str = ""
    active: bool = Field(default=True, description="no: it was called off, or a mistake")


class WeatherDay(SQLModel, table=True):
    """The weather of a day in one district or in all, as measured or forecast."""

    __tablename__ = "weather_day"

    day: date = Field(primary_key=True, description="in the city's time zone")
    district_id: str = Field(default="", primary_key=True, description="empty: the whole city")
    rain_mm: float | None = Field(default=None, ge=0)
    mean_c: float | None = Field(default=None, description="mean temperature")
