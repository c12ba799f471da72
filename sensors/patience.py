"""Trying again, with longer and longer waits, until the database or the broker is back."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from sensors.delivery import Message, Receipt

# How long to wait before another try, at first and at most.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0

Take = Callable[[Sequence[Message]], Sequence[Receipt]]

log = logging.getLogger(__name__)


class Patience:
    """Waits longer each time, until it is told that all is well again or to stop."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self.wait_s = FIRST_WAIT_S

    def renew(self) -> None:
        """Begin with short waits again."""
        self.wait_s = FIRST_WAIT_S

    async def wait(self) -> None:
        """Wait before another try; not any longer once told to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self.wait_s)
        self.wait_s = min(2 * self.wait_s, LONGEST_WAIT_S)


def reason_of(error: SQLAlchemyError | OSError) -> str:
    """Return what went wrong in the words of the database's driver, on one line."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


async def stored(messages: Sequence[Message], take: Take, stop: asyncio.Event) -> Sequence[Receipt] | None:
    """Store messages, trying until it works; none if told to stop before that.

    Parameters
    ----------
    take
        Stores messages durably before it returns, or raises if that is impossible now; runs on a thread.
    """
    patience = Patience(stop)
    while True:
        try:
            return await asyncio.to_thread(take, messages)
        except (SQLAlchemyError, OSError) as error:
            reason = reason_of(error)
            log.warning("%d messages cannot be stored: %s; next try in %.0f s", len(messages), reason, patience.wait_s)
        except Exception:
            log.exception("%d messages cannot be stored; next try in %.0f s", len(messages), patience.wait_s)
        await patience.wait()
        if stop.is_set():
            return None
