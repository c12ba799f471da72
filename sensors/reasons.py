"""Why a bin's forecast is what it is: the two or three facts that move it most, each with its numbers.

A fact's weight is how far it moves the level expected a day from now. People read it as ``fact.<code>`` in the
wording, with the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from city.wording import Language, say
from sensors.estimate import LevelSource
from sensors.experience import Diaries, ways
from sensors.forecast import rival_probability
from sensors.levels import BinState
from sensors.paces import Paces
from sensors.priors import LENDING_HOURS

AHEAD_H = 24.0
MOST_FACTS = 3
# What moves the level by less than sensors can tell apart is not worth a sentence.
LEAST_WEIGHT = 0.01
# Fewer pages alike than this are no experience.
FEWEST_ALIKE = 4
# A page counts as alike if it weighs at least this share of the most alike one.
ALIKE_SHARE = 0.1
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that moves a forecast.

    Parameters
    ----------
    code
        Worded as ``fact.<code>``.
    numbers
        What the sentence needs.
    weight
        By how much it moves the level expected in a day.
    """

    code: str
    numbers: Mapping[str, float]
    weight: float


def facts(state: BinState, diaries: Diaries, now: datetime, paces: Paces | None = None) -> list[Fact]:
    """Return what moves a bin's forecast, the weightiest first.

    Parameters
    ----------
    diaries
        The bin's own, or of no bin.
    now
        The moment the forecast is made for.
    paces
        The bin's own; none: no day is special.
    """
    found = [
        _rate(state),
        *_experience(state, diaries),
        *_dispute(state),
        *_silence(state, now),
        *_special_days(state, now, paces),
    ]
    weighty = [fact for fact in found if fact.weight >= LEAST_WEIGHT] or found[:1]
    return sorted(weighty, key=lambda fact: -fact.weight)[:MOST_FACTS]


def said(fact: Fact, language: Language) -> str:
    """Put a fact into words."""
    return say("sensors", f"fact.{fact.code}", language, **fact.numbers)


def _rate(state: BinState) -> Fact:
    per_day = 24 * state.rate_per_h
    numbers = {"per_day": per_day, "sigma": 24 * state.rate_sigma}
    if state.learned_h < LENDING_HOURS:
        return Fact("borrowed", numbers, per_day)
    if state.source is LevelSource.SENSOR:
        return Fact("rate", {**numbers, "days": state.learned_h / 24}, per_day)
    return Fact("rate_by_crews", {**numbers, "days": state.learned_h / 24}, per_day)


def _experience(state: BinState, diaries: Diaries) -> list[Fact]:
    if diaries.pages.shape[1] == 0 or state.fill_level is None or state.as_of is None:
        return []
    level, as_of_s = np.array([state.fill_level]), np.array([state.as_of.timestamp()])
    lived = ways(diaries, level, as_of_s, np.array([AHEAD_H]), highest=False)
    weight, gained = lived.weight[0].astype(np.float64), lived.gained[0].astype(np.float64)
    alike = weight >= ALIKE_SHARE * weight.max(initial=0.0)
    if weight.sum() == 0 or alike.sum() < FEWEST_ALIKE:
        return []
    order = np.argsort(gained)
    summed = np.cumsum(weight[order]) / weight.sum()
    median, high = (float(gained[order][np.searchsorted(summed, share)]) for share in (0.5, 0.9))
    share = float(lived.share[0])
    moved = abs(share * (float(weight @ gained) / weight.sum() - AHEAD_H * state.rate_per_h))
    days = float(len({page // 4 for page in np.flatnonzero(alike)}))
    # It always tells how wide the forecast is, so it is named even where it moves the mean little.
    numbers = {"days": days, "level": state.fill_level, "median": max(median, 0.0), "high": max(high, 0.0)}
    return [Fact("experience", numbers, max(moved, share * (high - median) / 2))]


def _dispute(state: BinState) -> list[Fact]:
    if state.rival_level is None or state.fill_level is None:
        return []
    probability = rival_probability(state.rival_odds)
    numbers = {"level": state.fill_level, "rival_level": state.rival_level, "probability": probability}
    return [Fact("disputed", numbers, probability * abs(state.rival_level - state.fill_level))]


def _silence(state: BinState, now: datetime) -> list[Fact]:
    if state.as_of is None or state.fill_level is None:
        return [Fact("never_known", {}, 1.0)]
    hours = max((now - state.as_of) / HOUR, 0.0)
    code = "silent" if state.source is LevelSource.SENSOR else "last_word"
    return [Fact(code, {"hours": hours, "level": state.fill_level}, state.rate_per_h * hours)]


def _special_days(state: BinState, now: datetime, paces: Paces | None) -> list[Fact]:
    """Name the kinds of special days that begin or go on within a day, each once."""
    if paces is None:
        return []
    begin_s, end_s = now.timestamp(), now.timestamp() + AHEAD_H * 3600.0
    hours: dict[str, float] = {}
    numbers: dict[str, Mapping[str, float]] = {}
    for special in paces.special[int(paces.group[0])]:
        of_it = (min(special.ends_s, end_s) - max(special.begins_s, begin_s)) / 3600.0
        if of_it > 0 and special.days > 0:
            code = f"day_{special.kind}"
            hours[code] = hours.get(code, 0.0) + of_it
            numbers[code] = {"effect": special.effect, "sigma": special.sigma, "days": special.days}
    return [
        Fact(code, numbers[code], abs(numbers[code]["effect"]) * state.rate_per_h * of_it)
        for code, of_it in hours.items()
    ]
