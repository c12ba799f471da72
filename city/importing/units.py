"""Which values of a column are plausible, and which unit was probably meant where one is not."""

from collections.abc import Mapping
from typing import NamedTuple


class Range(NamedTuple):
    """From `least` to `most`, both included."""

    least: float
    most: float

    def __contains__(self, value: object) -> bool:
        """Whether a number lies in it."""
        return isinstance(value, int | float) and self.least <= value <= self.most


# Wide enough for anything on the market: a 40 l basket and a 40 m3 roll-off container, a narrow-lane tipper and an
# articulated lorry. A value outside is a wrong unit or a slip.
PLAUSIBLE: Mapping[tuple[str, str], Range] = {
    ("stream_rules", "density_kg_per_l"): Range(0.01, 2.0),
    ("stream_rules", "max_interval_h"): Range(1, 24 * 366),
    ("points", "service_s"): Range(0, 2 * 3600),
    ("points", "max_width_cm"): Range(100, 2_000),
    ("points", "max_height_cm"): Range(100, 2_000),
    ("points", "max_weight_kg"): Range(500, 100_000),
    ("bins", "usable_volume_l"): Range(10, 45_000),
    ("bins", "depth_cm"): Range(10, 800),
    ("facilities", "unloading_s"): Range(0, 4 * 3600),
    ("trucks", "capacity_kg"): Range(100, 60_000),
    ("trucks", "capacity_l"): Range(100, 100_000),
    ("trucks", "compaction"): Range(1, 12),
    ("closures", "slower"): Range(1, 20),
    ("weather_days", "rain_mm"): Range(0, 2_000),
    ("weather_days", "mean_c"): Range(-60, 50),
    ("trucks", "width_cm"): Range(80, 400),
    ("trucks", "height_cm"): Range(100, 600),
    ("trucks", "gross_weight_kg"): Range(300, 100_000),
    ("shifts", "max_duration_s"): Range(900, 24 * 3600),
    ("shifts", "max_overtime_s"): Range(0, 8 * 3600),
    ("shifts", "break_s"): Range(300, 3 * 3600),
    ("crews", "size"): Range(1, 20),
}

# What people write instead, by the end of the column's name: their unit, and how many of ours it is.
INSTEAD: Mapping[str, tuple[tuple[str, float], ...]] = {
    "_kg_per_l": (("kg/m³", 0.001),),
    "_kg": (("t", 1000.0), ("g", 0.001)),
    "_cm": (("m", 100.0), ("mm", 0.1)),
    "_l": (("m³", 1000.0),),
    "_s": (("h", 3600.0), ("min", 60.0)),
    "_h": (("d", 24.0), ("s", 1 / 3600)),
}


def probable_unit(table: str, column: str, value: float) -> tuple[str, float] | None:
    """Guess the unit of a value that is not plausible in ours.

    Returns
    -------
    tuple or None
        The unit, and the value converted from it; ``None`` if no usual unit makes it plausible.
    """
    plausible = PLAUSIBLE.get((table, column))
    ending = next((ending for ending in INSTEAD if column.endswith(ending)), None)
    if plausible is None or ending is None:
        return None
    for unit, factor in INSTEAD[ending]:
        if value * factor in plausible:
            return unit, value * factor
    return None
