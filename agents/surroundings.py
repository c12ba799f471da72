"""What the agents work with: database, clock, roads, solving processes. Handed to every node, stored in no thread."""

from dataclasses import dataclass, field

from sqlalchemy import Engine

from agents.problems import Problems
from agents.roads import CityRoads
from agents.solvers import Solvers
from city.clock import Clock
from city.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything a node may touch that is not in its thread's state.

    Attributes
    ----------
    token
        The worker's name on its claims.
    problems
        Problems read lately.
    """

    engine: Engine
    clock: Clock
    settings: Settings
    roads: CityRoads
    solvers: Solvers
    token: str = ""
    problems: Problems = field(default_factory=Problems)
