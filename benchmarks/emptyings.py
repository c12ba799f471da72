"""How many emptyings are found, and how many of those took place: on made-up lives with the noise of real sensors.

    .venv/bin/python -m benchmarks.emptyings [--bins 77] [--days 180] [--seeds 1 2 3] [--tolerance-h 6]

The truth (`benchmarks.bin_lives`) is hidden from the detector, which gets readings alone, or readings, records and
lifts. An emptying is found if one that is believed lies within the tolerance of it; each counts once. Those that took
less than 0.15 of the volume are neither asked for nor held against anybody, nor are records and lifts of a bin that the
sensor saw emptier than that, which are believed and change nothing. Bins whose sensor is stuck or tilted are left out
of the first round (nothing can be seen there; their number is printed) and are in the second. Prints JSON.
"""

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.bin_lives import LEAST_DROP, Life, lives
from sensors.cleaning import Sight, weigh
from sensors.emptyings import Emptying, LiftReported, Recorded, Told, emptyings
from sensors.telemetry import Verdict
from sensors.uplink import Measured

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
RATE_PER_H = 0.39 / 24


def moment(hours: float) -> datetime:
    """Return a moment of the lives."""
    return BEGIN + timedelta(hours=float(hours))


def told(life: Life, *, by_people: bool) -> Told:
    """Return what the detector gets to know of a life."""
    sight = Sight(life.height_cm, life.depth_cm)
    readings = []
    for at_h, distance_cm, tilted in zip(life.hours, life.distances_cm, life.tilted, strict=True):
        worth = weigh(Measured(distance_cm=float(distance_cm), tilted=bool(tilted)), sight)
        if worth.verdict is Verdict.OK and worth.fill_level is not None:
            readings.append((moment(at_h), worth.fill_level))
    if not by_people:
        return Told(readings)
    records = [
        Recorded(moment(at_h), found=None if math.isnan(weight) else float(weight))
        for at_h, weight in zip(life.records_h, life.weights, strict=True)
    ]
    return Told(readings, records, [LiftReported(moment(at_h)) for at_h in life.lifts_h], sees=life.sees)


def counted(life: Life, found: Sequence[Emptying], tolerance_h: float) -> Counter[str]:
    """Count what was found, missed and made up."""
    count: Counter[str] = Counter()
    open_ = list(zip(life.emptied_h, life.taken, strict=True))
    for one in found:
        if not one.counts:
            continue
        at_h = (one.at - BEGIN) / timedelta(hours=1)
        near = [true for true in open_ if abs(true[0] - at_h) <= tolerance_h]
        if not near:
            # Somebody says that a bin with nothing in it was emptied: of no consequence.
            count["made_up"] += one.before is None or one.before >= LEAST_DROP
            continue
        true = min(near, key=lambda true: abs(true[0] - at_h))
        open_.remove(true)
        count["found"] += bool(true[1] >= LEAST_DROP)
    count["missed"] = sum(int(taken >= LEAST_DROP) for _, taken in open_)
    return count


def measure(every: Sequence[Life], *, by_people: bool, tolerance_h: float) -> dict[str, float]:
    """Measure precision and recall over lives."""
    count: Counter[str] = Counter()
    readings, spent = 0, 0.0
    for life in every:
        if not (life.sees or by_people):
            count["unseen"] += int((life.taken >= LEAST_DROP).sum())
            continue
        said = told(life, by_people=by_people)
        begun = time.perf_counter()
        found, _ = emptyings(said, rate_per_h=RATE_PER_H)
        spent += time.perf_counter() - begun
        readings += len(said.readings)
        count += counted(life, found, tolerance_h)
    return {
        "precision": round(count["found"] / max(count["found"] + count["made_up"], 1), 4),
        "recall": round(count["found"] / max(count["found"] + count["missed"], 1), 4),
        **{name: count[name] for name in ("found", "made_up", "missed", "unseen")},
        "us_per_reading": round(1e6 * spent / max(readings, 1), 1),
    }


def main() -> None:
    """Measure with sensors only, and with all that is said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bins", type=int, default=77)
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--tolerance-h", type=float, default=6.0)
    asked = parser.parse_args()
    every = [life for seed in asked.seeds for life in lives(asked.bins, asked.days, seed)]
    result = {
        name: measure(every, by_people=by_people, tolerance_h=asked.tolerance_h)
        for name, by_people in (("sensors_only", False), ("with_records_and_lifts", True))
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
