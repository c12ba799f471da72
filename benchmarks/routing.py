"""How good our plans are beside those of PyVRP, VROOM and OR-Tools alone: same problems, same time, same checker.

    .venv/bin/python benchmarks/routing.py --only x --seconds 60
    .venv/bin/python benchmarks/routing.py --only days-300,days-1000 --seeds 1,2 --json figures.json
    .venv/bin/python benchmarks/routing.py --only own --folder instances --seconds 600

Every solver runs by itself, one after the other, in a process of its own, and may use the cores it can: ours and VROOM
all, PyVRP and OR-Tools one. Each returns what trucks visit; `routing.schedule` times it, `routing.verify` checks and
prices it. Prints Markdown: a row for every run, then a row for every group. VROOM takes part where ``pyvroom`` is
installed (``pip install -e .[bench]``).
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.cases import Case, all_cases
from benchmarks.peers import by_ortools, by_pyvrp, by_vroom
from benchmarks.peers.tours import Answer, Peer
from routing import Budget, Facility, Plan, Problem, Stop, Unserved, UnservedReason, solve, verify
from routing.draft import complete, draft_of
from routing.pricing import cost_of

OURS = "dustcart"
PEERS: dict[str, Peer] = {"pyvrp": by_pyvrp.solve, "vroom": by_vroom.solve, "ortools": by_ortools.solve}
# Costs this much apart, in percent of what they are without trucks' fixed costs, count as equal. Where a truck costs a
# thousand times what it drives, a share of the whole would excuse any detour.
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """What one solver made of one case.

    Attributes
    ----------
    left_out
        Stops that must be served and are not.
    mended
        Stops that the solver's own plan did not serve as our rules ask, and that were put elsewhere or left out.
    gap
        To the best known cost, percent.
    fixed
        What of the cost is for sending trucks at all.
    """

    case: str
    group: str
    solver: str
    seed: int
    seconds: float
    cost: int = 0
    left_out: int = 0
    vehicles: int = 0
    distance: int = 0
    violations: int = 0
    mended: int = 0
    gap: float | None = None
    remark: str = ""
    fixed: int = 0

    @property
    def bar(self) -> float:
        """Highest cost that counts as no worse than this."""
        return self.cost + (self.cost - self.fixed) * TOLERANCE / 100


def measure(case: Case, solver: str, seconds: float, seed: int, cores: int) -> Run:
    """Run a solver on a case and judge what comes of it."""
    problem = case.make()
    begun = time.perf_counter()
    mended, remark = 0, ""
    if solver == OURS:
        plan = solve(problem, Budget(seconds=seconds, cores=cores), seed=seed)
        taken = time.perf_counter() - begun
    else:
        answer = PEERS[solver](problem, seconds, seed, cores)
        taken = time.perf_counter() - begun
        if answer.tours is None:
            return Run(case.name, case.group, solver, seed, taken, remark=answer.bent or "found nothing")
        plan, mended = plan_of(problem, answer)
        remark = answer.bent
    checked = verify(problem, plan)
    cost = checked.cost.total_cents
    return Run(
        case.name,
        case.group,
        solver,
        seed,
        round(taken, 1),
        cost,
        sum(problem.must_serve(problem.stop_by_id[gone.stop_id]) for gone in plan.unserved),
        len(plan.routes),
        plan.distance_m,
        len(checked.violations),
        mended,
        None if case.best_known is None else 100 * (cost / case.best_known - 1),
        remark,
        checked.cost.fixed_cents,
    )


def plan_of(problem: Problem, answer: Answer) -> tuple[Plan, int]:
    """Time a peer's tours; what does not fit our rules is put where it costs least, and counted."""
    assert answer.tours is not None
    draft = draft_of(problem, {truck_id: _places(problem, tour) for truck_id, tour in answer.tours.items()})
    wanted = {name for tour in answer.tours.values() for is_stop, name in tour if is_stop}
    dropped = [stop for stop in draft.missing if stop.id in wanted]
    if dropped:
        draft = complete(problem, draft, time.monotonic() + 60)
    unserved = tuple(Unserved(stop.id, UnservedReason.NOT_WORTH_IT) for stop in draft.missing)
    return Plan(draft.routes, unserved, cost_of(problem, draft.routes, unserved)), len(dropped)


def _places(problem: Problem, tour: Sequence[tuple[bool, str]]) -> list[Stop | Facility]:
    return [problem.stop_by_id[name] if is_stop else problem.facility_by_id[name] for is_stop, name in tour]


def alone(case: Case, solver: str, seconds: float, seed: int, cores: int, folder: Path | None) -> Run:
    """Run in a fresh process, so that no solver finds another's memory or caches."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure_by_name, case.name, solver, seconds, seed, cores, folder).result()


def measure_by_name(name: str, solver: str, seconds: float, seed: int, cores: int, folder: Path | None) -> Run:
    """Find a case in this process and run a solver on it."""
    return measure(next(case for case in all_cases(folder) if case.name == name), solver, seconds, seed, cores)


HEAD = ("case", "solver", "seed", "cost", "gap %", "left out", "trucks", "distance", "wrong", "mended", "s", "remark")


def row(run: Run) -> tuple[str, ...]:
    """Say a run as cells."""
    if not run.cost and run.remark:
        return (run.case, run.solver, str(run.seed), *["-"] * 7, f"{run.seconds:.1f}", run.remark)
    gap = "" if run.gap is None else f"{run.gap:.2f}"
    counts = (run.left_out, run.vehicles, run.distance, run.violations, run.mended)
    figures = [f"{count:,}" for count in counts]
    return (run.case, run.solver, str(run.seed), f"{run.cost:,}", gap, *figures, f"{run.seconds:.1f}", run.remark)


def summaries(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    """Compare the solvers group by group, over the cases that each of them solved whole."""
    for group in dict.fromkeys(run.group for run in runs):
        those = [run for run in runs if run.group == group]
        ours = {(run.case, run.seed): run for run in those if run.solver == OURS}
        for solver in dict.fromkeys(run.solver for run in those):
            mine = [run for run in those if run.solver == solver and run.cost]
            if not mine:
                continue
            gaps = [run.gap for run in mine if run.gap is not None]
            pairs = [(ours[key], run) for run in mine if (key := (run.case, run.seed)) in ours]
            below = [100 * (1 - our.cost / run.cost) for our, run in pairs if not our.left_out and not run.left_out]
            no_worse = sum((our.left_out, our.cost) <= (run.left_out, run.bar) for our, run in pairs)
            yield (
                group,
                solver,
                str(len(mine)),
                f"{mean(run.cost for run in mine):,.0f}",
                f"{mean(gaps):.2f}" if gaps else "",
                str(sum(run.left_out for run in mine)),
                f"{mean(run.vehicles for run in mine):.1f}",
                f"{mean(below):.2f}" if below else "",
                f"{no_worse} of {len(pairs)}",
            )


GROUP_HEAD = (
    "group", "solver", "runs", "mean cost", "mean gap %", "left out", "trucks", "ours below it, %", "ours no worse on",
)  # fmt: skip


def print_row(cells: Sequence[str]) -> None:
    """Print a row of a Markdown table as soon as it is known."""
    print(f"| {' | '.join(cells)} |", flush=True)


def print_head(cells: Sequence[str]) -> None:
    """Print the head of a Markdown table."""
    print_row(cells)
    print_row(["---"] * len(cells))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="parts of the names of groups or cases, by comma")
    parser.add_argument("--solvers", default=",".join([OURS, *PEERS]), help="by comma")
    parser.add_argument("--seconds", type=float, help="solving time instead of each group's own")
    parser.add_argument("--seeds", default="1", help="by comma")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="take the .vrp files there (and the costs in .sol files) as well")
    parser.add_argument("--json", type=Path, help="write all runs here too")
    given = parser.parse_args()
    wanted = given.only.split(",")
    solvers = [name for name in given.solvers.split(",") if name != "vroom" or importlib.util.find_spec("vroom")]
    if unknown := set(solvers) - {OURS, *PEERS}:
        parser.error(f"no such solver: {', '.join(unknown)}")
    cases = [
        case for case in all_cases(given.folder) if any(part in (case.group, case.name) or not part for part in wanted)
    ]
    if not cases:
        groups = dict.fromkeys(case.group for case in all_cases(given.folder))
        parser.error(f"nothing is called {given.only}; the groups here are {', '.join(groups)}")
    runs = []
    print_head(HEAD)
    for case in cases:
        for seed in map(int, given.seeds.split(",")):
            for solver in solvers:
                runs.append(alone(case, solver, given.seconds or case.seconds, seed, given.cores, given.folder))
                print_row(row(runs[-1]))
    print()
    print_head(GROUP_HEAD)
    for cells in summaries(runs):
        print_row(cells)
    if given.json:
        given.json.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


if __name__ == "__main__":
    main()
