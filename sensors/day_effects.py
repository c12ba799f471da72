"""By how much special days differ: a market day +35 %, give or take 8 %, known from six days.

The days of a district are a linear regression: what came in, as a share of what bins take in on the mean, is a level,
something for the day of the week (a market that is held on Saturdays must not be thanked for Saturday), and something
for each kind of day, so that a rainy market day tells of both. Effects are normal around nothing beforehand, so that
little is made of few or noisy days and what is not known is said: a Bayesian linear regression (Gelman et al. 2013,
Bayesian Data Analysis, ch. 14), with Huber's weights so that one day with a broken sensor decides nothing. The city is
learnt first, then each district around the others: a district without a sensor has the city's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlmodel import Field, SQLModel

from city.database import word
from city.registry import DayKind
from city.streams import Stream

Doubles = NDArray[np.float64]

# Beforehand: special days come out a third more or less, districts half of that around their city.
PRIOR_SIGMA, DISTRICT_SIGMA = 0.3, 0.15
LEVEL_SIGMA, WEEKDAY_SIGMA = 0.3, 0.15
WEEKDAYS = 7
# Fewer days say nothing; a day's noise is at least this, for days are never all alike.
FEWEST_DAYS, LEAST_NOISE = 14, 0.03
# Huber's bound in standard deviations, at which 95 % of the efficiency is kept (Huber 1981), and rounds to settle.
HUBER, ROUNDS = 1.345, 8
MAD_TO_SIGMA = 1.4826
WHOLE_CITY = ""


class DayEffect(SQLModel, table=True):
    """How much more comes in on a day of a kind than on a day without."""

    __tablename__ = "day_effect"

    district_id: str = Field(primary_key=True, description="empty: the whole city")
    stream: Stream = Field(sa_column=word(Stream, primary_key=True))
    kind: DayKind = Field(sa_column=word(DayKind, primary_key=True))
    effect: float = Field(sa_type=sa.Float, description="as a share of the mean pace; 0: none")
    sigma: float = Field(sa_type=sa.Float, description="standard deviation of the effect")
    days: float = Field(sa_type=sa.Float, description="days of the kind it was learnt from")
    share: float = Field(sa_type=sa.Float, description="share of days that are of the kind")


@dataclass(frozen=True, slots=True)
class Days:
    """The days that were gone through in a district, or in the whole city.

    Parameters
    ----------
    gained, expected
        Shape (days,).
    weekday
        0 is Monday.
    kinds
        Which share of the bins had a day of the kind, shape (days, kinds).
    """

    gained: Doubles
    expected: Doubles
    weekday: NDArray[np.intp]
    kinds: Doubles


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects by kind, their standard deviations, the days they are known from and the share of such days."""

    effect: Doubles
    sigma: Doubles
    days: Doubles
    share: Doubles


def learn(days: Days, before: Doubles, sigma: Doubles) -> Effects | None:
    """Learn effects from days.

    Parameters
    ----------
    before, sigma
        What is thought of each kind before any day is seen, and how surely.

    Returns
    -------
    Effects or None
        None if there are not enough days.
    """
    told = np.flatnonzero(days.expected > 0)
    if len(told) < FEWEST_DAYS:
        return None
    expected, kinds = days.expected[told], days.kinds[told]
    more = days.gained[told] / expected - 1
    # A day on which few sensors spoke says less.
    heard = np.asarray(np.minimum(expected / np.median(expected), 1.0), dtype=np.float64)
    weekdays = np.eye(WEEKDAYS)[days.weekday[told]]
    terms = np.column_stack([np.ones(len(told)), weekdays, kinds])
    prior = np.concatenate([np.zeros(1 + WEEKDAYS), before])
    certainty = np.array([LEVEL_SIGMA, *[WEEKDAY_SIGMA] * WEEKDAYS, *sigma.tolist()]) ** -2.0
    noise = max(float(np.std(more)), LEAST_NOISE)
    weight = heard
    found, doubt = prior, np.diag(1 / certainty)
    for _ in range(ROUNDS):
        weighted = terms * (weight / noise**2)[:, None]
        doubt = np.asarray(np.linalg.inv(terms.T @ weighted + np.diag(certainty)), dtype=np.float64)
        found = prior + doubt @ (weighted.T @ (more - terms @ prior))
        off = np.abs(more - terms @ found) * np.sqrt(heard)
        noise = max(MAD_TO_SIGMA * float(np.median(off)), LEAST_NOISE)
        weight = np.asarray(heard * np.minimum(1.0, HUBER * noise / np.maximum(off, 1e-9)), dtype=np.float64)
    chosen = slice(1 + WEEKDAYS, None)
    return Effects(found[chosen], np.sqrt(np.diag(doubt)[chosen]), kinds.sum(axis=0), kinds.mean(axis=0))


def learn_city(districts: Mapping[str, Days]) -> dict[str, Effects]:
    """Learn the effects of one stream in the whole city, then in each district around that; by district."""
    if not districts:
        return {}
    kinds = next(iter(districts.values())).kinds.shape[1]
    nothing, unsure = np.zeros(kinds), np.full(kinds, PRIOR_SIGMA)
    city = learn(_together(list(districts.values())), nothing, unsure)
    if city is None:
        return {}
    found = {WHOLE_CITY: city}
    for district_id, days in districts.items():
        # Its own days must not count twice: what is thought beforehand is what the other districts tell.
        others = [its for other, its in districts.items() if other != district_id]
        before = learn(_together(others), nothing, unsure) if others else None
        if before is None:
            its = learn(days, nothing, unsure)
        else:
            its = learn(days, before.effect, np.hypot(before.sigma, DISTRICT_SIGMA))
        if its is not None:
            # A district that never had such a day has what the city's days tell.
            found[district_id] = replace(its, days=np.where(its.days > 0, its.days, city.days))
    return found


def _together(districts: Sequence[Days]) -> Days:
    """Put the districts' days together; all have the same ones."""
    expected = np.sum([days.expected for days in districts], axis=0)
    kinds = np.sum([days.kinds * days.expected[:, None] for days in districts], axis=0)
    return Days(
        np.sum([days.gained for days in districts], axis=0),
        expected,
        districts[0].weekday,
        kinds / np.maximum(expected, 1e-12)[:, None],
    )
