"""Waste days to measure planners on: a garage, three dumps, clustered stops, windows, prizes, asymmetric ways."""

import math

import numpy as np

from routing import Break, Facility, Matrix, Problem, Stop, TimeWindow, Truck

DUMPS = 3
SPEED_M_S = 25 / 3.6
DUTY_S = 12 * 3600
SHIFT_S = 8 * 3600
UNLOADING_S = 900
CAPACITY_KG = 5000
TRUCK_CENTS = 20_000
CENTS_PER_KM = 1000
# An hour that begins between 11:00 and 12:00, if the garage opens at 6:00.
LUNCH = Break(TimeWindow(5 * 3600, 6 * 3600), 3600)


def waste_day(stops: int, seed: int, *, lunch: bool = False) -> Problem:
    """Make the day of a seed: Manhattan ways with up to 15 % of detour each way, 30 % of the stops with a window of
    two hours, 30 % optional, a cent a metre and 20,000 for every truck that leaves.
    """
    rng = np.random.default_rng(seed)
    side_m = 8000 * np.sqrt(stops / 500)
    centres = rng.uniform(0, side_m, (max(3, stops // 60), 2))
    dumps = [[1.1 * side_m, 0.5 * side_m], [0.5 * side_m, 1.15 * side_m], [-0.1 * side_m, 0.9 * side_m]]
    around = centres[rng.integers(0, len(centres), stops)] + rng.normal(0, side_m / 12, (stops, 2))
    places = np.vstack([[[0.1 * side_m, 0.1 * side_m]], dumps, np.clip(around, 0, side_m)])
    straight = np.abs(places[:, None] - places[None]).sum(-1)
    metres = np.rint(straight * (1 + 0.15 * rng.random(straight.shape))).astype(np.int64)
    seconds = np.rint(metres / SPEED_M_S).astype(np.int64)
    np.fill_diagonal(metres, 0)
    np.fill_diagonal(seconds, 0)
    demand_kg = rng.integers(50, 400, stops)
    service_s = rng.integers(60, 180, stops)
    has_window = rng.random(stops) < 0.3
    opens_s = rng.integers(0, 6, stops) * 3600
    worth = np.where(rng.random(stops) < 0.7, 0, rng.integers(200, 4000, stops))
    return Problem(
        stops=tuple(
            Stop(
                f"stop {row}",
                DUMPS + 1 + row,
                "dry",
                int(demand_kg[row]),
                0,
                int(service_s[row]),
                (TimeWindow(int(opens_s[row]), int(opens_s[row]) + 7200),) if has_window[row] else (),
                required=worth[row] == 0,
                prize_cents=int(worth[row]),
            )
            for row in range(stops)
        ),
        facilities=tuple(Facility(f"dump {row}", row, frozenset({"dry"}), UNLOADING_S) for row in range(1, DUMPS + 1)),
        trucks=tuple(
            Truck(
                f"truck {number}",
                0,
                0,
                frozenset({"dry"}),
                CAPACITY_KG,
                0,
                TimeWindow(0, DUTY_S),
                SHIFT_S,
                TRUCK_CENTS,
                CENTS_PER_KM,
                breaks=(LUNCH,) if lunch else (),
            )
            for number in range(math.ceil(stops / 45) + 2)
        ),
        matrices=(Matrix(seconds, metres),),
    )
