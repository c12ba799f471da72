"""Whatever happens in the middle of a day: what is done stays, little changes, and the rest of the day is feasible."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing import Facility, Lock, Matrix, Plan, Problem, RoutingError, TimeWindow, UnservedReason, VisitKind, verify
from routing.events import Event, FacilityClosed, NewStop, StopCancelled, TruckBrokeDown, TruckLate, WaysChanged
from routing.replan import Replan, replan
from tests.routing.problems import MORNING_S, PLANT, TRUCK, matrices, problem, problems, stop, strict_problems, truck
from tests.routing.test_consequences import planned
from tests.routing.test_insertion import greedy

MIN = 60
R = UnservedReason


def sequences(made: Replan) -> dict[str, list[str]]:
    return {route.truck_id: [visit.subject_id for visit in route.visits[1:-1]] for route in made.plan.routes}


FOUR = (stop("a", 2), stop("b", 3), stop("c", 4), stop("d", 5))
TWO = (TRUCK, truck("u", 0))


def test_a_truck_that_breaks_down_keeps_its_load_and_others_take_what_it_had_not_done() -> None:
    day = problem(*FOUR, trucks=TWO)
    plan = planned(day, t="a b plant", u="c d plant")
    # At 6:12 t has done a and is driving to b; u has done c and is driving to d.
    made = replan(day, plan, TruckBrokeDown("t"), MORNING_S + 12 * MIN)
    assert made.stranded is not None
    assert [visit.subject_id for visit in made.stranded.visits] == ["", "a"]
    assert made.stranded.visits[-1].load_kg == 100
    assert "a" not in made.problem.stop_by_id
    assert sequences(made) == {"u": ["c", "d", "b", "plant"]}
    (moved,) = made.difference.moved
    assert (moved.stop_id, moved.from_truck_id, moved.to_truck_id) == ("b", "t", "u")
    assert (made.difference.dropped, made.difference.added, made.difference.reordered) == ((), (), ())
    assert made.difference.trucks == ("t", "u")
    assert moved.said("en") == "b goes from truck t (06:21) to truck u (06:32)."
    assert "1 个收集点换车" in made.difference.said("zh")


def test_a_stop_locked_to_the_broken_truck_is_freed_but_must_be_served() -> None:
    day = problem(stop("a", 2, required=False), stop("b", 3), trucks=TWO, locks=(Lock("a", "t"),))
    made = replan(day, planned(day, t="a plant", u="b plant"), TruckBrokeDown("t"), MORNING_S + 5 * MIN)
    assert sequences(made) == {"u": ["b", "a", "plant"]}
    assert made.problem.stop_by_id["a"].required


def test_what_the_broken_truck_brought_still_counts_for_the_day_of_a_plant() -> None:
    day = problem(*FOUR[:2], trucks=TWO, facilities=(replace(PLANT, max_kg=150),))
    plan = planned(day, t="a plant")
    made = replan(day, plan, TruckBrokeDown("t"), MORNING_S + 40 * MIN)
    assert made.problem.facilities[0].max_kg == 50


def test_a_stop_that_nobody_can_take_says_why() -> None:
    day = problem(stop("a", 2, windows=(TimeWindow(MORNING_S, MORNING_S + 15 * MIN),)), stop("b", 3), trucks=TWO)
    made = replan(day, planned(day, t="a plant", u="b plant"), TruckBrokeDown("t"), MORNING_S + 5 * MIN)
    (dropped,) = made.difference.dropped
    assert (dropped.stop_id, dropped.truck_id) == ("a", "t")
    assert dropped.why is made.plan.unserved[0]
    assert dropped.why.reason is R.WINDOW_OUTSIDE_SHIFT
    assert dropped.why.said("en") in dropped.said("en")


def test_a_late_truck_delays_what_it_still_has_to_do_and_nobody_else() -> None:
    day = problem(*FOUR, trucks=TWO)
    made = replan(day, planned(day, t="a b plant", u="c d plant"), TruckLate("t", 900), MORNING_S + 5 * MIN)
    assert sequences(made) == {"t": ["a", "b", "plant"], "u": ["c", "d", "plant"]}
    assert [(late.stop_id, late.by_s) for late in made.difference.delayed] == [("a", 900), ("b", 900)]
    assert made.difference.trucks == ("t",)


def test_a_stop_whose_window_a_late_truck_misses_goes_to_another() -> None:
    soon = (TimeWindow(MORNING_S, MORNING_S + 35 * MIN),)
    day = problem(stop("a", 2), stop("b", 3, windows=soon), stop("c", 4), trucks=TWO)
    made = replan(day, planned(day, t="a b plant", u="c plant"), TruckLate("t", 1800), MORNING_S + 5 * MIN)
    assert sequences(made) == {"t": ["a", "plant"], "u": ["c", "b", "plant"]}


def test_a_truck_too_late_for_where_it_is_driving_turns_round() -> None:
    soon = (TimeWindow(MORNING_S, MORNING_S + 50 * MIN),)
    day = problem(stop("a", 2), stop("b", 3, windows=soon), stop("c", 4), trucks=TWO)
    # At 6:12 it is a minute on its way to b, due at 6:21, and cannot be there before 7:21. The other unloads at 6:21.
    made = replan(day, planned(day, t="a b plant", u="c plant"), TruckLate("t", 3600), MORNING_S + 12 * MIN)
    assert sequences(made) == {"t": ["a", "plant"], "u": ["c", "plant", "b", "plant"]}
    # A minute there, an hour late, a minute back.
    assert made.plan.routes[0].visits[1].departure_s == MORNING_S + 73 * MIN


def test_a_full_plant_sends_trucks_to_the_next_one() -> None:
    other = Facility("other", 5, frozenset({"dry"}), 900)
    day = problem(*FOUR[:2], trucks=TWO, facilities=(PLANT, other))
    plan = planned(day, t="a plant", u="b plant")
    made = replan(day, plan, FacilityClosed("plant", MORNING_S + 15 * MIN), MORNING_S + 5 * MIN)
    assert sequences(made) == {"t": ["a", "other"], "u": ["b", "other"]}
    assert [change.truck_id for change in made.difference.unloading] == ["t", "u"]
    assert made.difference.changes == 0


def test_a_plant_that_opens_again_is_waited_for() -> None:
    day = problem(stop("a", 2))
    event = FacilityClosed("plant", MORNING_S, MORNING_S + 60 * MIN)
    made = replan(day, planned(day, t="a plant"), event, MORNING_S + 12 * MIN)
    assert made.plan.routes[0].visits[-2].start_s == MORNING_S + 60 * MIN


def test_a_truck_that_nobody_lets_unload_is_an_error_that_says_what_to_do() -> None:
    day = problem(stop("a", 2))
    with pytest.raises(RoutingError, match=r"100 kg of dry on board, and no facility .* report the truck as broken"):
        replan(day, planned(day, t="a plant"), FacilityClosed("plant", MORNING_S), MORNING_S + 12 * MIN)


def test_a_truck_that_cannot_be_home_in_time_any_more_comes_when_it_can() -> None:
    short = truck("t", 0, shift=TimeWindow(MORNING_S, MORNING_S + 50 * MIN))
    day = problem(stop("a", 2), trucks=(short,))
    made = replan(day, planned(day, t="a plant"), TruckLate("t", 1800), MORNING_S + 5 * MIN)
    # 6:40 at a, a minute there, 10 to the plant, 15 there, 10 home.
    assert made.home_late == (("t", MORNING_S + 76 * MIN),)
    assert made.plan.routes[0].visits[-1].arrival_s == MORNING_S + 76 * MIN


def test_a_new_stop_is_added_and_a_cancelled_one_is_dropped_without_a_reason() -> None:
    day = problem(*FOUR, trucks=TWO)
    plan = planned(day, t="a b plant", u="c d plant")
    made = replan(day, plan, NewStop(stop("e", 2)), MORNING_S + 5 * MIN)
    assert [added.stop_id for added in made.difference.added] == ["e"]
    assert made.difference.reordered == ()
    gone = replan(day, plan, StopCancelled("b"), MORNING_S + 5 * MIN)
    assert sequences(gone) == {"t": ["a", "plant"], "u": ["c", "d", "plant"]}
    (dropped,) = gone.difference.dropped
    assert (dropped.stop_id, dropped.why) == ("b", None)
    assert gone.difference.extra_m == -1000


def test_cancelling_what_is_being_served_changes_nothing() -> None:
    day = problem(*FOUR, trucks=TWO)
    plan = planned(day, t="a b plant", u="c d plant")
    made = replan(day, plan, StopCancelled("a"), MORNING_S + 10 * MIN + 30)
    assert made.plan.routes == tuple(
        replace(route, distance_m=new.distance_m) for route, new in zip(plan.routes, made.plan.routes, strict=True)
    )
    assert made.difference.trucks == ()


def test_a_new_stop_at_a_new_place_brings_its_ways() -> None:
    day = problem(*FOUR[:2])
    apart = 1 - np.eye(7, dtype=int)
    wider = (Matrix(apart * 600, apart * 1000),)
    made = replan(day, planned(day, t="a b plant"), NewStop(stop("e", 6), wider), MORNING_S - 3600)
    assert "e" in made.plan.routes[0].stop_ids
    with pytest.raises(RoutingError, match="location 6"):
        replan(day, planned(day, t="a b plant"), NewStop(stop("e", 6)), MORNING_S - 3600)


def test_a_closed_road_delays_and_a_stop_that_cannot_be_reached_is_named() -> None:
    day = problem(*FOUR, trucks=TWO)
    seconds = day.matrices[0].duration_s.copy()
    seconds[2, 3] += 600
    ways = Matrix(seconds, day.matrices[0].distance_m)
    made = replan(day, planned(day, t="a b plant", u="c d plant"), WaysChanged((ways,)), MORNING_S + 5 * MIN)
    assert [(late.stop_id, late.by_s) for late in made.difference.delayed] == [("b", 600)]
    assert sequences(made) == {"t": ["a", "b", "plant"], "u": ["c", "d", "plant"]}
    seconds[:, 3] = 2**30
    seconds[3, 3] = 0
    made = replan(day, planned(day, t="a b plant", u="c d plant"), WaysChanged((Matrix(seconds, ways.distance_m),)),
                  MORNING_S + 5 * MIN)  # fmt: skip
    assert [(gone.stop_id, gone.reason) for gone in made.plan.unserved] == [("b", R.UNREACHABLE)]


def test_a_stop_left_out_before_is_served_where_the_event_made_room_unless_a_person_took_it_out() -> None:
    day = problem(*FOUR[:2], trucks=(truck("t", 0, max_stops=1),))
    plan = planned(day, t="a plant")
    no_time = replace(plan, unserved=(replace(plan.unserved[0], reason=R.NO_TIME_LEFT),))
    assert [a.stop_id for a in replan(day, no_time, StopCancelled("a"), MORNING_S - 60).difference.added] == ["b"]
    assert replan(day, plan, StopCancelled("a"), MORNING_S - 60).difference.added == ()


def test_one_stop_gives_way_to_one_that_must_be_served_and_goes_elsewhere() -> None:
    """A truck that alone may serve the new stop is full; of what it has, one stop fits on the other truck."""
    paper = frozenset({"needles"})
    able = truck("t", 0, certificates=paper, max_stops=2)
    day = problem(stop("a", 2), stop("b", 3), stop("c", 4), trucks=(able, truck("u", 0)))
    plan = planned(day, t="a b plant", u="c plant")
    made = replan(day, plan, NewStop(stop("n", 5, certificates=paper)), MORNING_S - 60)
    assert made.plan.unserved == ()
    assert "n" in made.plan.routes[0].stop_ids
    assert made.difference.changes == 2
    assert made.difference.reordered == ()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (TruckBrokeDown("z"), "truck z is not in the problem"),
        (TruckLate("z", 1), "truck z is not in the problem"),
        (TruckLate("t", -1), "late by -1 s"),
        (StopCancelled("z"), "stop z is not in the problem"),
        (FacilityClosed("z", 0), "facility z is not in the problem"),
        (WaysChanged(()), "0 matrices are given, the problem has 1"),
        (NewStop(stop("a", 2)), "give the new one a name of its own"),
    ],
)
def test_an_event_that_cannot_be_says_what_is_wrong(event: Event, message: str) -> None:
    day = problem(stop("a", 2))
    with pytest.raises(RoutingError, match=message):
        replan(day, planned(day, t="a plant"), event, MORNING_S)


@st.composite
def happenings(draw: st.DrawFn, day: Problem) -> Event:
    """Draw something that can happen in a problem."""
    later = st.integers(MORNING_S, MORNING_S + 30_000)
    like = [replace(other, id=f"new {len(day.stops)}", required=True) for other in day.stops]
    size = len(day.matrices[0])
    possible = [
        st.builds(WaysChanged, st.tuples(*(matrices(size) for _ in day.matrices))),
        *(st.just(TruckBrokeDown(truck.id)) for truck in day.trucks),
        *(st.builds(TruckLate, st.just(truck.id), st.integers(0, 6000)) for truck in day.trucks),
        *(st.just(NewStop(other)) for other in like),
        *(st.just(StopCancelled(other.id)) for other in day.stops),
        *(st.builds(FacilityClosed, st.just(gate.id), later, st.none() | later) for gate in day.facilities),
    ]
    return draw(st.one_of(possible))


def changed(day: Problem, plan: Plan, event: Event, now: int) -> Replan | None:
    """Plan anew; ``None`` where a truck cannot get rid of its load any more."""
    try:
        made = replan(day, plan, event, now)
    except RoutingError as error:
        if "cannot come home" in str(error) or "cannot drive on with what it has on board" in str(error):
            return None
        raise
    assert verify(made.problem, made.plan).ok
    assert replan(day, plan, event, now).plan == made.plan
    for route in made.plan.routes:
        old = next((old for old in plan.routes if old.truck_id == route.truck_id), None)
        done = [visit for visit in old.visits if visit.departure_s <= now][:-1] if old else []
        assert [visit.subject_id for visit in route.visits[: len(done)]] == [visit.subject_id for visit in done]
        begun = len(made.problem.truck_by_id[route.truck_id].begun)
        still_to_do = [visit for visit in route.visits[begun:] if visit.kind in (VisitKind.STOP, VisitKind.UNLOAD)]
        assert all(visit.start_s >= now for visit in still_to_do)
    return made


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), problems() | strict_problems(), st.integers(MORNING_S, MORNING_S + 20_000))
def test_whatever_happens_and_happens_again_the_rest_of_the_day_is_feasible(data, day: Problem, now: int) -> None:
    made = changed(day, greedy(day), data.draw(happenings(day)), now)
    if made is not None:
        changed(made.problem, made.plan, data.draw(happenings(made.problem)), now + data.draw(st.integers(0, 6000)))
