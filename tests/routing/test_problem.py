"""A wrong problem cannot be made; the error names what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from routing import (
    UNREACHABLE,
    Break,
    Budget,
    Facility,
    Lock,
    Matrix,
    Preferences,
    Relation,
    RelationKind,
    RoutingError,
    TimeWindow,
    Visit,
    VisitKind,
)
from tests.routing.problems import PLANT, problem, stop, truck

LEFT = Visit(VisitKind.START, "", 0, 0, 0, 0, 0)
NOON, ONE = TimeWindow(43_200, 43_200), TimeWindow(46_800, 50_000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: problem(stop("a", 2), stop("a", 3)), "stop a appears twice", id="stop twice"),
        pytest.param(lambda: problem(trucks=(truck("t", 0),) * 2), "truck t appears twice", id="truck twice"),
        pytest.param(lambda: problem(facilities=(PLANT, PLANT)), "facility plant appears twice", id="facility twice"),
        pytest.param(lambda: problem(stop("a", 6)), "a is at location 6; the matrices have 6", id="outside the matrix"),
        pytest.param(lambda: problem(trucks=(truck("t", -1),)), "truck t is at location -1", id="negative location"),
        pytest.param(lambda: problem(stop("a", 2, demand_kg=-1)), "a has demand_kg -1", id="negative load"),
        pytest.param(lambda: problem(trucks=(truck("t", 0, cents_per_h=-1),)), "cents_per_h -1", id="negative cost"),
        pytest.param(lambda: problem(trucks=(truck("t", 0, profile=1),)), "profile 1; there are 1", id="no profile"),
        pytest.param(lambda: problem(stop("a", 2, windows=(TimeWindow(2, 1),))), "before it starts", id="upside down"),
        pytest.param(lambda: problem(stop("a", 2, windows=(ONE, NOON))), "out of order", id="windows out of order"),
        pytest.param(lambda: problem(locks=(Lock("z", "t"),)), "stop z, which is not", id="lock of a strange stop"),
        pytest.param(lambda: problem(stop("a", 2), locks=(Lock("a", "z"),)), "truck z", id="lock to a strange truck"),
        pytest.param(
            lambda: problem(stop("a", 2, stream="wet"), locks=(Lock("a", "t"),)),
            "cannot serve it",
            id="impossible lock",
        ),
        pytest.param(
            lambda: problem(
                stop("a", 2), trucks=(truck("t", 0), truck("u", 0)), locks=(Lock("a", "t"), Lock("a", "u"))
            ),
            "lock of stop a appears twice",
            id="two locks on a stop",
        ),
        pytest.param(lambda: Matrix(np.zeros((2, 3)), np.zeros((2, 3))), "must be square", id="not square"),
        pytest.param(lambda: Matrix(np.zeros((2, 2)), np.zeros((3, 3))), "durations are for 2", id="two sizes"),
        pytest.param(lambda: Matrix(np.full((1, 1), np.nan), np.zeros((1, 1))), "has holes", id="holes"),
        pytest.param(lambda: Matrix(-1 + np.eye(2), np.zeros((2, 2))), "negative from location 0 to 1", id="negative"),
        pytest.param(
            lambda: Matrix((1 - np.eye(2)) * 2.0**31, np.zeros((2, 2))), "above UNREACHABLE", id="beyond unreachable"
        ),
        pytest.param(lambda: Matrix(np.ones((1, 1)), np.zeros((1, 1))), "diagonal must be zero", id="away from itself"),
        pytest.param(lambda: Matrix(np.array([[0, 0.5], [1, 0]]), np.zeros((2, 2))), "0.5 from location 0", id="half"),
        pytest.param(
            lambda: Matrix((1 - np.eye(7)) * 10, (1 - np.eye(7)) * 5000), "must be seconds", id="minutes for seconds"
        ),
        pytest.param(
            lambda: Matrix((1 - np.eye(7)) * 600, (1 - np.eye(7)) * 5), "distances metres", id="km for metres"
        ),
        pytest.param(lambda: problem(stop("a", 2, demand_kg=2.5)), "demand_kg 2.5; it must be a whole", id="half a kg"),
        pytest.param(lambda: problem(facilities=(replace(PLANT, gates=0),)), "plant has no gates", id="no gates"),
        pytest.param(lambda: problem(trucks=(truck("t", 0, width_cm=-1),)), "width_cm -1", id="negative width"),
        pytest.param(
            lambda: problem(trucks=(truck("t", 0, breaks=(Break(ONE, 60), Break(NOON, 60))),)),
            "t's breaks has time windows that touch",
            id="breaks out of order",
        ),
        pytest.param(
            lambda: problem(trucks=(truck("t", 0, begun=(Visit(VisitKind.STOP, "a", 0, 0, 0, 0, 0),)),)),
            "must start with leaving",
            id="begun without a start",
        ),
        pytest.param(
            lambda: problem(trucks=(truck("t", 0, begun=(LEFT, Visit(VisitKind.STOP, "z", 9, 9, 9, 0, 0))),)),
            "begun with z",
            id="begun with a strange stop",
        ),
        pytest.param(
            lambda: replace(problem(stop("a", 2)), relations=(Relation(RelationKind.APART, ("a", "z")),)),
            "relation names stop z",
            id="relation of a strange stop",
        ),
        pytest.param(
            lambda: replace(problem(stop("a", 2)), preferences=Preferences(change_cents=1, in_force=(("a", "z"),))),
            "in force names truck z",
            id="a strange truck in force",
        ),
        pytest.param(
            lambda: problem(stop("a", 2), stop("b", 3), locks=(Lock("a", "t", after=""), Lock("b", "t", after=""))),
            "appears twice",
            id="two stops locked to be the first",
        ),
        pytest.param(lambda: Budget(0), "must be positive", id="no time"),
        pytest.param(lambda: Budget(1, cores=0), "must be positive", id="no core"),
    ],
)
def test_a_wrong_problem_is_refused(make, message) -> None:
    with pytest.raises(RoutingError, match=message):
        make()


def test_a_matrix_cannot_be_changed_behind_a_problem() -> None:
    source = np.full((2, 2), UNREACHABLE)
    np.fill_diagonal(source, 0)
    matrix = Matrix(source, source)
    source[0, 1] = 1
    assert matrix.duration_s[0, 1] == UNREACHABLE
    with pytest.raises(ValueError, match="read-only"):
        matrix.duration_s[0, 1] = 1


def test_a_lock_makes_an_optional_stop_one_that_must_be_served() -> None:
    day = problem(stop("a", 2, required=False), stop("b", 3, required=False), locks=(Lock("a", "t"),))
    assert [day.must_serve(call) for call in day.stops] == [True, False]


def test_only_trucks_that_carry_the_stream_and_fit_the_street_are_candidates() -> None:
    narrow = stop("a", 2, max_width_cm=230)
    fleet = (
        truck("wide", 0, width_cm=250),
        truck("slim", 0, width_cm=230),
        truck("wet", 0, streams=frozenset({"wet"})),
    )
    day = problem(narrow, trucks=fleet, facilities=(Facility("plant", 1, frozenset({"dry"}), 0),))
    assert [vehicle.id for vehicle in day.candidates(narrow)] == ["slim"]


def test_trucks_that_differ_only_by_name_are_one_kind_unless_something_is_locked_to_one() -> None:
    fleet = (*(truck(name, 0) for name in "tuv"), truck("w", 0, capacity_kg=1))
    day = problem(stop("a", 2), trucks=fleet, locks=(Lock("a", "u"),))
    assert [[alike.id for alike in kind] for kind in day.kinds] == [["t", "v"], ["u"], ["w"]]


def test_a_matrix_whose_times_are_its_distances_is_kept_once() -> None:
    ways = np.array([[0, 3], [4, 0]], dtype=np.int32)
    matrix = Matrix(ways, ways)
    assert matrix.distance_m is matrix.duration_s
    assert matrix.distance_m.tolist() == [[0, 3], [4, 0]]
