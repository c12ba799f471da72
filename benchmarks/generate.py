"""How long it takes to generate a city and to store it in SQLite, and how much memory.

    .venv/bin/python benchmarks/generate.py [--points 61000] [--districts 16] [--seed 1]

Runs in a process of its own, so that the peak of resident memory is that of this job alone. Prints JSON.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def measure(points: int, districts: int, seed: int, folder: Path) -> dict[str, object]:
    """Generate and store one city in this process."""
    begun = time.perf_counter()
    from city.database import open_engine  # noqa: PLC0415 - importing is part of what is measured
    from city.generate import generate  # noqa: PLC0415
    from city.migrate import upgrade  # noqa: PLC0415
    from city.store import save  # noqa: PLC0415

    imported = time.perf_counter()
    city = generate(points, districts, seed)
    generated = time.perf_counter()
    generating_cpu_s = time.process_time()
    engine = open_engine(f"sqlite:///{folder / 'city.sqlite'}")
    upgrade(engine)
    save(engine, city)
    engine.dispose()
    saved = time.perf_counter()
    return {
        "points": len(city.points),
        "bins": len(city.bins),
        "trucks": len(city.trucks),
        "districts": len(city.districts),
        "segments": len(city.network.segment_id),
        "junctions": len(city.network.node_id),
        "import_s": round(imported - begun, 2),
        "generate_s": round(generated - imported, 2),
        "generate_and_import_cpu_s": round(generating_cpu_s, 2),
        "save_s": round(saved - generated, 2),
        "total_s": round(saved - begun, 2),
        "total_cpu_s": round(time.process_time(), 2),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "database_mib": round(sum(file.stat().st_size for file in folder.iterdir()) / 2**20),
    }


def main() -> None:
    """Start the child and pass on what it prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=61_000)
    parser.add_argument("--districts", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        sys.path.insert(0, str(ROOT))
        print(json.dumps(measure(wanted.points, wanted.districts, wanted.seed, wanted.child), indent=2))
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--child", folder], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
