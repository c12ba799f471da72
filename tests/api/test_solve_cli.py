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
