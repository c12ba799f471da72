"""Stores what many connections bring: together, in one transaction after another; each waits until its own is durable.

While the database is away everybody waits, and only so much is kept waiting; who brings more waits at the door.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from sensors.delivery import Message, Receipt

# Messages of one transaction, and of those that wait for the next.
MOST_AT_ONCE, MOST_WAITING = 500, 2_000
# How long to wait before another try, at first and at most, when the database is away.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0

Take = Callable[[Sequence[Message]], Sequence[Receipt]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Batches:
    """Messages that wait to be stored.

    Parameters
    ----------
    take
        Stores messages durably before it returns, or raises if that is impossible now; runs on a thread.
    """

    take: Take
    _waiting: asyncio.Queue[tuple[Message, asyncio.Future[Receipt]]] = field(
        default_factory=lambda: asyncio.Queue(MOST_WAITING)
    )

    async def stored(self, messages: Sequence[Message]) -> list[Receipt]:
        """Return what became of messages, once it is durable."""
        receipts: list[asyncio.Future[Receipt]] = []
        for message in messages:
            receipt = asyncio.get_running_loop().create_future()
            await self._waiting.put((message, receipt))
            receipts.append(receipt)
        return [await receipt for receipt in receipts]

    @contextlib.asynccontextmanager
    async def storing(self) -> AsyncIterator[None]:
        """Store what comes for as long as the block runs; what waits at its end was not acknowledged to anybody."""
        storing = asyncio.create_task(self._store())
        try:
            yield
        finally:
            storing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await storing

    async def _store(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            receipts = await self._taken([message for message, _ in batch])
            for (_, future), receipt in zip(batch, receipts, strict=True):
                # Whoever waited for it may have gone.
                if not future.done():
                    future.set_result(receipt)

    async def _taken(self, messages: Sequence[Message]) -> Sequence[Receipt]:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await asyncio.to_thread(self.take, messages)
            except SQLAlchemyError as error:
                reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
                log.warning("%d messages cannot be stored: %s; next try in %.0f s", len(messages), reason, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
