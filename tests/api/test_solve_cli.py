"""``dustcart solve``: a file in, a checked plan out, and one sentence for a file that holds no problem."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.cli.failures import sentence_of
from routing import Facility, Matrix, Problem, Stop, TimeWindow, Truck, verify
from routing.files import plan_from_json, problem_to_json

SHIFT = TimeWindow(6 * 3600, 14 * 3600)


def day() -> Problem:
    """Two stops that can be served, and one of a stream that nobody carries."""
    metres = np.array([[abs(a - b) * 1000 for b in range(5)] for a in range(5)])
    return Problem(
        stops=(
            Stop("near", 1, "dry", 100, 400, 60),
            Stop("far", 2, "dry", 100, 400, 60),
            Stop("wet", 3, "wet", 100, 400, 60),
        ),
        facilities=(Facility("plant", 4, frozenset({"dry"}), 600),),
        trucks=(Truck("t1", 0, 0, frozenset({"dry"}), 1000, 4000, SHIFT, 8 * 3600, 30_000, 400, 9000),),
        matrices=(Matrix(metres // 8, metres),),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the day as a problem file."""
    path = tmp_path / "day.json"
    path.write_text(json.dumps(problem_to_json(day())))
    return path


def test_it_prints_the_figures_and_writes_a_plan_that_the_check_accepts(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    done = CliRunner().invoke(app, ["solve", str(file), "--seconds", "0.3", "--json", "--out", str(out)])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures.keys() >= {"instance", "cost", "vehicles", "distance", "unserved", "violations", "seconds"}
    assert (figures["vehicles"], figures["distance"], figures["violations"]) == (1, 8000, [])
    assert [(left["stop"], left["required"], left["reason"]) for left in figures["unserved"]] == [
        ("wet", True, "no_truck_for_stream")
    ]
    plan = plan_from_json(json.loads(out.read_text()))
    assert verify(day(), plan).ok
    assert plan.cost.total_cents == figures["cost"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"matrices": [{"duration_s": [[0]]}]}'])
def test_a_file_without_a_problem_gets_a_sentence(file: Path, content: str) -> None:
    file.write_text(content)
    done = CliRunner().invoke(app, ["solve", str(file)])
    assert done.exit_code == 1
    assert done.exception is not None
    assert sentence_of(done.exception), done.exception


SQUARE = """NAME : square
DIMENSION : 5
CAPACITY : 2
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0\n2 10 1\n3 10 -1\n4 -10 1\n5 -10 -1
DEMAND_SECTION
1 0\n2 1\n3 1\n4 1\n5 1
DEPOT_SECTION
1\n-1
"""


def test_a_cvrplib_file_is_known_by_its_content_and_can_be_written_as_a_solution(tmp_path: Path) -> None:
    file, out = tmp_path / "any.txt", tmp_path / "square.sol"
    file.write_text(SQUARE)
    done = CliRunner().invoke(app, ["solve", str(file), "--seconds", "0.3", "--json", "--out", str(out)])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert (figures["instance"], figures["cost"], figures["distance"], figures["vehicles"]) == ("square", 44, 44, 2)
    routes = {frozenset(line.split(": ")[1].split()) for line in out.read_text().splitlines()[:-1]}
    assert routes == {frozenset({"1", "2"}), frozenset({"3", "4"})}


@pytest.mark.parametrize(
    ("out", "message"), [("plan.sol", "CVRPLIB instances only"), ("nowhere/plan.json", "a folder that exists")]
)
def test_a_plan_that_could_not_be_written_is_refused_before_the_work(
    file: Path, tmp_path: Path, out: str, message: str
) -> None:
    done = CliRunner().invoke(app, ["solve", str(file), "--seconds", "3000", "--out", str(tmp_path / out)])
    assert done.exit_code == 1
    assert message in str(done.exception)
