"""Random small problems with everything in them that a problem can have, for laws that must hold for all of them."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from routing import (
    UNREACHABLE,
    Break,
    Facility,
    Lock,
    Matrix,
    Preferences,
    Problem,
    Relation,
    RelationKind,
    Stop,
    TimeWindow,
    Truck,
)

STREAMS = ("dry", "wet", "recyclable")
MORNING_S = 6 * 3600


@st.composite
def windows(draw: st.DrawFn) -> tuple[TimeWindow, ...]:
    """Draw no window, one, or several with gaps between."""
    bounds = draw(st.lists(st.integers(MORNING_S - 3600, MORNING_S + 6 * 3600), max_size=6, unique=True).map(sorted))
    return tuple(TimeWindow(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=False))


@st.composite
def breaks(draw: st.DrawFn) -> tuple[Break, ...]:
    """Draw no break, one, or two."""
    opens_s = [MORNING_S + 3600 * hour for hour in draw(st.sampled_from([[], [], [1], [2], [1, 4]]))]
    length_s = st.sampled_from([0, 600, 3600])
    return tuple(Break(TimeWindow(opens, opens + draw(length_s)), draw(length_s)) for opens in opens_s)


@st.composite
def matrices(draw: st.DrawFn, size: int) -> Matrix:
    """Draw ways that are asymmetric, break the triangle inequality and are sometimes missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    seconds = rng.integers(0, draw(st.sampled_from([100, 1000, 3000])), (size, size))
    metres = rng.integers(0, 2_000, (size, size))
    missing = rng.random((size, size)) < draw(st.sampled_from([0.0, 0.0, 0.1]))
    seconds[missing] = UNREACHABLE
    np.fill_diagonal(seconds, 0)
    np.fill_diagonal(metres, 0)
    return Matrix(seconds, metres)


@st.composite
def problems(draw: st.DrawFn, max_stops: int = 8) -> Problem:
    """Draw a problem: valid, but not always one that can be solved."""
    size = draw(st.integers(1, 10))
    places = st.integers(0, size - 1)
    some_streams = st.sampled_from(
        [frozenset(STREAMS), frozenset(STREAMS), frozenset(STREAMS[:2]), frozenset(STREAMS[2:])]
    )
    limit = st.sampled_from([None, None, None, 1, 2, 3])
    count = st.sampled_from([0, 1, 1, 2, 2, 3])
    plenty = st.sampled_from([0, 50, 100, 150, 150])
    stops = [
        Stop(
            id=f"s{number}",
            location=draw(places),
            stream=draw(st.sampled_from(STREAMS)),
            demand_kg=draw(st.integers(0, 60)),
            demand_l=draw(st.integers(0, 60)),
            service_s=draw(st.integers(0, 600)),
            windows=draw(windows()),
            required=draw(st.booleans()),
            prize_cents=draw(st.integers(0, 5000)),
            priority=draw(st.integers(0, 3)),
            certificates=draw(st.sampled_from([frozenset[str]()] * 5 + [frozenset({"hazardous"})])),
            max_width_cm=draw(limit),
            max_weight_kg=draw(limit),
        )
        for number in range(draw(st.integers(0, max_stops)))
    ]
    facilities = [
        Facility(
            f"f{number}",
            draw(places),
            draw(some_streams),
            draw(st.integers(0, 900)),
            draw(windows()),
            max_kg=draw(st.sampled_from([None, None, None, 0, 60, 200])),
            gates=draw(st.sampled_from([None, None, 1, 2])),
        )
        for number in range(draw(count))
    ]
    trucks = [
        Truck(
            id=f"t{number}",
            start_location=draw(places),
            end_location=draw(places),
            streams=draw(some_streams),
            capacity_kg=draw(plenty),
            capacity_l=draw(plenty),
            shift=TimeWindow(
                MORNING_S + draw(st.integers(0, 3600)),
                MORNING_S + 3600 + draw(st.sampled_from([0, 8_000, 20_000, 30_000])),
            ),
            max_duration_s=draw(st.sampled_from([0, 8_000, 15_000, 30_000])),
            fixed_cents=draw(st.integers(0, 3000)),
            cents_per_km=draw(st.integers(0, 500)),
            cents_per_h=draw(st.integers(0, 9000)),
            max_trips=draw(st.none() | st.integers(0, 3)),
            width_cm=draw(st.integers(0, 3)),
            gross_weight_kg=draw(st.integers(0, 3)),
            profile=draw(st.integers(0, 1)),
            max_overtime_s=draw(st.sampled_from([0, 0, 3600])),
            overtime_cents_per_h=draw(st.integers(0, 9000)),
            breaks=draw(breaks()),
            max_driving_s=draw(st.sampled_from([None, None, None, 1000, 4000])),
            rest_s=draw(st.sampled_from([0, 600, 2700])),
            max_stops=draw(st.sampled_from([None, None, None, 1, 3])),
            max_shift_kg=draw(st.sampled_from([None, None, None, 0, 100])),
            max_shift_l=draw(st.sampled_from([None, None, None, 100])),
            certificates=draw(st.sampled_from([frozenset[str](), frozenset({"hazardous"})])),
        )
        for number in range(draw(count))
    ]
    fitting = [(stop.id, truck.id) for stop in stops for truck in trucks if truck.fits(stop)]
    locks = dict(draw(st.lists(st.sampled_from(fitting), max_size=2))) if fitting else {}
    names = [stop.id for stop in stops]
    some_stops = st.lists(st.sampled_from(names), max_size=3, unique=True) if names else st.just([])
    after = [draw(st.sampled_from([None, None, "", *(other for other in names if other != name)])) for name in locks]
    wanted = dict(zip(locks, after, strict=True))
    twice = {truck_id: [wanted[name] for name in locks if locks[name] == truck_id] for truck_id in locks.values()}
    if any(None not in both and len(set(both)) < len(both) for both in twice.values()):
        wanted = dict.fromkeys(wanted)
    relations = [
        Relation(draw(st.sampled_from(RelationKind)), tuple(draw(some_stops))) for _ in range(draw(st.integers(0, 2)))
    ]
    truck_ids = [truck.id for truck in trucks]
    in_force = {name: draw(st.sampled_from(truck_ids)) for name in draw(some_stops)} if truck_ids else {}
    prefers = st.sampled_from([0, 0, 0, 100, 5000])
    return Problem(
        tuple(stops),
        tuple(facilities),
        tuple(trucks),
        (draw(matrices(size)), draw(matrices(size))),
        tuple(Lock(*lock, after=wanted[lock[0]]) for lock in locks.items()),
        tuple(relations),
        Preferences(draw(prefers), draw(prefers), draw(prefers), tuple(in_force.items())),
    )


@st.composite
def strict_problems(draw: st.DrawFn, max_stops: int = 8) -> Problem:
    """Draw a problem with pauses, overtime, certificates, limits of shifts and facilities, relations, preferences."""
    day = draw(problems(max_stops))
    papers = st.sampled_from([frozenset[str](), frozenset[str](), frozenset({"needles"})])
    seldom = st.sampled_from([None, None, None, 2, 3])
    pause = st.builds(
        lambda start_s, span_s, long_s: (Break(TimeWindow(start_s, start_s + span_s), long_s),),
        st.integers(MORNING_S, MORNING_S + 7200), st.integers(0, 7200), st.integers(0, 2400),
    )  # fmt: skip
    trucks = tuple(
        replace(
            truck,
            max_overtime_s=draw(st.sampled_from([0, 3600])),
            overtime_cents_per_h=draw(st.integers(0, 9000)),
            breaks=draw(st.just(()) | pause),
            max_driving_s=draw(st.sampled_from([None, None, 2000, 6000])),
            rest_s=draw(st.sampled_from([300, 1200])),
            max_stops=draw(seldom),
            max_shift_kg=draw(st.sampled_from([None, None, 100])),
            certificates=draw(papers),
        )
        for truck in day.trucks
    )
    stops = tuple(replace(stop, certificates=draw(papers), priority=draw(st.integers(1, 3))) for stop in day.stops)
    facilities = tuple(
        replace(gate, gates=draw(st.sampled_from([None, 1])), max_kg=draw(st.sampled_from([None, None, 80])))
        for gate in day.facilities
    )
    names = [stop.id for stop in stops]
    some = st.lists(st.sampled_from(names), min_size=2, max_size=3, unique=True) if len(names) > 1 else st.nothing()
    relations = draw(st.lists(st.builds(Relation, st.sampled_from(RelationKind), some.map(tuple)), max_size=2))
    by_id = {truck.id: truck for truck in trucks}
    locks = [
        replace(lock, after=draw(st.sampled_from([None, "", *(name for name in names if name != lock.stop_id)])))
        for lock in day.locks
        if by_id[lock.truck_id].fits(next(stop for stop in stops if stop.id == lock.stop_id))
    ]
    unique = {(lock.truck_id, lock.after if lock.after is not None else lock.stop_id + "!"): lock for lock in locks}
    in_force = [(name, draw(st.sampled_from(sorted(by_id)))) for name in names if by_id and draw(st.booleans())]
    wishes = Preferences(*(draw(st.sampled_from([0, 500])) for _ in range(3)), tuple(in_force))
    return Problem(
        stops, facilities, trucks, day.matrices, tuple(unique.values()), tuple(relations), wishes
    )  # fmt: skip


def stop(name: str, location: int, **changes: Any) -> Stop:
    """Make an ordinary stop."""
    ordinary = {"stream": "dry", "demand_kg": 100, "demand_l": 500, "service_s": 60}
    return Stop(id=name, location=location, **(ordinary | changes))


def truck(name: str, location: int, **changes: Any) -> Truck:
    """Make an ordinary truck."""
    ordinary = {
        "streams": frozenset({"dry"}),
        "capacity_kg": 5000,
        "capacity_l": 30_000,
        "shift": TimeWindow(MORNING_S, MORNING_S + 8 * 3600),
        "max_duration_s": 8 * 3600,
        "fixed_cents": 30_000,
        "cents_per_km": 400,
        "cents_per_h": 9000,
    }
    return Truck(id=name, start_location=location, end_location=location, **(ordinary | changes))


PLANT = Facility("plant", 1, frozenset({"dry"}), 900)
TRUCK = truck("t", 0)


def problem(
    *stops: Stop,
    trucks: tuple[Truck, ...] = (TRUCK,),
    facilities: tuple[Facility, ...] = (PLANT,),
    minutes: float = 10,
    locks: tuple[Lock, ...] = (),
) -> Problem:
    """Lay a problem out on six places that are all `minutes` and a kilometre apart; trucks at 0, the plant at 1."""
    apart = 1 - np.eye(6, dtype=int)
    return Problem(stops, facilities, trucks, (Matrix(apart * round(minutes * 60), apart * 1000),), locks)
