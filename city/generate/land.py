"""The ground a generated city stands on: its edge, where it is busy, and the river that winds through it.

Places are complex numbers here and in the rest of the generator: metres east and, imaginary, metres north of the
city's middle.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Places = NDArray[np.complex128]

# Distance between two samples of the river's middle line; a distance to the river is wrong by less than a tenth of it.
_RIVER_STEP_M = 12.0
# Between the water's edge and the middle of the road along it.
EMBANKMENT_M = 24.0


@dataclass(frozen=True, slots=True)
class Waves:
    """A smooth random displacement: plane waves added up. It moves neighbours alike, so drawings stay drawings."""

    wavenumber: Places
    phase: NDArray[np.float64]
    shift: Places

    @classmethod
    def draw(cls, rng: np.random.Generator, shortest_m: float, longest_m: float, count: int, slope: float) -> "Waves":
        """Draw waves of lengths between two bounds that bend the plane by about `slope` (0 nothing, 1 folds it)."""
        length = np.exp(rng.uniform(np.log(shortest_m), np.log(longest_m), count))
        wavenumber = 2 * np.pi / length * np.exp(1j * rng.uniform(0, 2 * np.pi, count))
        size = slope * length / (2 * np.pi * np.sqrt(count / 2))
        return cls(wavenumber, rng.uniform(0, 2 * np.pi, count), size * np.exp(1j * rng.uniform(0, 2 * np.pi, count)))

    def move(self, places: Places) -> Places:
        """Return where the places come to lie."""
        moved = places.copy()
        for wavenumber, phase, shift in zip(self.wavenumber, self.phase, self.shift, strict=True):
            moved += shift * np.sin((places * np.conj(wavenumber)).real + phase)
        return moved


@dataclass(frozen=True, slots=True)
class Land:
    """The city's ground.

    Attributes
    ----------
    radius_m
        Of a disc as large as the city.
    edge_size, edge_phase
        The edge's harmonics around that disc, as shares of the radius.
    centre, centre_weight, centre_radius_m
        The old town, first, and the later centres around it.
    river
        The river's middle line, from one side of the city to the other.
    river_half_width_m
        From the middle line to the water's edge.
    """

    radius_m: float
    edge_size: NDArray[np.float64]
    edge_phase: NDArray[np.float64]
    centre: Places
    centre_weight: NDArray[np.float64]
    centre_radius_m: NDArray[np.float64]
    river: Places
    river_half_width_m: float

    def inside(self, places: Places) -> NDArray[np.bool_]:
        """Say which places lie within the city's edge."""
        angle = np.angle(places)
        order = np.arange(2, 2 + len(self.edge_size))
        wave = (self.edge_size * np.sin(order * angle[..., None] + self.edge_phase)).sum(axis=-1)
        return np.asarray(np.abs(places) < self.radius_m * (1 + wave))

    def bustle(self, places: Places) -> NDArray[np.float64]:
        """Return how busy it is there: 1 in the old town, towards 0 at the edge."""
        distance = np.abs(places[..., None] - self.centre) / self.centre_radius_m
        return np.asarray((self.centre_weight * np.exp(-distance)).max(axis=-1))

    def river_distance(self, places: Places) -> NDArray[np.float64]:
        """Return the distance to the river's middle line, metres."""
        return np.abs(places - self.river[self._nearest(places)])

    def river_position(self, places: Places) -> NDArray[np.float64]:
        """Return how far down the river the nearest part of it is, metres."""
        return np.asarray(_RIVER_STEP_M * self._nearest(places))

    def right_of_river(self, places: Places) -> NDArray[np.bool_]:
        """Say which places are on the right bank's side."""
        nearest = self._nearest(places)
        down = np.gradient(self.river)[nearest]
        return (np.conj(down) * (places - self.river[nearest])).imag < 0

    def push_from_river(self, places: Places, margin_m: float) -> Places:
        """Move places that are in the river, or nearer to the water than the margin, straight away from it."""
        nearest = self._nearest(places.ravel()).reshape(places.shape)
        away = places - self.river[nearest]
        missing = np.maximum(0.0, self.river_half_width_m + margin_m - np.abs(away))
        return places + missing * away / np.maximum(np.abs(away), 1e-9)

    def _nearest(self, places: Places) -> NDArray[np.intp]:
        tree = cKDTree(np.column_stack([self.river.real, self.river.imag]))
        return np.asarray(tree.query(np.column_stack([places.real, places.imag]))[1])

    def water(self, margin_m: float = 0.0) -> shapely.Polygon:
        """Return the river as a polygon, wider by a margin on both sides."""
        line = shapely.LineString(np.column_stack([self.river.real, self.river.imag]))
        return line.buffer(self.river_half_width_m + margin_m, cap_style="flat", quad_segs=4)


def draw_land(area_km2: float, rng: np.random.Generator) -> Land:
    """Draw the ground for a city of that size."""
    radius = float(np.sqrt(area_km2 * 1e6 / np.pi))
    later = int(np.clip(round(area_km2 / 90), 2, 14))
    away = radius * rng.uniform(0.35, 0.85, later) * np.exp(1j * (rng.uniform(0, 2 * np.pi) + _spread(later, rng)))
    return Land(
        radius_m=radius,
        edge_size=np.array([0.09, 0.07, 0.05, 0.03]) * rng.uniform(0.6, 1.4, 4),
        edge_phase=rng.uniform(0, 2 * np.pi, 4),
        centre=np.concatenate([[0.05 * radius * np.exp(2j * np.pi * rng.random())], away]),
        centre_weight=np.concatenate([[1.0], rng.uniform(0.45, 0.75, later)]),
        centre_radius_m=radius * np.concatenate([[0.55], rng.uniform(0.14, 0.24, later)]),
        river=_river(radius, rng),
        river_half_width_m=18 + 0.0062 * radius,
    )


def _spread(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return angles all round, no two alike."""
    return np.asarray(2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count)


def _river(radius: float, rng: np.random.Generator) -> Places:
    """Draw a river that passes the old town at a little distance, in wide bends with smaller ones on them."""
    along = np.arange(-1.7 * radius, 1.7 * radius, 1.0)
    aside = radius * rng.choice([-1.0, 1.0]) * rng.uniform(0.10, 0.22)
    phase = rng.uniform(0, 2 * np.pi, 3)
    for share, length, start in zip((0.13, 0.045, 0.012), (1.25, 0.47, 0.21), phase, strict=True):
        aside = aside + radius * share * np.sin(2 * np.pi * along / (radius * length) + start)
    fine = (along + 1j * aside) * np.exp(1j * rng.uniform(0, 2 * np.pi))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(fine)))])
    return np.asarray(np.interp(np.arange(0, way[-1], _RIVER_STEP_M), way, fine))
