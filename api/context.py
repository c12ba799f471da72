"""What one running application works with. Everything a request needs hangs here; nothing is global."""

import threading
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from agents.editing import Desk
from city.clock import Clock
from city.settings import Settings

# Checking a password takes 19 MiB and a core; more at once would be an attacker's gain.
PASSWORDS_AT_ONCE = 2


@dataclass(frozen=True)
class Context:
    """The application's surroundings.

    Attributes
    ----------
    clock
        The city's time, simulated or not: what records and decisions carry.
    wall
        The real time, by which sessions and codes run out.
    desk
        Where proposals are edited: it keeps the problems in work and the city's roads.
    checking
        Held while a password is checked.
    """

    engine: Engine
    clock: Clock
    wall: Clock
    settings: Settings
    desk: Desk
    checking: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(PASSWORDS_AT_ONCE))


def context_of(request: Request) -> Context:
    """Return the surroundings of the application that got the request."""
    return cast("Context", request.app.state.context)


Here = Annotated[Context, Depends(context_of)]
