"""How long it takes to store, read, import and check a city, and how much memory.

    .venv/bin/python benchmarks/registry.py [--points 61000] [--districts 16] [--url postgresql://...]

Generates the city first, writes it as files too, and prints JSON: seconds of each step, wall and processor, and the
peak of resident memory up to its end. Without --url the database is an SQLite file. The database must be empty.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from city.check import check
from city.database import open_engine, reading
from city.exporting import export
from city.generate import generate
from city.importing import import_city
from city.migrate import upgrade
from city.store import load, load_network, save


def main() -> None:
    """Run every step once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=61_000)
    parser.add_argument("--districts", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--url", default="")
    asked = parser.parse_args()
    steps: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(asked.url or f"sqlite:///{folder}/city.sqlite")
        upgrade(engine)
        with _timed(steps, "generate"):
            city = generate(asked.points, asked.districts, asked.seed)
        with _timed(steps, "save"):
            save(engine, city)
        with _timed(steps, "save again, unchanged"):
            save(engine, city)
        files = [str(file) for file in export(city, Path(folder) / "files")]
        size = {"points": len(city.points), "bins": len(city.bins), "segments": len(city.network.segment_id)}
        del city
        with _timed(steps, "load roads"), reading(engine) as session:
            load_network(session)
        with _timed(steps, "load everything"), reading(engine) as session:
            loaded = load(session)
        with _timed(steps, "check, loaded"):
            findings = check(loaded)
        del loaded
        with _timed(steps, "import from files, over it"):
            report = import_city(engine, files, at=datetime.now(UTC), actor="benchmark")
        engine.dispose()
    outcome = {"findings": len(findings), "excluded": len(report.exclusions), "roads_changed": report.changes.roads}
    print(json.dumps({"size": size, "steps": steps, **outcome}, indent=2))


@contextmanager
def _timed(steps: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    steps[name] = {
        "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - processor, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
