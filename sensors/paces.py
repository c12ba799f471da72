"""How fast the hours ahead pass: an hour of a market day may bring as much as an hour and a half of another.

A forecast is of so many hours of filling. The calendar and what was learnt of its kinds of days stretch them, and with
them goes the doubt: an effect known from two days leaves open how many hours they were. Without a calendar, nothing
here is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from city.calendar import Calendar, days_between, read_calendar
from city.registry import Bin, CollectionPoint, DayKind
from city.streams import Stream
from sensors.day_effects import PRIOR_SIGMA, WHOLE_CITY, DayEffect
from sensors.day_gains import day_edges_s

Doubles = NDArray[np.float64]

# Days that matter to a forecast: back to a bin's last word, ahead to the farthest overflow anybody asks for.
BACK, AHEAD = timedelta(days=60), timedelta(days=61)
# However little a day brings, it brings something: time never stands still, nor runs backwards.
SLOWEST = 0.1
# Nothing learnt of a kind: no effect, as surely as any was expected.
NOT_LEARNT = (0.0, PRIOR_SIGMA, 0.0, 0.0)

Group = tuple[str, Stream]


@dataclass(frozen=True, slots=True)
class Special:
    """A special day ahead of a bin: when it is, and what was learnt of its kind."""

    kind: DayKind
    begins_s: float
    ends_s: float
    effect: float
    sigma: float
    days: float


@dataclass(frozen=True, slots=True)
class Paces:
    """How fast time passes for many bins.

    Parameters
    ----------
    edges_s
        Where days begin, seconds since 1970; before and after, all days are alike.
    excess_h, doubt_h
        Hours that passed in excess of the clock's up to each of them, and one standard deviation of that,
        shape (groups, edges).
    special
        The special days of each group.
    group
        Which group each bin is in.
    """

    edges_s: Doubles
    excess_h: Doubles
    doubt_h: Doubles
    special: tuple[tuple[Special, ...], ...]
    group: NDArray[np.intp]

    def __getitem__(self, chosen: "NDArray[np.bool_] | NDArray[np.intp] | slice") -> "Paces":
        return Paces(self.edges_s, self.excess_h, self.doubt_h, self.special, self.group[chosen])

    def between(self, since_s: Doubles, at_s: Doubles) -> tuple[Doubles, Doubles]:
        """Return the hours of filling from one moment to another, of each bin, and one standard deviation of them."""
        hours = np.maximum(at_s - since_s, 0.0) / 3600.0
        passed = hours > 0
        excess = self._up_to(self.excess_h, at_s) - self._up_to(self.excess_h, since_s)
        doubt = self._up_to(self.doubt_h, at_s) - self._up_to(self.doubt_h, since_s)
        return hours + np.where(passed, excess, 0.0), np.where(passed, doubt, 0.0)

    def _up_to(self, summed: Doubles, at_s: Doubles) -> Doubles:
        edges = self.edges_s
        day = np.clip(np.searchsorted(edges, at_s, side="right") - 1, 0, len(edges) - 2)
        part = np.clip((at_s - edges[day]) / (edges[day + 1] - edges[day]), 0.0, 1.0)
        before, after = summed[self.group, day], summed[self.group, day + 1]
        return np.asarray(before + part * (after - before), dtype=np.float64)


def read_paces(session: Session, groups: Sequence[Group], now: datetime) -> Paces | None:
    """Read how fast time passes for bins.

    Parameters
    ----------
    groups
        The district and stream of each bin.

    Returns
    -------
    Paces or None
        None if the calendar has nothing within reach: all hours are alike.
    """
    calendar = read_calendar(session, (now - BACK).date(), (now + AHEAD).date())
    if calendar is None or not groups:
        return None
    effects = {
        (row.district_id, Stream(row.stream), DayKind(row.kind)): (row.effect, row.sigma, row.days, row.share)
        for row in session.exec(select(DayEffect))
    }
    return paces(calendar, effects, groups, now)


def paces_of(session: Session, bin_ids: Sequence[str], now: datetime) -> Paces | None:
    """Read how fast time passes for bins of these ids, in this order."""
    rows = session.exec(
        select(Bin.id, CollectionPoint.district_id, Bin.stream)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .where(col(Bin.id).in_(bin_ids))
    )
    group_of = {bin_id: (district_id, Stream(stream)) for bin_id, district_id, stream in rows}
    return read_paces(session, [group_of[bin_id] for bin_id in bin_ids], now)


def paces(
    calendar: Calendar,
    effects: Mapping[tuple[str, Stream, DayKind], tuple[float, float, float, float]],
    groups: Sequence[Group],
    now: datetime,
) -> Paces:
    """Lay what was learnt over the days around now.

    The mean pace of a bin has its special days in it: a day without is as much slower as they are faster and frequent.

    Parameters
    ----------
    effects
        Effect, standard deviation, days learnt from and share of days, by district (empty: the city), stream and kind.
    """
    local = now.astimezone(calendar.zone)
    days = days_between((local - BACK).date(), (local + AHEAD).date())
    edges = np.array(day_edges_s(calendar, days[0], days[-1]))
    different = sorted(set(groups))
    excess, doubt = np.zeros((2, len(different), len(edges)))
    special: list[tuple[Special, ...]] = []
    for row, (district_id, stream) in enumerate(different):
        learnt = {
            kind: effects.get((district_id, stream, kind), effects.get((WHOLE_CITY, stream, kind), NOT_LEARNT))
            for kind in DayKind
        }
        plain = -sum(effect * share for effect, _, _, share in learnt.values())
        found = []
        for number, day in enumerate(days):
            kinds = sorted(calendar.kinds(day, district_id))
            hours = (edges[number + 1] - edges[number]) / 3600.0
            pace = max(1 + plain + sum(learnt[kind][0] for kind in kinds), SLOWEST)
            # More doubt than pace would let time run backwards.
            sigma = min(sum(learnt[kind][1] ** 2 for kind in kinds) ** 0.5, pace)
            excess[row, number + 1] = hours * (pace - 1)
            doubt[row, number + 1] = hours * sigma
            found += [Special(kind, edges[number], edges[number + 1], *learnt[kind][:3]) for kind in kinds]
        special.append(tuple(found))
    place = {group: row for row, group in enumerate(different)}
    return Paces(
        edges,
        np.cumsum(excess, axis=1),
        np.cumsum(doubt, axis=1),
        tuple(special),
        np.array([place[group] for group in groups], dtype=np.intp),
    )
