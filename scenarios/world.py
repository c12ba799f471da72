"""The simulated city: what is truly in every bin, moved on through time. Nobody but its own sensors and crews sees in.

A history follows from the seed and from what was collected when; it does not matter in which steps it is walked.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from city.streams import Stream
from scenarios.attendants import ROUND_S, rows_to_swap
from scenarios.bins import Bins
from scenarios.chance import Purpose, draw
from scenarios.deposits import Deposits, deposits_in
from scenarios.errors import ScenarioError
from scenarios.hours import HOUR_S, local_hour, moment_of, second_of
from scenarios.mounting import Devices, Fault, Network
from scenarios.readings import Frames, distance_mm, frames_in
from scenarios.schedule import turn_of
from scenarios.uplinks import Uplink
from scenarios.usage import Usage

# What a bin holds when a history begins scatters this much around what the time since its last turn makes likely, as
# a standard deviation of the logarithm.
FIRST_SPREAD = 0.2


@dataclass(frozen=True, slots=True)
class Collected:
    """What a crew took from the bins of one stop.

    Attributes
    ----------
    bin_count
        Bins emptied, swapped ones that stood by included.
    """

    volume_l: float
    weight_kg: float
    bin_count: int


class World:
    """What is in the bins, at one moment.

    Parameters
    ----------
    bins, usage, devices
        The city's bins, how they are used and which have a device.
    seed
        Where all chance comes from.
    at
        The moment it begins. The bins hold what came since they had their last turn of the fixed schedule.
    """

    def __init__(self, bins: Bins, usage: Usage, devices: Devices, seed: int, at: datetime) -> None:
        self.bins = bins
        self._usage = usage
        self.devices = devices
        self.seed = seed
        self._at_s = second_of(at)
        self._volume_l = _first_volumes(bins, usage, seed, at)
        self._set_aside_l = np.zeros(int(bins.group.max()) + 1)
        self._frame_of_row = np.full(len(bins), np.inf)
        self._hour = -1
        self._deposits: Deposits
        self._frames: Frames

    @property
    def at(self) -> datetime:
        """The moment it has reached."""
        return moment_of(self._at_s)

    @property
    def levels(self) -> NDArray[np.float64]:
        """True fill level of every bin; above 1 it overflows."""
        return self._volume_l / self.bins.usable_volume_l

    def advance(self, to: datetime) -> list[Uplink]:
        """Let time pass: waste arrives, attendants swap. Returns what the devices sent, in order.

        A moment that is already past changes nothing.
        """
        return [uplink for until_s in self._steps(second_of(to)) for uplink in self._advance_within(until_s)]

    def collect(self, point_id: str, stream: Stream) -> Collected:
        """Empty the bins of one stream at a point, and what was set aside or lies beside them."""
        rows = self.bins.of_stop.get((point_id, stream))
        if rows is None:
            return Collected(0.0, 0.0, 0)
        group = self.bins.group[rows[0]]
        swapped = bool(self._set_aside_l[group] > 0)
        volume_l = float(self._volume_l[rows].sum() + self._set_aside_l[group])
        self._volume_l[rows] = 0.0
        self._set_aside_l[group] = 0.0
        return Collected(volume_l, volume_l * float(self.bins.density_kg_per_l[rows[0]]), len(rows) + swapped)

    def save(self, path: Path) -> None:
        """Write the moment down, so that `restore` finds either the old one or this one."""
        written = io.BytesIO()
        np.savez(
            written, of=self._fingerprint(), at_s=self._at_s, volume_l=self._volume_l, set_aside_l=self._set_aside_l
        )
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(written.getvalue())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def restore(self, path: Path) -> None:
        """Go to the moment that was written down.

        Raises
        ------
        ScenarioError
            If the file cannot be read or is of another city or seed.
        """
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as saved:
                of, at_s = str(saved["of"]), float(saved["at_s"])
                volume_l, set_aside_l = saved["volume_l"], saved["set_aside_l"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ScenarioError(f"{path} cannot be read ({error}); remove it and start anew") from error
        if of != self._fingerprint():
            raise ScenarioError(f"{path} belongs to another city or seed; start with that one, or in another directory")
        self._at_s, self._volume_l, self._set_aside_l = at_s, volume_l, set_aside_l

    def _fingerprint(self) -> str:
        named = "\n".join((str(self.seed), *self.bins.id, *self.devices.id))
        return hashlib.sha256(named.encode()).hexdigest()

    def _steps(self, until_s: float) -> Iterator[float]:
        """Yield the ends of the stretches within which no attendant makes a round and no hour ends."""
        while self._at_s < until_s:
            yield min(until_s, (self._at_s // ROUND_S + 1) * ROUND_S)

    def _advance_within(self, until_s: float) -> list[Uplink]:
        self._draw_hour(int(self._at_s // HOUR_S))
        fallen = self._deposits.between(self._at_s, until_s)
        sent = self._frames.between(self._at_s, until_s)
        # A device reports what was there when it measured: first what fell before, then the rest.
        before = fallen.at_s < self._frame_of_row[fallen.row]
        np.add.at(self._volume_l, fallen.row[before], fallen.volume_l[before])
        measured = self.devices.row[sent.device]
        level = self._volume_l[measured] / self.bins.usable_volume_l[measured]
        np.add.at(self._volume_l, fallen.row[~before], fallen.volume_l[~before])
        self._at_s = until_s
        if until_s % ROUND_S == 0:
            self._swap(until_s)
        return self._uplinks(sent, distance_mm(level, self.bins.depth_cm[measured], sent, self.devices))

    def _draw_hour(self, hour: int) -> None:
        if hour == self._hour:
            return
        self._deposits = deposits_in(hour, self._usage, self.bins.timezone, self.seed)
        self._frames = frames_in(hour, self.devices, self.seed)
        self._frame_of_row[:] = np.inf
        self._frame_of_row[self.devices.row[self._frames.device]] = self._frames.at_s
        self._hour = hour

    def _swap(self, at_s: float) -> None:
        when = local_hour(int(at_s // HOUR_S), self.bins.timezone)
        rows = rows_to_swap(self.bins, self.levels, self._set_aside_l, when)
        self._set_aside_l[self.bins.group[rows]] = self._volume_l[rows]
        self._volume_l[rows] = 0.0

    def _uplinks(self, sent: Frames, distances_mm: NDArray[np.int64]) -> list[Uplink]:
        devices = self.devices
        return [
            Uplink(
                device_id=devices.id[device],
                network=Network(devices.network[device]),
                at=moment_of(at_s),
                frame=self._hour,
                distance_mm=distance,
                temperature_c=temperature_c,
                battery_percent=battery_percent,
                tilted=bool(devices.fault[device] == Fault.TILTED),
                gateway=int(devices.gateway[device]),
            )
            for device, at_s, temperature_c, battery_percent, distance in zip(
                sent.device.tolist(),
                sent.at_s.tolist(),
                sent.temperature_c.tolist(),
                sent.battery_percent.tolist(),
                distances_mm.tolist(),
                strict=True,
            )
        ]


def _first_volumes(bins: Bins, usage: Usage, seed: int, at: datetime) -> NDArray[np.float64]:
    days = np.empty(len(bins))
    for (point_id, stream), rows in bins.of_stop.items():
        days[rows] = (at - turn_of(point_id, stream).last_before(at, bins.timezone)) / timedelta(days=1)
    scatter = np.exp(FIRST_SPREAD * draw(seed, Purpose.FIRST_LEVELS).standard_normal(len(bins)))
    volume_l: NDArray[np.float64] = usage.mean_l_per_day * days * scatter
    return volume_l
