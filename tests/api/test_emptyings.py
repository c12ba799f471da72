"""Emptyings over HTTP: those of one's districts, with what contradicts them, in one's language."""

from datetime import timedelta

import pytest

from api.accounts import Role
from city.database import transaction
from sensors.calibrations import CalibrationRecord
from sensors.emptied import EmptyingRecord
from sensors.telemetry import Device
from tests.api.people import ELSEWHERE, HERE, People

FEW = 3


@pytest.fixture
def emptied(people: People) -> People:
    """Return the city with emptyings in two districts, the latest of each contradicted."""
    now = people.clock.now()
    with transaction(people.engine) as session:
        for district in (HERE, ELSEWHERE):
            for days in range(FEW):
                at = now - timedelta(days=days)
                conflicts = [] if days else [["level_stayed", {"before": 0.8, "after": 0.81}]]
                session.add(
                    EmptyingRecord(
                        bin_id=f"{district}-p0-dry", at=at, earliest=at, latest=at, confidence=0.9, sources=["level"],
                        conflicted=not days, conflicts=conflicts,
                    )
                )  # fmt: skip
        session.add(Device(id="meter-1", bin_id=f"{HERE}-p0-dry", mounting_height_cm=150))
        session.flush()
        empties = [[now.isoformat(), 143.0]] * FEW
        session.add(
            CalibrationRecord(
                device_id="meter-1", bin_id=f"{HERE}-p0-dry", mounting_height_cm=150, empty_cm=143.0, since=now,
                empties=empties,
            )
        )  # fmt: skip
    return people


def test_only_those_of_ones_districts_are_shown_page_by_page(emptied: People) -> None:
    client = emptied.client((Role.VIEWER, HERE))
    first = client.get("/api/v1/emptyings", params={"limit": 2}).json()
    second = client.get("/api/v1/emptyings", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    shown = first["items"] + second["items"]
    assert [one["bin_id"] for one in shown] == [f"{HERE}-p0-dry"] * FEW
    assert second["next_cursor"] is None
    assert [one["at"] for one in shown] == sorted((one["at"] for one in shown), reverse=True)
    assert client.get("/api/v1/emptyings", params={"district": ELSEWHERE}).status_code == 404


def test_contradictions_are_told_in_ones_language(emptied: People) -> None:
    client = emptied.client((Role.OPERATOR, HERE), language="zh")
    (one,) = client.get("/api/v1/emptyings", params={"conflicted": True}).json()["items"]
    (conflict,) = one["conflicts"]
    assert conflict["code"] == "level_stayed"
    assert "80%" in conflict["text"]
    assert "满溢度" in conflict["text"]


def test_a_device_tells_what_an_empty_bin_reads(emptied: People) -> None:
    told = emptied.client((Role.INTEGRATOR, HERE)).get("/api/v1/devices/meter-1").json()
    assert told["calibration"].startswith("Empty reads 143 cm, registered 150 cm")
