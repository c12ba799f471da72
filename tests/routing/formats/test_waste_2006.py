"""The waste instances of Kim, Kim and Sahoo (2006): the real files, the rules, and files that are broken."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import Budget, Problem, RoutingError, TimeWindow, VisitKind, solve, verify
from routing.formats import Format, parse_instance, read_instance

SHARED = Path(__file__).parents[4] / "shared/data/vrp/waste"
HOUR_S = 3600

# A day of the same shape as the real ones, small enough to be worked out by hand.
DAY = """280.0 \t\t// vehicle capacity (yards), real number
400.0\t\t\t// total yardage allowed for a vehicle per day, real number
500\t// total number of regular stops for a vehicle allowed per day
3600\t\t// lunch time duration in second
40\t// speed: MPH
Stop_ID\tX(feet)\tY(feet)\tEarly_St_Time (HHMM)\tLate_St_Time (HHMM)\tSvice_Time(Sec)\tLoad (Yards)\tType
0   1000.00   2000.00  0400 1500 0  9999.00 0
1   -4280.00   2000.00  0650 1675 1600  9999.00 2
2   1000.00   7280.00  0700 2400 180    12.50 1
3   1000.00   2000.40  0000 2400 30     200 1
4   1000.00   2000.00  0000 1050 30     200 1
"""


def read(text: str = DAY) -> Problem:
    return parse_instance(text.encode(), "day").problem


def test_a_day_is_read_by_the_rules_of_the_paper() -> None:
    instance = parse_instance(DAY.replace("\n", "\r\n").encode(), "day")
    assert (instance.name, instance.format, instance.unit) == ("day", Format.WASTE_2006, "feet")
    day = instance.problem
    truck = day.trucks[0]
    assert (truck.shift, truck.capacity_l, truck.max_shift_l, truck.max_stops) == ((14_400, 54_000), 2800, 4000, 500)
    (lunch,) = truck.breaks
    assert (lunch.window, lunch.duration_s) == ((11 * HOUR_S, 12 * HOUR_S), HOUR_S)
    (landfill,) = day.facilities
    assert (landfill.id, landfill.unloading_s) == ("1", 1600)
    assert [(stop.id, stop.demand_l, stop.service_s) for stop in day.stops] == [
        ("2", 125, 180),
        ("3", 2000, 30),
        ("4", 2000, 30),
    ]


def test_ways_run_along_the_axes_at_the_speed_and_are_never_quicker() -> None:
    matrix = read().matrices[0]
    # A mile is 5,280 feet: 90 s at 40 mph.
    assert (matrix.distance_m[0, 1], matrix.duration_s[0, 1]) == (5280, 90)
    assert (matrix.distance_m[1, 2], matrix.duration_s[1, 2]) == (10_560, 180)
    assert (matrix.distance_m[0, 3], matrix.duration_s[0, 3]) == (0, 1)


def test_opening_hours_hold_by_the_clock_and_by_hundredths_of_an_hour() -> None:
    day = read()
    (landfill,) = day.facilities
    # 0650 is 6:50 or 6:30, 1675 is 17:15 or 16:45; 1050 is 10:50 or 10:30.
    assert landfill.windows == (TimeWindow(6 * HOUR_S + 50 * 60, 16 * HOUR_S + 45 * 60),)
    assert day.stop_by_id["4"].windows == (TimeWindow(0, 10 * HOUR_S + 30 * 60),)
    assert day.stop_by_id["3"].windows == ()
    # By hundredths it would be closed before it opens by the clock.
    narrow = read(DAY.replace("0000 1050", "0650 0659"))
    assert narrow.stop_by_id["4"].windows == (TimeWindow(6 * HOUR_S + 50 * 60, 6 * HOUR_S + 59 * 60),)


def test_a_truck_collects_no_more_than_its_day_allows_and_the_fewest_trucks_come_first() -> None:
    day = read()
    plan = solve(day, Budget(seconds=2))
    assert verify(day, plan).ok
    assert plan.unserved == ()
    # 412.5 yards and 400 for a truck: two, though each could unload twice.
    assert len(plan.routes) == 2
    assert plan.cost.total_cents == 2 * 10**8 + plan.distance_m


@pytest.mark.parametrize(
    ("name", "stops", "landfills"),
    [("102", 99, 2), ("277", 275, 1), ("804", 784, 19), ("1051", 1048, 2), ("2100", 2092, 7)],
)
def test_the_real_days_are_read_whole(name: str, stops: int, landfills: int) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    day = read_instance(SHARED / f"{name}_stop.txt").problem
    assert (len(day.stops), len(day.facilities)) == (stops, landfills)
    assert len(day.trucks) >= sum(stop.demand_l for stop in day.stops) / (day.trucks[0].max_shift_l or 1)
    assert np.array_equal(day.matrices[0].distance_m, day.matrices[0].distance_m.T)


def test_a_real_day_is_served_whole_with_lunch_and_home_empty() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    day = read_instance(SHARED / "102_stop.txt").problem
    plan = solve(day, Budget(seconds=4))
    assert verify(day, plan).ok
    assert plan.unserved == ()
    for route in plan.routes:
        kinds = [visit.kind for visit in route.visits]
        assert kinds[-2] in (VisitKind.UNLOAD, VisitKind.BREAK)
        if route.visits[0].departure_s < 12 * HOUR_S < route.visits[-1].arrival_s:
            assert kinds.count(VisitKind.BREAK) == 1


BROKEN = [
    ("280.0 ", "much ", "line 1: truck capacity is 'much'; it should be a number"),
    ("400.0", "0", "line 2: yards a day is 0; it should be more than 0"),
    ("40\t// speed: MPH\n", "", "line 5: 4 lines stand before the table; it should be 5: truck capacity"),
    ("30     200 1\n4", "30     200\n4", "line 10: here are 7 values; it should be 8: id, x, y"),
    ("\n4 ", "\n3 ", "line 11: id 3 comes a second time"),
    ("0700 2400", "2400 0700", "line 9: 2 closes (0700) before it opens (2400)"),
    ("0700 2400", "0700 2500", "line 9: the late time is '2500'; it should be from 0000 to 2400"),
    ("9999.00 2", "9999.00 1", "1 depots (type 0) and 0 landfills (type 2)"),
    ("12.50 1", "12.50 7", "line 9: the type is 7"),
    ("12.50 1", "-12.50 1", "line 9: 2 has 180 seconds of service and the load -12.5"),
    ("7280.00", "1e99", "line 9: 2 lies beyond"),
    ("40\t//", "1e-9\t//", "check units and speed"),
]


@pytest.mark.parametrize(("part", "put", "message"), BROKEN, ids=[message for _, _, message in BROKEN])
def test_a_broken_file_says_where_and_what(part: str, put: str, message: str) -> None:
    assert DAY.count(part) == 1
    with pytest.raises(RoutingError) as caught:
        read(DAY.replace(part, put))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.data())
def test_whatever_happens_to_a_file_it_is_read_or_refused(data: st.DataObject) -> None:
    words = DAY.split(" ")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place] = data.draw(
            st.text(max_size=8)
            | st.sampled_from(["1e400", "-1", "0", "", "1 2 3", "\n", "99999999999", "٣", "Stop_ID"])
        )
    assert what_comes_of(" ".join(words).encode("utf-8", "surrogatepass")) in (Format.WASTE_2006, "refused in one line")


def what_comes_of(body: bytes) -> str:
    try:
        return parse_instance(body, "file").format
    except RoutingError as error:
        return "refused in one line" if len(str(error).splitlines()) == 1 else str(error)
