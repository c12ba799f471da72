"""The independent check: a good plan passes, and every way to break one is found and named."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from routing import (
    UNREACHABLE,
    Break,
    Cost,
    Facility,
    Lock,
    Matrix,
    Plan,
    Problem,
    Relation,
    RelationKind,
    Route,
    TimeWindow,
    Unserved,
    UnservedReason,
    ViolationCode,
    Visit,
    VisitKind,
    co2_g,
    schedule,
    verify,
)
from routing.pricing import cost_of
from tests.routing.problems import MORNING_S, PLANT, problem, stop, truck

DRY = frozenset({"dry"})
WET_PLANT = Facility("wet plant", 5, frozenset({"wet"}), 600)
LEFT_OUT = Unserved("far", UnservedReason.NOT_WORTH_IT, (("extra_cents", 900), ("prize_cents", 700)))
DAY = problem(
    stop("a", 2, windows=(TimeWindow(MORNING_S, MORNING_S + 1800), TimeWindow(40_000, 41_000))),
    stop("b", 3, stream="wet"),
    stop("c", 4),
    stop("far", 4, required=False, prize_cents=700),
    trucks=(truck("t", 0, streams=frozenset({"dry", "wet"}), max_trips=2), truck("u", 0)),
    facilities=(replace(PLANT, windows=(TimeWindow(MORNING_S, MORNING_S + 8 * 3600),)), WET_PLANT),
    locks=(Lock("b", "t"),),
)


def plan_of(day: Problem, **tours: str) -> Plan:
    """Time tours written as place ids with spaces between, underlined where the id has a space."""
    routes = []
    for truck_id, tour in tours.items():
        names = [name.replace("_", " ") for name in tour.split()]
        places = [day.stop_by_id.get(name) or day.facility_by_id[name] for name in names]
        route = schedule(day, day.truck_by_id[truck_id], places)
        assert isinstance(route, Route), route
        routes.append(route)
    return Plan(tuple(routes), (LEFT_OUT,), cost_of(day, routes, (LEFT_OUT,)))


GOOD = plan_of(DAY, t="a plant b wet_plant", u="c plant")


def codes(day: Problem, plan: Plan) -> set[ViolationCode]:
    return {violation.code for violation in verify(day, plan).violations}


def test_a_good_plan_passes_and_its_cost_is_what_a_person_works_out() -> None:
    checked = verify(DAY, GOOD)
    assert checked.ok, [str(violation) for violation in checked.violations]
    # t drives five ways of 1 km and 600 s, u three; stops take 60 s, the plants 900 and 600 s.
    seconds = (5 * 600 + 2 * 60 + 900 + 600, 3 * 600 + 60 + 900)
    duration = sum(round(passed * 9000 / 3600) for passed in seconds)
    assert checked.cost == Cost(60_000, 8 * 400, duration, 700)


def visit(number: int, **changes: object) -> Callable[[Plan], Plan]:
    """Change one visit of the first route and leave everything else as it was."""

    def change(plan: Plan) -> Plan:
        first, *rest = plan.routes
        visits = list(first.visits)
        visits[number] = replace(visits[number], **changes)
        return replace(plan, routes=(replace(first, visits=tuple(visits)), *rest))

    return change


def without(number: int) -> Callable[[Plan], Plan]:
    """Cut one visit out of the first route."""

    def cut(plan: Plan) -> Plan:
        first, *rest = plan.routes
        visits = first.visits[:number] + first.visits[number + 1 :]
        return replace(plan, routes=(replace(first, visits=visits), *rest))

    return cut


def shifted(seconds: int) -> Callable[[Plan], Plan]:
    """Drive the whole first route earlier or later."""

    def shift(plan: Plan) -> Plan:
        first, *rest = plan.routes
        visits = tuple(
            replace(one, **{name: getattr(one, name) + seconds for name in ("arrival_s", "start_s", "departure_s")})
            for one in first.visits
        )
        return replace(plan, routes=(replace(first, visits=visits), *rest))

    return shift


def routes(change: Callable[[tuple[Route, ...]], tuple[Route, ...]]) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, routes=change(plan.routes))


C = ViolationCode


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        pytest.param(routes(lambda both: both[:1]), C.FORGOTTEN, id="a stop is on no route and on no list"),
        pytest.param(routes(lambda both: (*both, replace(both[1], truck_id="v"))), C.UNKNOWN_TRUCK, id="strange truck"),
        pytest.param(routes(lambda both: (*both, both[1])), C.TRUCK_TWICE, id="a truck has two routes"),
        pytest.param(routes(lambda both: (*both, both[1])), C.SERVED_TWICE, id="a stop is served twice"),
        pytest.param(lambda plan: replace(plan, unserved=(LEFT_OUT, LEFT_OUT)), C.UNSERVED_TWICE, id="listed twice"),
        pytest.param(lambda plan: replace(plan, unserved=(LEFT_OUT, replace(LEFT_OUT, stop_id="a"))),
                     C.SERVED_AND_UNSERVED, id="served and listed as unserved"),
        pytest.param(lambda plan: replace(plan, unserved=()), C.FORGOTTEN, id="an unserved stop is not listed"),
        pytest.param(lambda plan: replace(plan, unserved=(LEFT_OUT, replace(LEFT_OUT, stop_id="z"))),
                     C.UNKNOWN_STOP, id="a strange stop is listed"),
        pytest.param(visit(1, subject_id="z"), C.UNKNOWN_STOP, id="a strange stop is served"),
        pytest.param(visit(2, subject_id="z"), C.UNKNOWN_FACILITY, id="a strange facility"),
        pytest.param(without(0), C.BROKEN_ROUTE, id="no start"),
        pytest.param(without(5), C.BROKEN_ROUTE, id="no end"),
        pytest.param(visit(0, subject_id="depot"), C.BROKEN_ROUTE, id="the start is a place"),
        pytest.param(visit(1, kind=VisitKind.START, subject_id=""), C.BROKEN_ROUTE, id="a start in the middle"),
        pytest.param(routes(lambda both: (replace(both[0], visits=both[0].visits[::5]), both[1])),
                     C.EMPTY_ROUTE, id="a route without stops"),
        pytest.param(without(2), C.MIXED_STREAMS, id="wet on top of dry"),
        pytest.param(without(4), C.NOT_EMPTY_AT_HOME, id="comes home loaded"),
        pytest.param(without(1), C.NOTHING_TO_UNLOAD, id="unloads nothing"),
        pytest.param(visit(4, subject_id="plant"), C.FACILITY_REFUSES, id="wet waste at the dry plant"),
        pytest.param(visit(3, arrival_s=0), C.WRONG_ARRIVAL, id="arrives before it left"),
        pytest.param(visit(3, arrival_s=MORNING_S), C.WRONG_ARRIVAL, id="drives faster than the matrix"),
        pytest.param(visit(5, arrival_s=MORNING_S), C.WRONG_ARRIVAL, id="is home too soon"),
        pytest.param(visit(3, start_s=MORNING_S), C.WRONG_START, id="begins before it is there"),
        pytest.param(visit(0, start_s=0), C.WRONG_START, id="the start has two times"),
        pytest.param(visit(5, departure_s=0), C.WRONG_DEPARTURE, id="the end has two times"),
        pytest.param(visit(3, departure_s=MORNING_S), C.WRONG_DEPARTURE, id="leaves before it is done"),
        pytest.param(visit(3, load_kg=99), C.WRONG_LOAD, id="kilograms on board"),
        pytest.param(visit(3, load_l=499), C.WRONG_LOAD, id="litres on board"),
        pytest.param(visit(2, load_kg=1), C.WRONG_LOAD, id="not all unloaded"),
        pytest.param(shifted(-1), C.BEFORE_SHIFT, id="leaves before the shift"),
        pytest.param(shifted(8 * 3600 - 4619), C.AFTER_SHIFT, id="comes home a second after the shift"),
        pytest.param(shifted(1201), C.OUTSIDE_WINDOW, id="between the windows of a stop"),
        pytest.param(routes(lambda both: (replace(both[0], distance_m=both[0].distance_m - 1), both[1])),
                     C.WRONG_DISTANCE, id="a metre is missing"),
        pytest.param(routes(lambda both: (replace(both[0], duration_s=both[0].duration_s - 1), both[1])),
                     C.WRONG_DURATION, id="a second is missing"),
    ]
    + [
        pytest.param(lambda plan, line=line: replace(plan, cost=replace(plan.cost, **{line: 1})), C.WRONG_COST, id=line)
        for line in Cost.__dataclass_fields__
    ],
)  # fmt: skip
def test_a_broken_plan_is_caught(broken: Callable[[Plan], Plan], found: ViolationCode) -> None:
    assert found in codes(DAY, broken(GOOD))


def truck_t(locks: tuple[Lock, ...] = DAY.locks, **changes: object) -> Problem:
    return replace(DAY, trucks=(replace(DAY.trucks[0], **changes), DAY.trucks[1]), locks=locks)


def stop_a(**changes: object) -> Problem:
    return replace(DAY, stops=(replace(DAY.stops[0], **changes), *DAY.stops[1:]))


def relation(kind: RelationKind, *stop_ids: str) -> Problem:
    return replace(DAY, relations=(Relation(kind, stop_ids),))


def missing_way(name: str) -> Problem:
    grids = {key: getattr(DAY.matrices[0], key).copy() for key in ("duration_s", "distance_m")}
    grids[name][0, 2] = UNREACHABLE
    return replace(DAY, matrices=(Matrix(**grids),))


@pytest.mark.parametrize(
    ("harder", "found"),
    [
        pytest.param(truck_t(capacity_kg=99), C.OVERLOADED_KG, id="a kilogram too much"),
        pytest.param(truck_t(capacity_l=499), C.OVERLOADED_L, id="a litre too much"),
        pytest.param(truck_t(max_trips=1), C.TOO_MANY_TRIPS, id="one trip only"),
        pytest.param(truck_t(max_duration_s=4619), C.TOO_LONG, id="a second too long"),
        pytest.param(truck_t(shift=TimeWindow(MORNING_S, MORNING_S + 4619)), C.AFTER_SHIFT, id="shift too short"),
        pytest.param(truck_t(locks=(), streams=DRY), C.CANNOT_CARRY_STREAM, id="may not carry wet waste"),
        pytest.param(replace(stop_a(max_width_cm=249), trucks=truck_t(width_cm=250).trucks), C.TOO_WIDE, id="wide"),
        pytest.param(replace(stop_a(max_height_cm=249), trucks=truck_t(height_cm=250).trucks), C.TOO_HIGH, id="high"),
        pytest.param(replace(stop_a(max_weight_kg=9), trucks=truck_t(gross_weight_kg=10).trucks),
                     C.TOO_HEAVY, id="heavy"),
        pytest.param(replace(DAY, locks=(Lock("a", "u"),)), C.LOCKED_ELSEWHERE, id="locked to another truck"),
        pytest.param(replace(DAY, facilities=(replace(PLANT, windows=(TimeWindow(0, MORNING_S + 1259),)), WET_PLANT)),
                     C.FACILITY_CLOSED, id="closes a second before the truck is there"),
        pytest.param(replace(DAY, locks=(Lock("b", "t", after=""),)), C.LOCKED_PLACE, id="locked to be the first"),
        pytest.param(replace(DAY, locks=(Lock("a", "t", after="b"),)), C.LOCKED_PLACE, id="locked behind another"),
        pytest.param(relation(RelationKind.SAME_TRUCK, "a", "c"), C.NOT_SAME_TRUCK, id="should ride together"),
        pytest.param(relation(RelationKind.IN_ORDER, "a", "c"), C.NOT_SAME_TRUCK, id="in order, but on two trucks"),
        pytest.param(relation(RelationKind.IN_ORDER, "b", "a"), C.OUT_OF_ORDER, id="the wrong way round"),
        pytest.param(relation(RelationKind.APART, "a", "b"), C.NOT_APART, id="should not ride together"),
        pytest.param(stop_a(certificates=frozenset({"hazardous"})), C.NOT_CERTIFIED, id="crew not certified"),
        pytest.param(truck_t(begun=(Visit(VisitKind.START, "", MORNING_S - 60, MORNING_S - 60, MORNING_S - 60, 0, 0),)),
                     C.BEGUN_CHANGED, id="left a minute earlier in truth"),
        pytest.param(truck_t(max_stops=1), C.TOO_MANY_STOPS, id="one stop only"),
        pytest.param(truck_t(max_shift_kg=199), C.SHIFT_OVERLOADED_KG, id="a kilogram too much for the day"),
        pytest.param(truck_t(max_shift_l=999), C.SHIFT_OVERLOADED_L, id="a litre too much for the day"),
        pytest.param(truck_t(breaks=(Break(TimeWindow(MORNING_S, MORNING_S + 4619), 60),)), C.NO_BREAK, id="no lunch"),
        pytest.param(truck_t(max_driving_s=2999), C.NO_REST, id="drives a second too long"),
        pytest.param(replace(DAY, facilities=(replace(PLANT, max_kg=199), WET_PLANT)), C.FACILITY_FULL, id="full"),
        pytest.param(replace(DAY, facilities=(replace(PLANT, gates=1), WET_PLANT)), C.GATES_BUSY, id="one gate"),
        pytest.param(missing_way("duration_s"), C.UNREACHABLE, id="there is no way in time"),
        pytest.param(missing_way("distance_m"), C.UNREACHABLE, id="there is no way in metres"),
    ],
)  # fmt: skip
def test_a_rule_that_the_plan_was_not_made_for_is_caught(harder: Problem, found: ViolationCode) -> None:
    assert found in codes(harder, GOOD)


def test_a_violation_names_what_where_and_by_how_much() -> None:
    (found,) = verify(truck_t(capacity_kg=99), GOOD).violations[:1]
    assert (found.subject_id, found.truck_id, found.found, found.allowed) == ("a", "t", 100, 99)
    assert str(found) == "overloaded kg: a on truck t: 100 against 99"


def test_every_kind_of_violation_is_tried_here() -> None:
    cases = {
        case.values[1]
        for test in (test_a_broken_plan_is_caught, test_a_rule_that_the_plan_was_not_made_for_is_caught)
        for case in test.pytestmark[0].args[1]
    }
    assert cases == set(ViolationCode)


def test_emissions_follow_from_what_trucks_drive() -> None:
    fleet = tuple(replace(one, co2_g_per_km=1101) for one in DAY.trucks)
    assert co2_g(replace(DAY, trucks=fleet), GOOD.routes) == 5 * 1101 + 3 * 1101


def test_costs_are_rounded_half_up_route_by_route() -> None:
    day = problem(stop("a", 2), trucks=(truck("t", 0, fixed_cents=0, cents_per_km=1, cents_per_h=0),))
    apart = Matrix(day.matrices[0].duration_s, np.where(np.eye(6), 0, 500))
    day = replace(day, matrices=(apart,))
    route = schedule(day, day.trucks[0], (day.stops[0], day.facilities[0]))
    assert isinstance(route, Route)
    plan = Plan((route,), (), cost_of(day, (route,), ()))
    assert verify(day, plan).ok
    assert plan.cost.distance_cents == 2  # 1,500 m at a cent the kilometre
