"""All bins of a city as arrays, in the order of their ids: what the simulated city is computed on."""

from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from city.registry import Bin, CollectionPoint, PointKind, StreamRule
from city.store import city_of
from city.streams import Stream
from scenarios.errors import ScenarioError

STREAMS = tuple(Stream)
KINDS = tuple(PointKind)

# Where a city gives no rule for a stream. kg per litre as it lies in the bin.
FALLBACK_DENSITY_KG_PER_L = 0.12


@dataclass(frozen=True, eq=False)
class Bins:
    """Every active bin at an active collection point.

    Attributes
    ----------
    id, point_id, district_id
        One entry a bin; `point_id` and `district_id` are the bin's point's.
    stream, kind
        Row in `STREAMS` and in `KINDS` (int64).
    usable_volume_l, depth_cm, density_kg_per_l
        Of the bin and its stream (float64).
    attended
        Whether somebody at the point swaps a full bin (bool).
    timezone
        The city's: people live by local hours.
    """

    id: tuple[str, ...]
    point_id: tuple[str, ...]
    district_id: tuple[str, ...]
    stream: NDArray[np.int64]
    kind: NDArray[np.int64]
    usable_volume_l: NDArray[np.float64]
    depth_cm: NDArray[np.float64]
    density_kg_per_l: NDArray[np.float64]
    attended: NDArray[np.bool_]
    timezone: ZoneInfo

    def __len__(self) -> int:
        """Return the number of bins."""
        return len(self.id)

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """Number of each bin's group: the bins of one stream at one point, which people fill and crews empty together.

        Groups are numbered in the order of their first bin.
        """
        numbers: dict[tuple[str, int], int] = {}
        pairs = zip(self.point_id, self.stream.tolist(), strict=True)
        return np.array([numbers.setdefault(pair, len(numbers)) for pair in pairs], dtype=np.int64)

    @cached_property
    def of_stop(self) -> dict[tuple[str, Stream], NDArray[np.int64]]:
        """Rows of the bins that a stop empties, by point and stream."""
        rows: dict[tuple[str, Stream], list[int]] = {}
        for row, (point_id, stream) in enumerate(zip(self.point_id, self.stream.tolist(), strict=True)):
            rows.setdefault((point_id, STREAMS[stream]), []).append(row)
        return {stop: np.array(found, dtype=np.int64) for stop, found in rows.items()}


def load_bins(session: Session) -> Bins:
    """Read the bins from the registry.

    Raises
    ------
    CityError
        If the database holds no city.
    ScenarioError
        If the city has no bin.
    """
    city = city_of(session)
    densities = {rule.stream: rule.density_kg_per_l for rule in session.exec(select(StreamRule))}
    rows = session.exec(
        select(
            Bin.id, Bin.point_id, CollectionPoint.district_id, Bin.stream, CollectionPoint.kind,
            Bin.usable_volume_l, Bin.depth_cm, CollectionPoint.attended,
        )  # type: ignore[call-overload]
        .join(CollectionPoint, col(Bin.point_id) == col(CollectionPoint.id))
        .where(col(Bin.active), col(CollectionPoint.active))
        .order_by(col(Bin.id))
    ).all()  # fmt: skip
    if not rows:
        raise ScenarioError("the city has no active bin; nothing would ever be thrown away")
    ids, point_ids, district_ids, streams, kinds, volumes, depths, attended = zip(*rows, strict=True)
    return Bins(
        id=ids,
        point_id=point_ids,
        district_id=district_ids,
        stream=np.array([STREAMS.index(stream) for stream in streams], dtype=np.int64),
        kind=np.array([KINDS.index(kind) for kind in kinds], dtype=np.int64),
        usable_volume_l=np.array(volumes, dtype=np.float64),
        depth_cm=np.array(depths, dtype=np.float64),
        density_kg_per_l=np.array([densities.get(stream, FALLBACK_DENSITY_KG_PER_L) for stream in streams]),
        attended=np.array(attended, dtype=bool),
        timezone=ZoneInfo(city.timezone),
    )
