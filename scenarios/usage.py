"""How much people bring to each bin, and when: the mean that deposits scatter around.

Cities size their bins to the waste and to how often it is collected, so a bin's usage is drawn as the days it takes to
fill. Measured where we could:

- Static schedules find containers 55 to 63 % full on average (Twente Milieu, measured for two theses at the University
  of Twente, Stellingwerff 2011 and Belter 2011), and 3.4 % of the points have too few (27,865 weighings in Helsinki,
  Korhonen and Kaila, Waste Management 39, 2015).
- Street bins: 312 litter bins in Edinburgh, 10,000 collections, June to August 2016 (City of Edinburgh Council, open
  data): median 3.0 days to fill, standard deviation of its logarithm 0.56; litres per day and bin swing by 0.4 of
  their mean from one collection to the next.
- Isles, open day and night: hours and weekdays of 20 glass containers in Frankfurt over one year of hourly readings.
- Bin rooms: the drop-off windows of Shanghai's complexes, 7:00-10:00 and 17:00-20:00 (Shanghai Daily, 19 June 2019).

Not measured, our judgement: bag sizes, weekdays of bin rooms, hours of street bins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from city.registry import PointKind
from city.streams import Stream
from scenarios.bins import KINDS, STREAMS, Bins
from scenarios.chance import Purpose, draw
from scenarios.hours import LocalHour
from scenarios.schedule import EVERY_DAYS

# What the fixed schedule finds in the median bin; with the spread, 4 % of the bins in rooms and isles are too small.
FULL_AT_TURN = 0.58
LITTER_DAYS_TO_FILL = 3.0
DAYS_TO_FILL_SPREAD = {PointKind.BIN_ROOM: 0.3, PointKind.ISLE: 0.3, PointKind.STREET: 0.56}

# People use the bin by the door a little more than the one behind it.
NEIGHBOUR_SPREAD = 0.1

# Mean litres of one deposit: a kitchen bag, a household bag, bottles and paper, batteries; litter on the street.
DEPOSIT_L = {Stream.DRY: 9.0, Stream.WET: 4.0, Stream.RECYCLABLE: 7.0, Stream.HAZARDOUS: 0.5}
LITTER_L = 0.7

# Standard deviation of the logarithm of a bin's day: with the deposits' own scatter and two days between
# collections this gives the 0.4 measured in Edinburgh for street bins; households are steadier.
DAY_SPREAD = {PointKind.BIN_ROOM: 0.15, PointKind.ISLE: 0.3, PointKind.STREET: 0.5}

# Share of a day's waste by local hour.
_BIN_ROOM_HOURS = (
    0.002, 0.001, 0.001, 0.001, 0.002, 0.008, 0.03, 0.13, 0.13, 0.08, 0.025, 0.015,
    0.02, 0.02, 0.015, 0.015, 0.03, 0.11, 0.15, 0.14, 0.045, 0.018, 0.008, 0.004,
)  # fmt: skip
_ISLE_HOURS = (
    0.004, 0.001, 0.002, 0.002, 0.001, 0.004, 0.006, 0.026, 0.016, 0.051, 0.044, 0.059,
    0.079, 0.077, 0.094, 0.088, 0.122, 0.095, 0.103, 0.053, 0.044, 0.015, 0.004, 0.001,
)  # fmt: skip
_STREET_HOURS = (
    0.012, 0.008, 0.005, 0.003, 0.003, 0.008, 0.02, 0.042, 0.055, 0.052, 0.052, 0.06,
    0.075, 0.072, 0.062, 0.06, 0.063, 0.072, 0.072, 0.062, 0.05, 0.04, 0.032, 0.02,
)  # fmt: skip
HOUR_SHARE = {PointKind.BIN_ROOM: _BIN_ROOM_HOURS, PointKind.ISLE: _ISLE_HOURS, PointKind.STREET: _STREET_HOURS}

# Monday to Sunday, against the mean day.
WEEKDAY_FACTOR = {
    PointKind.BIN_ROOM: (1.02, 0.97, 0.96, 0.96, 0.97, 1.04, 1.08),
    PointKind.ISLE: (1.19, 1.01, 0.92, 0.98, 0.92, 1.46, 0.52),
    PointKind.STREET: (0.92, 0.92, 0.94, 0.97, 1.06, 1.18, 1.01),
}


@dataclass(frozen=True, eq=False)
class Usage:
    """What each bin is used for.

    Attributes
    ----------
    mean_l_per_day
        Litres a mean day brings. Shape (bins,).
    deposit_l
        Mean litres of one deposit. Shape (bins,).
    hour_share
        Share of the day's waste by kind of point and local hour. Shape (kinds, 24); rows sum to 1.
    weekday_factor
        By kind of point and weekday. Shape (kinds, 7); rows average 1.
    day_spread
        Standard deviation of the logarithm of one bin's day. Shape (bins,).
    kind
        Row of each bin in the tables by kind.
    seed
        Where the swings of the days come from.
    """

    mean_l_per_day: NDArray[np.float64]
    deposit_l: NDArray[np.float64]
    hour_share: NDArray[np.float64]
    weekday_factor: NDArray[np.float64]
    day_spread: NDArray[np.float64]
    kind: NDArray[np.int64]
    seed: int

    def litres_in(self, when: LocalHour) -> NDArray[np.float64]:
        """Return the litres each bin is to expect in one local hour, with the swing of that bin on that day."""
        swing = draw(self.seed, Purpose.SWING, when.day).standard_normal(len(self.kind)) * self.day_spread
        share = self.hour_share[:, when.hour] * self.weekday_factor[:, when.weekday]
        expected: NDArray[np.float64] = self.mean_l_per_day * share[self.kind] * np.exp(swing - self.day_spread**2 / 2)
        return expected


def draw_usage(bins: Bins, seed: int) -> Usage:
    """Draw how every bin of a city is used."""
    random = draw(seed, Purpose.USAGE)
    sized_for = np.array([EVERY_DAYS[stream] for stream in STREAMS])[bins.stream]
    on_street = bins.kind == KINDS.index(PointKind.STREET)
    litter = on_street & (bins.stream == STREAMS.index(Stream.DRY))
    median = np.where(litter, LITTER_DAYS_TO_FILL, sized_for / FULL_AT_TURN)
    spread = np.array([DAYS_TO_FILL_SPREAD[kind] for kind in KINDS])[bins.kind]
    of_group = random.standard_normal(int(bins.group.max()) + 1)[bins.group]
    of_bin = random.standard_normal(len(bins)) * NEIGHBOUR_SPREAD
    days = median * np.exp(spread * of_group + of_bin)
    deposit = np.array([DEPOSIT_L[stream] for stream in STREAMS])[bins.stream]
    hour_share = np.array([HOUR_SHARE[kind] for kind in KINDS])
    weekday_factor = np.array([WEEKDAY_FACTOR[kind] for kind in KINDS])
    return Usage(
        mean_l_per_day=bins.usable_volume_l / days,
        deposit_l=np.where(on_street, LITTER_L, deposit),
        hour_share=hour_share / hour_share.sum(axis=1, keepdims=True),
        weekday_factor=weekday_factor / weekday_factor.mean(axis=1, keepdims=True),
        day_spread=np.array([DAY_SPREAD[kind] for kind in KINDS])[bins.kind],
        kind=bins.kind,
        seed=seed,
    )
