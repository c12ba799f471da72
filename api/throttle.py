"""A throttle: so many of a kind pass in a span of time; of the rest it is only kept how many there were."""

import threading
from datetime import datetime, timedelta


class Throttle:
    """Counts what comes, for every thread of a process.

    Parameters
    ----------
    most, span
        How many pass in a span of time, which begins with the first of them.
    """

    def __init__(self, most: int, span: timedelta) -> None:
        self._most, self._span = most, span
        self._mutex = threading.Lock()
        self._begun: datetime | None = None
        self._passed = 0
        self._held_back = 0

    def passes(self, now: datetime) -> int | None:
        """Let one pass and say how many were held back since the last that passed; ``None``: this one is held back."""
        with self._mutex:
            if self._begun is None or not timedelta(0) <= now - self._begun < self._span:
                self._begun, self._passed = now, 0
            if self._passed == self._most:
                self._held_back += 1
                return None
            self._passed += 1
            held_back, self._held_back = self._held_back, 0
            return held_back
