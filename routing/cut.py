"""What a road graph leaves out: streets a truck may not use, and streets it could not reach or not come back from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from city.lines import COORDINATE_DECIMALS, polylines
from city.network import RoadNetwork
from routing.hours import closed_always
from routing.profile import TruckProfile
from routing.streets import Streets, passable


class CutReason(StrEnum):
    """Why a segment, or one direction of it, is not in the graph."""

    NOT_FOR_TRUCKS = "not_for_trucks"
    TOO_SMALL_FOR_TRUCK = "too_small_for_truck"
    CLOSED_BY_RULE = "closed_by_rule"
    NO_DIRECTION = "no_direction"
    NOT_CONNECTED = "not_connected"
    ONE_DIRECTION_NOT_CONNECTED = "one_direction_not_connected"


@dataclass(frozen=True, slots=True)
class CutPart:
    """All segments left out for one reason."""

    reason: CutReason
    segments: int
    length_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What was cut off, by segment.

    Attributes
    ----------
    rows, reasons
        The segments, as rows of the graph's network, and why. `ONE_DIRECTION_NOT_CONNECTED` segments are still there
        in the other direction. Shape (segments cut off,).
    kept_segments, kept_length_m
        What remains, in at least one direction.
    """

    network: RoadNetwork
    rows: NDArray[np.int64]
    reasons: NDArray[np.str_]
    kept_segments: int
    kept_length_m: float

    @property
    def parts(self) -> tuple[CutPart, ...]:
        """Counts and lengths by reason, those that occur."""
        length = self.network.length_m[self.rows]
        return tuple(
            CutPart(reason, int(here.sum()), float(length[here].sum()))
            for reason in CutReason
            if (here := self.reasons == reason.value).any()
        )

    @property
    def summary(self) -> str:
        """One English sentence with the figures."""
        if not self.parts:
            return f"All {self.kept_segments} street segments are in the graph."
        lost = ", ".join(
            f"{part.segments} {part.reason.value.replace('_', ' ')} ({part.length_m / 1000:.1f} km)"
            for part in self.parts
        )
        kept = f"{self.kept_segments} street segments ({self.kept_length_m / 1000:.1f} km) are in the graph"
        return f"{kept}; left out: {lost}."

    def geojson(self) -> dict[str, Any]:
        """Return the segments left out as a GeoJSON FeatureCollection, each with its way, name and reason."""
        lon, lat, start = polylines(self.network, self.rows)
        features = [
            {
                "type": "Feature",
                "geometry": {
                    "type": "LineString",
                    "coordinates": np.round(
                        np.stack([lon[start[k] : start[k + 1]], lat[start[k] : start[k + 1]]], axis=1),
                        COORDINATE_DECIMALS,
                    ).tolist(),
                },
                "properties": {
                    "segment_id": int(self.network.segment_id[row]),
                    "way_id": int(self.network.way_id[row]),
                    "name": self.network.names[self.network.name[row]],
                    "length_m": round(float(self.network.length_m[row]), 1),
                    "reason": str(self.reasons[k]),
                },
            }
            for k, row in enumerate(self.rows.tolist())
        ]
        return {"type": "FeatureCollection", "features": features}


def what_was_cut(network: RoadNetwork, profile: TruckProfile, kept: Streets) -> Cut:
    """Compare the network with the streets that were kept."""
    size = len(network.length_m)
    directions = np.bincount(kept.segment, minlength=size)
    legal = network.forward.astype(np.int64) + network.backward
    reasons = np.full(size, "", dtype=f"U{max(map(len, CutReason))}")
    reasons[directions < legal] = CutReason.ONE_DIRECTION_NOT_CONNECTED
    reasons[directions == 0] = CutReason.NOT_CONNECTED
    reasons[legal == 0] = CutReason.NO_DIRECTION
    reasons[~passable(network, profile)] = CutReason.TOO_SMALL_FOR_TRUCK
    reasons[closed_always(network, profile)] = CutReason.CLOSED_BY_RULE
    reasons[~network.truck] = CutReason.NOT_FOR_TRUCKS
    rows = np.flatnonzero(reasons != "")
    return Cut(
        network,
        rows,
        reasons[rows],
        int((directions > 0).sum()),
        float(network.length_m[directions > 0].sum()),
    )
