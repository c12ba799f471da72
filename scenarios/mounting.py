"""Devices on the bins: which bins have one, how high it sits, when it reports, and what is wrong with it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from scenarios.bins import Bins
from scenarios.chance import Purpose, draw
from scenarios.hours import HOUR_S

MODEL = "milesight-em400-tld"
# Milesight's block of device numbers, then the model's part; the bin's row follows.
DEV_EUI_PREFIX = "24e124713d"

# Many bins have no sensor at all.
MOUNTED_SHARE = 0.7

# Devices that reach the city over The Things Stack; the rest come over ChirpStack.
THINGS_STACK_SHARE = 0.2

# Above the height at which the bin counts as full, in centimetres.
HEADROOM_CM = (12, 26)

# Of 77 real sensors one was stuck and one always tilted.
FAULTY_ONE_IN = 77

# Isolated wrong echoes: 1.4 % of all readings, 7 % on the worst device. The gamma's shape puts one device of a
# hundred there.
SPIKE_SHARE = 0.014
SPIKE_SHAPE = 0.7
WORST_SPIKE_SHARE = 0.07


class Fault(IntEnum):
    """What is wrong with a device for good."""

    NONE = 0
    STUCK = 1
    TILTED = 2


class Network(IntEnum):
    """Whose network server passes a device's frames on."""

    CHIRPSTACK = 0
    THINGS_STACK = 1


@dataclass(frozen=True, eq=False)
class Devices:
    """Every mounted device.

    Attributes
    ----------
    id
        DevEUI, lower-case hex.
    row
        Row of its bin (int64).
    mounting_height_cm
        From the sensor down to the bottom of the bin (int64).
    phase_s
        Second of the hour at which it likes to report (float64).
    fault, network
        `Fault` and `Network` (int64).
    spike_share
        Share of its readings that are a wrong echo (float64).
    gateway
        Number of the gateway that hears it (int64).
    """

    id: tuple[str, ...]
    row: NDArray[np.int64]
    mounting_height_cm: NDArray[np.int64]
    phase_s: NDArray[np.float64]
    fault: NDArray[np.int64]
    network: NDArray[np.int64]
    spike_share: NDArray[np.float64]
    gateway: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of devices."""
        return len(self.id)


def mount(bins: Bins, seed: int, share: float = MOUNTED_SHARE) -> Devices:
    """Mount a device on a share of the bins.

    One gateway hears a district: when it is silent, so are all its devices.
    """
    random = draw(seed, Purpose.MOUNTING)
    row = np.flatnonzero(random.random(len(bins)) < share)
    count = len(row)
    headroom = random.integers(HEADROOM_CM[0], HEADROOM_CM[1] + 1, count)
    fault = np.full(count, Fault.NONE, dtype=np.int64)
    faulty = max(1, round(count / FAULTY_ONE_IN)) if count >= 2 else 0
    chosen = random.permutation(count)[: 2 * faulty]
    fault[chosen[:faulty]] = Fault.STUCK
    fault[chosen[faulty:]] = Fault.TILTED
    spike_share = random.gamma(SPIKE_SHAPE, SPIKE_SHARE / SPIKE_SHAPE, count).clip(max=WORST_SPIKE_SHARE)
    districts = sorted(set(bins.district_id))
    gateway = np.array([districts.index(bins.district_id[at]) for at in row], dtype=np.int64)
    return Devices(
        id=tuple(f"{DEV_EUI_PREFIX}{at:06x}" for at in row.tolist()),
        row=row,
        mounting_height_cm=bins.depth_cm[row].astype(np.int64) + headroom,
        phase_s=random.random(count) * HOUR_S,
        fault=fault,
        network=(random.random(count) < THINGS_STACK_SHARE).astype(np.int64),
        spike_share=spike_share,
        gateway=gateway,
    )
