"""The waste collection instances of B.-I. Kim, S. Kim and S. Sahoo, Computers & Operations Research 33:3624 (2006).

A day of one depot, several landfills and equal trucks, as many as may be needed. The fewest trucks count first, then
the way: every truck costs more than any way, and a foot a cent.

A metre of the `Problem` is a foot here, so that no way is rounded (coordinates of hundredths of a foot are, to a foot).
Litres are cubic yards or, where a file has fractions, tenths or hundredths of them. Seconds are seconds; a way's are
rounded up, so that a plan that is in time here is in time.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.hours import DAY_S
from routing.errors import RoutingError
from routing.formats.edge_weights import nearest, parts_of_one
from routing.formats.fleets import numbered
from routing.formats.instance import Format, Instance
from routing.formats.lines import Line, lines_of, number, shown, whole
from routing.matrix import UNREACHABLE, Matrix
from routing.problem import Break, Facility, Problem, Stop, TimeWindow, Truck

STREAM = "waste"
FEET_PER_MILE = 5280
S_PER_H = 3600
# With cents by the kilometre, a cent for every foot.
CENTS_PER_KM = 1000
# 18,900 miles; the ways of all trucks of these instances are far shorter.
TRUCK_CENTS = 10**8
LUNCH = TimeWindow(11 * S_PER_H, 12 * S_PER_H)
# Trucks on offer: how many times the work that there is at least, and some more.
TRUCKS, AND_MORE = 2, 8
# Beyond these a file is not one of these instances but a slip.
MAX_COORDINATE = 2**29
MAX_PLACES = 21_000

DEPOT, STOP, LANDFILL = 0, 1, 2
COLUMNS = ("id", "x", "y", "early time", "late time", "service time", "load", "type")
_TABLE = re.compile(r"^\s*Stop_ID\b", re.IGNORECASE | re.MULTILINE)


class _Header(NamedTuple):
    capacity_yards: float
    yards_a_day: float
    stops_a_day: int
    lunch_s: int
    mph: float


HEADER = ("truck capacity", "yards a day", "stops a day", "lunch seconds", "speed")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table."""

    line: Line
    id: str
    x: float
    y: float
    opens: int
    closes: int
    service_s: int
    yards: float
    kind: int


def looks_like_waste_2006(text: str) -> bool:
    """Whether a text is meant to be such an instance."""
    return _TABLE.search(text) is not None


def read_waste_2006(text: str, name: str) -> Instance:
    """Read an instance; its name is that of its file.

    Raises
    ------
    RoutingError
        If something is missing, contradicts itself or is no number, naming the line.
    """
    header, rows = _parts(text)
    depots = [row for row in rows if row.kind == DEPOT]
    landfills = [row for row in rows if row.kind == LANDFILL]
    if len(depots) != 1 or not landfills:
        raise RoutingError(
            f"the table has {len(depots)} depots (type {DEPOT}) and {len(landfills)} landfills (type {LANDFILL}); it"
            " should have one depot and at least one landfill"
        )
    matrix = _ways(rows, header.mph)
    yards = [row.yards for row in rows if row.kind == STOP]
    parts = parts_of_one(np.array([*yards, header.capacity_yards, header.yards_a_day]))
    stops = tuple(
        Stop(row.id, place, STREAM, 0, round(row.yards * parts), row.service_s, _hours(row))
        for place, row in enumerate(rows)
        if row.kind == STOP
    )
    facilities = tuple(
        Facility(row.id, place, frozenset({STREAM}), row.service_s, _hours(row))
        for place, row in enumerate(rows)
        if row.kind == LANDFILL
    )
    home = rows.index(depots[0])
    shift = _window(depots[0])
    truck = Truck(
        "",
        home,
        home,
        frozenset({STREAM}),
        0,
        math.floor(header.capacity_yards * parts),
        shift,
        shift.end_s - shift.start_s,
        TRUCK_CENTS,
        CENTS_PER_KM,
        breaks=(Break(LUNCH, header.lunch_s),) if header.lunch_s else (),
        max_stops=header.stops_a_day,
        max_shift_l=math.floor(header.yards_a_day * parts),
    )
    fleet = numbered(truck, _trucks(truck, stops, facilities, matrix))
    problem = Problem(stops, facilities, fleet, (matrix,))
    return Instance(name, Format.WASTE_2006, problem, "feet")


def _parts(text: str) -> tuple[_Header, list[_Row]]:
    lines = list(lines_of(text))
    table = next(place for place, line in enumerate(lines) if _TABLE.match(line.text))
    if table != len(HEADER):
        raise lines[table].fault(
            f"{table} lines stand before the table; it should be {len(HEADER)}: {', '.join(HEADER)}"
        )
    capacity, daily, stops, lunch, mph = (
        (line, line.text.partition("//")[0].strip(), what) for line, what in zip(lines, HEADER, strict=False)
    )
    header = _Header(number(*capacity), number(*daily), whole(*stops), whole(*lunch), number(*mph))
    for line, value, what in zip(lines, header, HEADER, strict=False):
        if value < 0 or (what != "lunch seconds" and not value):
            raise line.fault(f"{what} is {value:g}; it should be more than 0")
    rows: dict[str, _Row] = {}
    for line in lines[table + 1 :]:
        row = _row(line)
        if row.id in rows:
            raise line.fault(f"id {row.id} comes a second time")
        rows[row.id] = row
    if len(rows) > MAX_PLACES:
        raise RoutingError(f"the table has {len(rows)} lines; up to {MAX_PLACES} are read")
    return header, list(rows.values())


def _row(line: Line) -> _Row:
    words = line.words
    if len(words) != len(COLUMNS):
        raise line.fault(f"here are {len(words)} values; it should be {len(COLUMNS)}: {', '.join(COLUMNS)}")
    place = whole(line, words[0], "the id")
    x, y = (number(line, word, axis) for word, axis in zip(words[1:3], "xy", strict=True))
    opens, closes = (_time(line, word, what) for word, what in zip(words[3:5], COLUMNS[3:5], strict=True))
    service = whole(line, words[5], COLUMNS[5])
    yards = number(line, words[6], COLUMNS[6])
    kind = whole(line, words[7], COLUMNS[7])
    if max(abs(x), abs(y)) > MAX_COORDINATE:
        raise line.fault(f"{place} lies beyond {MAX_COORDINATE} feet")
    if not 0 <= service <= DAY_S or yards < 0:
        raise line.fault(f"{place} has {service} seconds of service and the load {yards:g}; neither can be")
    if kind not in (DEPOT, STOP, LANDFILL):
        raise line.fault(f"the type is {kind}; it should be {DEPOT} (depot), {STOP} (stop) or {LANDFILL} (landfill)")
    row = _Row(line, str(place), x, y, opens, closes, service, yards, kind)
    _window(row)
    return row


def _time(line: Line, word: str, what: str) -> int:
    value = whole(line, word, what)
    if not 0 <= value <= 2400:
        raise line.fault(f"the {what} is {shown(word)}; it should be from 0000 to 2400")
    return value


def _window(row: _Row) -> TimeWindow:
    """Read opening hours.

    The table's head says HHMM, but its times (0650, 1050, 1675) look like hundredths of an hour: no minutes are there
    but 00, 50 and 75. The window that is open either way is taken, so that a plan is right whichever was meant; if the
    two have no time in common, the head's word counts.
    """
    clock = [value // 100 * S_PER_H + value % 100 * 60 for value in (row.opens, row.closes)]
    hundredths = [value * S_PER_H // 100 for value in (row.opens, row.closes)]
    both = TimeWindow(max(clock[0], hundredths[0]), min(clock[1], hundredths[1]))
    window = both if both.start_s <= both.end_s else TimeWindow(*clock)
    if window.end_s < window.start_s:
        raise row.line.fault(f"{row.id} closes ({row.closes:04}) before it opens ({row.opens:04})")
    return window


def _hours(row: _Row) -> tuple[TimeWindow, ...]:
    window = _window(row)
    return () if window == (0, DAY_S) else (window,)


def _ways(rows: Sequence[_Row], mph: float) -> Matrix:
    """Measure ways along the axes, in feet, and the seconds they take."""
    places = np.array([(row.x, row.y) for row in rows])
    feet = np.abs(places[:, None, 0] - places[None, :, 0]) + np.abs(places[:, None, 1] - places[None, :, 1])
    seconds: NDArray[np.float64] = np.ceil(feet * S_PER_H / (mph * FEET_PER_MILE) - 1e-6)
    if max(seconds.max(), feet.max()) >= UNREACHABLE:
        raise RoutingError(f"two places are {feet.max():g} feet or {seconds.max():g} s apart; check units and speed")
    return Matrix(seconds.astype(np.int32), nearest(feet).astype(np.int32))


def _trucks(truck: Truck, stops: Sequence[Stop], facilities: Sequence[Facility], matrix: Matrix) -> int:
    """Bound how many trucks any good plan uses, by loads and by the time that service, ways and unloading take."""
    if not stops:
        return 0
    litres = sum(stop.demand_l for stop in stops)
    trips = math.ceil(litres / max(1, truck.capacity_l))
    where = [stop.location for stop in stops]
    gates = [facility.location for facility in facilities]
    between = matrix.duration_s[np.ix_(where, where)] + np.eye(len(where), dtype=np.int64) * UNREACHABLE
    to_gate = matrix.duration_s[np.ix_(where, gates)].min(axis=1)
    unloading_s = max(facility.unloading_s for facility in facilities)
    work_s = (
        sum(stop.service_s for stop in stops)
        + int(np.minimum(between.min(axis=1), UNREACHABLE - 1).sum() if len(where) > 1 else 0)
        + trips * (unloading_s + 2 * int(to_gate.mean()))
    )
    shift_s = max(1, truck.max_duration_s - sum(each.duration_s for each in truck.breaks))
    least = max(
        work_s / shift_s, litres / max(1, truck.max_shift_l or 0), len(stops) / max(1, truck.max_stops or len(stops))
    )
    return min(len(stops), math.ceil(TRUCKS * least) + AND_MORE)
