"""What trucks and people report is tied to the registry and stored once, and what cannot be is kept with its reason."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Bin, Truck
from city.store import save
from sensors.decoders import decode
from sensors.delivery import Message
from sensors.errors import IntakeError
from sensors.intake import receive_all
from sensors.lift import Lift
from sensors.observation import Observation, Seen
from sensors.position import Position
from sensors.retry import retry_letters
from sensors.telemetry import LiftRecord, ObservationRecord, PositionRecord
from tests.city.small_city import small_city

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
TAG, TERMINAL = "E2801160600002", "13511221122"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands at four in the morning."""
    return ManualClock(NOW)


@pytest.fixture
def town(engine: Engine) -> Engine:
    """Return the small city with a tag on a bin and a terminal in a truck."""
    data = small_city()
    data.bins[0].tag = TAG
    data.trucks[0].terminal = TERMINAL
    save(engine, data)
    return engine


def send(engine: Engine, clock: ManualClock, format_name: str, *elements: Any) -> tuple[int, int, list[str]]:
    """Send one message; return stored, duplicates and the codes of what was refused."""
    (receipt,) = receive_all(engine, clock, [Message(format_name, json.dumps(elements, default=str).encode())])
    return receipt.stored, receipt.duplicates, [rejection.code for rejection in receipt.rejected]


def rows(engine: Engine, table: type[SQLModel]) -> list[Any]:
    """Return everything in a table."""
    with reading(engine) as session:
        return list(session.exec(select(table)))


LIFT = {"truck": "t-north", "at": NOW, "tag": "e2-80-11-60-60-00-02", "gross_kg": 58.5, "tare_kg": 13.0, "sequence": 7}
SEEN = {"observer": "wang.li", "at": NOW, "bin": "b1", "seen": "3/4"}
PLACE = {"truck": "t-north", "at": NOW, "lon": 121.4702, "lat": 31.231}


def test_a_lift_is_tied_to_the_bin_by_its_tag_and_stored_once(town: Engine, clock: ManualClock) -> None:
    assert send(town, clock, "lifts", LIFT, LIFT) == (1, 1, [])
    assert send(town, clock, "lifts", LIFT) == (0, 1, [])
    (lift,) = rows(town, LiftRecord)
    assert (lift.truck_id, lift.bin_id, lift.at, lift.tag, lift.weight_kg) == ("t-north", "b1", NOW, TAG, 45.5)


def test_two_lifts_at_once_of_bins_without_tags_are_two(town: Engine, clock: ManualClock) -> None:
    bare = {"truck": "t-north", "at": NOW, "net_kg": 20}
    assert send(town, clock, "lifts", bare | {"sequence": 1}, bare | {"sequence": 2}) == (2, 0, [])
    assert [lift.bin_id for lift in rows(town, LiftRecord)] == [None, None]


def test_the_same_lift_with_another_weight_is_shown_and_not_hidden(town: Engine, clock: ManualClock) -> None:
    send(town, clock, "lifts", LIFT)
    assert send(town, clock, "lifts", LIFT | {"gross_kg": 80}) == (0, 0, ["record_contradicts"])
    assert rows(town, LiftRecord)[0].gross_kg == 58.5


def test_a_tag_that_is_on_no_bin_waits_for_the_registry(town: Engine, clock: ManualClock) -> None:
    assert send(town, clock, "lifts", LIFT | {"tag": "AABBCC"}) == (0, 0, ["unknown_bin"])
    with transaction(town) as session:
        session.get_one(Bin, "b2").tag = "AABBCC"
    assert retry_letters(town, clock).stored == 1
    assert rows(town, LiftRecord)[0].bin_id == "b2"


def test_a_tag_on_two_bins_names_neither(town: Engine, clock: ManualClock) -> None:
    with transaction(town) as session:
        session.get_one(Bin, "b2").tag = TAG
    assert send(town, clock, "lifts", LIFT) == (0, 0, ["unknown_bin"])


def test_an_observation_of_a_stop_is_one_of_each_of_its_bins(town: Engine, clock: ManualClock) -> None:
    with transaction(town) as session:
        session.add(Bin(id="b4", point_id="p1", stream="dry", usable_volume_l=240, depth_cm=95))
    of_stop = {"observer": "crew 3", "at": NOW, "point": "p1", "stream": "dry", "seen": "full", "note": "lid broken"}
    assert send(town, clock, "observations", of_stop, of_stop) == (1, 1, [])
    stored = rows(town, ObservationRecord)
    assert [(one.bin_id, one.seen, one.note) for one in stored] == [
        ("b1", Seen.FULL, "lid broken"),
        ("b4", Seen.FULL, "lid broken"),
    ]


def test_the_same_look_with_another_word_contradicts_it(town: Engine, clock: ManualClock) -> None:
    assert send(town, clock, "observations", SEEN) == (1, 0, [])
    assert send(town, clock, "observations", SEEN | {"seen": "0"}) == (0, 0, ["record_contradicts"])
    assert send(town, clock, "observations", SEEN | {"seen": "0", "observer": "zhao"}) == (1, 0, [])


def test_positions_are_placed_by_their_own_time_and_stored_once(town: Engine, clock: ManualClock) -> None:
    late = PLACE | {"at": NOW - 90 * MINUTE, "truck": f"00{TERMINAL}"}
    assert send(town, clock, "positions", PLACE, late, PLACE) == (2, 1, [])
    assert [place.at for place in sorted(rows(town, PositionRecord), key=lambda place: place.at)] == [
        NOW - 90 * MINUTE,
        NOW,
    ]
    assert {place.truck_id for place in rows(town, PositionRecord)} == {"t-north"}


REFUSED = [
    ("positions", PLACE | {"truck": "nobody"}, "unknown_truck"),
    ("positions", PLACE | {"truck": "t-south"}, "retired_truck"),
    ("positions", PLACE | {"at": NOW + 6 * MINUTE}, "future"),
    ("positions", PLACE | {"at": NOW - timedelta(days=401)}, "too_old"),
    ("positions", PLACE | {"lat": 91}, "impossible_value"),
    ("positions", PLACE | {"lon": 0, "lat": 0}, "impossible_value"),
    ("positions", PLACE | {"speed_kmh": 900}, "impossible_value"),
    ("positions", PLACE | {"coordinates": "bd09"}, "wrong_shape"),
    ("positions", PLACE | {"lat": None}, "wrong_shape"),
    ("lifts", LIFT | {"bin": "nothing"}, "unknown_bin"),
    ("lifts", LIFT | {"net_kg": 1e6}, "impossible_value"),
    ("lifts", LIFT | {"weight": 3}, "wrong_shape"),
    ("lifts", LIFT | {"lon": 121.4}, "wrong_shape"),
    ("lifts", LIFT | {"truck": None}, "no_device"),
    ("observations", SEEN | {"seen": "half"}, "wrong_shape"),
    ("observations", SEEN | {"point": "p1"}, "wrong_shape"),
    ("observations", SEEN | {"bin": "nothing"}, "unknown_bin"),
    ("observations", {**SEEN, "bin": None, "point": "p2", "stream": "wet"}, "unknown_bin"),
    ("observations", SEEN | {"at": "today"}, "no_time"),
]


def test_what_cannot_be_is_refused_by_name_and_spoils_no_other(town: Engine, clock: ManualClock) -> None:
    with transaction(town) as session:
        session.get_one(Truck, "t-south").active = False
    for format_name, good in (("positions", PLACE), ("lifts", LIFT), ("observations", SEEN)):
        bad = [(element, code) for name, element, code in REFUSED if name == format_name]
        answer = send(town, clock, format_name, good, *(element for element, _ in bad))
        # What the decoder refuses is named before what the registry refuses.
        assert (answer[:2], sorted(answer[2])) == ((1, 0), sorted(code for _, code in bad))


def test_shifted_coordinates_are_shifted_back() -> None:
    body = json.dumps(PLACE | {"lon": 121.4747, "lat": 31.229, "coordinates": "gcj02"}, default=str).encode()
    (place,) = decode("positions", body)
    assert isinstance(place, Position)
    assert (place.lon, place.lat) == (pytest.approx(121.4702, abs=2e-3), pytest.approx(31.231, abs=2e-3))


def test_what_a_lift_weighs_is_never_below_nothing() -> None:
    assert Lift("t", NOW, gross_kg=12.8, tare_kg=13.0).weight_kg == 0
    assert Lift("t", NOW, gross_kg=12.8).weight_kg is None
    assert Lift("t", NOW, gross_kg=60, tare_kg=13, net_kg=46).weight_kg == 46
    with pytest.raises(IntakeError):
        Lift("t", NOW, net_kg=float("nan"))


def test_quarters_are_levels_in_the_order_of_their_words() -> None:
    levels = [Observation("a", NOW, seen, bin_id="b1").seen.level for seen in Seen]
    assert levels == sorted(levels)
    assert levels[0] < 0.125
    assert levels[-1] > 1.0
