"""Why a stop is in a proposal or not: which bins, what evidence, which rule, what kept it out. Stored with the version.

Everything is a code and its numbers; `sentences` words them for a person in the language asked for.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from agents.decisions import Rule
from agents.needs import NeedReason
from agents.places import StreetLeftOut
from agents.said import said
from city.streams import Stream
from city.wording import Language
from routing.plan import Unserved


class Standing(StrEnum):
    """Where a stop stands in a proposal."""

    SERVED = "served"
    LEFT_OUT = "left_out"
    EXCLUDED = "excluded"
    DROPPED = "dropped"


class Exclusion(StrEnum):
    """Why a stop was kept out of the routing problem."""

    POINT_BURNS = "point_burns"
    POINT_CLOSED = "point_closed"
    WINDOW_OUTSIDE_SHIFT = "window_outside_shift"
    OFF_NETWORK = "off_network"
    STREET_CLOSED = "street_closed"


class BinEvidence(BaseModel):
    """What was known of one bin when the proposal was made.

    Attributes
    ----------
    level, sigma
        Fill level and its standard deviation at the time of planning; ``None``: nothing is known.
    rate_per_h
        Mean filling per hour.
    probability
        That it overflows before the next chance to serve it.
    expected_l
        Litres expected in it when the truck comes.
    need
        The cause found with it, if any; its stop may be served for the sake of another bin.
    """

    model_config = ConfigDict(frozen=True)

    bin_id: str
    level: float | None
    sigma: float | None
    rate_per_h: float
    probability: float | None
    expected_l: float
    emptied_at: datetime | None
    heard_at: datetime | None
    need: NeedReason | None


class StopReason(BaseModel):
    """Why one stop stands where it stands.

    Attributes
    ----------
    required, prize_cents
        Whether it must be served, or what serving it is worth.
    probability
        That at least one of its bins overflows before the next chance to serve it.
    next_chance_at
        When the next shift that carries the stream is expected to come by; ``None``: none does.
    rule, numbers
        The dispatcher's rule and the numbers of its sentence.
    unserved
        For a stop left out by the planner or by a person: the constraint, as routing says it.
    excluded
        For a stop that could not enter the problem.
    left_out_street
        For a stop that no street comes near: the one that would, and that the trucks cannot use.
    changed_by
        The account that added or dropped it by hand.
    """

    model_config = ConfigDict(frozen=True)

    stop_id: str
    point_id: str
    point_name: str
    stream: Stream
    standing: Standing
    required: bool
    prize_cents: int
    probability: float
    next_chance_at: datetime | None
    demand_kg: int
    demand_l: int
    rule: Rule
    numbers: dict[str, Any]
    bins: tuple[BinEvidence, ...]
    unserved: Unserved | None = None
    excluded: Exclusion | None = None
    left_out_street: StreetLeftOut | None = None
    changed_by: str | None = None


def sentences(reason: StopReason, language: Language, zone: ZoneInfo) -> list[str]:
    """Word a stop's reason: what was decided and why, then the evidence of each bin that has a need."""
    lines = [rule_sentence(reason.rule, reason.numbers, language, zone)]
    if reason.changed_by is not None and reason.standing in BY_HAND:
        lines.append(said(f"standing.{reason.standing}_by_hand", language, {"actor": reason.changed_by}))
    if reason.excluded is not None:
        lines.append(said(f"excluded.{reason.excluded}", language, {}))
    if reason.left_out_street is not None:
        street = reason.left_out_street
        lines.append(said(f"left_out_street.{street.reason}", language, street.model_dump()))
    if reason.unserved is not None:
        lines.append(reason.unserved.said(language))
    lines += [evidence_sentence(item, language, zone) for item in reason.bins if item.need is not None]
    return lines


def rule_sentence(rule: Rule, numbers: Mapping[str, Any], language: Language, zone: ZoneInfo) -> str:
    """Word the dispatcher's rule."""
    return said(f"rule.{rule}", language, numbers, zone)


def evidence_sentence(evidence: BinEvidence, language: Language, zone: ZoneInfo) -> str:
    """Word what is known of one bin."""
    code = "evidence.unknown" if evidence.level is None else "evidence.level"
    return said(code, language, evidence.model_dump(), zone)


# Standings that a person can bring about.
BY_HAND = frozenset({Standing.SERVED, Standing.DROPPED})
