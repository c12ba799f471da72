"""What routes and plans cost, line by line. `verify` shares nothing with it."""

from collections.abc import Iterable, Sequence

import numpy as np

from routing.plan import Cost, Route, Unserved
from routing.problem import Problem, Truck

M_PER_KM = 1000
S_PER_H = 3600


def distance_cents(truck: Truck, distance_m: int) -> int:
    """Cost of a route by its distance, rounded half up."""
    return _half_up(distance_m * truck.cents_per_km, M_PER_KM)


def duration_cents(truck: Truck, duration_s: int) -> int:
    """Cost of a route by its duration, rounded half up."""
    return _half_up(duration_s * truck.cents_per_h, S_PER_H)


def overtime_cents(truck: Truck, duration_s: int) -> int:
    """What the end of a route costs more for being overtime, rounded half up."""
    return _half_up(max(0, duration_s - truck.max_duration_s) * truck.overtime_cents_per_h, S_PER_H)


def route_cents(truck: Truck, route: Route) -> int:
    """Cost of one route, all lines; without preferences."""
    duration_s = route.duration_s
    cents = truck.fixed_cents + distance_cents(truck, route.distance_m)
    return cents + duration_cents(truck, duration_s) + overtime_cents(truck, duration_s)


def co2_g(problem: Problem, routes: Iterable[Route]) -> int:
    """What routes emit, in grams, rounded half up route by route."""
    return sum(
        _half_up(route.distance_m * problem.truck_by_id[route.truck_id].co2_g_per_km, M_PER_KM) for route in routes
    )


def cost_of(problem: Problem, routes: Sequence[Route], unserved: Iterable[Unserved]) -> Cost:
    """Add up what routes cost, what the optional stops left out would have been worth, and what preferences charge."""
    fixed = distance = duration = overtime = 0
    for route in routes:
        truck = problem.truck_by_id[route.truck_id]
        fixed += truck.fixed_cents
        distance += distance_cents(truck, route.distance_m)
        duration += duration_cents(truck, route.duration_s)
        overtime += overtime_cents(truck, route.duration_s)
    left = (problem.stop_by_id[gone.stop_id] for gone in unserved)
    prizes = sum(stop.prize_cents for stop in left if not stop.required)
    return Cost(
        fixed,
        distance,
        duration,
        prizes,
        overtime,
        balance_cents(problem, routes),
        sum(compactness_cents(problem, route) for route in routes),
        changes_cents(problem, routes),
    )


def preferences_cents(problem: Problem, routes: Sequence[Route]) -> int:
    """Cost of what a plan is like beside money."""
    shape = sum(compactness_cents(problem, route) for route in routes)
    return balance_cents(problem, routes) + shape + changes_cents(problem, routes)


def balance_cents(problem: Problem, routes: Sequence[Route]) -> int:
    """Charge hours above the mean of all routes."""
    per_h = problem.preferences.balance_cents_per_h
    if not per_h or not routes:
        return 0
    count, total_s = len(routes), sum(route.duration_s for route in routes)
    above_s = sum(max(0, count * route.duration_s - total_s) for route in routes)
    return _half_up(above_s * per_h, count * S_PER_H)


def compactness_cents(problem: Problem, route: Route) -> int:
    """Charge how far the stops of a route are from the most central of them."""
    per_km = problem.preferences.compactness_cents_per_km
    if not per_km or not route.stop_ids:
        return 0
    where = [problem.stop_by_id[stop_id].location for stop_id in route.stop_ids]
    matrix = problem.matrices[problem.truck_by_id[route.truck_id].profile]
    apart_m = matrix.distance_m[np.ix_(where, where)].astype(np.int64)
    return _half_up(int(apart_m.sum(axis=1).min()) * per_km, M_PER_KM)


def changes_cents(problem: Problem, routes: Sequence[Route]) -> int:
    """Charge stops of the plan in force that are not on the truck they were on."""
    if not problem.truck_in_force:
        return 0
    truck_of = {stop_id: route.truck_id for route in routes for stop_id in route.stop_ids}
    moved = sum(truck_of.get(stop_id) != truck_id for stop_id, truck_id in problem.truck_in_force.items())
    return moved * problem.preferences.change_cents


def _half_up(value: int, unit: int) -> int:
    return (2 * value + unit) // (2 * unit)
