"""A year of real sensors through the filter: levels within their stated doubt, emptyings found, spikes not believed."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from city.registry import PointKind
from city.streams import Stream
from sensors.cleaning import Sight, weigh
from sensors.decoders import decode
from sensors.estimate import begin, hear, observe
from sensors.priors import prior_for
from sensors.skill import Series, hindsight
from sensors.telemetry import Verdict
from sensors.uplink import Uplink

# One sensor saw nothing half of the time, one was silent for months, one always lay on its side; seventeen are left.
LEFT_OUT = ("1712", "174D", "1770")
HEIGHT_CM, DEPTH_CM = 142, 122
WARM_UP = 14 * 24


@dataclass(frozen=True)
class Year:
    """What one sensor said in a year, and what the filter made of it, reading by reading."""

    hours: NDArray[np.float64]
    levels: NDArray[np.float64]
    believed: NDArray[np.bool_]
    mean: NDArray[np.float64]
    sigma: NDArray[np.float64]
    emptied_h: NDArray[np.float64]


@pytest.fixture(scope="module")
def years(shared_data: Path) -> list[Year]:
    """Return the year of every sensor."""
    lines = gzip.decompress((shared_data / "telemetry/frankfurt_fes/readings.csv.gz").read_bytes()).splitlines()
    devices: dict[bytes, list[bytes]] = {}
    for line in lines[1:]:
        devices.setdefault(line.split(b",")[1], []).append(line)
    return [
        _year(b"\n".join([lines[0], *sorted(of_device)]))
        for name, of_device in devices.items()
        if not name.decode().endswith(LEFT_OUT)
    ]


def _year(body: bytes) -> Year:
    estimate = begin(prior_for(Stream.RECYCLABLE, PointKind.ISLE, 3_000))
    sight = Sight(HEIGHT_CM, DEPTH_CM)
    rows, emptied = [], set()
    for uplink in decode("fes-csv", body):
        assert isinstance(uplink, Uplink)
        assert uplink.measured is not None
        worth = weigh(uplink.measured, sight)
        hear(estimate, uplink.at)
        if worth.verdict is not Verdict.OK or worth.fill_level is None:
            continue
        judgement = observe(estimate, uplink.at, worth.fill_level)
        believed, rival = estimate.believed, estimate.rival
        assert believed is not None
        mean, variance = believed.level, believed.sigma**2
        if rival is not None:
            weight = 1 / (1 + np.exp(estimate.rival_odds))
            mean = (1 - weight) * believed.level + weight * rival.level
            variance += weight * (1 - weight) * (rival.level - believed.level) ** 2
        rows.append((uplink.at.timestamp() / 3600, worth.fill_level, judgement.believed, mean, np.sqrt(variance)))
        if believed.emptied_at is not None and uplink.at.timestamp() - believed.emptied_at.timestamp() > 6 * 3600:
            emptied.add(believed.emptied_at.timestamp() / 3600)
    hours, levels, trusted, means, sigmas = (np.array(column) for column in zip(*rows, strict=True))
    return Year(hours, levels, trusted.astype(bool), means, sigmas, np.array(sorted(emptied)))


def test_the_level_lies_within_its_stated_doubt(years: list[Year]) -> None:
    shares = []
    for year in years:
        later = year.hours > year.hours[0] + WARM_UP
        true = hindsight(Series(year.hours, year.levels))
        shares.append(float(np.mean(np.abs(true - year.mean)[later] < 1.645 * year.sigma[later])))
    assert min(shares) > 0.7
    assert 0.85 < np.mean(shares) < 0.99


def test_echoes_that_stand_alone_are_not_believed(years: list[Year]) -> None:
    alone = believed = count = 0
    for year in years:
        before, here, after = year.levels[:-2], year.levels[1:-1], year.levels[2:]
        agree = (np.abs(before - after) < 0.06) & (year.hours[2:] - year.hours[:-2] < 4)
        lonely = agree & (here - (before + after) / 2 > 0.25)
        count += len(here)
        alone += int(lonely.sum())
        believed += int((lonely & year.believed[1:-1]).sum())
    assert alone > 0.004 * count
    assert believed < 0.1 * alone


def test_large_falls_that_last_are_found_as_emptyings(years: list[Year]) -> None:
    falls = found = 0
    for year in years:
        true = hindsight(Series(year.hours, year.levels))
        for row in range(24, len(true) - 24):
            full, empty = true[row - 24 : row - 5], true[row + 6 : row + 24]
            if full.min() - empty.max() > 0.4 and empty.max() < 0.3 and true[row] - true[row + 1] > 0.15:
                falls += 1
                found += bool(np.any(np.abs(year.emptied_h - year.hours[row]) < 8))
    assert falls > 100
    assert found > 0.9 * falls
