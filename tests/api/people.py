"""Who asks, and about what: people and machines in every role, and the rows of a small city."""

from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.accounts import Role, create_account
from api.codes import issue_code
from api.keys import MACHINE_ROLES, create_key
from city.clock import ManualClock
from city.network import RoadClass
from city.registry import (
    Bin,
    City,
    CollectionPoint,
    Crew,
    District,
    Facility,
    FacilityKind,
    PointKind,
    Shift,
    StreamRule,
    Truck,
)
from city.roads import RoadNode, RoadSegment
from city.streams import Stream

HERE, ELSEWHERE = "huangpu", "pudong"

# For tests that the kind of database cannot touch.
on_sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


def streets() -> list[object]:
    """Two streets from west to east, 330 m apart, joined at their ends and between the districts."""
    columns, rows = (121.465, 121.495, 121.535), (31.23, 31.233)
    nodes = [
        RoadNode(id=10 * row + column, lon=lon, lat=lat)
        for row, lat in enumerate(rows)
        for column, lon in enumerate(columns)
    ]
    along = [(10 * row + column, 10 * row + column + 1) for row in (0, 1) for column in (0, 1)]
    across = [(column, 10 + column) for column in (0, 1, 2)]
    place = {node.id: (node.lon, node.lat) for node in nodes}
    segments = [
        RoadSegment(
            id=number,
            way_id=100 + number,
            from_node=start,
            to_node=end,
            length_m=95_000 * abs(place[start][0] - place[end][0]) + 111_000 * abs(place[start][1] - place[end][1]),
            road_class=RoadClass.SECONDARY,
            name="Renmin Road" if number < len(along) else "",
        )
        for number, (start, end) in enumerate([*along, *across])
    ]
    return [*nodes, *segments]


def registry() -> list[object]:
    """Two districts with a depot, a transfer station, two trucks and four points each."""
    rows: list[object] = [
        City(name="Shanghai", timezone="Asia/Shanghai", roads_version="grid"),
        District(id=HERE, name="Huangpu", name_zh="黄浦区"),
        District(id=ELSEWHERE, name="Pudong", name_zh="浦东新区"),
        Shift(id="morning", name="Morning", name_zh="早班", hours="06:30-13:00"),
        *streets(),
        *(StreamRule(stream=stream, density_kg_per_l=0.15) for stream in Stream),
    ]
    for at, district in enumerate((HERE, ELSEWHERE)):
        lon, lat = 121.47 + at * 0.05, 31.23
        rows += [
            Facility(
                id=f"{district}-depot", district_id=district, kind=FacilityKind.DEPOT, name="Depot", lon=lon, lat=lat
            ),
            Facility(
                id=f"{district}-transfer",
                district_id=district,
                kind=FacilityKind.TRANSFER_STATION,
                name="Transfer station",
                lon=lon + 0.01,
                lat=lat,
                streams="dry,wet",
            ),
        ]
        for number in (1, 2):
            truck = f"{district}-truck-{number}"
            rows += [
                Truck(
                    id=truck,
                    plate=f"沪A{at}{number}",
                    district_id=district,
                    depot_id=f"{district}-depot",
                    streams="dry,wet",
                    capacity_kg=5000,
                    capacity_l=12000,
                ),
                Crew(id=f"{truck}-crew", name="Crew", district_id=district, shift_id="morning", truck_id=truck),
            ]
        for number in range(4):
            point = f"{district}-p{number}"
            rows.append(
                CollectionPoint(
                    id=point,
                    district_id=district,
                    kind=PointKind.BIN_ROOM,
                    name=f"{number} Renmin Road",
                    lon=lon + 0.002 * number,
                    lat=lat + 0.003,
                )
            )
            rows += [
                Bin(id=f"{point}-{stream}", point_id=point, stream=stream, usable_volume_l=240, depth_cm=100)
                for stream in (Stream.DRY, Stream.WET)
            ]
    return rows


@dataclass
class People:
    """Makes people and machines, and signs them in."""

    app: FastAPI
    engine: Engine
    clock: ManualClock
    wall: ManualClock

    def account(self, name: str, *grants: tuple[Role, str]) -> str:
        """Open an account and return a one-time code of it."""
        create_account(self.engine, self.clock, actor="test", account_id=name, name=name.title(), grants=grants)
        return self.code(name)

    def code(self, name: str) -> str:
        """Return a fresh one-time code."""
        return issue_code(self.engine, self.clock, self.wall, actor="test", account_id=name)

    def token(self, *grants: tuple[Role, str], name: str | None = None) -> str:
        """Return the token of somebody signed in with these roles; of a machine with one of the machines' roles."""
        if len(grants) == 1 and grants[0][0] in MACHINE_ROLES and not grants[0][1]:
            return create_key(self.engine, self.clock, actor="test", name="gateway", role=grants[0][0])[1]
        name = name or "-".join(filter(None, [part for role, district in grants for part in (role.value, district)]))
        with TestClient(self.app) as client:
            answer = client.post("/api/v1/sign-in", json={"code": self.account(name or "nobody", *grants)})
        token = answer.json()["token"]
        assert isinstance(token, str)
        return token

    def client(self, *grants: tuple[Role, str], name: str | None = None, language: str = "en") -> TestClient:
        """Return a client that is somebody with these roles."""
        headers = {"Authorization": f"Bearer {self.token(*grants, name=name)}", "Accept-Language": language}
        return TestClient(self.app, raise_server_exceptions=False, headers=headers)
