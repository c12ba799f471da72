"""The days before the demo begins: the city lives by a fixed schedule, and its devices and crews report.

What they report goes through the same functions as everything later, so the agents have learnt how fast bins fill by
the time they plan for the first time. It goes there directly and in large messages, not by one HTTP request each: there
are tens of thousands of readings.
"""

from collections.abc import Callable
from datetime import datetime

import orjson
from sqlalchemy import Engine

from city.clock import Clock, ManualClock
from city.database import transaction
from city.streams import Stream
from scenarios.hours import HOUR_S, local_hour, moment_of, second_of
from scenarios.schedule import ROUNDS, Turn, turn_of
from scenarios.uplinks import Uplink
from scenarios.world import World
from sensors.intake import receive
from sensors.service import ServiceOutcome, ServiceRecord, record_services

# Readings of one message: most of a day of a small city, and well below what intake reads at once.
MESSAGE = 20_000
# Who the paper lists of that time are signed by. They know the hour of a service, not the minute.
ACTOR = "schedule"

Progress = Callable[[float], None]


def live_through(world: World, engine: Engine, until: datetime, progress: Progress) -> int:
    """Let the city live from where it stands until a moment, round by round, and report everything.

    Parameters
    ----------
    progress
        Told how much is done, 0..1.

    Returns
    -------
    int
        Readings taken in.
    """
    begun = world.at
    progress(0.0)
    clock = ManualClock(begun)
    turns = {stop: turn_of(*stop) for stop in world.bins.of_stop}
    _keep(engine, begun, [_remembered(world, stop, turn) for stop, turn in turns.items()])
    taken = 0
    while world.at < until:
        uplinks = world.advance(min(_next_round(world), until))
        clock.advance(world.at - clock.now())
        taken += _take_in(engine, clock, uplinks)
        when = local_hour(int(second_of(world.at) // HOUR_S), world.bins.timezone)
        _keep(engine, world.at, [_served(world, stop) for stop, turn in turns.items() if turn.is_now(when)])
        progress((world.at - begun) / (until - begun))
    return taken


def _next_round(world: World) -> datetime:
    """Return the next full hour at which crews come by: up to then no bin is emptied, and readings can wait."""
    hour = int(second_of(world.at) // HOUR_S) + 1
    while local_hour(hour, world.bins.timezone).hour not in ROUNDS:
        hour += 1
    return moment_of(hour * HOUR_S)


def _take_in(engine: Engine, clock: Clock, uplinks: list[Uplink]) -> int:
    taken = 0
    for first in range(0, len(uplinks), MESSAGE):
        body = _readings(uplinks[first : first + MESSAGE])
        taken += receive(engine, clock, format="dustcart", body=body).stored
    return taken


def _keep(engine: Engine, now: datetime, records: list[ServiceRecord]) -> None:
    with transaction(engine) as session:
        record_services(session, records, now)


def _remembered(world: World, stop: tuple[str, Stream], turn: Turn) -> ServiceRecord:
    """Return the record of a stop's last service before the history begins, as the paper lists have it: unweighed."""
    return _record(world, stop, turn.last_before(world.at, world.bins.timezone), None)


def _served(world: World, stop: tuple[str, Stream]) -> ServiceRecord:
    return _record(world, stop, world.at, float(round(world.collect(*stop).weight_kg)))


def _record(world: World, stop: tuple[str, Stream], at: datetime, weight_kg: float | None) -> ServiceRecord:
    return ServiceRecord(
        point_id=stop[0],
        stream=stop[1],
        at=at,
        outcome=ServiceOutcome.DONE,
        weight_kg=weight_kg,
        bin_count=len(world.bins.of_stop[stop]),
        actor=ACTOR,
    )


def _readings(uplinks: list[Uplink]) -> bytes:
    """Write uplinks as one message of Dustcart's own format."""
    return orjson.dumps(
        [
            {
                "device": uplink.device_id,
                "at": uplink.at.isoformat(),
                "distance_cm": uplink.distance_mm / 10,
                "temperature_c": round(uplink.temperature_c, 1),
                "battery_percent": uplink.battery_percent,
                "tilted": uplink.tilted,
                "sequence": uplink.frame,
            }
            for uplink in uplinks
        ]
    )
