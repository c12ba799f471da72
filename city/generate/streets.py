"""The streets of a generated city with everything that is on them, before anything is collected there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from city.generate.arterials import draw_arterials
from city.generate.blocks import cut_into_blocks
from city.generate.land import Land, draw_land
from city.generate.layout import Layout, lay_out
from city.generate.names import name_streets
from city.generate.traffic import Traffic, regulate
from city.generate.turns import forbid_turns


@dataclass(frozen=True, slots=True)
class Streets:
    """Ground, streets and signs.

    Attributes
    ----------
    turns
        Forbidden ones: segment, vertex of the junction, segment. Shape (turns, 3).
    names
        Of every street of the layout.
    """

    land: Land
    layout: Layout
    traffic: Traffic
    turns: NDArray[np.int64]
    names: list[str]


def build_streets(area_km2: float, rng: np.random.Generator) -> Streets:
    """Build the streets of a city of that size."""
    land = draw_land(area_km2, rng)
    skeleton = draw_arterials(land, rng)
    cut_into_blocks(skeleton.drawing, skeleton.faces, land, rng)
    layout, traffic = regulate(lay_out(skeleton.drawing, land, rng), land, rng)
    turns = forbid_turns(layout, traffic, rng)
    return Streets(land, layout, traffic, turns, name_streets(layout, rng))
