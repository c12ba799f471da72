"""Large problems: laid out from travel alone, cut into parts with trucks as they need them, improved in rounds."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.waste_days import waste_day
from routing import Budget, Lock, Matrix, Plan, Problem, solve, verify
from routing.draft import Draft, merit
from routing.excerpt import excerpt
from routing.groups import grouped, halves
from routing.plan import Cost
from routing.positions import positions
from routing.rounds import joined
from routing.split import split

DAY = waste_day(320, 1)
# Short days and many trucks, so that there are routes to group.
LARGE = replace(
    DAY, trucks=tuple(replace(DAY.trucks[0], id=f"truck {number}", max_duration_s=3 * 3600) for number in range(36))
)


def town(stops: int) -> tuple[Problem, np.ndarray]:
    """Lay a waste day out anew, with ways as the crow flies."""
    day = waste_day(stops, 3)
    size = len(day.matrices[0])
    points = np.random.default_rng(3).uniform(0, 10_000, (size, 2))
    metres = np.rint(np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))).astype(int)
    return replace(day, matrices=(Matrix(np.rint(metres / 7).astype(int), metres),)), points


def test_places_laid_out_from_their_ways_alone_are_as_far_from_each_other_as_they_are() -> None:
    day, points = town(150)
    where = positions(day)
    found = np.array([where[row] for row in range(len(points))])
    apart = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))
    again = np.sqrt(((found[:, None] - found[None]) ** 2).sum(axis=-1))
    # A cent a metre: a kilometre is a thousand of the plane's units.
    assert np.abs(again - apart).max() < 5


def test_a_place_that_cannot_be_reached_from_everywhere_is_laid_out_all_the_same() -> None:
    day, _ = town(60)
    seconds, metres = (table.copy() for table in (day.matrices[0].duration_s, day.matrices[0].distance_m))
    seconds[:, 9] = metres[:, 9] = 2**30
    seconds[9, 9] = metres[9, 9] = 0
    where = positions(replace(day, matrices=(Matrix(seconds, metres),)))
    assert all(np.isfinite(point).all() for point in where.values())


def test_halves_are_even_and_lose_nobody() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(500, 2))
    weights = rng.integers(1, 30, 500).astype(float)
    groups = halves(points, weights, 800, rng)
    assert sorted(np.concatenate(groups).tolist()) == list(range(500))
    sums = [weights[group].sum() for group in groups]
    assert len(groups) == -(-weights.sum() // 800)
    assert max(sums) < 1.2 * min(sums)


def test_every_stop_is_in_one_part_and_every_truck_in_at_most_one() -> None:
    parts = split(LARGE, 55)
    assert len(parts) == 6
    assert sorted(stop.id for part in parts for stop in part.stops) == sorted(stop.id for stop in LARGE.stops)
    trucks = [truck.id for part in parts for truck in part.trucks]
    assert len(trucks) == len(set(trucks)) == len(LARGE.trucks)
    assert all(part.trucks for part in parts)


def test_a_part_drives_the_same_ways_as_the_whole() -> None:
    part = split(LARGE, 55)[2]
    whole = LARGE.matrices[0].distance_m
    for one in part.stops[:10]:
        for other in part.stops[-10:]:
            rows = LARGE.stop_by_id[one.id].location, LARGE.stop_by_id[other.id].location
            assert part.matrices[0].distance_m[one.location, other.location] == whole[rows]


def test_stops_locked_to_one_truck_stay_together_with_it() -> None:
    far = sorted(LARGE.stops, key=lambda stop: LARGE.matrices[0].distance_m[0, stop.location])
    locks = tuple(Lock(stop.id, "truck 3") for stop in (far[0], far[150], far[-1]))
    parts = split(replace(LARGE, locks=locks), 55)
    holding = [part for part in parts if any(truck.id == "truck 3" for truck in part.trucks)]
    assert len(holding) == 1
    assert {lock.stop_id for lock in locks} <= holding[0].stop_by_id.keys()
    assert len(holding[0].locks) == 3


def test_trucks_go_where_there_is_more_to_carry() -> None:
    heavy = max(split(LARGE, 55), key=lambda part: len(part.trucks))
    light = min(split(LARGE, 55), key=lambda part: len(part.trucks))
    more = tuple(
        replace(stop, demand_kg=stop.demand_kg * 3) if stop.id in light.stop_by_id else stop for stop in LARGE.stops
    )
    again = split(replace(LARGE, stops=more), 55)
    trucks = {part.stops[0].id: len(part.trucks) for part in again}
    assert trucks[light.stops[0].id] > len(light.trucks)
    assert trucks[heavy.stops[0].id] <= len(heavy.trucks)


@pytest.fixture(scope="module")
def planned() -> Plan:
    """A first plan of the large day."""
    return solve(LARGE, Budget(60, iterations=400), seed=1)


def test_groups_take_every_route_missing_stop_and_idle_truck_at_most_once(planned: Plan) -> None:
    gone = tuple(LARGE.stop_by_id[stop.stop_id] for stop in planned.unserved)
    draft = Draft(planned.routes, gone)
    day = replace(LARGE, trucks=(*LARGE.trucks, *(replace(truck, id=f"idle {truck.id}") for truck in LARGE.trucks)))
    groups = grouped(day, draft, positions(day), 80, np.random.default_rng(5))
    assert len(groups) >= 4
    stops = [stop_id for group in groups for stop_id in group.stop_ids]
    assert sorted(stops) == sorted(stop.id for stop in LARGE.stops)
    trucks = [truck_id for group in groups for truck_id in group.truck_ids]
    assert len(trucks) == len(set(trucks))
    assert all(group.idle for group in groups)


def test_other_lines_make_other_groups(planned: Plan) -> None:
    draft, where = Draft(planned.routes, ()), positions(LARGE)
    made = [
        frozenset(
            frozenset(route.truck_id for route in group.routes)
            for group in grouped(LARGE, draft, where, 80, np.random.default_rng((1, number)))
        )
        for number in range(8)
    ]
    assert len(set(made)) > 1


def test_groups_put_together_again_are_the_plan_they_came_from(planned: Plan) -> None:
    draft = Draft(planned.routes, tuple(LARGE.stop_by_id[stop.stop_id] for stop in planned.unserved))
    groups = grouped(LARGE, draft, positions(LARGE), 80, np.random.default_rng(5))
    parts = [excerpt(LARGE, group.stop_ids, group.truck_ids) for group in groups]
    drafts = [Draft(tuple(group.routes), tuple(group.missing)) for group in groups]
    assert joined(LARGE, drafts) == draft
    assert sum(merit(part, one)[1] for part, one in zip(parts, drafts, strict=True)) == merit(LARGE, draft)[1]


def test_a_large_plan_to_start_from_gets_no_worse(planned: Plan) -> None:
    again = solve(LARGE, Budget(6), seed=7, start=planned)
    assert again.cost.total_cents <= planned.cost.total_cents
    assert again.cost != Cost()


def test_groups_that_share_gates_and_what_a_plant_takes_a_day_never_overrun_them_together() -> None:
    weight = sum(stop.demand_kg for stop in LARGE.stops)
    facilities = tuple(replace(facility, gates=1, max_kg=weight * 2 // 5) for facility in LARGE.facilities)
    tight = replace(LARGE, facilities=facilities)
    plan = solve(tight, Budget(8), seed=2)
    assert verify(tight, plan).ok
    assert len(plan.routes) > 3
