"""Intake from an MQTT broker: taken in batches, acknowledged after the commit, whatever goes away in between.

While the database is away nothing is acknowledged, so the broker keeps what comes; while the broker is away, devices
or it keep it. A message that was stored but not acknowledged comes again and is recognised.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from time import monotonic

from aiomqtt import MqttError, Topic
from sqlalchemy.exc import SQLAlchemyError

from sensors.broker import Broker, Connection
from sensors.delivery import Message, Receipt

# How long to wait before another try, at first and at most, when the broker or the database is away.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
# How often the log says what came in.
TOLD_EVERY_S = 60.0
# Topics whose format is kept in mind; a city has one for each device.
TOPICS_IN_MIND = 200_000

Take = Callable[[Sequence[Message]], Sequence[Receipt]]

log = logging.getLogger(__name__)


async def listen(broker: Broker, take: Take, stop: asyncio.Event) -> None:
    """Take in what a broker has, until told to stop; connect again as often as it takes.

    Parameters
    ----------
    take
        Stores messages durably before it returns, or raises if that is impossible now; runs on a thread.
    stop
        Ends it after the batch under way.
    """
    format_of = _formats(broker.topics)
    tally = _Tally()
    wait_s = FIRST_WAIT_S
    while not stop.is_set():
        connection = Connection(broker)
        try:
            async with connection:
                connection.begin()
                while batch := await connection.batch(stop):
                    messages = [Message(format_of(received.topic), received.body) for received in batch]
                    receipts = await _stored(messages, take, stop)
                    if receipts is None:
                        break
                    connection.acknowledge(batch)
                    tally.count(receipts)
        except MqttError as error:
            if connection.is_subscribed:
                wait_s = FIRST_WAIT_S
            # As text: a record that is kept would keep the error's frames, and with them the socket.
            log.warning("no connection to the broker %s: %s; next try in %.0f s", broker, str(error), wait_s)
            await _pause(stop, wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        finally:
            connection.abandon()


async def _stored(messages: Sequence[Message], take: Take, stop: asyncio.Event) -> Sequence[Receipt] | None:
    """Store messages, trying until it works; none if told to stop before that."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await asyncio.to_thread(take, messages)
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            log.warning("%d messages cannot be stored: %s; next try in %.0f s", len(messages), reason, wait_s)
        except Exception:
            log.exception("%d messages cannot be stored; next try in %.0f s", len(messages), wait_s)
        await _pause(stop, wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        if stop.is_set():
            return None


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _formats(topics: Mapping[str, str]) -> Callable[[str], str]:
    """Return what tells the format by the topic; a topic nobody subscribed to is its own, unknown, format."""

    @lru_cache(maxsize=TOPICS_IN_MIND)
    def format_of(topic: str) -> str:
        with contextlib.suppress(ValueError):
            for wanted, name in topics.items():
                if Topic(topic).matches(wanted):
                    return name
        return topic

    return format_of


class _Tally:
    """Says now and then what came in."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._told_s = monotonic()

    def count(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            self._counted.update(stored=receipt.stored, known=receipt.duplicates)
            self._refused.update(rejection.code for rejection in receipt.rejected)
        if monotonic() - self._told_s < TOLD_EVERY_S:
            return
        refused = ", ".join(f"{number} {code}" for code, number in sorted(self._refused.items())) or "none"
        log.info("%d readings stored, %d known, refused: %s", self._counted["stored"], self._counted["known"], refused)
        self._counted.clear()
        self._refused.clear()
        self._told_s = monotonic()
