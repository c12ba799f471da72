"""The summary of a proposal: what an operator reads before anything else."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from agents.reasons import Standing, StopReason
from agents.said import said
from city.wording import Language
from routing.plan import Plan, VisitKind


class Note(BaseModel):
    """Something the operator should know about a proposal: a code of ``note.*`` and its numbers."""

    model_config = ConfigDict(frozen=True)

    code: str
    numbers: dict[str, Any] = {}

    def say(self, language: Language) -> str:
        """Word the note for a person."""
        return said(f"note.{self.code}", language, self.numbers)


class Wish(StrEnum):
    """What an alternative is best in."""

    FEWEST_TRUCKS = "fewest_trucks"
    LEAST_CHANGE = "least_change"


class Alternative(BaseModel):
    """Another plan in numbers.

    Attributes
    ----------
    left_out_required
        Stops that ought to be served and are not.
    cost_cents
        What its trucks cost.
    changed
        Stops that another truck serves than the last time this shift was driven; ``None``: it never was.
    plan_changed
        The same of the plan that is proposed.
    """

    model_config = ConfigDict(frozen=True)

    wish: Wish
    trucks: int
    distance_m: int
    duration_s: int
    cost_cents: int
    stops: int
    left_out_required: int
    changed: int | None
    plan_changed: int | None


class Summary(BaseModel):
    """A proposal in numbers.

    Attributes
    ----------
    distance_m, duration_s
        Of all routes together.
    collected_kg, collected_l
        Expected at the stops that are served.
    stops, trucks, trips
        Counts of what is planned.
    left_out, left_out_required
        Stops with a need that are not served, and those of them that ought to be.
    riskiest_left_out, riskiest_left_out_stop
        Highest probability among them that a bin overflows before the next chance to serve it, and whose it is.
    cost_cents
        What the trucks cost; prizes are not money and are not in it.
    notes
        What else the operator should know.
    alternatives
        Other plans beside it, in numbers.
    invalid_if
        What would make it wrong, as codes of ``note.*``.
    """

    model_config = ConfigDict(frozen=True)

    distance_m: int
    duration_s: int
    collected_kg: int
    collected_l: int
    stops: int
    trucks: int
    trips: int
    left_out: int
    left_out_required: int
    riskiest_left_out: float | None
    riskiest_left_out_stop: str | None
    cost_cents: int
    notes: tuple[Note, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    invalid_if: tuple[Note, ...] = ()


def summarise(plan: Plan, reasons: Mapping[str, StopReason], notes: Iterable[Note]) -> Summary:
    """Add up a plan and what its reasons say was left out."""
    served = [stop_id for route in plan.routes for stop_id in route.stop_ids]
    left = [reason for reason in reasons.values() if reason.standing is not Standing.SERVED]
    riskiest = max(left, key=lambda reason: reason.probability, default=None)
    return Summary(
        distance_m=plan.distance_m,
        duration_s=plan.duration_s,
        collected_kg=sum(reasons[stop_id].demand_kg for stop_id in served),
        collected_l=sum(reasons[stop_id].demand_l for stop_id in served),
        stops=len(served),
        trucks=len(plan.routes),
        trips=sum(visit.kind is VisitKind.UNLOAD for route in plan.routes for visit in route.visits),
        left_out=len(left),
        left_out_required=sum(reason.required for reason in left),
        riskiest_left_out=riskiest.probability if riskiest else None,
        riskiest_left_out_stop=riskiest.stop_id if riskiest else None,
        cost_cents=plan.cost.driving_cents,
        notes=tuple(notes),
    )
