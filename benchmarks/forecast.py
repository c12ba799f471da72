"""How good forecasts are on real records, beside plain ones and a forecasting library's, and how fast.

    .venv/bin/python -m benchmarks.forecast levels FILE [--sensors 16DA,...] [--library]
    .venv/bin/python -m benchmarks.forecast visits FILE
    .venv/bin/python -m benchmarks.forecast speed [--bins 150000]

``levels``: a year of ultrasonic sensors (`fes-csv`) through the real intake; the level 24 hours ahead at origins every
six hours, each forecast knowing only what had come in by then. With ``--library`` AutoETS and AutoTheta of
statsforecast (``pip install -e .[bench]``; some minutes) forecast the same spans, from the last four weeks on a grid of
six hours, on which they did better than hourly, with the intervals they state themselves. ``exponential_smoothing`` is
the strongest plain forecast known: smoothed as was best so far for each sensor, spread as it was off before.

``visits``: a year of a campus's collections (BigBelly export), no sensor. Crews' schedule is the one really driven. At
each visit the forecast, made from that bin's earlier visits alone, says how likely the bin is *ready* (60 % full, or a
week old); where that is less than `SKIPPED_BELOW`, the visit is skipped and what the bin held stays in it. Told are
the share of visits that found a bin not ready, driven and proposed, by the same measure, and what skipping cost: bins
that were ready and had to wait for the next visit, and those that were full by then.

``speed``: bins with a full diary each; the odds of overflow at one moment, nine quantiles, and one bin alone.
Prints JSON.
"""

import argparse
import csv
import gzip
import json
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from city.registry import PointKind
from city.streams import Stream
from sensors.diary import SLOTS, slot_of
from sensors.estimate import Estimate, begin, serve
from sensors.experience import Diaries
from sensors.forecast import States, level_quantiles, overflow_probabilities, stack
from sensors.levels import BinState, LevelSource
from sensors.plain import PLAIN, Forecaster, smoothing
from sensors.priors import prior_for
from sensors.replay import replay
from sensors.skill import PROBABILITIES, Floats, Series, Spans

GRID_H, HISTORY_H, AHEAD_STEPS = 6.0, 28 * 24.0, 4
# Levels of the library's symmetric intervals whose ends are the quantiles judged.
INTERVALS = (80, 60, 40, 20)

ZONE = ZoneInfo("America/Los_Angeles")
STREAMS = {"Waste": Stream.DRY, "Compostables": Stream.WET}
COMPACTOR_L = 567
# Fullness is told in steps of 20 %; the campus calls a bin ready at 60 %, and after a week whatever is in it.
READY, READY_AFTER = 0.55, timedelta(days=6.5)
SKIPPED_BELOW = 0.1
LEARNING = timedelta(days=29)
UNKNOWN_FULLNESS, FULLEST = 0.8, 1.2


def levels(file: Path, sensors: list[str], *, library: bool) -> dict[str, object]:
    """Forecast levels a day ahead."""
    if sensors:
        lines = _opened(file)
        chosen = [line for line in lines[1:] if line.split(",")[1].endswith(tuple(sensors))]
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "readings.csv"
            part.write_text("\n".join([lines[0], *chosen]))
            return levels(part, [], library=library)
    plain: dict[str, Forecaster] = {**PLAIN, "exponential_smoothing": smoothing}
    if library:
        plain |= _library()
    started = time.perf_counter()
    found = replay(file, "fes-csv", plain=plain)
    required = [name for name in found.baselines if name != "exponential_smoothing"]
    best = min(found.baselines[name].pinball for name in required)
    return {
        "spans": found.skill.spans,
        "pinball_loss_24h": round(found.skill.pinball, 5),
        "coverage_80": round(found.skill.coverage_80, 3),
        "baselines": {
            name: {"pinball": round(skill.pinball, 5), "coverage_80": round(skill.coverage_80, 3)}
            for name, skill in found.baselines.items()
        },
        "below_best": round(1 - found.skill.pinball / best, 3),
        "below_smoothing": round(1 - found.skill.pinball / found.baselines["exponential_smoothing"].pinball, 3),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _opened(file: Path) -> list[str]:
    body = file.read_bytes()
    return (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode().splitlines()


def _library() -> Mapping[str, Forecaster]:
    """Return two models of statsforecast, each fitted anew at every origin."""
    from statsforecast.models import AutoETS, AutoTheta  # noqa: PLC0415 - an extra, for this question only

    def forecaster(make: type) -> Forecaster:
        def forecast(series: Series, spans: Spans) -> Floats:
            quantiles = np.empty((len(spans), len(PROBABILITIES)))
            steps = GRID_H * np.arange(round(HISTORY_H / GRID_H))[::-1]
            for row, begin_row in enumerate(spans.begin.tolist()):
                at = series.hours[begin_row] - steps
                known = np.searchsorted(series.hours, at + 1e-6, side="right") - 1
                history = series.levels[known[known >= 0]]
                try:
                    told = make(season_length=1).forecast(y=history, h=AHEAD_STEPS, level=list(INTERVALS))
                    low = [told[f"lo-{one}"][-1] for one in INTERVALS]
                    high = [told[f"hi-{one}"][-1] for one in reversed(INTERVALS)]
                    quantiles[row] = [*low, told["mean"][-1], *high]
                except (ValueError, ZeroDivisionError, FloatingPointError):
                    quantiles[row] = np.nan
                # Where no model can be fitted the last reading is a fair answer.
                quantiles[row] = np.where(np.isfinite(quantiles[row]), quantiles[row], history[-1])
            return np.sort(np.maximum(quantiles, 0.0), axis=1)

        return forecast

    return {"statsforecast_auto_ets": forecaster(AutoETS), "statsforecast_auto_theta": forecaster(AutoTheta)}


@dataclass(frozen=True)
class Visit:
    """One line of the export; `level` is none where the bin did not say."""

    at: datetime
    bin_id: str
    stream: Stream
    reason: str
    level: float | None


def visits(file: Path) -> dict[str, object]:
    """Skip visits that the forecast from records alone says are not worth it."""
    made = _visits(file)
    driven, proposed = _driven(made, skip_below=0.0), _driven(made, skip_below=SKIPPED_BELOW)
    recorded = [visit for visit in made if visit.at >= made[0].at + LEARNING]
    wasted = {name: one["wasted"] / one["made"] for name, one in (("driven", driven), ("proposed", proposed))}
    ready = proposed["made"] - proposed["wasted"] + proposed["waited"]
    return {
        "visits": {"driven": driven["made"], "proposed": proposed["made"]},
        "not_ready_as_recorded": round(sum(v.reason == "Not Ready" for v in recorded) / len(recorded), 3),
        "not_ready": {name: round(share, 3) for name, share in wasted.items()},
        "below_driven": round(1 - wasted["proposed"] / wasted["driven"], 3),
        "ready_but_waited": round(proposed["waited"] / ready, 3),
        "full_while_waiting": round(proposed["full"] / ready, 3),
        "frontier": {
            f"skip below {limit}": {
                "not_ready": round((one := _driven(made, skip_below=limit))["wasted"] / one["made"], 3),
                "ready_but_waited": round(one["waited"] / (one["made"] - one["wasted"] + one["waited"]), 3),
            }
            for limit in (0.02, 0.05, 0.2)
        },
    }


def _visits(file: Path) -> list[Visit]:
    rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    head = next(number for number, row in enumerate(rows) if row and row[0] == "Serial")
    made = []
    for row in rows[head + 1 :]:
        if len(row) < 7 or not row[0]:
            continue
        said = row[5].strip()
        at = datetime.strptime(row[6], "%m/%d/%Y %H:%M").replace(tzinfo=ZONE).astimezone(UTC)
        level = float(said[:-1]) / 100 if said.endswith("%") else None
        made.append(Visit(at, row[0], STREAMS.get(row[3], Stream.RECYCLABLE), row[4], level))
    return sorted(made, key=lambda visit: visit.at)


def _driven(made: list[Visit], *, skip_below: float) -> Counter[str]:
    """Drive the schedule, leaving out visits whose bin is less likely ready than a limit."""
    known: dict[str, Estimate] = {}
    held: dict[str, float] = defaultdict(float)
    emptied: dict[str, datetime] = {}
    counted: Counter[str] = Counter()
    for visit in made:
        estimate = known.setdefault(visit.bin_id, begin(prior_for(visit.stream, PointKind.STREET, COMPACTOR_L)))
        held[visit.bin_id] += UNKNOWN_FULLNESS if visit.level is None else visit.level
        level = min(held[visit.bin_id], FULLEST)
        old = visit.bin_id in emptied and visit.at - emptied[visit.bin_id] >= READY_AFTER
        ready = level >= READY or old
        likely = 1.0 if old or estimate.believed is None else _likely_ready(estimate, visit.at)
        counts = visit.at >= made[0].at + LEARNING
        if likely < skip_below:
            counted.update(waited=counts and ready, full=counts and level >= 1)
            continue
        counted.update(made=int(counts), wasted=counts and not ready)
        serve(estimate, visit.at, found=level)
        held[visit.bin_id], emptied[visit.bin_id] = 0.0, visit.at
    return counted


def _likely_ready(estimate: Estimate, at: datetime) -> float:
    believed = estimate.believed
    assert believed is not None
    state = BinState(
        bin_id="",
        fill_level=believed.level,
        sigma=believed.sigma,
        as_of=believed.as_of,
        rate_per_h=estimate.rate_per_h,
        rate_sigma=estimate.rate_sigma,
        volatility=estimate.volatility,
    )
    return float(overflow_probabilities(stack([state]), at, brim=READY)[0])


def speed(bins: int) -> dict[str, object]:
    """Forecast a city."""
    chance = np.random.default_rng(1)
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    states = _city(bins, now, chance)
    at = now + timedelta(hours=24)
    timed = {}
    for name, work in {
        "overflow_probabilities_s": lambda: overflow_probabilities(states, at),
        "quantiles_s": lambda: level_quantiles(states, np.full(bins, at.timestamp()), PROBABILITIES),
    }.items():
        started = time.perf_counter()
        work()
        timed[name] = round(time.perf_counter() - started, 1)
    one = states[:1]
    runs = []
    for _ in range(50):
        started = time.perf_counter()
        level_quantiles(one, np.array([at.timestamp()]), PROBABILITIES)
        runs.append(time.perf_counter() - started)
    return {"bins": bins, **timed, "one_bin_ms": round(1e3 * float(np.median(runs)), 2)}


def _city(bins: int, now: datetime, chance: np.random.Generator) -> States:
    """Return bins that were emptied now and then, each with the diary of a quarter."""
    gains = chance.gamma(0.5, 0.05, (bins, SLOTS)).astype(np.float32)
    path = chance.random((bins, 1), dtype=np.float32) + np.cumsum(gains, axis=1)
    steps = (125 * (path % 1.0)).astype(np.uint8)
    diaries = Diaries(
        np.repeat(steps[:, :, None], 3, axis=2), np.full(bins, slot_of(now)), steps[:, -1].astype(float) / 125
    )
    rows = [
        BinState(
            bin_id="",
            fill_level=level / 125,
            sigma=0.05,
            as_of=now,
            rate_per_h=0.004,
            rate_sigma=0.001,
            volatility=0.03,
            source=LevelSource.SENSOR,
        )
        for level in steps[:, -1].tolist()
    ]
    return stack(rows, diaries)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    of_levels = what.add_parser("levels")
    of_levels.add_argument("file", type=Path)
    of_levels.add_argument("--sensors", default="", help="ends of their names, comma between")
    of_levels.add_argument("--library", action="store_true")
    what.add_parser("visits").add_argument("file", type=Path)
    what.add_parser("speed").add_argument("--bins", type=int, default=150_000)
    asked = parser.parse_args()
    if asked.what == "levels":
        warnings.filterwarnings("ignore", module="statsforecast")
        found = levels(asked.file, [one for one in asked.sensors.split(",") if one], library=asked.library)
    elif asked.what == "visits":
        found = visits(asked.file)
    else:
        found = speed(asked.bins)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
