"""Fire, by what a sensor says of its own temperature: never later than the first reading that shows it.

Two mistakes are possible and not equally bad, so there are two words. A hot reading is a *suspicion* and raises the
alarm at once, because the next may never come: the sensor burns too. A second hot one, or one rising on, *confirms* it.
A suspicion that the next reading contradicts closes itself. Values that stand for a broken probe raise nothing.

The numbers are set so that the sun raises none. In a year of 20 sensors inside glass containers (134,104 readings,
`telemetry/frankfurt_fes`) the hottest is 66 degrees, and 58 is passed once in a thousand readings; the fastest rise in
75 minutes that ends above 50 degrees is 21 degrees. So no reading of that year raises a suspicion: under one false one
in seven sensor-years, at 95 % confidence. What is right for a city is set by those who drive out: with 150,000 sensors
that bound alone would allow 60 a day, which nobody would answer; one a day in the whole city, one in 400 sensor-years,
is what the confirmed alarm must keep to, and it takes two hot readings that the sun cannot explain. Fixed-temperature
detectors in buildings (EN 54-5, class A1) answer between 54 and 65 degrees, where a bin in the sun is every July.

Some devices judge for themselves, by a threshold or a gas that only their maker knows. Their word is a suspicion like a
hot reading. It confirms one only where their own thermometer does not say that it is cool: then somebody looks, and
nobody drives out with sirens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

# Hotter than the sun makes the inside of a bin.
HOT_C = 70.0
# Or faster: by so much within so long, and no longer cold. The sun's fastest is 21 degrees in 75 minutes up to here.
RISEN_C, RISE_WITHIN = 30.0, timedelta(minutes=75)
QUICKLY_RISEN_C, QUICK_RISE_WITHIN = 18.0, timedelta(minutes=20)
WARM_C = 50.0
# A probe that is not there, cut off or just powered up: limits of one and two bytes, and the DS18B20's 85 and -127
# (its data sheet, "power-on reset value"). A fire passes through such a value, and where a device tells whole degrees
# that is one reading in a hundred; it does not stand still at it.
BROKEN_PROBE_C = frozenset({85.0, 127.0, 127.5, 128.0, 255.0})
# Above it no radio of this trade lives to tell.
HOTTEST_CREDIBLE_C = 300.0

# The fire is out when two readings in a row are below WARM_C, this long after the last hot one.
OUT_READINGS, OUT_AFTER = 2, timedelta(minutes=30)
# A suspicion that stays warm and neither rises nor falls is the sun on a box after all.
SUSPECTED_FOR = timedelta(hours=3)
# What is looked at before the first new reading, to see a rise.
LOOK_BACK = timedelta(hours=2)
# A fire that a person closed is told anew if it gets hotter by this much.
WORSE_C = 10.0


@dataclass(frozen=True, slots=True)
class Heat:
    """What a reading says of heat, and its frame key.

    Parameters
    ----------
    temperature_c
        None if it has none.
    flagged
        Whether the device itself says fire; none if it never does.
    """

    at: datetime
    key: str
    temperature_c: float | None
    flagged: bool | None = None


@dataclass(frozen=True, slots=True)
class Fire:
    """What speaks for a fire.

    Parameters
    ----------
    began_at, last_at
        The first and the last reading that show it.
    confirmed
        More than one does.
    hottest_c, from_c
        The highest temperature, and what it was before; none if that is not known.
    keys
        Frame keys of the readings that show it.
    flagged
        The device itself said so.
    """

    began_at: datetime
    last_at: datetime
    confirmed: bool
    hottest_c: float | None
    from_c: float | None
    keys: tuple[str, ...]
    flagged: bool = False


def may_burn(temperature_c: float | None) -> bool:
    """Tell whether a temperature is worth a look at those before it; almost all are not."""
    return temperature_c is not None and temperature_c >= WARM_C


def fire_of(heats: Sequence[Heat], before: Fire | None = None) -> Fire | None:
    """Tell whether there is a fire after the last of some readings of one device.

    Parameters
    ----------
    heats
        In the order they were measured, from `LOOK_BACK` before the first that may show a fire.
    before
        A fire that was burning before the first of them.
    """
    fire = before
    warmth: list[_Warmth] = []
    cool = 0
    for heat in heats:
        temperature_c = _credible(heat.temperature_c)
        if temperature_c is None and heat.flagged is None:
            continue
        recent = [one for one in warmth if heat.at - one.at <= RISE_WITHIN]
        if heat.flagged or _is_hot(heat.at, temperature_c, recent):
            fire = _seen(fire, heat, temperature_c, recent)
            cool = 0
        elif fire is not None:
            cool = cool + 1 if temperature_c is None or temperature_c < WARM_C else 0
            if _is_out(fire, heat, cool):
                fire = None
        warmth = recent if temperature_c is None else [*recent, _Warmth(heat.at, temperature_c)]
    return fire


class _Warmth(NamedTuple):
    """A credible temperature, and when it was."""

    at: datetime
    temperature_c: float


def _credible(temperature_c: float | None) -> float | None:
    if temperature_c is None or temperature_c in BROKEN_PROBE_C or temperature_c > HOTTEST_CREDIBLE_C:
        return None
    return temperature_c


def _is_hot(at: datetime, temperature_c: float | None, recent: Sequence[_Warmth]) -> bool:
    if temperature_c is None or temperature_c < WARM_C:
        return False
    return temperature_c >= HOT_C or any(
        temperature_c - one.temperature_c >= RISEN_C
        or (at - one.at <= QUICK_RISE_WITHIN and temperature_c - one.temperature_c >= QUICKLY_RISEN_C)
        for one in recent
    )


def _seen(fire: Fire | None, heat: Heat, temperature_c: float | None, recent: Sequence[_Warmth]) -> Fire:
    flagged = heat.flagged is True
    if fire is None:
        coolest = min((one.temperature_c for one in recent), default=None)
        return Fire(heat.at, heat.at, False, temperature_c, coolest, (heat.key,), flagged)
    return replace(
        fire,
        last_at=heat.at,
        confirmed=fire.confirmed or _confirms(fire, temperature_c, flagged=flagged),
        hottest_c=max((one for one in (fire.hottest_c, temperature_c) if one is not None), default=None),
        keys=(*fire.keys, heat.key)[:10],
        flagged=fire.flagged or flagged,
    )


def _confirms(fire: Fire, temperature_c: float | None, *, flagged: bool) -> bool:
    """Tell whether one more reading that shows a fire leaves no doubt."""
    if temperature_c is None:
        return flagged
    if temperature_c < WARM_C:
        return False
    # A rise seen from the same cold reading twice is one observation, unless it goes on.
    return flagged or temperature_c >= HOT_C or fire.hottest_c is None or temperature_c > fire.hottest_c


def _is_out(fire: Fire, heat: Heat, cool: int) -> bool:
    if not fire.confirmed:
        return cool > 0 or heat.at - fire.last_at >= SUSPECTED_FOR
    return cool >= OUT_READINGS and heat.at - fire.last_at >= OUT_AFTER
