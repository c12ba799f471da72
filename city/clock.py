"""The time, injected: the city's own, a simulated one that runs faster, or one that a test moves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

# The clock of a device or a phone may be this far off ours.
CLOCK_TOLERANCE = timedelta(minutes=5)


class Clock(Protocol):
    """Anything that says what time it is."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time it was last moved to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward; time never runs backward."""
        if by < timedelta(0):
            raise ValueError("a clock does not run backward")
        self._now += by


class SimulatedClock:
    """A clock that starts at a chosen time and runs `speed` times as fast as the real one."""

    def __init__(self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self._start = start.astimezone(UTC)
        self._speed = speed
        self._monotonic = monotonic
        self._zero = monotonic()

    def now(self) -> datetime:
        """Return the simulated time."""
        return self._start + timedelta(seconds=(self._monotonic() - self._zero) * self._speed)
