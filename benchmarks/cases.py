"""What `routing.py` measures on: published instances where they are at hand, waste days, and large made-up days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.large_days import large_day
from benchmarks.waste_days import waste_day
from routing import Problem
from routing.formats import parse_instance, read_instance

SHARED = Path(__file__).resolve().parents[2] / "shared/data/vrp"
DAYS = 10


@dataclass(frozen=True, slots=True)
class Case:
    """A problem to measure on, made when its turn comes.

    Attributes
    ----------
    seconds
        Solving time that the project's targets are set for.
    best_known
        Cost of the best plan known anywhere.
    """

    group: str
    name: str
    seconds: float
    make: Callable[[], Problem]
    best_known: int | None = None


def all_cases() -> Iterator[Case]:
    """Return every case there is here, group by group."""
    yield from _published("x", "x/*.vrp", 60)
    yield from _published("belgium", "belgium/*.vrp", 300)
    for stops in (300, 1000):
        for seed in range(DAYS):
            yield Case(
                f"days-{stops}", f"day-{stops}-{seed}", 60, lambda stops=stops, seed=seed: waste_day(stops, seed)
            )
    for long_routes in (False, True):
        name = f"large-10000-{'long' if long_routes else 'short'}"
        yield Case("large", name, 600, lambda long_routes=long_routes: _large(10_000, 1, long_routes=long_routes))


def _published(group: str, pattern: str, seconds: float) -> Iterator[Case]:
    for path in sorted(SHARED.glob(pattern), key=lambda path: path.stat().st_size):
        solution = path.with_suffix(".sol")
        best_known = int(solution.read_text().split()[-1]) if solution.exists() else None
        yield Case(group, path.stem, seconds, lambda path=path: read_instance(path).problem, best_known)


def _large(customers: int, seed: int, *, long_routes: bool) -> Problem:
    return parse_instance(large_day(customers, seed, long_routes=long_routes).encode(), "large").problem
