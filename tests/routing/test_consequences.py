"""What a stop does to the rest of a route is told with it, and nothing a route must keep is broken for it."""

from dataclasses import replace

import pytest

from routing import (
    Break,
    Facility,
    Lock,
    Plan,
    Preferences,
    Problem,
    Relation,
    RelationKind,
    Route,
    RoutingError,
    TimeWindow,
    Unserved,
    UnservedReason,
    Visit,
    VisitKind,
    insert,
    remove,
    schedule,
    verify,
)
from routing.consequences import PauseMoved, Tight
from routing.difference import Delayed, Unloading
from routing.pricing import cost_of
from tests.routing.problems import MORNING_S, TRUCK, problem, stop, truck

MIN = 60


def planned(day: Problem, **tours: str) -> Plan:
    """Time tours written as ids with spaces between; every other stop is unserved."""
    routes = []
    for truck_id, tour in tours.items():
        places = [day.stop_by_id.get(name) or day.facility_by_id[name] for name in tour.split()]
        route = schedule(day, day.truck_by_id[truck_id], places)
        assert isinstance(route, Route), route
        routes.append(route)
    served = {stop_id for route in routes for stop_id in route.stop_ids}
    left = tuple(Unserved(stop.id, UnservedReason.TAKEN_OUT) for stop in day.stops if stop.id not in served)
    plan = Plan(tuple(routes), left, cost_of(day, routes, left))
    assert verify(day, plan).ok
    return plan


def test_stops_behind_it_are_served_later_and_windows_get_tight() -> None:
    early = TimeWindow(MORNING_S, MORNING_S + 10 * MIN)
    late = TimeWindow(MORNING_S, MORNING_S + 40 * MIN)
    day = problem(stop("a", 2, windows=(early,)), stop("b", 3, windows=(late,)), stop("new", 4))
    plan = planned(day, t="a b plant")
    (way,) = insert(day, plan, "new")
    # It costs the same everywhere; behind b it delays nobody, between a and b it does: 10 min there, 1 min of service.
    assert way.plan.routes[0].stop_ids == ("a", "b", "new")
    assert way.consequences.delayed == ()
    assert way.consequences.tight == ()
    pushed = replace(day, locks=(Lock("new", "t", after="a"),))
    (between,) = insert(pushed, plan, "new")
    assert between.consequences.delayed == (Delayed("b", "t", MORNING_S + 21 * MIN, MORNING_S + 32 * MIN),)
    assert between.consequences.tight == (Tight(VisitKind.STOP, "b", 19 * MIN, 8 * MIN),)
    assert between.said("en")[1:] == [
        "1 other stops are served later, b the most: 11 min.",
        "b has only 8 min to spare then.",
    ]


def test_a_second_unloading_and_overtime_are_told() -> None:
    small = truck("t", 0, capacity_kg=150, max_duration_s=60 * MIN, max_overtime_s=3600, overtime_cents_per_h=6000)
    day = problem(stop("a", 2), stop("b", 3), trucks=(small,))
    (way,) = insert(day, planned(day, t="a plant"), "b")
    done = way.consequences
    # 46 min become 46 + 10 + 1 + 10 + 15 = 82: 22 min above the hour.
    assert (done.unloading, done.overtime_s) == (Unloading("t", ("plant",), ("plant", "plant")), 22 * MIN)
    assert way.extra_cents == 2 * 400 + 36 * 150 + 22 * 100
    assert "The crew works 22 min more overtime." in way.said("en")
    assert "加班增加 22 分钟。" in way.said("zh")


def test_an_idle_truck_that_leaves_is_told_with_its_pause() -> None:
    lunch = Break(TimeWindow(MORNING_S, MORNING_S + 15 * MIN), 30 * MIN)
    day = problem(
        stop("a", 2, windows=(TimeWindow(MORNING_S, MORNING_S + 50 * MIN),)),
        trucks=(truck("t", 0, breaks=(lunch,), shift=TimeWindow(MORNING_S, MORNING_S + 2 * 3600)),),
    )
    (way,) = insert(day, planned(day), "a")
    assert way.consequences.leaves
    assert way.consequences.home_before_s is None
    # It leaves when the break's window closes, and needs none.
    assert way.consequences.pauses == ()
    assert way.said("en")[1] == "The truck would otherwise stay at its depot."


def test_a_break_that_moves_is_told() -> None:
    lunch = Break(TimeWindow(MORNING_S + 11 * MIN, MORNING_S + 30 * MIN), 30 * MIN)
    first = TimeWindow(MORNING_S, MORNING_S + 10 * MIN)
    day = problem(
        stop("a", 2, windows=(first,)), stop("new", 3), stop("b", 4), trucks=(truck("t", 0, breaks=(lunch,)),)
    )
    plan = planned(day, t="a b plant")
    before = [visit.start_s for visit in plan.routes[0].visits if visit.kind is VisitKind.BREAK]
    (way,) = insert(replace(day, locks=(Lock("new", "t", after="a"),)), plan, "new")
    after = [visit.start_s for visit in way.plan.routes[0].visits if visit.kind is VisitKind.BREAK]
    assert way.consequences.pauses == tuple(
        PauseMoved(old, new) for old, new in zip(before, after, strict=True) if old != new
    )


def test_a_stop_that_the_problem_does_not_know_yet_is_taken_with_it() -> None:
    day = problem(stop("a", 2))
    (way,) = insert(day, planned(day, t="a plant"), stop("called in", 3, service_s=120))
    assert way.plan.routes[0].stop_ids in (("a", "called in"), ("called in", "a"))
    assert verify(way.problem, way.plan).ok
    assert [other.id for other in way.problem.stops] == ["a", "called in"]
    with pytest.raises(RoutingError, match="another stop a"):
        insert(day, planned(day, t="a plant"), stop("a", 3))


def test_a_crew_without_the_certificate_is_not_asked() -> None:
    paper = frozenset({"needles"})
    day = problem(stop("a", 2), stop("b", 3, certificates=paper), trucks=(TRUCK, truck("u", 0, certificates=paper)))
    assert [way.truck_id for way in insert(day, planned(day, t="a plant"), "b")] == ["u"]


@pytest.mark.parametrize(
    ("kind", "trucks"),
    [(RelationKind.SAME_TRUCK, ["t"]), (RelationKind.IN_ORDER, ["t"]), (RelationKind.APART, ["u"])],
)
def test_stops_that_belong_together_stay_together_and_others_apart(kind: RelationKind, trucks: list[str]) -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=(TRUCK, truck("u", 0)))
    day = replace(day, relations=(Relation(kind, ("a", "b")),))
    ways = insert(day, planned(day, t="a plant"), "b")
    assert [way.truck_id for way in ways] == trucks
    assert all(verify(day, way.plan).ok for way in ways)
    if kind is RelationKind.IN_ORDER:
        assert ways[0].plan.routes[0].stop_ids == ("a", "b")


def test_a_gate_that_is_busy_and_a_plant_that_is_full_are_respected() -> None:
    gate = Facility("plant", 1, frozenset({"dry"}), 900, gates=1)
    day = problem(stop("a", 2), stop("b", 3), trucks=(TRUCK, truck("u", 0, fixed_cents=0)), facilities=(gate,))
    (own, same) = insert(day, planned(day, t="a plant"), "b")
    assert [own.truck_id, same.truck_id] == ["t", "u"]
    assert verify(day, own.plan).ok
    assert verify(day, same.plan).ok
    full = replace(day, facilities=(replace(gate, max_kg=199),))
    assert insert(full, planned(full, t="a plant"), "b") == []


def begun(day: Problem, *visits: Visit) -> Problem:
    return replace(day, trucks=(replace(day.trucks[0], begun=visits), *day.trucks[1:]))


LEFT = Visit(VisitKind.START, "", MORNING_S, MORNING_S, MORNING_S, 0, 0)
AT_A = Visit(VisitKind.STOP, "a", MORNING_S + 600, MORNING_S + 600, MORNING_S + 660, 100, 500)


def test_what_a_truck_has_begun_stays_in_front() -> None:
    day = begun(problem(stop("a", 2), stop("b", 3)), LEFT, AT_A)
    plan = planned(day, t="plant")
    (way,) = insert(day, plan, "b")
    assert way.plan.routes[0].visits[:2] == (LEFT, AT_A)
    assert way.plan.routes[0].stop_ids == ("a", "b")
    assert (way.extra_m, way.extra_s) == (1000, 660)
    with pytest.raises(RoutingError, match="has served stop a or is on the way"):
        remove(day, plan, "a")
    assert remove(day, way.plan, "b").routes == plan.routes


def test_a_truck_on_its_way_home_may_be_sent_on() -> None:
    unloaded = Visit(VisitKind.UNLOAD, "plant", MORNING_S + 1260, MORNING_S + 1260, MORNING_S + 2160, 0, 0)
    day = begun(problem(stop("a", 2), stop("b", 3)), LEFT, AT_A, unloaded)
    (way,) = insert(day, planned(day, t=""), "b")
    assert [visit.subject_id for visit in way.plan.routes[0].visits] == ["", "a", "plant", "b", "plant", ""]
    assert verify(day, way.plan).ok


def test_the_truck_in_force_comes_first_where_changes_cost() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=(TRUCK, truck("u", 0)))
    plan = planned(day, t="a plant")
    assert [way.truck_id for way in insert(day, plan, "b")] == ["t", "u"]
    dear = replace(day, preferences=Preferences(change_cents=1_000_000, in_force=(("b", "u"),)))
    ways = insert(dear, replace(plan, cost=cost_of(dear, plan.routes, plan.unserved)), "b")
    assert [(way.truck_id, way.preferences_cents) for way in ways] == [("u", -1_000_000), ("t", 0)]
