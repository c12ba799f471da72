"""How full somebody saw a bin to be, in quarters: what crews and attendants can tell at a glance."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from city.streams import Stream


class Seen(StrEnum):
    """What people can tell apart by eye."""

    EMPTY = "0"
    QUARTER = "1/4"
    HALF = "1/2"
    THREE_QUARTERS = "3/4"
    FULL = "full"
    OVERFLOWING = "overflowing"

    @property
    def level(self) -> float:
        """The fill level in the middle of what the word covers, 0..1 of the usable volume."""
        return _LEVELS[self]


# The middle of what is rounded to each word: an overflowing bin stands between its brim and a third above it, an empty
# one has at most an eighth left in it.
_LEVELS = {
    Seen.EMPTY: 0.05,
    Seen.QUARTER: 0.25,
    Seen.HALF: 0.5,
    Seen.THREE_QUARTERS: 0.75,
    Seen.FULL: 1.0,
    Seen.OVERFLOWING: 1.15,
}

# Standard deviation of a level told in quarters: 0.25 / sqrt(12) = 0.07 is what rounding to a quarter hides; that two
# people differ by another 0.1 is an assumption, because no city publishes two looks at one bin.
SEEN_SIGMA = 0.12


@dataclass(frozen=True, slots=True)
class Observation:
    """What somebody saw.

    Parameters
    ----------
    observer
        Who: a person's account, a crew or a truck.
    at
        When it was seen; aware UTC.
    seen
        How full.
    bin_id
        The bin; none if all bins of a stream at a point are meant.
    point_id, stream
        The point and the stream whose bins are meant, where no bin is named.
    note
        In the observer's words.
    index, alone
        As in `sensors.uplink.Uplink`.
    """

    observer: str
    at: datetime
    seen: Seen
    bin_id: str | None = None
    point_id: str | None = None
    stream: Stream | None = None
    note: str = ""
    index: int = field(default=0, compare=False)
    alone: bytes = field(default=b"", compare=False, repr=False)
