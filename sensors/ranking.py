"""Which sensors earn their keep, and which bins would gain most from one.

The value of a sensor is what one decides otherwise because of it (value of information: Howard 1966, IEEE Trans. SSC
2:22). A bin is visited before it would overflow with more than an accepted risk until the next chance. Without a sensor
the level is what has come in since the last emptying, whose doubt grows with every hour; so the bin is visited while it
is far from full. With one, only the hours until the next chance are in doubt. At the same risk of overflow the
difference is visits that need not be driven: that many a year, times what one costs, times the share of its time in
which the sensor is of use (`sensors.health`), less what the sensor costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from scipy.special import ndtri
from sqlmodel import Session, col

from city.registry import Bin, CollectionPoint, StreamRule
from sensors.device_days import DeviceHealth
from sensors.estimate import LEAST_NOISE
from sensors.levels import BinState, peers_of
from sensors.priors import prior_for
from sensors.telemetry import Device

Floats = NDArray[np.float64]

HOURS_OF_YEAR = 8_766.0
# A sensor's own word is never surer than this, as a level.
SEEN_SIGMA = LEAST_NOISE
# No bin is left longer than this, whatever is known of it: waste rots, and people ask.
LONGEST_H = 28 * 24.0
# Halvings of LONGEST_H: down to seconds.
HALVINGS = 28
# Below this a bin does not fill at all.
LEAST_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a sensor is judged.

    Parameters
    ----------
    visit_cost
        Of one more stop on a route that passes nearby, in the city's currency: two minutes and half a kilometre at the
        registry's usual 90 an hour and 4 a kilometre.
    sensor_cost
        Of one sensor a year: bought for 400 and mounted for 50, it lasts eight years; its card costs 4 a year.
    risk
        Probability of overflow before the next chance at which a bin is visited.
    chance_h
        Hours from one chance to visit a bin to the next.
    """

    visit_cost: float = 5.0
    sensor_cost: float = 60.0
    risk: float = 0.05
    chance_h: float = 24.0


@dataclass(frozen=True, slots=True)
class Filling:
    """How bins fill, as columns of equal length; per hour, as in `sensors.levels.BinState`.

    Parameters
    ----------
    rate, rate_sigma, volatility
        Mean filling, its doubt, and what comes in around it.
    rule_h
        The longest time between two visits that the rules allow; infinite: no rule.
    """

    rate: Floats
    rate_sigma: Floats
    volatility: Floats
    rule_h: Floats


@dataclass(frozen=True, slots=True)
class Worth:
    """What sensors are worth, as columns of equal length.

    Parameters
    ----------
    visits_without, visits_with
        A year.
    narrowing
        Share of the doubt about the level at the time of a visit that a sensor removes, 0..1.
    """

    visits_without: Floats
    visits_with: Floats
    narrowing: Floats


@dataclass(frozen=True, slots=True)
class Ranked:
    """One bin in the ranking.

    Parameters
    ----------
    device_id
        Its sensor; none: it has none, and the numbers are of one that would be put there.
    visits_saved
        A year, at the same risk of overflow.
    narrowing
        As in `Worth`.
    useful
        Share of its time in which the sensor is of use.
    value
        A year, in the city's currency, less the sensor's cost; negative: it does not earn its keep.
    """

    bin_id: str
    device_id: str | None
    district_id: str
    visits_saved: float
    narrowing: float
    useful: float
    value: float


def worth_of(filling: Filling, terms: Terms) -> Worth:
    """Return what a sensor changes about the visits of bins."""
    z = float(ndtri(1.0 - terms.risk))
    rate = np.maximum(filling.rate, LEAST_RATE)
    longest = np.minimum(filling.rule_h, LONGEST_H)
    # Without a word, the last chance before the one at which it would be too late.
    chances = np.floor(_lasts(rate, filling, z) / terms.chance_h) - 1.0
    without_h = np.clip(chances * terms.chance_h, terms.chance_h, longest)
    doubt_ahead = np.sqrt(
        SEEN_SIGMA**2 + filling.volatility**2 * terms.chance_h + (filling.rate_sigma * terms.chance_h) ** 2
    )
    # A sensor lets the bin fill to what leaves room for the next hours and their doubt. It is seen at chances only, so
    # on average the bin is past that level by half of what comes in between two, and more where that varies (the mean
    # excess of a renewal process, Feller 1971, vol. 2, ch. XI).
    reached = np.maximum(1.0 - rate * terms.chance_h - z * doubt_ahead, 0.0)
    excess = rate * terms.chance_h / 2 + filling.volatility**2 / (2 * rate)
    with_h = np.clip((reached + excess) / rate, without_h, longest)
    doubt_without = np.sqrt(
        filling.volatility**2 * (without_h + terms.chance_h) + (filling.rate_sigma * (without_h + terms.chance_h)) ** 2
    )
    narrowing = np.clip(1.0 - doubt_ahead / np.maximum(doubt_without, SEEN_SIGMA), 0.0, 1.0)
    return Worth(HOURS_OF_YEAR / without_h, HOURS_OF_YEAR / with_h, narrowing)


def _lasts(rate: Floats, filling: Filling, z: float) -> Floats:
    """Return how many hours after an emptying the risk of overflow is reached, with no word in between."""
    early, late = np.zeros(len(rate)), np.full(len(rate), 2 * LONGEST_H)
    for _ in range(HALVINGS):
        hours = (early + late) / 2
        doubt = np.sqrt(filling.volatility**2 * hours + (filling.rate_sigma * hours) ** 2)
        over = rate * hours + z * doubt > 1.0
        early, late = np.where(over, early, hours), np.where(over, hours, late)
    return early


def rank(session: Session, terms: Terms, *, district_ids: Sequence[str] | None = None) -> list[Ranked]:
    """Rank the bins in use by what their sensor is worth, or one would be where there is none; the most first.

    Parameters
    ----------
    district_ids
        Only bins of these districts; of all if not given.
    """
    query = (
        sa.select(
            col(Bin.id),
            col(Bin.stream),
            col(Bin.usable_volume_l),
            col(CollectionPoint.kind),
            col(CollectionPoint.district_id),
            col(BinState.rate_per_h),
            col(BinState.rate_sigma),
            col(BinState.volatility),
            col(Device.id),
            col(DeviceHealth.score),
            col(StreamRule.max_interval_h),
        )
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .outerjoin(BinState, col(BinState.bin_id) == Bin.id)
        .outerjoin(Device, sa.and_(col(Device.bin_id) == Bin.id, col(Device.active)))
        .outerjoin(DeviceHealth, col(DeviceHealth.device_id) == Device.id)
        .outerjoin(StreamRule, col(StreamRule.stream) == Bin.stream)
        .where(col(Bin.active), col(CollectionPoint.active))
    )
    if district_ids is not None:
        query = query.where(col(CollectionPoint.district_id).in_(district_ids))
    rows: Sequence[Any] = session.connection().execute(query).all()
    filling = np.empty((len(rows), 4))
    peers = cache(partial(peers_of, session))
    like_bins = cache(lambda stream, kind, volume_l, of: prior_for(stream, kind, volume_l, peers(of)))
    for number, (_, stream, volume_l, kind, district_id, rate, rate_sigma, volatility, _, _, rule_h) in enumerate(rows):
        known = (rate, rate_sigma, volatility)
        if rate is None:
            prior = like_bins(stream, kind, volume_l, district_id)
            known = (prior.rate_per_h, prior.rate_sigma, prior.volatility)
        filling[number] = *known, np.inf if rule_h is None else rule_h
    worth = worth_of(Filling(*filling.T), terms)
    saved = worth.visits_without - worth.visits_with
    ranked = []
    for row, visits_saved, narrowing in zip(rows, saved.tolist(), worth.narrowing.tolist(), strict=True):
        device_id, score = row[8], row[9]
        useful = 1.0 if score is None else score
        value = visits_saved * useful * terms.visit_cost - terms.sensor_cost
        ranked.append(Ranked(row[0], device_id, row[4], visits_saved * useful, narrowing, useful, value))
    ranked.sort(key=lambda one: (-one.value, one.bin_id, one.device_id or ""))
    return ranked
