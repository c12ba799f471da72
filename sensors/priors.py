"""How fast a bin fills before it has told: borrowed from like bins of its district, and at first from other cities.

Street bins in Edinburgh (334 bins, 10,000 collections with fill before) fill by 0.39 of their volume a day at 240
litres and slower by the volume to the power 0.27; their daily gain has a variance of 0.19 times its mean. On
Berkeley's campus (214 bins, 14,000 collections) compost bins fill at 0.69 and bottle bins at 0.43 of the rate of
those for waste, and rates within a stream differ by 0.5 to 0.65 of their mean. Both measured as
``docs/sensors.md`` tells. For bin rooms and isles there was nothing to measure; they are taken to be sized for a
little less than two days.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from city.registry import PointKind
from city.streams import Stream

REFERENCE_VOLUME_L = 240.0
VOLUME_EXPONENT = -0.27

# Fraction of the usable volume a day, at the reference volume.
DRY_PER_DAY = {PointKind.STREET: 0.39, PointKind.BIN_ROOM: 0.55, PointKind.ISLE: 0.55}
RELATIVE_TO_DRY = {Stream.DRY: 1.0, Stream.WET: 0.69, Stream.RECYCLABLE: 0.43, Stream.HAZARDOUS: 0.05}

# Standard deviation of the rates of like bins, in units of their mean.
SPREAD = 0.6
# Variance of what comes in, in units of its mean: the typical size of one throw, as a level.
GRAIN = 0.19
GRAIN_EXPONENT = -0.5

# A prior weighs as much as this many hours of watching the bin itself.
PRIOR_HOURS = 24.0

# A bin can lend its rate once it was watched this long,
LENDING_HOURS = 5 * 24.0
# and what other cities say weighs as much as this many lenders.
ELSEWHERE_WEIGHT = 3.0


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed of a bin's filling; the fields of `sensors.levels.BinState`, per hour."""

    rate_per_h: float
    rate_sigma: float
    volatility: float


@dataclass(frozen=True, slots=True)
class Lenders:
    """Bins of a district that share stream and kind of point, with what they learned, summed up.

    Parameters
    ----------
    count
        How many they are.
    rate, rate_squared
        Sums of their rates per hour, and of the squares.
    variance
        Sum of their squared volatilities.
    """

    count: int
    rate: float
    rate_squared: float
    variance: float

    def at_reference(self, volume_l: float) -> "Lenders":
        """Bring the sums of bins of one volume to the reference volume."""
        scale = volume_factor(volume_l)
        return Lenders(
            self.count, self.rate / scale, self.rate_squared / scale**2, self.variance / scale / grain_factor(volume_l)
        )

    def __add__(self, other: "Lenders") -> "Lenders":
        return Lenders(
            self.count + other.count,
            self.rate + other.rate,
            self.rate_squared + other.rate_squared,
            self.variance + other.variance,
        )


NO_LENDERS = Lenders(0, 0.0, 0.0, 0.0)

Peers = Mapping[tuple[Stream, PointKind], Lenders]


def prior_for(stream: Stream, kind: PointKind, volume_l: float, peers: Peers | None = None) -> Prior:
    """Return what to assume of a bin that has not told yet.

    Parameters
    ----------
    stream, kind, volume_l
        What the bin takes, how its point stands, its usable volume.
    peers
        What like bins of its district learned; see `sensors.levels.peers_of`.
    """
    scale = volume_factor(volume_l)
    elsewhere = DRY_PER_DAY[kind] * RELATIVE_TO_DRY[stream] / 24.0
    lenders = (peers or {}).get((stream, kind), NO_LENDERS)
    weight = ELSEWHERE_WEIGHT + lenders.count
    mean = (ELSEWHERE_WEIGHT * elsewhere + lenders.rate) / weight
    square = (ELSEWHERE_WEIGHT * (1 + SPREAD**2) * elsewhere**2 + lenders.rate_squared) / weight
    variance = (ELSEWHERE_WEIGHT * GRAIN * elsewhere + lenders.variance) / weight * grain_factor(volume_l)
    return Prior(
        rate_per_h=mean * scale,
        rate_sigma=math.sqrt(max(square - mean**2, 0.0)) * scale,
        volatility=math.sqrt(variance * scale),
    )


def volume_factor(volume_l: float) -> float:
    """Return how a bin's rate compares to that of a bin of the reference volume."""
    return math.pow(volume_l / REFERENCE_VOLUME_L, VOLUME_EXPONENT)


def grain_factor(volume_l: float) -> float:
    """Return how the typical throw, as a level, compares to that into a bin of the reference volume."""
    return math.pow(volume_l / REFERENCE_VOLUME_L, GRAIN_EXPONENT)
