"""What is delivered, and what becomes of it: a message, what was found in it, and the receipt its sender gets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sensors.decoders import Item
from sensors.uplink import Unusable


@dataclass(frozen=True, slots=True)
class Message:
    """What came: the name of a format of `sensors.decoders.formats`, and the bytes."""

    format: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something that was refused and kept as a dead letter.

    Parameters
    ----------
    code
        Why, worded as ``rejection.<code>``.
    message
        The same in plain English with the values.
    device_id
        Who sent it, if that much is known.
    index
        Its place in the message; none if the whole message is of no use.
    """

    code: str
    message: str
    device_id: str | None
    index: int | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message.

    Parameters
    ----------
    stored
        Readings and reports that are durable now and were not there before.
    duplicates
        Those that were there already, or twice in the message.
    rejected
        What was refused.
    """

    stored: int
    duplicates: int
    rejected: tuple[Rejection, ...]


@dataclass(slots=True)
class Delivery:
    """A message on its way through intake.

    Parameters
    ----------
    found
        What its decoder found in it.
    refused
        What was refused so far, each with the bytes to keep of it.
    stored, duplicates
        Counted so far.
    """

    message: Message
    found: Sequence[Item | Unusable] = ()
    refused: list[tuple[Rejection, bytes]] = field(default_factory=list)
    stored: int = 0
    duplicates: int = 0

    def refuse(
        self,
        code: str,
        reason: str,
        *,
        device_id: str | None = None,
        index: int | None = None,
        alone: bytes = b"",
    ) -> None:
        """Refuse the message, or one element of it, whose bytes alone are kept if they are known."""
        self.refused.append((Rejection(code, reason, device_id, index), alone or self.message.body))

    @property
    def receipt(self) -> Receipt:
        """Return what the sender is told, refusals in the order of the message."""
        refused = sorted(
            (rejection for rejection, _ in self.refused), key=lambda one: -1 if one.index is None else one.index
        )
        return Receipt(self.stored, self.duplicates, tuple(refused))
