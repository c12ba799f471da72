"""What came in on each day, by district and stream, beside what bins take in on a day like any other.

It is read from the settled pages of bins' diaries, so the order in which readings arrived makes no difference. A diary
forgets after a quarter of a year and holidays are rare: the sums are kept for years.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlmodel import Field, SQLModel

from city.calendar import Calendar, days_between
from city.database import word
from city.streams import Stream
from sensors.diary import SLOT_H
from sensors.experience import FALLEN, Diaries, settled_levels

Doubles = NDArray[np.float64]

SLOT_S = 3600.0 * SLOT_H
# A bin's usual pace is not known from less than two weeks, and one of less than a fiftieth a week is noise.
FEWEST_H, LEAST_RATE_PER_H = 14 * 24.0, 0.02 / (7 * 24.0)


class DayGain(SQLModel, table=True):
    """What the bins of one stream in one district took in on one day."""

    __tablename__ = "day_gain"

    district_id: str = Field(primary_key=True, foreign_key="district.id")
    stream: Stream = Field(sa_column=word(Stream, primary_key=True))
    day: date = Field(primary_key=True, description="in the city's time zone")
    gained: float = Field(sa_type=sa.Float, description="usable volumes, in the hours that are known")
    expected: float = Field(sa_type=sa.Float, description="the same at the bins' mean paces of that quarter")


def gains_by_day(diaries: Diaries, edges_s: Sequence[float]) -> tuple[Doubles, Doubles]:
    """Return what each bin gained on each day, and what it would have at its mean pace.

    The six hours in which a bin was emptied are left out of both; six hours across midnight are shared out.

    Parameters
    ----------
    edges_s
        Where days begin, and where the last one ends; seconds since 1970.

    Returns
    -------
    tuple
        Gained and expected, usable volumes, shape (bins, days); nothing of bins whose pace is not known.
    """
    levels = settled_levels(diaries)
    gains = np.diff(levels, axis=1).astype(np.float64)
    known = np.isfinite(gains) & (gains > -FALLEN)
    first = diaries.last_slot - levels.shape[1] + 1
    lowest = int(first.min(initial=0 if not len(first) else int(first[0])))
    begin_s = SLOT_S * np.arange(lowest, int(first.max(initial=lowest)) + gains.shape[1])
    edges = np.asarray(edges_s, dtype=np.float64)
    shared = np.minimum(begin_s[:, None] + SLOT_S, edges[1:]) - np.maximum(begin_s[:, None], edges[:-1])
    shared = np.maximum(shared, 0.0) / SLOT_S
    gained = np.zeros((len(diaries), len(edges) - 1))
    hours = np.zeros_like(gained)
    # Diaries end in few different slots, those of a city mostly in the same one.
    for offset in np.unique(first - lowest).tolist():
        its = first - lowest == offset
        part = shared[offset : offset + gains.shape[1]]
        gained[its] = np.where(known[its], gains[its], 0.0) @ part
        hours[its] = known[its] @ part * SLOT_H
    total_h = hours.sum(axis=1)
    rate = gained.sum(axis=1) / np.maximum(total_h, 1.0)
    tells = (total_h >= FEWEST_H) & (rate >= LEAST_RATE_PER_H)
    return np.where(tells[:, None], gained, 0.0), np.where(tells, rate, 0.0)[:, None] * hours


def day_edges_s(calendar: Calendar, first: date, last: date) -> list[float]:
    """Return where the days from one to another begin, and where the last one ends."""
    return [
        *map(calendar.begins_s, days_between(first, last)),
        calendar.begins_s(date.fromordinal(last.toordinal() + 1)),
    ]
