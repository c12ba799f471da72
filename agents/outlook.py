"""The outlook: what is known and expected of every bin of a district, read by columns and forecast by arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from agents.ground import Ground
from agents.stop_ids import stop_id_of
from city.registry import Bin, CollectionPoint
from city.streams import Stream
from sensors.diary import BinDiary, last_heard
from sensors.experience import open_diaries
from sensors.forecast import Estimated, levels_at, overflow_probabilities, stack
from sensors.levels import BinState
from sensors.paces import read_paces

# What lies beside an overflowing bin is rarely more than half a bin; people go elsewhere then. It also keeps a bin that
# nobody has heard of for weeks from being expected to hold a truckload.
MOST_EXPECTED_LEVEL = 1.5


@dataclass(frozen=True, slots=True)
class BinOutlook:
    """What is known and expected of one bin in use.

    Attributes
    ----------
    level, sigma
        Fill level now and its standard deviation; ``None``: nothing is known.
    full_now
        Probability that it is overflowing now.
    full_by_service
        Probability that it overflows before a truck of this shift can be expected.
    full_by_next
        Probability that it overflows before the next chance after this shift.
    expected_l
        Litres in it, or beside it, when a truck of this shift can be expected.
    """

    bin_id: str
    point_id: str
    stream: Stream
    level: float | None
    sigma: float | None
    rate_per_h: float
    full_now: float
    full_by_service: float
    full_by_next: float
    expected_l: float
    emptied_at: datetime | None
    heard_at: datetime | None

    @property
    def stop_id(self) -> str:
        """The stop it is emptied at."""
        return stop_id_of(self.point_id, self.stream)


def outlooks(session: Session, ground: Ground) -> list[BinOutlook]:
    """Read every bin in use of a district and forecast it for a shift; by point, then by id."""
    rows = _rows(session, ground.day.district_id)
    known = [
        (
            None if row.pages is None else (row.last_slot, row.pages),
            None if row.recent is None else last_heard(row.recent),
        )
        for row in rows
    ]
    paces = read_paces(session, [(ground.day.district_id, row.stream) for row in rows], ground.now)
    states = stack(cast("Sequence[Estimated]", rows), open_diaries(known), paces)
    level, sigma = levels_at(states, ground.now)
    expected, _ = levels_at(states, ground.expected_at)
    full_now = overflow_probabilities(states, ground.now)
    full_by_service = overflow_probabilities(states, ground.expected_at)
    full_by_next = np.zeros(len(rows))
    for stream in Stream:
        its = np.array([row.stream is stream for row in rows], dtype=np.bool_)
        if its.any():
            full_by_next[its] = overflow_probabilities(states[its], ground.next_at(stream))
    columns = zip(
        rows,
        level.tolist(),
        sigma.tolist(),
        np.minimum(expected, MOST_EXPECTED_LEVEL).tolist(),
        full_now.tolist(),
        full_by_service.tolist(),
        full_by_next.tolist(),
        strict=True,
    )
    return [
        BinOutlook(
            bin_id=row.id,
            point_id=row.point_id,
            stream=row.stream,
            level=None if row.fill_level is None or row.as_of is None else mean,
            sigma=None if row.fill_level is None or row.as_of is None else spread,
            rate_per_h=row.rate_per_h,
            full_now=now,
            full_by_service=by_service,
            full_by_next=by_next,
            expected_l=full * row.usable_volume_l,
            emptied_at=row.emptied_at,
            heard_at=row.heard_at,
        )
        for row, mean, spread, full, now, by_service, by_next in columns
    ]


def _rows(session: Session, district_id: str) -> Sequence[Any]:
    """Read bins with their states; a bin without a state has the same columns as one that nothing is known of."""
    none = sa.literal(0.0)
    return (
        session.connection()
        .execute(
            sa.select(
                col(Bin.id),
                col(Bin.point_id),
                col(Bin.stream),
                col(Bin.usable_volume_l),
                col(BinState.fill_level),
                sa.func.coalesce(BinState.sigma, none).label("sigma"),
                col(BinState.as_of),
                sa.func.coalesce(BinState.rate_per_h, none).label("rate_per_h"),
                sa.func.coalesce(BinState.rate_sigma, none).label("rate_sigma"),
                sa.func.coalesce(BinState.volatility, none).label("volatility"),
                col(BinState.rival_level),
                sa.func.coalesce(BinState.rival_sigma, none).label("rival_sigma"),
                col(BinState.rival_as_of),
                sa.func.coalesce(BinState.rival_odds, none).label("rival_odds"),
                col(BinState.emptied_at),
                col(BinState.heard_at),
                col(BinState.recent),
                col(BinDiary.last_slot),
                col(BinDiary.pages),
            )
            .join(CollectionPoint, col(CollectionPoint.id) == col(Bin.point_id))
            .outerjoin(BinState, col(BinState.bin_id) == col(Bin.id))
            .outerjoin(BinDiary, col(BinDiary.bin_id) == col(Bin.id))
            .where(col(CollectionPoint.district_id) == district_id, col(CollectionPoint.active), col(Bin.active))
            .order_by(col(Bin.point_id), col(Bin.id))
        )
        .all()
    )
