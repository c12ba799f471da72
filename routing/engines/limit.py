"""How long an engine may go on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """Whichever comes first ends an engine's leg.

    Attributes
    ----------
    seconds
        Wall time, setting up included.
    iterations
        The engine's own steps. Without it, only time counts.
    """

    seconds: float
    iterations: int | None = None
