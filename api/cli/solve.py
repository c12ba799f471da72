"""``dustcart solve``: a routing problem in a file, a verified plan out."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.progress_bar import ProgressBar

from api.cli.printing import Json, notices, print_json, results
from city.settings import Settings
from routing import Budget, Plan, co2_g, verify
from routing import Progress as SoFar
from routing import solve as solve_problem
from routing.errors import RoutingError
from routing.files import plan_to_json
from routing.formats import Format, Instance, read_instance
from routing.formats.solution import plan_to_sol
from routing.violations import Verification

SOLUTION = ".sol"


def solve(
    file: Annotated[
        Path, typer.Argument(help="Problem file: CVRPLIB (.vrp), waste instances of Kim et al. (2006), or JSON.")
    ],
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="Solving time.")] = Settings().solve_seconds,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Processes that may work at once; all cores if left out.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster to solve on, host:port; this machine if left out.")
    ] = Settings().ray_address,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the plan here: as JSON, or for CVRPLIB as its solution if it ends in .sol."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Solve a routing problem and check the plan. Exit code 1 if the check finds anything.

    The kind of a file is told by what is in it. docs/routing.md describes all kinds, and what is printed.
    """
    instance = read_instance(file)
    _check_out(instance, out)
    problem = instance.problem
    begun = time.perf_counter()
    budget = Budget(seconds=seconds, cores=cores or _cores(), cluster=ray)
    with _progress(instance, seconds) as show:
        plan = solve_problem(problem, budget, seed=seed, progress=show)
    taken = time.perf_counter() - begun
    checked = verify(problem, plan)
    if out is not None:
        _write(out, instance, plan)
    if as_json:
        print_json(_figures(instance, plan, checked, taken))
    else:
        _show(instance, plan, checked, taken)
    if not checked.ok:
        raise typer.Exit(1)


def _cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_out(instance: Instance, out: Path | None) -> None:
    """Refuse before the work what could not be written after it."""
    if out is None:
        return
    if not out.absolute().parent.is_dir() or out.is_dir():
        raise RoutingError(f"the plan cannot be written to {out}: it should be a file in a folder that exists")
    if out.suffix == SOLUTION and instance.format is not Format.CVRPLIB:
        raise RoutingError(f"{out}: a .sol file holds plans of CVRPLIB instances only; name it .json")


class _OfTheTime(ProgressColumn):
    """How much of the solving time has gone."""

    def render(self, task: Task) -> ProgressBar:
        return ProgressBar(total=task.total, completed=min(task.elapsed or 0, task.total or 0), width=20)


@contextmanager
def _progress(instance: Instance, seconds: float) -> Iterator[Callable[[SoFar], None]]:
    """Show on a terminal how far it is, and what the best plan costs whenever that is known."""
    columns = (
        _OfTheTime(),
        TextColumn("{task.elapsed:.0f} of {task.total:g} s"),
        TextColumn("{task.description}", markup=False),
    )
    problem = instance.problem
    with Progress(*columns, console=notices(), transient=True) as shown:
        line = shown.add_task(f"{len(problem.stops)} stops, at most {len(problem.trucks)} trucks", total=seconds)

        def show(so_far: SoFar) -> None:
            lacks = f", {so_far.required_left} stops without a truck" if so_far.required_left else ""
            cost = _cost(instance, so_far.cost_cents)
            shown.update(line, description=f"cost {cost}, {so_far.trucks} trucks{lacks}")

        yield show


def _write(out: Path, instance: Instance, plan: Plan) -> None:
    if out.suffix == SOLUTION:
        out.write_text(plan_to_sol(instance, plan))
    else:
        out.write_bytes(orjson.dumps(plan_to_json(plan), option=orjson.OPT_INDENT_2))


def _figures(instance: Instance, plan: Plan, checked: Verification, seconds: float) -> dict[str, object]:
    problem = instance.problem
    required = {stop.id for stop in problem.stops if problem.must_serve(stop)}
    return {
        "instance": instance.name,
        "format": instance.format.value,
        "cost": instance.in_units(plan.cost.total_cents),
        "vehicles": len(plan.routes),
        "distance": instance.in_units(plan.distance_m),
        "duration": instance.in_units(plan.duration_s),
        "co2_g": co2_g(problem, plan.routes),
        "unserved": [
            {"stop": left.stop_id, "required": left.stop_id in required, "reason": left.reason, "detail": left.said()}
            for left in plan.unserved
        ],
        "violations": [str(violation) for violation in checked.violations],
        "seconds": round(seconds, 2),
    }


def _show(instance: Instance, plan: Plan, checked: Verification, seconds: float) -> None:
    write = results().print
    own = instance.format is Format.DUSTCART
    for route in plan.routes:
        driven = (
            f"{route.distance_m / 1000:.1f} km" if own else f"{instance.in_units(route.distance_m):,} {instance.unit}"
        )
        hours = "" if instance.format is Format.CVRPLIB else f", {route.duration_s / 3600:.1f} h"
        line = f"{route.truck_id}: {len(route.stop_ids)} stops, {route.trips} trips, {driven.strip()}{hours}"
        write(line, highlight=False, markup=False)
    for left in plan.unserved:
        write(f"left out: {left.stop_id}: {left.said()}", highlight=False, markup=False)
    for violation in checked.violations:
        sys.stderr.write(f"violation: {violation}\n")
    write(f"cost {_cost(instance, plan.cost.total_cents)}, {len(plan.routes)} trucks, {seconds:.1f} s", highlight=False)


def _cost(instance: Instance, cents: int) -> str:
    return f"{cents / 100:.2f}" if instance.format is Format.DUSTCART else f"{instance.in_units(cents):,}"
