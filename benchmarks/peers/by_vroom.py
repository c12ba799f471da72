"""VROOM as a peer, where it is installed: local search in C++. It has no reloads, prizes or daily limits."""

from datetime import timedelta

import numpy as np

from benchmarks.peers.tours import Answer, is_plain, is_timed, truck_of
from routing import Problem

# The best it has.
EXPLORATION_LEVEL = 5


def solve(problem: Problem, seconds: float, seed: int, cores: int) -> Answer:
    """Search on all cores until it ends by itself, or for the time given. It takes no seed."""
    del seed
    if not is_plain(problem) or any(not stop.required for stop in problem.stops):
        return Answer(None, "no reloads or prizes")
    import vroom  # noqa: PLC0415 - only where it is installed

    truck = truck_of(problem)
    task = vroom.Input()
    task.set_durations_matrix("truck", problem.matrices[0].duration_s.astype(np.uint32))
    hours = {}
    if is_timed(problem):
        if truck.max_duration_s < truck.shift.end_s - truck.shift.start_s:
            # A shift from any time on: without windows it may as well begin at once.
            hours = {"time_window": (truck.shift.start_s, truck.shift.start_s + truck.max_duration_s)}
        else:
            hours = {"time_window": tuple(truck.shift)}
    for number in range(len(problem.trucks)):
        task.add_vehicle(
            vroom.Vehicle(
                number,
                start=truck.start_location,
                end=truck.end_location,
                profile="truck",
                capacity=[truck.capacity_kg],
                costs=vroom.VehicleCosts(fixed=truck.fixed_cents),
                **hours,
            )
        )
    for number, stop in enumerate(problem.stops):
        windows = {"time_windows": [tuple(window) for window in stop.windows]} if stop.windows else {}
        task.add_job(
            vroom.Job(
                number,
                location=stop.location,
                default_service=stop.service_s if hours else 0,
                pickup=[stop.demand_kg],
                **windows,
            )
        )
    found = task.solve(EXPLORATION_LEVEL, nb_threads=cores, timeout=timedelta(seconds=seconds))
    tours: dict[str, list[tuple[bool, str]]] = {}
    for row in found.routes[found.routes.type == "job"].itertuples():
        tours.setdefault(problem.trucks[row.vehicle_id].id, []).append((True, problem.stops[int(row.id)].id))
    home = (False, problem.facilities[0].id)
    return Answer({truck_id: [*tour, home] for truck_id, tour in tours.items()})
