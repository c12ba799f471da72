"""Trying dead letters again once their cause is mended."""

from dataclasses import dataclass

from sqlalchemy import Engine

from city.clock import Clock
from city.database import reading, transaction
from sensors.delivery import Message
from sensors.intake import receive_all
from sensors.letters import list_letters
from sensors.telemetry import DeadLetter


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of dead letters that were tried again.

    Parameters
    ----------
    tried, stored
        Letters, and the readings that came of them.
    still_dead
        Letters that are still of no use, whatever the reason is now; they stay as they were.
    """

    tried: int
    stored: int
    still_dead: int


def retry_letters(engine: Engine, clock: Clock, *, code: str | None = None) -> Retried:
    """Take dead letters in again. Those of use now leave the table; the others stay.

    A process killed half-way leaves a letter whose readings are stored; the next try finds them known and
    removes it.
    """
    with reading(engine) as session:
        letters = list_letters(session, code=code)
    stored = still_dead = 0
    for letter in letters:
        (receipt,) = receive_all(engine, clock, [Message(letter.format, letter.body)], keep_refused=False)
        stored += receipt.stored
        if receipt.rejected:
            still_dead += 1
            continue
        with transaction(engine) as session:
            session.delete(session.get_one(DeadLetter, letter.id))
    return Retried(len(letters), stored, still_dead)
