"""What one running application works with. Everything a request needs hangs here; nothing is global."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from agents.editing import Desk
from api.throttle import Throttle
from city.clock import Clock
from city.settings import Settings

# Checking a password takes 19 MiB and a core; more at once would be an attacker's gain. So would be a queue that holds
# the threads (40) which everybody else's requests need: whoever would come behind these is told to come back.
PASSWORDS_AT_ONCE = 2
WAITING_AT_MOST = 8
# Refused sign-ins of nobody in particular are told one by one so often in a time, and counted beyond it.
STRANGERS_TOLD, STRANGERS_TOLD_IN = 10, timedelta(minutes=1)


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
    waiting, checking
        Held by whoever wants a password checked, and while it is.
    strangers
        Keeps a flood of guesses out of the audit.
    """

    engine: Engine
    clock: Clock
    wall: Clock
    settings: Settings
    desk: Desk
    waiting: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(PASSWORDS_AT_ONCE + WAITING_AT_MOST)
    )
    checking: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(PASSWORDS_AT_ONCE))
    strangers: Throttle = field(default_factory=lambda: Throttle(STRANGERS_TOLD, STRANGERS_TOLD_IN))


def context_of(request: Request) -> Context:
    """Return the surroundings of the application that got the request."""
    return cast("Context", request.app.state.context)


Here = Annotated[Context, Depends(context_of)]
