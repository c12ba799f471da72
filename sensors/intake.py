"""Intake: messages come in, what they hold is stored once and moves the bins' states; or it is kept as dead letters.

All messages of one call are one transaction. When it returns, what it counts as stored is durable, what it counts as
rejected lies in the dead-letter table, and nothing else was changed.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError, StatementError

from city.clock import Clock
from city.database import transaction
from sensors.decoders import decode
from sensors.delivery import Delivery, Message, Receipt
from sensors.errors import IntakeError
from sensors.letters import keep_letters
from sensors.readings import store_readings
from sensors.uplink import Unusable

# Larger messages are refused whole; a network server's are a few kilobytes, a batch of 10,000 readings is under this.
MOST_BYTES = 4_000_000
# What is kept of a message that is too large.
KEPT_BYTES = 64_000

log = logging.getLogger(__name__)


def receive(engine: Engine, clock: Clock, *, format: str, body: bytes) -> Receipt:  # noqa: A002 - the word callers use
    """Take in one message; see `receive_all`."""
    return receive_all(engine, clock, [Message(format, body)])[0]


def receive_all(
    engine: Engine, clock: Clock, messages: Sequence[Message], *, keep_refused: bool = True, durable: bool = True
) -> list[Receipt]:
    """Take in messages in one transaction.

    Messages that nobody foresaw and that break it are found by halving, and refused; the others are stored.

    Parameters
    ----------
    keep_refused
        Whether what is refused becomes a dead letter; not where it is one already and is tried again.
    durable
        Whether what is stored outlasts a power cut; not needed in a database that lasts no longer than its caller.

    Returns
    -------
    list of Receipt
        For each message what is stored, was known, or was refused. Nothing is raised for what a stranger sends.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError
        If the database is away, busy or full. Nothing of these messages is stored that was not before; send them again.
    """
    deliveries = [_opened(message) for message in messages]
    try:
        _take_in(engine, deliveries, clock.now(), keep_refused=keep_refused, durable=durable)
    except Exception as error:
        if _is_outage(error):
            raise
        if len(messages) > 1:
            middle = len(messages) // 2
            return [
                receipt
                for half in (messages[:middle], messages[middle:])
                for receipt in receive_all(engine, clock, half, keep_refused=keep_refused, durable=durable)
            ]
        deliveries = [_unforeseen(messages[0], error)]
        _take_in(engine, deliveries, clock.now(), keep_refused=keep_refused, durable=durable)
    return [delivery.receipt for delivery in deliveries]


def _take_in(
    engine: Engine, deliveries: Sequence[Delivery], now: datetime, *, keep_refused: bool, durable: bool
) -> None:
    with transaction(engine, durable=durable) as session:
        store_readings(session, deliveries, now)
        if keep_refused:
            keep_letters(session, deliveries, now)


def _opened(message: Message) -> Delivery:
    """Decode a message; what is unusable in it is refused at once."""
    delivery = Delivery(message)
    if (size := len(message.body)) > MOST_BYTES:
        too_large = f"the message has {size} bytes; at most {MOST_BYTES} are read, and {KEPT_BYTES} of it kept"
        delivery.refuse("too_large", too_large, alone=message.body[:KEPT_BYTES])
        return delivery
    try:
        delivery.found = decode(message.format, message.body)
    except IntakeError as error:
        delivery.refuse(error.code, str(error))
    except Exception as error:  # noqa: BLE001 - a decoder must not, but one message may not stop the others
        return _unforeseen(message, error)
    for item in delivery.found:
        if isinstance(item, Unusable):
            delivery.refuse(item.code, item.reason, device_id=item.device_id, index=item.index, alone=item.body)
    return delivery


def _is_outage(error: Exception) -> bool:
    """Tell whether the database is to blame, and the same may work later; not the messages."""
    if isinstance(error, DataError | IntegrityError) or type(error) is StatementError:
        return False
    return isinstance(error, SQLAlchemyError | OSError | MemoryError)


def _unforeseen(message: Message, error: Exception) -> Delivery:
    log.error("a message of format %r could not be taken in and is kept", message.format, exc_info=error)
    delivery = Delivery(message)
    delivery.refuse("unforeseen", f"Dustcart failed on this message: {type(error).__name__}: {error}"[:1000])
    return delivery
