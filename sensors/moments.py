"""When something may have happened that is reported now: neither ahead of us nor too long ago."""

from datetime import datetime, timedelta

from city.clock import CLOCK_TOLERANCE
from sensors.errors import IntakeError

# Older reports belong in an archive, not in a state; a device that lost its clock says 1970 or 2000.
OLDEST = timedelta(days=400)


def check_moment(speaker: str, at: datetime, now: datetime) -> None:
    """Refuse a moment that cannot be reported now.

    Parameters
    ----------
    speaker
        Who reports it, for the message: ``device 24e1...``.

    Raises
    ------
    IntakeError
        ``future`` or ``too_old``.
    """
    if at > now + CLOCK_TOLERANCE:
        raise IntakeError("future", f"{speaker} speaks at {at.isoformat()}, but it is {now.isoformat()}")
    if at < now - OLDEST:
        raise IntakeError("too_old", f"{speaker} speaks of {at.isoformat()}, over {OLDEST.days} days ago")
