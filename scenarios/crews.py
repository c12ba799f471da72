"""Crews: they drive a dispatch by its planned times, a little early or late, and find some stops they cannot serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from city.streams import Stream
from routing.plan import VisitKind
from scenarios.chance import Purpose, draw, key_of
from sensors.service import CouldNotReason, ServiceOutcome

# A leg and its service take this much longer or shorter, as a standard deviation of the logarithm.
LEG_SPREAD = 0.12
# Minutes of an ordinary late start, and how much of a delay is made up before the next stop.
LATE_START_MIN = 3.0
MADE_UP = 0.1

# Share of the stops that cannot be served, by what stands in the way.
HINDRANCES = {CouldNotReason.BLOCKED: 0.012, CouldNotReason.NO_ACCESS: 0.004, CouldNotReason.CONTAMINATED: 0.003}

# The waste of a stop weighs this much more or less than its litres say, as a standard deviation of the logarithm.
WEIGHT_SPREAD = 0.12


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One visit of a dispatch as it was planned."""

    kind: VisitKind
    stop_id: str | None
    point_id: str | None
    stream: Stream | None
    arrives_at: datetime
    departs_at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of a stop already."""

    at: datetime
    outcome: ServiceOutcome
    weight_kg: float


@dataclass(frozen=True)
class Tour:
    """A dispatch in the hands of its crew.

    Attributes
    ----------
    records
        What is recorded of its stops, by stop id.
    """

    dispatch_id: str
    crew_id: str
    truck_id: str
    published_at: datetime
    visits: tuple[PlannedVisit, ...]
    records: Mapping[str, Recorded] = field(default_factory=dict)


def departures(tour: Tour, seed: int) -> tuple[datetime, ...]:
    """Return when the crew really leaves each visit.

    A dispatch that was published after its planned start begins when it is published.
    """
    random = draw(seed, Purpose.CREWS, key_of(tour.dispatch_id))
    planned = [visit.departs_at for visit in tour.visits]
    late_publishing = max(timedelta(0), tour.published_at - planned[0])
    delay = late_publishing + timedelta(minutes=LATE_START_MIN) * abs(float(random.standard_normal()))
    left = [planned[0] + delay]
    stretches = random.lognormal(0.0, LEG_SPREAD, len(planned))
    for before, now, stretch in zip(planned, planned[1:], stretches.tolist(), strict=False):
        delay = delay * (1 - MADE_UP) + (now - before) * (stretch - 1)
        left.append(max(now + delay, left[-1]))
    return tuple(left)


def hindrance_at(tour: Tour, stop_id: str, seed: int) -> CouldNotReason | None:
    """Return what keeps the crew from serving a stop, if anything does."""
    chance = draw(seed, Purpose.CREWS, key_of(tour.dispatch_id), key_of(stop_id)).random()
    for reason, share in HINDRANCES.items():
        if chance < share:
            return reason
        chance -= share
    return None


def weight_on_scale(weight_kg: float, tour: Tour, stop_id: str, seed: int) -> float:
    """Return what a stop's waste weighs: no two litres weigh the same. Whole kilograms, as the truck's scale shows."""
    random = draw(seed, Purpose.SCALES, key_of(tour.dispatch_id), key_of(stop_id))
    return float(round(weight_kg * random.lognormal(0.0, WEIGHT_SPREAD)))
