"""Which silences have one cause: a platform or a gateway that is down takes all its devices with it; others fail alone.

Two stories are weighed for every gateway and platform. Alone: each silent device fell silent by itself, at any time.
Together: something above them fell silent at one moment, so all of its devices spoke last shortly before, and hardly
any spoke since. The likelihoods of the two, and how often gateways and platforms fail, decide; no share of silent
devices does by itself. Three of eleven dead sensors that died in different months are three dead sensors, and 74 of 77
that spoke last within the same hour are one outage.

On 20 LoRaWAN sensors over a year 14 % of the frames never arrived, and every gap over a day was of all devices at once;
of 77 sensors of another city an outage silenced 74. Nothing here knows the database or the clock.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A device is silent when it has missed this many of its usual intervals, but not before so long: one lost frame of a
# talkative one means nothing.
MISSED_INTERVALS = 3.0
SHORTEST_SILENCE = timedelta(hours=2)
# Where a device's usual interval is not known yet.
USUAL_INTERVAL_H = 1.0

# Share of frames that never arrive (measured: 14 %).
LOST = 0.14
# Share of devices that are silent by themselves at any time, and for how long they have been, on average.
DEAD, DEAD_FOR_H = 0.02, 14 * 24.0
# Share of devices that are heard although what stands above them is down: a second gateway, a late batch.
LEAKING = 0.05
# A device whose clock is off may seem to have spoken a little after the moment everything fell silent.
LATE_H = 0.25

# How often a gateway and a platform fall silent, per hour (4 and 2 times a year), and for how long, in hours.
PER_H = {"gateway": 4 / 8766, "platform": 2 / 8766}
LASTS_H = {"gateway": 6.0, "platform": 24.0}

# One silent device never tells an outage from a failure of its own.
FEWEST = 2

# More frames than this are not lost in a row; 0.14 to that power is nothing.
MOST_LOST = 99.0
# Moments that are weighed at once.
MOMENTS = 33

HOUR = timedelta(hours=1)


def silent_after(usual_h: float) -> timedelta:
    """Return how long after its last message a device is silent that usually speaks every so many hours."""
    return max(timedelta(hours=MISSED_INTERVALS * usual_h), SHORTEST_SILENCE)


class Scope(StrEnum):
    """What is down."""

    GATEWAY = "gateway"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Heard:
    """When a device was heard last, and through what.

    Parameters
    ----------
    interval_h
        Usual hours between two of its messages; 0: not known yet.
    gateway, platform
        What brought its last message; empty: not known.
    """

    device_id: str
    heard_at: datetime
    interval_h: float = 0.0
    gateway: str = ""
    platform: str = ""

    @property
    def usual_h(self) -> float:
        """Hours between two messages, as far as that is known."""
        return self.interval_h if self.interval_h > 0 else USUAL_INTERVAL_H

    def is_silent(self, now: datetime) -> bool:
        """Tell whether it has missed too many messages."""
        return now - self.heard_at > silent_after(self.usual_h)


@dataclass(frozen=True, slots=True)
class Outage:
    """One cause of many silences.

    Parameters
    ----------
    scope, name
        Which gateway or platform is down.
    since
        When the last of the silent devices was heard.
    device_ids
        Who is silent because of it, in order.
    of
        How many devices there are under it.
    log_odds
        How much more likely one cause is than as many failures, as a natural logarithm.
    """

    scope: Scope
    name: str
    since: datetime
    device_ids: tuple[str, ...]
    of: int
    log_odds: float


@dataclass(frozen=True, slots=True)
class Silences:
    """All silences of a moment.

    Parameters
    ----------
    outages
        Those with one cause, the largest first.
    single
        Devices that are silent by themselves, in order.
    """

    outages: tuple[Outage, ...]
    single: tuple[Heard, ...]


def silences(heard: Iterable[Heard], now: datetime, *, known: Sequence[Outage] = ()) -> Silences:
    """Tell which devices are silent, and which of the silences have one cause.

    Parameters
    ----------
    heard
        Every device that is in use, whether silent or not: those that speak are the evidence against an outage.
    known
        Outages found when this was asked last. When one is over, its devices come back one by one; those that are
        still to come stay under it for as long as a device may be silent, and are not reported each by itself.
    """
    everyone = sorted(heard, key=lambda device: device.device_id)
    silent = {device.device_id: device for device in everyone if device.is_silent(now)}
    found: list[Outage] = []
    for platform, members in _by(everyone, Scope.PLATFORM).items():
        whole = _outage(Scope.PLATFORM, platform, members, now)
        parts = _outages(Scope.GATEWAY, members, now)
        if whole is not None and whole.log_odds > sum(part.log_odds for part in parts):
            found.append(whole)
        else:
            found += parts
    found += _outages(Scope.GATEWAY, [device for device in everyone if not device.platform], now)
    explained = {device_id for outage in found for device_id in outage.device_ids}
    for outage in known:
        left = _still_to_come(outage, everyone, silent.keys() - explained, now)
        if left is not None:
            found.append(left)
            explained.update(left.device_ids)
    found.sort(key=lambda outage: (-len(outage.device_ids), outage.scope, outage.name))
    return Silences(tuple(found), tuple(device for name, device in silent.items() if name not in explained))


def _by(devices: Iterable[Heard], scope: Scope) -> Mapping[str, list[Heard]]:
    groups: dict[str, list[Heard]] = defaultdict(list)
    for device in devices:
        if name := device.gateway if scope is Scope.GATEWAY else device.platform:
            groups[name].append(device)
    return groups


def _outages(scope: Scope, devices: Iterable[Heard], now: datetime) -> list[Outage]:
    found = (_outage(scope, name, members, now) for name, members in _by(devices, scope).items())
    return [outage for outage in found if outage is not None]


def _outage(scope: Scope, name: str, members: Sequence[Heard], now: datetime) -> Outage | None:
    """Weigh one cause that began when one of the silent devices was heard last against no common cause at all."""
    silent = [device for device in members if device.is_silent(now)]
    if len(silent) < FEWEST:
        return None
    silent_h = np.array([(now - device.heard_at) / HOUR for device in members])
    usual_h = np.array([device.usual_h for device in members])
    alone = _alone(silent_h, usual_h)
    moments = sorted(device.heard_at for device in silent)
    weighed: dict[datetime, float] = {}
    low, high = 0, len(moments) - 1
    while True:
        # A few moments over the whole span, then again around the best of them: a city has 150,000 devices.
        rows = np.unique(np.linspace(low, high, MOMENTS).astype(int))
        for since in {moments[row] for row in rows} - weighed.keys():
            down_h = (now - since) / HOUR
            weighed[since] = _prior(scope, down_h) + float(_together(down_h, silent_h, usual_h, alone).sum())
        best = max(rows, key=lambda row: (weighed[moments[row]], -row))
        step = (high - low) // (MOMENTS - 1) + 1
        if step == 1:
            break
        low, high = max(best - step, low), min(best + step, high)
    since = moments[best]
    if weighed[since] <= 0:
        return None
    under = tuple(device.device_id for device in silent if _belongs(device, since))
    if len(under) < FEWEST:
        return None
    return Outage(scope, name, since, under, len(members), weighed[since])


def _prior(scope: Scope, down_h: float) -> float:
    """Return the log odds of an outage that lasts: a long one is rarer, but not as rare as its length would make it."""
    per_h = math.log(PER_H[scope])
    return max(per_h - down_h / LASTS_H[scope], per_h - math.log(1 + down_h))


def _alone(silent_h: Floats, usual_h: Floats) -> Floats:
    """Return the density of when each device was heard last if it is dead for a while or its last frames were lost."""
    dead = DEAD / DEAD_FOR_H * np.exp(-silent_h / DEAD_FOR_H)
    lost: Floats = (1 - DEAD) * (1 - LOST) * LOST ** np.floor(np.minimum(silent_h / usual_h, MOST_LOST)) / usual_h
    return dead + lost


def _together(down_h: float, silent_h: Floats, usual_h: Floats, alone: Floats) -> Floats:
    """Return by how much each device's last word favours that all fell silent so many hours ago, as log odds."""
    before_h = silent_h - down_h
    # Its last frame came at its usual pace before that moment, or it was dead by then already.
    missed = np.floor(np.minimum(np.maximum(before_h, 0.0) / usual_h, MOST_LOST))
    usual = (1 - LEAKING) * (1 - LOST) * LOST**missed / usual_h
    dead = DEAD / DEAD_FOR_H * np.exp(-silent_h / DEAD_FOR_H)
    odds: Floats = np.where(before_h < -LATE_H, math.log(LEAKING), np.log((usual + dead) / alone))
    return odds


def _belongs(device: Heard, since: datetime) -> bool:
    """Tell whether a silent device was still alive when everything fell silent."""
    return timedelta(hours=-LATE_H) <= since - device.heard_at <= silent_after(device.usual_h)


def _still_to_come(outage: Outage, everyone: Sequence[Heard], open_: set[str], now: datetime) -> Outage | None:
    """Return what is left of an outage that is over, while its last devices may still be about to speak."""
    under = set(outage.device_ids)
    back = sorted(
        device.heard_at for device in everyone if device.device_id in under and device.heard_at > outage.since
    )
    waiting = {device.device_id: device for device in everyone if device.device_id in under & open_}
    if not back:
        return None
    left = tuple(name for name, device in waiting.items() if now - back[0] <= silent_after(device.usual_h))
    return Outage(outage.scope, outage.name, outage.since, left, outage.of, outage.log_odds) if left else None
