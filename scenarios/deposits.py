"""Deposits: waste arrives as a compound Poisson process; its rate follows the hour, the weekday and the bin's day."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from scenarios.chance import Purpose, draw
from scenarios.hours import HOUR_S, local_hour
from scenarios.usage import Usage

# Deposits are gamma distributed around their mean; shape 2 puts one bag in seven below a third of it.
DEPOSIT_SHAPE = 2.0


class Deposits(NamedTuple):
    """What is thrown away in one hour, in order of time.

    Attributes
    ----------
    row
        The bin.
    at_s
        When, seconds since the epoch.
    volume_l
        How much.
    """

    row: NDArray[np.int64]
    at_s: NDArray[np.float64]
    volume_l: NDArray[np.float64]

    def between(self, start_s: float, end_s: float) -> "Deposits":
        """Return those from `start_s` up to, not at, `end_s`."""
        first, last = np.searchsorted(self.at_s, (start_s, end_s))
        return Deposits(self.row[first:last], self.at_s[first:last], self.volume_l[first:last])


def deposits_in(hour: int, usage: Usage, timezone: ZoneInfo, seed: int) -> Deposits:
    """Draw every deposit of one hour, counted from the epoch."""
    random = draw(seed, Purpose.DEPOSITS, hour)
    count = random.poisson(usage.litres_in(local_hour(hour, timezone)) / usage.deposit_l)
    row = np.repeat(np.arange(len(count)), count)
    at_s = (hour + random.random(len(row))) * HOUR_S
    volume_l = random.gamma(DEPOSIT_SHAPE, usage.deposit_l[row] / DEPOSIT_SHAPE)
    order = np.argsort(at_s, kind="stable")
    return Deposits(row[order], at_s[order], volume_l[order])
