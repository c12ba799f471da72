"""Why a stop is where it is in a proposal: why this truck, why then, what it costs, why not another truck."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from agents.asking import explain_stop
from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import ID_RULES, InLanguage, PathId, QueryId
from api.problems import refusals
from api.resources.proposals import find_proposal
from city.database import reading
from city.wording import Language
from routing.explain import Explanation

router = APIRouter(tags=["proposals"])

StopId = Annotated[str, Path(**ID_RULES, description="the stop's id; its slash may be written as %2F or as it is")]


class OtherTruckView(BaseModel):
    """What it costs more to serve the stop on another truck, everything else in its order."""

    truck_id: str
    extra_cents: int
    extra_m: int
    extra_s: int


class WhyNotView(BaseModel):
    """Why another truck does not serve the stop."""

    truck_id: str
    text: str = Field(description="in the caller's language")
    extra_cents: int | None = Field(description="of the best plan found with the stop on it; none: it cannot")
    extra_m: int | None
    extra_s: int | None
    leaves_out: list[str] = Field(description="stops that would be left out for it")


class ExplanationView(BaseModel):
    """Why a stop is where it is, or why it is left out."""

    stop_id: str
    truck_id: str | None
    said: list[str] = Field(description="the explanation, a sentence each, in the caller's language")
    locked: bool
    begun: bool = Field(description="the truck has been there or is on its way")
    price_cents: int | None = Field(description="what serving it costs, all in all")
    otherwise: list[OtherTruckView] = Field(description="the cheapest other trucks")
    if_only: list[str] = Field(description="of a stop left out: what alone would let it be served, cheapest first")
    why_not: WhyNotView | None = Field(description="the answer to `truck`")


@router.get(
    "/proposals/{proposal_id}/stops/{stop_id:path}/explanation",
    responses=refusals("unauthenticated", "forbidden", "not-found", "invalid-request"),
)
def read_explanation(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_PROPOSALS)],
    language: InLanguage,
    proposal_id: PathId,
    stop_id: StopId,
    truck: QueryId = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="an older version; none: the current")] = None,
) -> ExplanationView:
    """Ask why a stop is on its truck, and with `truck` why not on that one.

    The second takes a few seconds: the trucks around the stop are planned with it on the other truck.
    """
    with reading(context.engine) as session:
        shown = find_proposal(session, principal, Permission.READ_PROPOSALS, proposal_id, version)
        explanation = explain_stop(context.desk, session, shown, stop_id, truck)
    return _view(explanation, language)


def _view(found: Explanation, language: Language) -> ExplanationView:
    asked = found.why_not
    return ExplanationView(
        stop_id=found.stop_id,
        truck_id=found.truck_id,
        said=found.said(language),
        locked=found.locked,
        begun=found.begun,
        price_cents=found.price.cents if found.price else None,
        otherwise=[
            OtherTruckView(
                truck_id=other.truck_id,
                extra_cents=other.extra.cents,
                extra_m=other.extra.metres,
                extra_s=other.extra.seconds,
            )
            for other in found.otherwise
        ],
        if_only=[wish.said(language) for wish in found.if_only],
        why_not=None
        if asked is None
        else WhyNotView(
            truck_id=asked.truck_id,
            text=asked.said(language),
            extra_cents=asked.extra_cents,
            extra_m=asked.extra_m,
            extra_s=asked.extra_s,
            leaves_out=list(asked.leaves_out),
        ),
    )
