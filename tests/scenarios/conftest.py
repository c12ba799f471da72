"""A small city of bins, made by hand."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from city.registry import PointKind
from city.streams import Stream
from scenarios.bins import KINDS, STREAMS, Bins

POINTS = 120


@pytest.fixture(scope="session")
def bins() -> Bins:
    """120 points in two districts: bin rooms (attended), isles and street bins, each with two streams or one."""
    rows: list[tuple[str, str, str, Stream, PointKind, float, bool]] = []
    for number in range(POINTS):
        kind = KINDS[number % len(KINDS)]
        streams = [Stream.DRY] if kind is PointKind.STREET else [Stream.DRY, Stream.DRY, Stream.WET]
        rows += [
            (f"p{number:03d}-{place}", f"p{number:03d}", f"d{number % 2}", stream, kind, 240.0, number % 3 == 0)
            for place, stream in enumerate(streams)
        ]
    ids, points, districts, streams, kinds, volumes, attended = zip(*rows, strict=True)
    return Bins(
        id=ids,
        point_id=points,
        district_id=districts,
        stream=np.array([STREAMS.index(stream) for stream in streams]),
        kind=np.array([KINDS.index(kind) for kind in kinds]),
        usable_volume_l=np.array(volumes),
        depth_cm=np.full(len(ids), 90.0),
        density_kg_per_l=np.full(len(ids), 0.1),
        attended=np.array(attended),
        timezone=ZoneInfo("Asia/Shanghai"),
    )
