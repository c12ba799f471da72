"""Learning what special days bring: once in a while from all diaries of the city, and only if it has a calendar."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from city.calendar import Calendar, days_between, read_calendar
from city.database import reading, transaction
from city.registry import Bin, CollectionPoint, DayKind
from city.streams import Stream
from sensors.bulk import insert_or_update
from sensors.day_effects import DayEffect, Days, learn_city
from sensors.day_gains import DayGain, day_edges_s, gains_by_day
from sensors.diary import SLOT, SLOTS, BinDiary, stored_diaries
from sensors.experience import open_diaries

# Holidays come once a year: three of each are remembered. Longer ago, the city was another one.
REMEMBERED = timedelta(days=3 * 366)
# Diaries read at a time: a few megabytes.
TOGETHER = 2_000


def learn_special_days(engine: Engine, now: datetime) -> int:
    """Note what came in on the days of the diaries and learn from all days on record what special ones bring.

    Everything is made anew from what is stored, so it does not matter when, how often or by how many this is called.

    Returns
    -------
    int
        How many effects are known; 0 without a calendar.
    """
    with reading(engine) as session:
        calendar = read_calendar(session, (now - REMEMBERED).date(), now.date())
        if calendar is None:
            return 0
        today = now.astimezone(calendar.zone).date()
        # Today is not over, and the last pages of yesterday may not be settled.
        first, last = today - SLOTS * SLOT, today - timedelta(days=1)
        gains = _gains(session, calendar, first, last)
    with transaction(engine) as session:
        insert_or_update(session, DayGain, gains, update=["gained", "expected"])
        effects = _effects(session, calendar, today)
        session.execute(sa.delete(DayEffect))
        session.add_all(effects)
    return len(effects)


def _gains(session: Session, calendar: Calendar, first: date, last: date) -> list[dict[str, Any]]:
    """Sum up what the diaries tell of each day, by district and stream."""
    bins: dict[tuple[str, Stream], list[str]] = defaultdict(list)
    rows = session.exec(
        select(CollectionPoint.district_id, Bin.stream, Bin.id)
        .join(Bin, col(Bin.point_id) == CollectionPoint.id)
        .join(BinDiary, col(BinDiary.bin_id) == Bin.id)
        .order_by(col(Bin.id))
    )
    for district_id, stream, bin_id in rows:
        bins[district_id, Stream(stream)].append(bin_id)
    days, edges = days_between(first, last), day_edges_s(calendar, first, last)
    found: list[dict[str, Any]] = []
    for (district_id, stream), its in sorted(bins.items()):
        gained, expected = np.zeros((2, len(days)))
        for start in range(0, len(its), TOGETHER):
            stored = stored_diaries(session, its[start : start + TOGETHER])
            of_bins = gains_by_day(open_diaries([(stored[one], None) for one in sorted(stored)]), edges)
            gained, expected = (
                total + part.sum(axis=0) for total, part in zip((gained, expected), of_bins, strict=True)
            )
        found += [
            {"district_id": district_id, "stream": stream, "day": day, "gained": float(came), "expected": float(usual)}
            for day, came, usual in zip(days, gained, expected, strict=True)
            if usual > 0
        ]
    return found


def _effects(session: Session, calendar: Calendar, today: date) -> list[DayEffect]:
    """Learn effects from all days on record."""
    record: dict[Stream, dict[str, dict[date, DayGain]]] = defaultdict(lambda: defaultdict(dict))
    for row in session.exec(select(DayGain).where(col(DayGain.day) >= today - REMEMBERED)):
        record[Stream(row.stream)][row.district_id][row.day] = row
    found = []
    for stream, districts in sorted(record.items()):
        days = sorted({day for its in districts.values() for day in its})
        told = {district_id: _days(calendar, district_id, days, its) for district_id, its in sorted(districts.items())}
        kinds = list(DayKind)
        for district_id, effects in learn_city(told).items():
            columns = (effects.effect, effects.sigma, effects.days, effects.share)
            for kind, *numbers in zip(kinds, *(column.tolist() for column in columns), strict=True):
                effect, sigma, known_days, share = numbers
                if known_days > 0:
                    found.append(
                        DayEffect(
                            district_id=district_id,
                            stream=stream,
                            kind=kind,
                            effect=effect,
                            sigma=sigma,
                            days=known_days,
                            share=share,
                        )
                    )
    return found


def _days(calendar: Calendar, district_id: str, days: list[date], its: dict[date, DayGain]) -> Days:
    return Days(
        np.array([its[day].gained if day in its else 0.0 for day in days]),
        np.array([its[day].expected if day in its else 0.0 for day in days]),
        np.array([day.weekday() for day in days]),
        np.array(
            [[kind in special for kind in DayKind] for special in (calendar.kinds(day, district_id) for day in days)],
            dtype=float,
        ),
    )
