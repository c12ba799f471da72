"""Why a stop is where it is: what binds is found, prices are differences of plans, "why not" is tried."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from routing import Break, Lock, Problem, RoutingError, TimeWindow, UnservedReason, Visit, VisitKind, explain, verify
from routing.binding import Binding, Binds
from routing.explain import Load, Price, Wish
from tests.routing.problems import MORNING_S, PLANT, TRUCK, problem, problems, stop, strict_problems, truck
from tests.routing.test_consequences import planned
from tests.routing.test_insertion import greedy

MIN = 60
END_S = MORNING_S + 8 * 3600
TWO = (TRUCK, truck("u", 0))


def until(minutes: int) -> tuple[TimeWindow, ...]:
    return (TimeWindow(MORNING_S, MORNING_S + minutes * MIN),)


@pytest.mark.parametrize(
    ("day", "binds", "subject", "at_min"),
    [
        pytest.param(problem(stop("a", 2, windows=until(90)), stop("b", 3)), Binds.OWN_HOURS, "a", 90, id="its own"),
        # A minute at a, ten to b.
        pytest.param(problem(stop("a", 2), stop("b", 3, windows=until(60))), Binds.STOP_HOURS, "b", 49, id="the next"),
        # Two stops of a minute and two ways of ten before the plant.
        pytest.param(problem(stop("a", 2), stop("b", 3), facilities=(replace(PLANT, windows=until(100)),)),
                     Binds.FACILITY_HOURS, "plant", 78, id="the plant"),
        # After it 1 + 10 + 1 + 10 + 15 + 10 minutes.
        pytest.param(problem(stop("a", 2), stop("b", 3)), Binds.SHIFT, "t", 480 - 47, id="the shift"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, max_duration_s=57 * MIN),)),
                     Binds.SHIFT, "t", 480 - 47, id="a short duration does not, since it can leave later"),
    ],
)  # fmt: skip
def test_what_comes_after_binds_how_long_it_can_wait(day: Problem, binds: Binds, subject: str, at_min: int) -> None:
    told = explain(day, planned(day, t="a b plant"), "a").latest
    assert told is not None
    assert (told.binds, told.subject_id, told.at_s) == (binds, subject, MORNING_S + at_min * MIN)


def test_waiting_for_the_one_before_makes_the_shift_too_long() -> None:
    short = truck("t", 0, max_duration_s=60 * MIN)
    day = problem(stop("a", 2, windows=until(10)), stop("b", 3), trucks=(short,))
    told = explain(day, planned(day, t="a b plant"), "b").latest
    # 57 minutes as it is.
    assert told == Binding(MORNING_S + 24 * MIN, 3 * MIN, Binds.DURATION, "t")


def test_what_comes_before_binds_how_early_it_can_be() -> None:
    opens = (TimeWindow(MORNING_S + 30 * MIN, END_S),)
    day = problem(stop("a", 2, windows=opens), stop("b", 3))
    plan = planned(day, t="a b plant")
    assert explain(day, plan, "b").earliest == Binding(MORNING_S + 41 * MIN, 0, Binds.STOP_HOURS, "a")
    assert explain(day, plan, "a").earliest == Binding(MORNING_S + 30 * MIN, 0, Binds.OWN_HOURS, "a")
    free = problem(stop("a", 2), stop("b", 3))
    assert explain(free, planned(free, t="a b plant"), "b").earliest == Binding(
        MORNING_S + 21 * MIN, 0, Binds.SHIFT, "t"
    )


def test_a_pause_binds() -> None:
    lunch = Break(TimeWindow(MORNING_S + 40 * MIN, MORNING_S + 40 * MIN), 30 * MIN)
    day = problem(stop("a", 2), stop("b", 3, windows=until(30)), trucks=(truck("t", 0, breaks=(lunch,)),))
    told = explain(day, planned(day, t="a b plant"), "a").latest
    assert told is not None
    assert told.binds in (Binds.STOP_HOURS, Binds.PAUSE)


def test_prices_are_differences_of_plans_and_others_are_ranked() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=(*TWO, truck("v", 0, fixed_cents=50_000)))
    told = explain(day, planned(day, t="a b plant"), "b")
    assert told.price == Price(400 + 11 * 150, 1000, 11 * MIN)
    assert told.load == Load(200, 5000, 1000, 30_000)
    # Three ways and 46 minutes of its own instead of one way and eleven minutes.
    assert [(other.truck_id, other.extra) for other in told.otherwise] == [
        ("u", Price(30_000 + 2 * 400 + 35 * 150, 2000, 35 * MIN)),
        ("v", Price(50_000 + 2 * 400 + 35 * 150, 2000, 35 * MIN)),
    ]
    assert told.said("en")[0] == "b is served by truck t at 06:21."
    assert told.said("zh")[0] == "b 由车辆 t 于 06:21 清运。"
    assert len(told.said("en")) == len(told.said("zh"))


def test_what_is_begun_or_locked_says_so() -> None:
    left = Visit(VisitKind.START, "", MORNING_S, MORNING_S, MORNING_S, 0, 0)
    at_a = Visit(VisitKind.STOP, "a", MORNING_S + 600, MORNING_S + 600, MORNING_S + 660, 100, 500)
    day = problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, begun=(left, at_a)),), locks=(Lock("b", "t"),))
    plan = planned(day, t="b plant")
    assert explain(day, plan, "a").begun
    assert explain(day, plan, "b").locked
    assert explain(day, plan, "b").earliest == Binding(MORNING_S + 21 * MIN, 0, Binds.BEGUN, "t")
    assert "nothing moves it but a person" in " ".join(explain(day, plan, "b").said("en"))


@pytest.mark.parametrize(
    ("day", "wish"),
    [
        pytest.param(problem(stop("a", 2, windows=until(10)), stop("b", 3, windows=until(15))), Wish.ITS_HOURS,
                     id="at any time"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, max_duration_s=50 * MIN),)),
                     Wish.LONGER_SHIFT, id="half an hour more"),
        pytest.param(problem(stop("a", 2), stop("b", 3, demand_kg=80),
                             trucks=(truck("t", 0, capacity_kg=150, max_trips=1),)), Wish.MORE_UNLOADINGS, id="trips"),
        pytest.param(problem(stop("a", 2), stop("b", 3, demand_kg=80),
                             trucks=(truck("t", 0, capacity_kg=150, max_trips=1),)), Wish.TWICE_THE_TRUCK, id="room"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, max_stops=1),)), Wish.ANOTHER_TRUCK,
                     id="one more truck"),
        pytest.param(problem(stop("a", 2), stop("b", 3), trucks=(truck("t", 0, max_stops=1), truck("u", 0)),
                             locks=(Lock("b", "t"),)), Wish.LOCK, id="not locked"),
        pytest.param(problem(stop("a", 2), stop("b", 3), facilities=(replace(PLANT, windows=until(22)),)),
                     Wish.FACILITY_HOURS, id="the plant open longer"),
    ],
)  # fmt: skip
def test_a_stop_left_out_says_what_would_let_it_be_served(day: Problem, wish: Wish) -> None:
    told = explain(day, planned(day, t="a plant"), "b")
    assert wish in [only.wish for only in told.if_only]
    assert all(str(only.extra_cents) in only.said(language) for only in told.if_only for language in ("en", "zh"))


def test_an_optional_stop_is_only_promised_what_is_worth_it() -> None:
    day = problem(stop("a", 2), stop("b", 3, required=False, prize_cents=2049))
    told = explain(day, planned(day, t="a plant"), "b")
    assert told.if_only == ()


def test_why_not_another_truck_is_answered_by_planning_with_it() -> None:
    narrow = truck("w", 0, width_cm=300)
    day = problem(stop("a", 2), stop("b", 3, max_width_cm=250), trucks=(*TWO, narrow))
    plan = planned(day, t="a b plant")
    itself, other, wide = (explain(day, plan, "b", name).why_not for name in "tuw")
    assert itself is not None
    assert itself.it_is
    assert other is not None
    # Both on u is as good; only the lock that asks for it moves a along.
    assert (other.extra_cents, other.leaves_out) == (0, ())
    assert wide is not None
    assert wide.never is not None
    assert wide.never.reason is UnservedReason.TRUCK_TOO_LARGE
    assert "small enough" in wide.said("en")


def test_why_not_counts_what_a_locked_neighbour_makes_dear() -> None:
    day = problem(stop("a", 2), stop("b", 3), trucks=TWO, locks=(Lock("a", "t"),))
    told = explain(day, planned(day, t="a b plant"), "b", "u").why_not
    assert told is not None
    assert told.extra_cents == 30_000 + 2 * 400 + 35 * 150
    assert told.difference is not None
    assert [moved.stop_id for moved in told.difference.moved] == ["b"]


@pytest.mark.parametrize(
    ("stop_id", "truck_id", "message"), [("z", None, "stop z is not"), ("a", "z", "truck z is not")]
)
def test_a_wrong_question_says_what_is_wrong(stop_id: str, truck_id: str | None, message: str) -> None:
    day = problem(stop("a", 2))
    with pytest.raises(RoutingError, match=message):
        explain(day, planned(day, t="a plant"), stop_id, truck_id)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(problems() | strict_problems())
def test_every_stop_of_every_plan_can_be_explained(day: Problem) -> None:
    plan = greedy(day)
    assert verify(day, plan).ok
    for wanted in day.stops:
        told = explain(day, plan, wanted.id)
        assert told.said("en")
        assert told.said("zh")
        if told.truck_id is not None and not told.begun:
            assert told.earliest is not None
            assert told.latest is not None
            assert told.start_s is not None
            assert told.earliest.at_s <= told.start_s <= told.latest.at_s
