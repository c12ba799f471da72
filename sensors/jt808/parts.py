"""Parts of messages that came in several frames, kept until all are there; never more of them than a bound."""

from dataclasses import dataclass, field

from sensors.jt808.frame import Frame

# Messages of which parts may be missing at a time, and parts of one message. Positions of a day offline, one every ten
# seconds, are 600 parts; nobody sends them in one message.
MOST_MESSAGES, MOST_PARTS = 4, 100

Arrived = tuple[Frame, bytes]


@dataclass(slots=True)
class Parts:
    """The messages of one connection that are not complete."""

    _begun: dict[tuple[str, int, int, int], dict[int, Arrived]] = field(default_factory=dict)

    def add(self, frame: Frame, raw: bytes) -> list[Arrived]:
        """Keep a part, or return the whole message in order when it was the last that was missing.

        Of too many incomplete messages the oldest is forgotten; its terminal gets no answer and sends it again.

        Parameters
        ----------
        raw
            The frame as it came.
        """
        if frame.parts == 1:
            return [(frame, raw)]
        if frame.parts > MOST_PARTS:
            return []
        # Parts count up by one in their serial numbers, so all of a message lead to that of its first.
        message = frame.phone, frame.message, frame.parts, (frame.serial - frame.part + 1) % (1 << 16)
        parts = self._begun.setdefault(message, {})
        parts[frame.part] = frame, raw
        if len(parts) == frame.parts:
            del self._begun[message]
            return [parts[number] for number in sorted(parts)]
        if len(self._begun) > MOST_MESSAGES:
            del self._begun[next(iter(self._begun))]
        return []
