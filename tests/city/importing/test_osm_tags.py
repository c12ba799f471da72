"""What the tags of a way allow a collection truck."""

import math

import pytest

from city.importing.osm_tags import stops_trucks, street
from city.network import RoadClass


def tags(text: str) -> dict[str, str]:
    """Read ``highway=service access=private`` as tags."""
    return dict(part.split("=", 1) for part in text.split())


@pytest.mark.parametrize(
    ("text", "forward", "backward"),
    [
        ("highway=residential", True, True),
        ("highway=residential oneway=yes", True, False),
        ("highway=residential oneway=-1", False, True),
        ("highway=motorway", True, False),
        ("highway=motorway oneway=no", True, True),
        ("highway=motorway_link", True, True),
        ("highway=tertiary junction=roundabout", True, False),
        ("highway=tertiary junction=circular oneway=no", True, True),
        ("highway=tertiary oneway=reversible", False, False),
        ("highway=residential oneway=yes oneway:motor_vehicle=no", True, True),
        ("highway=residential vehicle:backward=no", True, False),
        ("highway=secondary access:backward=no psv:backward=designated", True, False),
        ("highway=residential motor_vehicle:forward=agricultural", False, True),
    ],
)
def test_directions(text: str, forward: bool, backward: bool) -> None:
    seen = street(tags(text))
    assert seen is not None
    assert (seen.forward, seen.backward) == (forward, backward)


@pytest.mark.parametrize(
    ("text", "open_to_trucks"),
    [
        ("highway=residential", True),
        ("highway=residential access=no", False),
        ("highway=residential access=no hgv=yes", True),
        ("highway=residential hgv=no", False),
        ("highway=residential hgv=delivery", True),
        ("highway=residential motor_vehicle=destination", True),
        ("highway=residential motor_vehicle=no hgv=destination", True),
        ("highway=residential vehicle=private", True),
        ("highway=residential motor_vehicle=agricultural;forestry", False),
        ("highway=residential motor_vehicle=agricultural;destination", True),
        ("highway=residential access=psv", False),
        ("highway=service", True),
        ("highway=service service=driveway access=private", True),
        ("highway=service service=emergency_access", False),
        ("highway=service service=bus", False),
        ("highway=track", False),
        ("highway=track tracktype=grade1", True),
        ("highway=track tracktype=grade1 motor_vehicle=forestry", False),
        ("highway=track tracktype=grade4", False),
        ("highway=pedestrian", False),
        ("highway=pedestrian motor_vehicle=delivery", True),
    ],
)
def test_access_of_goods_vehicles(text: str, open_to_trucks: bool) -> None:
    seen = street(tags(text))
    assert seen is not None
    assert seen.truck is open_to_trucks


def test_a_pedestrian_street_with_hours_for_deliveries_is_open() -> None:
    hours = {"motor_vehicle:conditional": "destination @ (Mo-Sa 06:00-11:00)"}
    seen = street({"highway": "pedestrian", "motor_vehicle": "no", **hours})
    assert seen is not None
    assert seen.truck
    assert seen.rules == "closed @ Mo 00:00-06:00,11:00-06:00; Tu-Fr 11:00-06:00; Sa 11:00-24:00; Su 00:00-24:00"
    closed_to_trucks = street({"highway": "pedestrian", "hgv": "no", **hours})
    assert closed_to_trucks is not None
    assert not closed_to_trucks.truck


@pytest.mark.parametrize(
    "text",
    ["highway=footway", "highway=cycleway", "highway=construction", "waterway=river", "highway=pedestrian area=yes"],
)
def test_what_is_no_street_for_vehicles_is_left_out(text: str) -> None:
    assert street(tags(text)) is None


@pytest.mark.parametrize(
    ("text", "kmh"),
    [
        ("maxspeed=50", 50),
        ("maxspeed=50 maxspeed:hgv=30", 30),
        ("maxspeed:forward=70 maxspeed:backward=50", 50),
        ("maxspeed=50;30", 30),
        ("zone:traffic=DE:urban", 50),
        ("maxspeed=none zone:traffic=DE:rural", math.nan),
        ("maxspeed:type=sign", math.nan),
        ("", math.nan),
    ],
)
def test_speed(text: str, kmh: float) -> None:
    seen = street({"highway": "primary", **tags(text)})
    assert seen is not None
    assert seen.speed_kmh == pytest.approx(kmh, nan_ok=True)


def test_the_tightest_limit_counts_and_what_cannot_be_read_is_noted() -> None:
    seen = street(
        tags("highway=primary maxheight=3.6 maxheight:physical=3.4 maxwidth=default maxweight=7.5;3.5 maxspeed=quick")
    )
    assert seen is not None
    assert (seen.max_height_cm, seen.max_width_cm, seen.max_weight_kg) == (340, 0, 3500)
    assert seen.unread == ("maxspeed=quick",)


def test_rank_and_name() -> None:
    link = street({"highway": "trunk_link", "ref": "G2"})
    assert link is not None
    assert (link.road_class, link.name) == (RoadClass.TRUNK, "G2")
    named = street({"highway": "residential", "name": "人民路", "ref": "G2"})
    assert named is not None
    assert named.name == "人民路"


@pytest.mark.parametrize(
    ("text", "stopped"),
    [
        ("barrier=bollard", True),
        ("barrier=bollard motor_vehicle=yes", False),
        ("barrier=gate", False),
        ("barrier=lift_gate access=private", False),
        ("barrier=gate access=no", True),
        ("barrier=gate access=no motor_vehicle=permit", False),
        ("highway=crossing", False),
    ],
)
def test_barriers(text: str, stopped: bool) -> None:
    assert stops_trucks(tags(text)) is stopped
