"""The outlook of one bin: its level over the next three days, when it overflows, and the facts behind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session

from sensors.errors import IntakeError
from sensors.experience import Diaries
from sensors.forecast import level_quantiles, overflow_probabilities, overflow_times, stack, when
from sensors.levels import BinState, diaries_of, states_of
from sensors.paces import Paces, paces_of
from sensors.reasons import Fact, facts

HOURS_AHEAD = (6, 12, 24, 48, 72)
# Which quantiles are told, of the level and of the moment of overflow.
SHOWN = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Ahead:
    """A moment ahead: quantiles of the level if nobody comes, and the probability to have overflowed by then."""

    hours: int
    at: datetime
    low: float
    middle: float
    high: float
    overflow_probability: float


@dataclass(frozen=True, slots=True)
class BinOutlook:
    """What is expected of one bin.

    Parameters
    ----------
    ahead
        The next three days.
    overflow
        When the probability of overflow reaches each of `SHOWN`; none: not within 60 days, or nothing is known.
    facts
        What moves the forecast most.
    """

    now: datetime
    ahead: tuple[Ahead, ...]
    overflow: Mapping[float, datetime | None]
    facts: tuple[Fact, ...]


def outlook_of(session: Session, bin_id: str, now: datetime) -> BinOutlook:
    """Read what is known of a bin in use and forecast it.

    Raises
    ------
    IntakeError
        ``unknown_bin`` if the registry has no such bin in use.
    """
    state = states_of(session, [bin_id]).get(bin_id)
    if state is None:
        raise IntakeError("unknown_bin", f"there is no bin {bin_id} in use in the registry")
    return outlook(state, diaries_of(session, [state]), now, paces_of(session, [bin_id], now))


def outlook(state: BinState, diaries: Diaries, now: datetime, paces: Paces | None = None) -> BinOutlook:
    """Forecast a bin from its state, its diary and the days ahead."""
    states = stack([state], diaries, paces)
    ahead = []
    for hours in HOURS_AHEAD:
        at = now + timedelta(hours=hours)
        low, middle, high = level_quantiles(states, np.array([at.timestamp()]), SHOWN)[0].tolist()
        ahead.append(Ahead(hours, at, low, middle, high, float(overflow_probabilities(states, at)[0])))
    overflow = {share: when(overflow_times(states, share)[0]) for share in SHOWN}
    return BinOutlook(now, tuple(ahead), overflow, tuple(facts(state, diaries, now, paces)))
