"""Stores what many connections bring: together, in one transaction after another; each waits until its own is durable.

While the database is away everybody waits, and only so much is kept waiting; who brings more waits at the door.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from sensors.delivery import Message, Receipt
from sensors.patience import Take, stored

# Messages of one transaction, and of those that wait for the next.
MOST_AT_ONCE, MOST_WAITING = 500, 2_000


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
        # Whoever ends it cancels it.
        never = asyncio.Event()
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            receipts = await stored([message for message, _ in batch], self.take, never)
            assert receipts is not None  # noqa: S101 - it was not told to stop
            for (_, future), receipt in zip(batch, receipts, strict=True):
                # Whoever waited for it may have gone.
                if not future.done():
                    future.set_result(receipt)
