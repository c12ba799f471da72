"""A decision of the dispatcher about one need: what is done, by which rule, and whether a truck comes for it."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from agents.needs import NeedAction


class Rule(StrEnum):
    """The rule by which the dispatcher decided, the weightiest for a truck first."""

    BIN_BURNS = "bin_burns"
    POINT_BURNS = "point_burns"
    OVERFLOWING = "overflowing"
    SWAP_UNTIL_TRUCK = "swap_until_truck"
    MISSED_SERVICE = "missed_service"
    INTERVAL = "interval"
    OVERFLOW_LIMIT = "overflow_limit"
    ADDED_BY_PERSON = "added_by_person"
    OVERFLOW_PRIZE = "overflow_prize"
    VISITED_ANYWAY = "visited_anyway"
    NOTHING_KNOWN = "nothing_known"
    PERSON_DECIDES = "person_decides"
    BIN_LIES = "bin_lies"
    TRUCK_ON_ITS_WAY = "truck_on_its_way"
    OTHER_SHIFT = "other_shift"
    POINT_CLOSED = "point_closed"
    WINDOW_OUTSIDE_SHIFT = "window_outside_shift"


class RouteWish(StrEnum):
    """Whether a truck of the shift comes for a need: it must, or it does if it pays."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class Decision(BaseModel):
    """What a need deserves in one shift.

    Attributes
    ----------
    numbers
        What the rule's sentence says.
    route
        Whether a truck comes; ``None``: not in this shift.
    prize_cents
        What coming is worth where it is optional.
    """

    model_config = ConfigDict(frozen=True)

    action: NeedAction
    rule: Rule
    numbers: dict[str, Any] = {}
    route: RouteWish | None = None
    prize_cents: int = 0
