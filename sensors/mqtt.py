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

from sensors.broker import Broker, Connection
from sensors.delivery import Message, Receipt
from sensors.patience import Patience, Take, stored

# How often the log says what came in.
TOLD_EVERY_S = 60.0
# Topics whose format is kept in mind; a city has one for each device.
TOPICS_IN_MIND = 200_000

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
    patience = Patience(stop)
    while not stop.is_set():
        connection = Connection(broker)
        try:
            async with connection:
                connection.begin()
                while batch := await connection.batch(stop):
                    messages = [Message(format_of(received.topic), received.body) for received in batch]
                    receipts = await stored(messages, take, stop)
                    if receipts is None:
                        break
                    connection.acknowledge(batch)
                    tally.count(receipts)
        except MqttError as error:
            if connection.is_subscribed:
                patience.renew()
            # As text: a record that is kept would keep the error's frames, and with them the socket.
            log.warning("no connection to the broker %s: %s; next try in %.0f s", broker, str(error), patience.wait_s)
            await patience.wait()
        finally:
            connection.abandon()


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
