"""The demo's city: made once in a directory of its own, taken up again where it was left."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from agents.cycles import PLANNING_LEAD
from agents.shifts import shift_days
from city.clock import Clock
from city.database import open_engine, reading
from city.generate import generate
from city.journal import OutboxEvent
from city.migrate import upgrade
from city.registry import Crew
from city.store import save, zone_of
from scenarios.bins import load_bins
from scenarios.doors import Doors
from scenarios.errors import ScenarioError
from scenarios.history import live_through
from scenarios.hours import EPOCH
from scenarios.live import LiveCity
from scenarios.mounting import MODEL, mount
from scenarios.trucks import load_payloads
from scenarios.usage import draw_usage
from scenarios.world import World
from sensors.devices import Mounting, register_devices
from sensors.telemetry import Reading

# The day the demo begins, a Wednesday, and how long the city was watched before.
FIRST_DAY = date(2026, 3, 4)
HISTORY = timedelta(days=3)
# Who mounted the devices.
INSTALLER = "installer"
# The clock starts this long before the agents plan for the first time.
BEFORE_PLANNING = timedelta(seconds=20)

# Told which step is being done, and how much of it, 0..1.
Progress = Callable[[str, float], None]


class Made(BaseModel):
    """Which city the demo is about; written down when it is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    points: int
    districts: int
    seed: int


class Home:
    """The directory of a demo.

    Parameters
    ----------
    directory
        Made where it is missing.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = f"sqlite:///{directory / 'dustcart.sqlite'}"
        self.world = directory / "world.npz"
        self._made = directory / "demo.json"

    @property
    def made(self) -> Made | None:
        """The city in here, if there is a complete one.

        Raises
        ------
        ScenarioError
            If it cannot be told.
        """
        try:
            return Made.model_validate_json(self._made.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise ScenarioError(f"{self._made} cannot be read; start anew, or in another directory") from error

    @contextmanager
    def locked(self) -> Iterator[Self]:
        """Keep a second demo out of the directory.

        Raises
        ------
        ScenarioError
            If one is running in it.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ScenarioError(f"a demo is running in {self.directory} already; use another directory") from None
            yield self

    def clear(self) -> None:
        """Throw the city away."""
        for path in (self._made, self.world, *self.directory.glob("dustcart.sqlite*")):
            path.unlink(missing_ok=True)

    def complete(self, made: Made) -> None:
        """Write down that the city is complete; before that a start begins anew."""
        fresh = self._made.with_suffix(".new")
        fresh.write_text(made.model_dump_json())
        fresh.replace(self._made)


def set_up(home: Home, made: Made, progress: Progress) -> None:
    """Make the city, mount its devices, and let it live through the days before the demo begins."""
    home.clear()
    engine = open_engine(home.url)
    try:
        progress("database", 0.0)
        upgrade(engine)
        progress("city", 0.0)
        save(engine, generate(made.points, made.districts, made.seed))
        progress("devices", 0.0)
        with reading(engine) as session:
            starts_at = _first_planning(session) - BEFORE_PLANNING
        world = world_of(engine, made.seed, starts_at - HISTORY)
        register_devices(engine, mountings(world), at=world.at, actor=INSTALLER)
        live_through(world, engine, starts_at, lambda done: progress("history", done))
        world.save(home.world)
    finally:
        engine.dispose()
    home.complete(made)


def world_of(engine: Engine, seed: int, at: datetime) -> World:
    """Return the simulated city behind a registry."""
    with reading(engine) as session:
        bins = load_bins(session)
    return World(bins, draw_usage(bins, seed), mount(bins, seed), seed, at)


def take_up(home: Home, engine: Engine, seed: int) -> tuple[World, datetime]:
    """Return the world as it was saved, and the moment from which the clock goes on: nothing that happened is ahead."""
    world = world_of(engine, seed, EPOCH)
    world.restore(home.world)
    with reading(engine) as session:
        heard = session.exec(select(func.max(Reading.received_at))).one()
        happened = session.exec(select(OutboxEvent.at).order_by(col(OutboxEvent.id).desc()).limit(1)).first()
    return world, max(moment for moment in (world.at, heard, happened) if moment is not None)


def live_city(home: Home, engine: Engine, world: World, doors: Doors, clock: Clock) -> LiveCity:
    """Put a world beside the agents."""
    with reading(engine) as session:
        payloads = load_payloads(session)
        crews = one_crew_per_district(session)
    return LiveCity(world, doors, clock, payloads, crews, home.world)


def one_crew_per_district(session: Session) -> list[str]:
    """Return the id of the first crew of each district."""
    found = session.exec(select(func.min(Crew.id)).where(col(Crew.active)).group_by(col(Crew.district_id)))
    return sorted(crew_id for crew_id in found if crew_id is not None)


def _first_planning(session: Session) -> datetime:
    days = shift_days(session, zone_of(session), [FIRST_DAY])
    if not days:
        raise ScenarioError("no crew works in this city; nothing would ever be planned")
    return days[0].starts_at - PLANNING_LEAD


def mountings(world: World) -> list[Mounting]:
    """Return the world's devices as they are registered."""
    devices = world.devices
    return [
        Mounting(device_id, world.bins.id[row], MODEL, height_cm)
        for device_id, row, height_cm in zip(
            devices.id, devices.row.tolist(), devices.mounting_height_cm.tolist(), strict=True
        )
    ]
