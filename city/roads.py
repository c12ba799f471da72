"""The road network's tables."""

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from city.network import RoadClass


class RoadNode(SQLModel, table=True):
    """A junction or the end of a road."""

    __tablename__ = "road_node"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    lon: float
    lat: float


class RoadSegment(SQLModel, table=True):
    """A piece of street between two junctions."""

    __tablename__ = "road_segment"

    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    way_id: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    from_node: int = Field(sa_column=Column(BigInteger, nullable=False))
    to_node: int = Field(sa_column=Column(BigInteger, nullable=False))
    length_m: float
    road_class: int = Field(description="a RoadClass", ge=0, le=max(RoadClass))
    speed_kmh: float | None = None
    forward: bool = True
    backward: bool = True
    truck: bool = True
    max_width_cm: int | None = None
    max_height_cm: int | None = None
    max_weight_kg: int | None = None
    rules: str = Field(default="", description="what holds at certain hours or for some trucks only; see docs/roads.md")
    name: str = ""
    shape: bytes | None = Field(
        default=None,
        sa_column=Column(LargeBinary, nullable=True),
        description="bends between the ends: lon, lat as float64",
    )


class ForbiddenTurn(SQLModel, table=True):
    """A turn that signs forbid: from one segment over a junction into another."""

    __tablename__ = "forbidden_turn"

    from_segment: int = Field(sa_column=Column(BigInteger, primary_key=True))
    via_node: int = Field(sa_column=Column(BigInteger, primary_key=True))
    to_segment: int = Field(sa_column=Column(BigInteger, primary_key=True))
