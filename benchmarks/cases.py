"""What `routing.py` measures on: published instances where they are at hand, waste days, and large made-up days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
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


def all_cases(folder: Path | None = None) -> Iterator[Case]:
    """Return every case there is here, group by group; those of a folder of one's own are the group ``own``."""
    yield from _published("x", "x/*.vrp", 60)
    yield from _published("belgium", "belgium/*.vrp", 300)
    yield from _published("waste", "waste/*.txt", 60)
    for lunch in (False, True):
        for stops in (300, 1000):
            group = f"days-{stops}{'-lunch' if lunch else ''}"
            for seed in range(DAYS):
                yield Case(group, f"{group}-{seed}", 60, partial(waste_day, stops, seed, lunch=lunch))
    for long_routes in (False, True):
        name = f"large-10000-{'long' if long_routes else 'short'}"
        yield Case("large", name, 600, partial(_large, 10_000, 1, long_routes=long_routes))
    if folder is not None:
        yield from _published("own", "*.vrp", 60, folder)


def _published(group: str, pattern: str, seconds: float, folder: Path = SHARED) -> Iterator[Case]:
    for path in sorted(folder.glob(pattern), key=lambda path: path.stat().st_size):
        solution = path.with_suffix(".sol")
        best_known = int(solution.read_text().split()[-1]) if solution.exists() else None
        yield Case(group, path.stem, seconds, partial(_read, path), best_known)


def _read(path: Path) -> Problem:
    return read_instance(path).problem


def _large(customers: int, seed: int, *, long_routes: bool) -> Problem:
    return parse_instance(large_day(customers, seed, long_routes=long_routes).encode(), "large").problem
