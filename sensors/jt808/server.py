"""Terminals of trucks connect here over TCP; what they report is stored, and then they are answered.

Nothing that one terminal sends, or fails to send, touches another: a connection holds a few kilobytes, is closed when
it falls silent or speaks another language, and waits its turn while the database is busy.
"""

import asyncio
import contextlib
import logging
import math
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from city.marks import canonical_terminal
from sensors.batches import Batches
from sensors.delivery import Message, Receipt
from sensors.errors import IntakeError
from sensors.jt808.answer import Registration, Result, general_answer, registration_answer
from sensors.jt808.frame import Cutter, Frame, read_frame, write_frame
from sensors.jt808.message import (
    ANSWER,
    AUTHENTICATE,
    HEARTBEAT,
    LOGOUT,
    POSITION,
    POSITION_ASKED_FOR,
    POSITIONS,
    REGISTER,
)
from sensors.jt808.parts import Arrived, Parts
from sensors.patience import Take, reason_of

REPORTS = frozenset({POSITION, POSITION_ASKED_FOR, POSITIONS})
GREETINGS = frozenset({HEARTBEAT, LOGOUT})
# Refusals of a whole message that are about who sent it, not what.
STRANGERS = frozenset({"unknown_truck", "retired_truck"})

READ_BYTES = 4096
# Pieces in a row that are no frames; whoever sends more speaks another language.
MOST_WRONG = 100
# A terminal waits this long for an answer before it connects again, so nobody else need wait longer for it.
PATIENCE_S = 60.0
# How often the log says that the database does not answer; every terminal of a city tries again within a minute.
TOLD_EVERY_S = 60.0

IsRegistered = Callable[[str], bool]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """What terminals are allowed.

    Parameters
    ----------
    idle_s
        A connection that is silent for so long is closed; terminals send a heartbeat every minute or so.
    most_connections
        Of all terminals together; another one is turned away until there is room.
    """

    idle_s: float = 300.0
    most_connections: int = 10_000


async def serve(
    listener: socket.socket, door: Door, take: Take, is_registered: IsRegistered, stop: asyncio.Event
) -> None:
    """Let terminals connect until told to stop; see `listening`."""
    async with listening(listener, door, take, is_registered):
        host, port = listener.getsockname()[:2]
        log.info("terminals of trucks connect to %s port %d", host, port)
        await stop.wait()


@contextlib.asynccontextmanager
async def listening(
    listener: socket.socket, door: Door, take: Take, is_registered: IsRegistered
) -> AsyncIterator[None]:
    """Let terminals connect for as long as the block runs.

    Parameters
    ----------
    listener
        The socket they connect to, bound.
    take
        Stores messages durably before it returns, or raises if that is impossible now; runs on a thread.
    is_registered
        Tells whether a terminal, by its number as `city.marks` writes it, belongs to a truck in use; on a thread too.
    """
    batches = Batches(take)
    conversations: set[asyncio.Task[None]] = set()
    told_s = -math.inf

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal told_s
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has one
        try:
            if len(conversations) < door.most_connections:
                conversations.add(task)
                # Whatever ends it early, the terminal was not answered, connects again and sends it again.
                with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                    await _Conversation(door, batches, is_registered, reader, writer).run()
        except SQLAlchemyError as error:
            if monotonic() - told_s >= TOLD_EVERY_S:
                told_s = monotonic()
                log.warning("terminals cannot be told whether they are registered: %s", reason_of(error))
        finally:
            conversations.discard(task)
            writer.transport.abort()

    async with batches.storing():
        server = await asyncio.start_server(converse, sock=listener, limit=READ_BYTES)
        try:
            yield
        finally:
            server.close()
            for task in conversations:
                task.cancel()
            await asyncio.gather(*conversations, return_exceptions=True)


class _Conversation:
    """One connection, from the first byte to the last."""

    def __init__(
        self,
        door: Door,
        batches: Batches,
        is_registered: IsRegistered,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._door, self._batches, self._is_registered = door, batches, is_registered
        self._reader, self._writer = reader, writer
        self._cutter, self._parts = Cutter(), Parts()
        self._serial = 0
        self._wrong = 0

    async def run(self) -> None:
        """Take and answer until the terminal goes, falls silent or speaks another language."""
        while received := await asyncio.wait_for(self._reader.read(READ_BYTES), self._door.idle_s):
            if pieces := self._cutter.feed(received):
                await asyncio.wait_for(self._take(pieces), PATIENCE_S)
            if self._wrong > MOST_WRONG:
                log.warning("%s does not speak JT/T 808", self._writer.get_extra_info("peername"))
                return
        if pieces := self._cutter.close():
            await asyncio.wait_for(self._take(pieces), PATIENCE_S)

    async def _take(self, pieces: Sequence[bytes]) -> None:
        """Store what the pieces report, together, and answer them in their order."""
        messages: list[Message] = []
        answers: list[tuple[Frame, Result | Registration | int]] = []
        for piece in pieces:
            raw = b"\x7e" + piece + b"\x7e"
            try:
                frame = read_frame(piece)
            except IntakeError:
                # Kept as a dead letter; whose it is, nobody can tell.
                messages.append(Message("jt808", raw))
                self._wrong += 1
                continue
            self._wrong = 0
            if frame.message in REPORTS:
                if whole := self._parts.add(frame, raw):
                    answers += [(part, len(messages)) for part, _ in whole]
                    messages.append(_message(whole))
            elif frame.message == REGISTER:
                known = await self._knows(frame)
                answers.append((frame, Registration.DONE if known else Registration.UNKNOWN_TERMINAL))
            elif frame.message == AUTHENTICATE:
                answers.append((frame, Result.DONE if await self._knows(frame) else Result.FAILED))
            elif frame.message != ANSWER:
                answers.append((frame, Result.DONE if frame.message in GREETINGS else Result.UNSUPPORTED))
        receipts = await self._batches.stored(messages)
        for frame, answer in answers:
            match answer:
                case Registration():
                    self._send(registration_answer(frame, answer, self._serial))
                case Result():
                    self._send(general_answer(frame, answer, self._serial))
                case place:
                    self._send(general_answer(frame, _result(receipts[place]), self._serial))
        await self._writer.drain()

    async def _knows(self, frame: Frame) -> bool:
        return await asyncio.to_thread(self._is_registered, canonical_terminal(frame.phone))

    def _send(self, frame: Frame) -> None:
        self._writer.write(write_frame(frame))
        self._serial = (self._serial + 1) % (1 << 16)


def _message(parts: Sequence[Arrived]) -> Message:
    return Message("jt808", b"".join(raw for _, raw in parts))


def _result(receipt: Receipt) -> Result:
    """Tell a terminal what became of its report; whatever is refused is kept, and sending it again is no use."""
    if receipt.stored or receipt.duplicates or not receipt.rejected:
        return Result.DONE
    return Result.FAILED if receipt.rejected[0].code in STRANGERS else Result.WRONG
