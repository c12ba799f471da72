"""What trucks and people reported, read over HTTP: positions, lifts and observations of one's districts, in order."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.accounts import Role
from city.database import transaction
from sensors.observation import Seen
from sensors.telemetry import LiftRecord, ObservationRecord, PositionRecord
from tests.api.people import ELSEWHERE, HERE, People

FEW = 3
LISTS = (
    "/api/v1/trucks/positions",
    "/api/v1/lifts",
    "/api/v1/observations",
    f"/api/v1/trucks/{HERE}-truck-1/positions",
)


@pytest.fixture
def reported(people: People) -> People:
    """Return the city with reports in two districts, an hour apart each, the latest first."""
    now = people.clock.now()
    with transaction(people.engine) as session:
        for district in (HERE, ELSEWHERE):
            for hours in range(FEW):
                at = now - timedelta(hours=hours)
                bin_id = f"{district}-p{hours}-dry"
                for truck in (1, 2):
                    truck_id = f"{district}-truck-{truck}"
                    session.add(
                        PositionRecord(
                            truck_id=truck_id, lon=121.47 + hours / 100, lat=31.23, fixed=True, at=at, received_at=now
                        )
                    )
                truck_id = f"{district}-truck-1"
                # The reader saw no tag at the last lift: it is its truck's.
                known = bin_id if hours else None
                session.add(
                    LiftRecord(
                        truck_id=truck_id, lift_key=str(hours), bin_id=known, weight_kg=8.5, at=at, received_at=now
                    )
                )
                session.add(
                    ObservationRecord(
                        bin_id=bin_id, observer="wang", seen=Seen.HALF, note="lid", at=at, received_at=now
                    )
                )
    return people


@pytest.fixture
def viewer(reported: People) -> TestClient:
    """Somebody who looks at one district."""
    return reported.client((Role.VIEWER, HERE))


def read_all(client: TestClient, path: str, **query: str) -> list[dict[str, Any]]:
    """Read a list to its end, two at a time."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = client.get(path, params={"limit": 2, **query, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


def test_each_truck_shows_where_it_was_last_and_its_track_where_it_was_before(
    reported: People, viewer: TestClient
) -> None:
    now = reported.clock.now()
    latest = read_all(viewer, "/api/v1/trucks/positions")
    assert [(one["truck_id"], one["lon"]) for one in latest] == [
        (f"{HERE}-truck-1", 121.47),
        (f"{HERE}-truck-2", 121.47),
    ]
    track = read_all(viewer, f"/api/v1/trucks/{HERE}-truck-2/positions")
    assert [one["lon"] for one in track] == [121.49, 121.48, 121.47]
    between = {"since": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat()}
    assert [one["lon"] for one in read_all(viewer, f"/api/v1/trucks/{HERE}-truck-2/positions", **between)] == [121.48]
    there = viewer.get(
        f"/api/v1/trucks/{ELSEWHERE}-truck-1/positions",
    )
    nowhere = viewer.get("/api/v1/trucks/none/positions")
    assert there.status_code == nowhere.status_code == 404


def test_lifts_are_those_of_ones_bins_and_of_ones_trucks_where_the_bin_is_not_known(
    reported: People, viewer: TestClient
) -> None:
    lifts = read_all(viewer, "/api/v1/lifts")
    assert [(one["truck_id"], one["bin_id"]) for one in lifts] == [
        (f"{HERE}-truck-1", None),
        (f"{HERE}-truck-1", f"{HERE}-p1-dry"),
        (f"{HERE}-truck-1", f"{HERE}-p2-dry"),
    ]
    assert lifts[0]["weight_kg"] == 8.5
    assert read_all(viewer, "/api/v1/lifts", truck=f"{ELSEWHERE}-truck-1") == []
    (one,) = read_all(viewer, "/api/v1/lifts", bin=f"{HERE}-p2-dry")
    (early,) = read_all(viewer, "/api/v1/lifts", until=(reported.clock.now() - timedelta(hours=1)).isoformat())
    assert one == early == lifts[2]


def test_observations_are_shown_with_who_saw_what(reported: People, viewer: TestClient) -> None:
    seen = read_all(viewer, "/api/v1/observations")
    assert [one["bin_id"] for one in seen] == [f"{HERE}-p{number}-dry" for number in range(FEW)]
    assert {(one["observer"], one["seen"], one["note"]) for one in seen} == {("wang", "1/2", "lid")}
    assert read_all(viewer, "/api/v1/observations", observer="li") == []
    late = read_all(viewer, "/api/v1/observations", since=(reported.clock.now() - timedelta(minutes=1)).isoformat())
    assert late == seen[:1]


def test_a_list_refuses_another_lists_cursor_a_time_without_its_offset_and_another_district(viewer: TestClient) -> None:
    for path in LISTS:
        assert viewer.get(path, params={"cursor": "bm9uZQ"}).status_code == 422, path
        if not path.endswith("trucks/positions"):
            assert viewer.get(path, params={"since": "2026-03-03T07:15:00"}).status_code == 422, path
        if not path.endswith("truck-1/positions"):
            assert viewer.get(path, params={"district": ELSEWHERE}).status_code == 404, path
