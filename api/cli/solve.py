"""``dustcart solve``: a routing problem in a file, a verified plan out."""

import sys
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from api.cli.printing import Json, print_json, results
from city.settings import Settings
from routing import Budget, Plan, Problem, verify
from routing import solve as solve_problem
from routing.errors import RoutingError
from routing.files import plan_to_json, problem_from_json
from routing.verify import Verification


def solve(
    file: Annotated[Path, typer.Argument(help="Problem file, JSON; docs/routing.md describes it.")],
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="Solving time.")] = Settings().solve_seconds,
    cores: Annotated[int, typer.Option(min=1, help="Processes that may work at once.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the plan here, as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Solve a routing problem and check the plan. Exit code 1 if the check finds anything."""
    problem = _read(file)
    begun = time.perf_counter()
    with Console(stderr=True).status(f"solving {len(problem.stops)} stops with {len(problem.trucks)} trucks"):
        plan = solve_problem(problem, Budget(seconds=seconds, cores=cores), seed=seed)
    taken = time.perf_counter() - begun
    checked = verify(problem, plan)
    if out is not None:
        out.write_bytes(orjson.dumps(plan_to_json(plan), option=orjson.OPT_INDENT_2))
    if as_json:
        print_json(_figures(file, problem, plan, checked, taken))
    else:
        _show(plan, checked, taken)
    if not checked.ok:
        raise typer.Exit(1)


def _read(file: Path) -> Problem:
    try:
        content = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise RoutingError(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise RoutingError(f"{file} holds no problem: it should be a JSON object")
    return problem_from_json(content)


def _figures(file: Path, problem: Problem, plan: Plan, checked: Verification, seconds: float) -> dict[str, object]:
    required = {stop.id for stop in problem.stops if problem.must_serve(stop)}
    return {
        "instance": file.name,
        "cost": plan.cost.total_cents,
        "vehicles": len(plan.routes),
        "distance": plan.distance_m,
        "duration": plan.duration_s,
        "unserved": [
            {"stop": left.stop_id, "required": left.stop_id in required, "reason": left.reason, "detail": left.said()}
            for left in plan.unserved
        ],
        "violations": [str(violation) for violation in checked.violations],
        "seconds": round(seconds, 2),
    }


def _show(plan: Plan, checked: Verification, seconds: float) -> None:
    write = results().print
    for route in plan.routes:
        km, hours = route.distance_m / 1000, route.duration_s / 3600
        line = f"{route.truck_id}: {len(route.stop_ids)} stops, {route.trips} trips, {km:.1f} km, {hours:.1f} h"
        write(line, highlight=False, markup=False)
    for left in plan.unserved:
        write(f"left out: {left.stop_id}: {left.said()}", highlight=False, markup=False)
    for violation in checked.violations:
        sys.stderr.write(f"violation: {violation}\n")
    write(f"cost {plan.cost.total_cents / 100:.2f}, {len(plan.routes)} trucks, {seconds:.1f} s", highlight=False)
