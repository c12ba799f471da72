"""Deposits follow the hours people keep."""

from datetime import UTC, datetime

import numpy as np
import pytest

from scenarios.bins import KINDS, Bins
from scenarios.deposits import deposits_in
from scenarios.hours import local_hour, second_of
from scenarios.usage import draw_usage

# A Tuesday, from its local midnight in Shanghai.
MIDNIGHT = int(second_of(datetime(2026, 3, 2, 16, tzinfo=UTC)) // 3600)


def litres_by_hour(bins: Bins, kind: int, days: int = 7) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    usage = draw_usage(bins, 3)
    found = np.zeros(24)
    for hour in range(MIDNIGHT, MIDNIGHT + 24 * days):
        deposits = deposits_in(hour, usage, bins.timezone, 3)
        of_kind = bins.kind[deposits.row] == kind
        found[local_hour(hour, bins.timezone).hour] += deposits.volume_l[of_kind].sum()
    return found / found.sum()


def test_bin_rooms_fill_in_the_drop_off_windows(bins: Bins) -> None:
    share = litres_by_hour(bins, KINDS.index("bin_room"))
    assert share[7:10].sum() + share[17:20].sum() > 0.65


def test_isles_fill_over_the_day_and_streets_into_the_night(bins: Bins) -> None:
    isles, streets = litres_by_hour(bins, KINDS.index("isle")), litres_by_hour(bins, KINDS.index("street"))
    assert isles[11:19].sum() > 0.6
    assert streets[20:24].sum() > 2 * isles[20:24].sum()


def test_a_week_brings_what_usage_promises(bins: Bins) -> None:
    usage = draw_usage(bins, 5)
    weeks = 4
    total = sum(
        deposits_in(hour, usage, bins.timezone, 5).volume_l.sum() for hour in range(MIDNIGHT, MIDNIGHT + weeks * 168)
    )
    assert total == pytest.approx(usage.mean_l_per_day.sum() * 7 * weeks, rel=0.03)


def test_deposits_lie_within_their_hour_in_order(bins: Bins) -> None:
    at_s = deposits_in(MIDNIGHT + 8, draw_usage(bins, 1), bins.timezone, 1).at_s
    assert at_s.size > 100
    assert (np.diff(at_s) >= 0).all()
    assert at_s[0] >= (MIDNIGHT + 8) * 3600
    assert at_s[-1] < (MIDNIGHT + 9) * 3600
