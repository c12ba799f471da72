"""What a single reading is worth: its fill level, or the reason why it has none to be believed."""

from dataclasses import dataclass

from city.shapes import LINEAR, Profile, volume_share
from sensors.stillness import SAME_CM
from sensors.telemetry import Verdict
from sensors.uplink import Measured

# A sensor may stand a little higher than was written down; below the bottom of the bin there is nothing to see.
BELOW_BOTTOM_CM = 15.0
# Distances that devices of several makers send instead of "nothing came back", whatever the bin.
SENTINELS_CM = frozenset({254.0, 255.0, 6553.4, 6553.5})
# The heap may stand this far above the line where the bin counts as full.
HIGHEST_LEVEL = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A device that says the same for too long: what it says, and the verdict on that, worded as ``verdict.<reason>``.

    A frozen one is believed again once it is warm.
    """

    distance_cm: float
    verdict: Verdict
    reason: str
    numbers: dict[str, float]

    def holds(self, measured: Measured) -> bool:
        """Tell whether a reading is one more of the same."""
        if measured.distance_cm is None or abs(measured.distance_cm - self.distance_cm) > SAME_CM:
            return False
        return self.verdict is not Verdict.FROZEN or (measured.temperature_c is not None and measured.temperature_c < 0)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a device can see.

    Parameters
    ----------
    mounting_height_cm
        From the sensor down to the bottom of the bin.
    depth_cm
        From the bottom up to where the bin counts as full; none for a device without a bin.
    profile
        How the bin widens, of `city.shapes`.
    empty_cm
        What the sensor reads when the bin is empty, as learnt; none: the mounting height is taken for it.
    dead_zone_cm
        Nearer than this the device sees nothing, and says this or anything.
    drifted
        What it reads when the bin is empty is so far from what was registered that neither can be believed.
    still
        It stands still.
    """

    mounting_height_cm: float
    depth_cm: float | None
    profile: Profile = LINEAR
    empty_cm: float | None = None
    dead_zone_cm: float = 0.0
    drifted: bool = False
    still: Standing | None = None

    @property
    def bottom_cm(self) -> float:
        """Distance at which the bin is empty."""
        return self.mounting_height_cm if self.empty_cm is None else self.empty_cm

    def level(self, distance_cm: float) -> float | None:
        """Return the share of the usable volume that lies below what reflects at a distance.

        The mark where the bin counts as full never comes nearer to the sensor than what was registered says: a wrong
        calibration may make a bin seem fuller than it is, and a full one never less than full.
        """
        if self.depth_cm is None:
            return None
        full_cm = max(self.bottom_cm, self.mounting_height_cm) - self.depth_cm
        seen_cm = max(distance_cm, self.dead_zone_cm)
        return volume_share(self.profile, (self.bottom_cm - seen_cm) / (self.bottom_cm - full_cm))


@dataclass(frozen=True, slots=True)
class Worth:
    """A reading on its own.

    Parameters
    ----------
    fill_level
        0..1 of the usable volume, above 1 for a heap; none if the reading says nothing about it.
    verdict, reason, numbers
        `Verdict.OK` if the filter should hear the level; else why not, worded as ``verdict.<reason>``.
    """

    fill_level: float | None
    verdict: Verdict
    reason: str = ""
    numbers: dict[str, float] | None = None


def weigh(measured: Measured, sight: Sight) -> Worth:
    """Judge one reading by itself: what its device says of it, and whether its bin can have such a level."""
    level = _level(measured, sight)
    if measured.tilted:
        return Worth(level, Verdict.TILTED, "tilted")
    distance_cm = measured.distance_cm
    if measured.fault:
        numbers = None if distance_cm is None else {"distance_cm": distance_cm}
        return Worth(None, Verdict.SENTINEL, measured.fault, numbers)
    if distance_cm is None and level is None:
        return Worth(None, Verdict.NO_LEVEL, "no_level")
    if distance_cm is not None:
        deepest_cm = max(sight.bottom_cm, sight.mounting_height_cm) + BELOW_BOTTOM_CM
        if distance_cm in SENTINELS_CM and distance_cm > deepest_cm:
            return Worth(None, Verdict.SENTINEL, "sentinel", {"distance_cm": distance_cm})
        if distance_cm > deepest_cm:
            numbers = {"distance_cm": distance_cm, "mounting_height_cm": float(sight.mounting_height_cm)}
            return Worth(None, Verdict.OUT_OF_RANGE, "below_bottom", numbers)
        if sight.drifted:
            numbers = {"empty_cm": float(sight.bottom_cm), "mounting_height_cm": float(sight.mounting_height_cm)}
            return Worth(level, Verdict.DRIFT, "drift", numbers)
    if level is None:
        return Worth(None, Verdict.NO_LEVEL, "no_bin")
    if level > HIGHEST_LEVEL:
        return Worth(None, Verdict.OUT_OF_RANGE, "above_heap", {"fill_level": level})
    if sight.still is not None and sight.still.holds(measured):
        return Worth(level, sight.still.verdict, sight.still.reason, sight.still.numbers)
    return Worth(level, Verdict.OK)


def _level(measured: Measured, sight: Sight) -> float | None:
    """Return what the distance says of the level, or else what the device itself says."""
    level = None if measured.distance_cm is None else sight.level(measured.distance_cm)
    return measured.fill_level if level is None else level
