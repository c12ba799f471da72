"""The whole way on real streets: import, real envelopes over HTTP, the agents, a person who approves, a dispatch."""

import csv
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from sqlalchemy import Engine

from agents.problems import Problems
from agents.proposals import read_proposal
from agents.roads import CityRoads
from agents.worker import Worker
from api.accounts import EVERYWHERE, Role, create_account
from api.app import create_app
from api.codes import issue_code
from api.keys import create_key
from api.server import address_of, bind, server_of
from city.check import Severity, check
from city.clock import ManualClock, SystemClock
from city.database import reading
from city.importing import Options, import_city
from city.importing.osm import read_roads
from city.network import RoadClass, RoadNetwork
from city.settings import Settings
from routing import verify

STREETS = "osm/heidelberg.test.osm.pbf"
ENVELOPE = "payloads/thingsboard/Milesight_EM400-TLD_ChirpStack_uplink_payload.json"
TILTED_ENVELOPE = "payloads/thingsboard/Milesight_EM400-TLD_ChirpStack_uplink_payload_1.json"
# The distance in the first envelope, centimetres.
DISTANCE_CM = 160.1
DEPTH_CM = 110
METRES_PER_DEGREE = 111_200.0

# Four in the morning in Heidelberg, when the shift from six o'clock is planned.
PLANNING = datetime(2026, 3, 3, 3, tzinfo=UTC)
POINTS = 24
SEED = 7
# On a fresh checkout the first request that needs the streets waits while their loops are compiled.
PATIENCE_S = 120


def write(path: Path, *rows: Sequence[object]) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def beside_streets(network: RoadNetwork, count: int) -> list[tuple[float, float]]:
    """Choose places a few metres off residential streets in the middle of the map."""
    rng = np.random.default_rng(SEED)
    lon, lat = network.lon[network.from_node], network.lat[network.from_node]
    central = (np.abs(lon - np.median(lon)) < 0.03) & (np.abs(lat - np.median(lat)) < 0.02)
    usable = central & network.forward & network.backward & (network.road_class == RoadClass.RESIDENTIAL)
    chosen = rng.choice(np.flatnonzero(usable), count, replace=False)
    return [(float(lon[row]) + 4e-5, float(lat[row]) + 3e-5) for row in chosen]


def lay_out(folder: Path, streets: Path) -> list[str]:
    """Write the tables of a city on these streets; return its bins."""
    places = beside_streets(read_roads(streets).network, POINTS + 3)
    points, depots = places[:POINTS], places[POINTS:]
    write(folder / "city.csv", ["name", "timezone"], ["Heidelberg", "Europe/Berlin"])
    write(folder / "districts.csv", ["id", "name"], ["mitte", "Mitte"])
    write(
        folder / "stream_rules.csv",
        ["stream", "density_kg_per_l", "max_interval_h"],
        ["dry", 0.15, ""],
        ["wet", 0.5, 24],
    )
    write(
        folder / "points.csv",
        ["id", "district_id", "kind", "name", "lon", "lat"],
        *([f"p{n:02d}", "mitte", "street", f"Platz {n}", *place] for n, place in enumerate(points)),
    )
    bins = [(f"p{n:02d}-{stream}", f"p{n:02d}", stream) for n in range(POINTS) for stream in ("dry", "wet")]
    write(
        folder / "bins.csv",
        ["id", "point_id", "stream", "usable_volume_l", "depth_cm"],
        *([*bin_, 660, DEPTH_CM] for bin_ in bins),
    )
    write(
        folder / "facilities.csv",
        ["id", "kind", "name", "lon", "lat", "streams"],
        ["hof", "depot", "Betriebshof", *depots[0], ""],
        ["werk", "plant", "Müllheizwerk", *depots[1], "dry"],
        ["kompost", "plant", "Kompostwerk", *depots[2], "wet"],
    )
    write(
        folder / "trucks.csv",
        ["id", "plate", "district_id", "depot_id", "streams", "capacity_kg", "capacity_l", "compaction"],
        ["t1", "HD-AB 1", "mitte", "hof", "dry", 4000, 9000, 3],
        ["t2", "HD-AB 2", "mitte", "hof", "wet", 4000, 8000, 1],
    )
    write(folder / "shifts.csv", ["id", "name", "hours"], ["early", "Früh", "06:00-14:00"])
    write(
        folder / "crews.csv",
        ["id", "name", "district_id", "shift_id", "truck_id"],
        ["c1", "Eins", "mitte", "early", "t1"],
        ["c2", "Zwei", "mitte", "early", "t2"],
    )
    return [bin_[0] for bin_ in bins]


@pytest.fixture
def clock() -> ManualClock:
    """Return the city's clock, at the time of planning."""
    return ManualClock(PLANNING)


@pytest.fixture
def roads(engine: Engine) -> CityRoads:
    """Return the road graphs, shared by the agents and the API as in one process."""
    return CityRoads(engine)


@pytest.fixture
def address(engine: Engine, clock: ManualClock, roads: CityRoads) -> Iterator[str]:
    """Serve the API on a free port."""
    listener = bind("127.0.0.1", 0)
    server = server_of(create_app(engine, clock, Settings(), roads=roads))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield address_of(listener)
    server.should_exit = True
    thread.join()
    listener.close()


def test_a_day_on_real_streets(
    engine: Engine, clock: ManualClock, roads: CityRoads, address: str, shared_data: Path, tmp_path: Path
) -> None:
    bins = lay_out(tmp_path, shared_data / STREETS)
    report = import_city(engine, [str(tmp_path), str(shared_data / STREETS)], Options(), at=clock.now(), actor="a test")
    assert report.written
    assert report.exclusions == ()
    with reading(engine) as session:
        errors = [finding for finding in check(session) if finding.severity is Severity.ERROR]
    # Real extracts have corners that no truck gets to: they are named before anybody plans, and the rest goes on.
    assert {finding.code for finding in errors} <= {"cut_off"}
    cut_off = {finding.subject for finding in errors}

    key = create_key(engine, clock, actor="a test", name="ChirpStack", role=Role.INTEGRATOR)[1]
    with httpx.Client(
        base_url=f"{address}/api/v1", timeout=PATIENCE_S, headers={"Authorization": f"Bearer {key}"}
    ) as machine:
        send_real_envelopes(machine, bins, shared_data)

    with Worker(engine, clock, Settings(solve_seconds=1.0, cores=1), machine=clock, roads=roads) as worker:
        while worker.step():
            pass
        with httpx.Client(base_url=f"{address}/api/v1", timeout=PATIENCE_S) as person:
            proposal_id = approve_over_http(person, engine, clock, cut_off)
            while worker.step():
                pass
            read_dispatches(person, proposal_id)
            legs = person.get(f"/proposals/{proposal_id}/map").raise_for_status().json()

    with reading(engine) as session:
        shown = read_proposal(session, proposal_id)
        problem = Problems().read(session, shown.version.problem_hash)
    assert verify(problem, shown.plan).violations == ()
    # Points stand a few metres beside their street; the ways themselves lie on it.
    assert off_streets_m(legs, read_roads(shared_data / STREETS).network) < 10.0


def send_real_envelopes(machine: httpx.Client, bins: Sequence[str], shared_data: Path) -> None:
    """Register a device for every bin, some so high that the bin is full, and let each send; one lies tilted."""
    envelope = json.loads((shared_data / ENVELOPE).read_text())
    for number, bin_id in enumerate(bins):
        level = (number % 10 + 1) / 10
        device = f"24e124713d{number:06x}"
        body = {
            "bin_id": bin_id,
            "model": "milesight-em400-tld",
            "mounting_height_cm": round(DISTANCE_CM + level * DEPTH_CM),
        }
        assert machine.put(f"/devices/{device}", json=body).status_code == 201
        envelope["deviceInfo"]["devEui"] = device
        envelope["time"] = (PLANNING - timedelta(minutes=5)).isoformat()
        receipt = machine.post("/intake/chirpstack", json=envelope)
        assert receipt.status_code == 200
        assert receipt.json() == {"stored": 1, "duplicates": 0, "rejected": []}
        assert machine.post("/intake/chirpstack", json=envelope).json()["duplicates"] == 1
        bin_ = machine.get(f"/bins/{bin_id}").json()
        assert bin_["level"]["mean"] == pytest.approx(level, abs=0.05)
    tilted = json.loads((shared_data / TILTED_ENVELOPE).read_text())
    tilted["deviceInfo"]["devEui"], tilted["time"] = device, PLANNING.isoformat()
    assert machine.post("/intake/chirpstack", json=tilted).json()["stored"] == 1
    tilted["deviceInfo"]["devEui"] = "24e124713dffffff"
    (refused,) = machine.post("/intake/chirpstack", json=tilted).json()["rejected"]
    assert refused["code"] == "unknown_device"


def approve_over_http(person: httpx.Client, engine: Engine, clock: ManualClock, cut_off: set[str]) -> str:
    """Sign in with a one-time code, read the proposal, approve it as it is; return its id."""
    create_account(engine, clock, actor="a test", account_id="ada", name="Ada", grants=[(Role.OPERATOR, EVERYWHERE)])
    code = issue_code(engine, clock, SystemClock(), actor="a test", account_id="ada")
    token = person.post("/sign-in", json={"code": code}).raise_for_status().json()["token"]
    person.headers["Authorization"] = f"Bearer {token}"
    (line,) = person.get("/proposals", params={"state": "pending"}).raise_for_status().json()["items"]
    read = person.get(f"/proposals/{line['id']}").raise_for_status()
    stops = [stop for route in read.json()["routes"] for stop in route["visits"] if stop["kind"] == "stop"]
    assert stops
    assert not {stop["stop"]["point_id"] for stop in stops} & cut_off
    assert cut_off <= {stop["point_id"] for stop in read.json()["left_out"]}
    assert person.get("/dispatches").json()["items"] == []
    assert person.post(f"/proposals/{line['id']}/approve").status_code == 428
    answer = person.post(f"/proposals/{line['id']}/approve", headers={"If-Match": read.headers["ETag"]})
    assert answer.status_code == 200, answer.text
    return str(line["id"])


def read_dispatches(person: httpx.Client, proposal_id: str) -> None:
    """Read what went out: one dispatch for every route that was approved, with its crew's stops in order."""
    proposal = person.get(f"/proposals/{proposal_id}").json()
    assert (proposal["state"], proposal["decided_by"]) == ("published", "ada")
    items = person.get("/dispatches").json()["items"]
    assert {item["truck_id"] for item in items} == {route["truck_id"] for route in proposal["routes"]}
    for item in items:
        visits = person.get(f"/dispatches/{item['id']}").raise_for_status().json()["visits"]
        kinds = [visit["kind"] for visit in visits]
        assert (kinds[0], kinds[-2], kinds[-1]) == ("start", "unload", "end")
        assert "stop" in kinds


def off_streets_m(drawn: dict[str, Any], network: RoadNetwork) -> float:
    """Return how far the farthest corner of the drawn legs lies from any street, metres."""
    shrink = np.cos(np.radians(np.median(network.lat)))

    def metres(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([lon * shrink, lat], axis=1) * METRES_PER_DEGREE

    ends = metres(network.lon, network.lat)
    bends = np.split(metres(network.shape_lon, network.shape_lat), network.shape_start[1:-1])
    streets = shapely.STRtree(
        [
            shapely.LineString([ends[start], *between, ends[end]])
            for start, between, end in zip(network.from_node, bends, network.to_node, strict=True)
        ]
    )
    lines = [np.array(one["geometry"]["coordinates"]) for one in drawn["features"] if is_line(one)]
    corners = shapely.points(metres(*np.concatenate(lines).T))
    assert len(corners) > 100
    _, apart_m = streets.query_nearest(corners, all_matches=False, return_distance=True)
    return float(apart_m.max())


def is_line(feature: dict[str, Any]) -> bool:
    """Whether a feature is a way and not a place."""
    return bool(feature["geometry"]["type"] == "LineString")
