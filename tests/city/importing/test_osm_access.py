"""What OpenStreetMap's conditions mean to a collection truck, by hours, weight and permit."""

from pathlib import Path

import pytest

from city.importing.osm import read_roads
from city.importing.osm_tags import street


def rules_of(text: str) -> str:
    """Return the rules of a residential street with tags, written ``key=value`` one a line."""
    seen = street({"highway": "residential", **dict(line.split("=", 1) for line in text.splitlines())})
    assert seen is not None
    assert seen.truck
    return seen.rules


@pytest.mark.parametrize(
    ("tags", "rules"),
    [
        ("hgv:conditional=no @ (19:00-6:00)", "closed @ 19:00-06:00"),
        (
            "motor_vehicle=no\nmotor_vehicle:conditional=destination @ (Mo-Fr 06:00-11:00)",
            "closed @ Mo 00:00-06:00,11:00-06:00; Tu-Th 11:00-06:00; Fr 11:00-24:00; Sa-Su 00:00-24:00",
        ),
        ("access:conditional=no @ (7:30-19:00 AND weight>7.5)", "closed @ 07:30-19:00 above 7500 kg"),
        ("hgv:conditional=no @ (weight>=12)", "closed @ 24/7 above 11999 kg"),
        ("hgv=permit", "closed @ 24/7 without permit"),
        ("hgv:conditional=permit @ (Mo-Fr 07:00-20:00)", "closed @ Mo-Fr 07:00-20:00 without permit"),
        ("maxweight:conditional=3.5 @ (22:00-06:00)", "closed @ 22:00-06:00 above 3500 kg"),
        ("maxspeed=50\nmaxspeed:conditional=30 @ (22:00-06:00)", "30 km/h @ 22:00-06:00"),
        ("maxspeed:conditional=80 @ wet", ""),
        (
            "hgv:conditional=no @ (Mo-Fr 07:00-09:00); no @ (Mo-Fr 16:00-18:00)",
            "closed @ Mo-Fr 07:00-09:00,16:00-18:00",
        ),
        ("hgv=no\nhgv:conditional=yes @ delivery", ""),
        ("access=no\nhgv=yes\nvehicle:conditional=no @ (08:00-09:00)", ""),
    ],
)
def test_conditions_become_rules(tags: str, rules: str) -> None:
    assert rules_of(tags) == rules


def test_a_ban_that_cannot_be_read_is_in_force_and_reported() -> None:
    seen = street({"highway": "residential", "hgv:conditional": "no @ (sunset-sunrise)"})
    assert seen is not None
    assert not seen.truck
    assert seen.unread == ("hgv:conditional=no @ (sunset-sunrise)",)


def test_works_announced_for_dates_gone_by_close_nothing() -> None:
    seen = street({"highway": "residential", "access:conditional": "no @ (2016 Apr 25 - 2016 Sep 26)"})
    assert seen is not None
    assert seen.truck
    assert (seen.rules, seen.unread) == ("", ())


def test_a_limit_that_spares_destinations_does_not_bind() -> None:
    seen = street({"highway": "residential", "maxweight": "7.5", "maxweight:conditional": "none @ destination"})
    assert seen is not None
    assert seen.max_weight_kg == 0


def test_a_street_that_is_one_way_at_some_hours_is_one_way() -> None:
    seen = street({"highway": "residential", "oneway:conditional": "yes @ (Mo-Fr 07:00-09:00)"})
    assert seen is not None
    assert (seen.forward, seen.backward) == (True, False)


@pytest.mark.parametrize(("width", "limit"), [("2.5", 220), ("3", 270), ("3.5", 0), ("12", 0), ("narrow", 0)])
def test_a_narrow_lane_leaves_room_at_the_mirrors(width: str, limit: int) -> None:
    seen = street({"highway": "service", "width": width})
    assert seen is not None
    assert seen.max_width_cm == limit


def test_the_pedestrian_streets_of_heidelberg_are_open_in_the_morning_only(shared_data: Path) -> None:
    read = read_roads(shared_data / "osm" / "heidelberg.test.osm.pbf")
    texts = {read.network.rules[row] for row in read.network.rule.tolist()}
    assert "closed @ Mo 00:00-06:00,11:00-06:00; Tu-Fr 11:00-06:00; Sa 11:00-24:00; Su 00:00-24:00" in texts
    assert "closed @ 07:30-19:00 above 7500 kg" in texts
    assert "30 km/h @ 22:00-06:00" in texts
    assert read.conditional_ways > 80
