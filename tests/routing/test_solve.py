"""`solve`: whatever the problem, the plan keeps every rule."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.waste_days import waste_day
from routing import Budget, Problem, Progress, VisitKind, solve, verify
from tests.routing.problems import problems

QUICK = Budget(20, iterations=30)
slow = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@slow
@given(problems())
def test_any_problem_gets_a_plan_that_keeps_every_rule(day: Problem) -> None:
    plan = solve(day, QUICK)
    assert not verify(day, plan).violations
    assert {gone.stop_id for gone in plan.unserved} | {
        stop_id for route in plan.routes for stop_id in route.stop_ids
    } == set(day.stop_by_id)


@slow
@given(problems(), st.data())
def test_a_day_that_has_begun_goes_on_as_it_began(day: Problem, data: st.DataObject) -> None:
    plan = solve(day, QUICK)
    begun = {route.truck_id: route.visits[: data.draw(st.integers(0, len(route.visits) - 1))] for route in plan.routes}
    later = replace(day, trucks=tuple(replace(truck, begun=begun.get(truck.id, ())) for truck in day.trucks))
    again = solve(later, QUICK, start=plan)
    assert not verify(later, again).violations
    for route in again.routes:
        assert route.visits[: len(begun.get(route.truck_id, ()))] == begun.get(route.truck_id, ())
    assert all(visit.kind is not VisitKind.START for route in again.routes for visit in route.visits[1:])


@slow
@given(problems())
def test_the_same_seed_and_steps_give_the_same_plan(day: Problem) -> None:
    assert solve(day, QUICK, seed=3) == solve(day, QUICK, seed=3)


def test_tells_what_the_best_plan_costs_as_it_gets_better() -> None:
    day = waste_day(301, 3)
    told: list[Progress] = []
    plan = solve(day, Budget(60, cores=1, iterations=100), progress=told.append)
    assert len(told) > 2
    assert told[-1] == Progress(plan.cost.total_cents, len(plan.routes), 0)
    ranks = [(so_far.required_left, so_far.cost_cents) for so_far in told]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[-1]
