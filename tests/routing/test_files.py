"""Problems and plans written and read back."""

import json
import zlib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from routing import (
    Budget,
    Cost,
    Facility,
    Lock,
    Matrix,
    Plan,
    Preferences,
    Problem,
    Relation,
    RoutingError,
    Stop,
    Truck,
    Unserved,
    UnservedReason,
    dump_problem,
    insert,
    load_problem,
    plan_from_json,
    plan_to_json,
    problem_from_json,
    problem_to_json,
    solve,
    verify,
)
from routing.files import MAGIC
from tests.routing.problems import PLANT, problem, problems, stop

DAY = problem(stop("收集点 1", 2), facilities=(PLANT,))


@given(problems())
def test_a_problem_comes_back_as_it_was_and_its_bytes_are_stable(day: Problem) -> None:
    body = dump_problem(day)
    back = load_problem(body)
    assert dump_problem(back) == body
    assert (back.stops, back.facilities, back.trucks, back.locks) == (
        day.stops,
        day.facilities,
        day.trucks,
        day.locks,
    )
    for mine, theirs in zip(back.matrices, day.matrices, strict=True):
        assert (mine.duration_s == theirs.duration_s).all()
        assert (mine.distance_m == theirs.distance_m).all()
    assert dump_problem(problem_from_json(json.loads(json.dumps(problem_to_json(day))))) == body


def test_a_problem_without_any_place_comes_back_too() -> None:
    empty = Problem((), (), (), (Matrix(np.zeros((0, 0)), np.zeros((0, 0))),))
    assert len(load_problem(dump_problem(empty)).matrices[0]) == 0


def test_a_plan_comes_back_as_it_was() -> None:
    gone = Unserved("far", UnservedReason.NOT_WORTH_IT, (("extra_cents", 900), ("prize_cents", 700)))
    nothing = Plan((), (Unserved("收集点 1", UnservedReason.TAKEN_OUT),), Cost())
    plan = insert(DAY, nothing, "收集点 1")[0].plan
    plan = Plan(plan.routes, (gone,), plan.cost)
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def packed(content: bytes) -> bytes:
    return MAGIC + zlib.compress(content)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"PK\x03\x04", "not a problem file", id="something else"),
        pytest.param(dump_problem(DAY)[:-9], "damaged", id="cut off"),
        pytest.param(dump_problem(DAY)[:30] + b"?" + dump_problem(DAY)[31:], "damaged", id="a byte changed"),
        pytest.param(packed(b'{"locations": 1, "matrices": 1}\n'), "0 bytes of matrices; it should be 8", id="no grid"),
        pytest.param(packed(b'{"locations": 0}\n'), "damaged", id="no count of matrices"),
    ],
)
def test_bytes_that_are_no_problem_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(RoutingError, match=message):
        load_problem(body)


def changed(**changes: object) -> dict[str, object]:
    return problem_to_json(DAY) | changes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(changed(matrices=[]), '"matrices"', id="no matrix"),
        pytest.param(changed(matrices=[{"duration_s": [[0]]}]), "matrix 0 needs", id="half a matrix"),
        pytest.param(
            changed(matrices=[{"duration_s": [[0], [1, 2]], "distance_m": [[0]]}]), "matrix 0 needs", id="ragged"
        ),
        pytest.param(changed(stops=[{"id": "a"}]), r"stops\.0\.location: Field required", id="half a stop"),
        pytest.param(changed(depots=[]), "depots: Unexpected", id="a strange table"),
        pytest.param(
            changed(stops=[problem_to_json(DAY)["stops"][0] | {"weight": 3}]), r"stops\.0\.weight", id="a strange field"
        ),
        pytest.param(
            changed(stops=[problem_to_json(DAY)["stops"][0] | {"demand_kg": 1.5}]), r"demand_kg", id="half a kilogram"
        ),
    ],
)
def test_json_that_is_no_problem_says_where(content: dict[str, object], message: str) -> None:
    with pytest.raises(RoutingError, match=message):
        problem_from_json(content)


def test_json_that_is_no_plan_says_where() -> None:
    with pytest.raises(RoutingError, match=r"routes\.0\.visits: Field required"):
        plan_from_json({"routes": [{"truck_id": "t", "distance_m": 0, "duration_s": 0}], "unserved": [], "cost": {}})


DOCS = Path(__file__).parents[2] / "docs/routing.md"


def test_the_documented_example_is_a_problem_that_can_be_solved() -> None:
    example = DOCS.read_text().split("```json")[1].split("```")[0]
    day = problem_from_json(json.loads(example))
    plan = solve(day, Budget(seconds=30, iterations=30))
    assert verify(day, plan).ok
    assert [route.stop_ids for route in plan.routes] == [("market", "school")]


def test_the_documentation_names_every_field_of_a_problem() -> None:
    table = DOCS.read_text().split("### A problem as JSON")[1]
    for part in (Stop, Facility, Truck, Lock, Relation, Preferences, Matrix):
        for field in fields(part):
            assert f"`{field.name}`" in table, f"{part.__name__}.{field.name}"
