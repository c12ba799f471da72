"""Maps: a proposal drawn along the streets that its trucks drive."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from agents.maps import map_of
from api.access import Permission, Principal, needs
from api.conditions import with_etag
from api.context import Here
from api.fields import InLanguage, PathId
from api.problems import refusals
from api.resources.proposals import find_proposal, tag_of
from api.views.names import timezone_of
from city.database import reading

router = APIRouter(tags=["proposals"])


class GeoJsonResponse(JSONResponse):
    """An answer to draw on a map."""

    media_type = "application/geo+json"


class FeatureView(BaseModel):
    """A leg that a truck drives, as a LineString, or a place where it stops, as a Point."""

    type: str = Field(examples=["Feature"])
    geometry: dict[str, Any] = Field(
        examples=[{"type": "LineString", "coordinates": [[121.47, 31.23], [121.48, 31.23]]}]
    )
    properties: dict[str, Any] = Field(
        examples=[{"kind": "leg", "truck": "t-12", "sequence": 0, "trip": 1, "distance_m": 2810, "duration_s": 420}]
    )


class MapView(BaseModel):
    """A FeatureCollection (RFC 7946). Times in it are seconds after the service day's local midnight."""

    type: str = Field(examples=["FeatureCollection"])
    features: list[FeatureView]
    proposal_id: str
    version: int
    service_date: str
    timezone: str


@router.get(
    "/proposals/{proposal_id}/map",
    response_class=GeoJsonResponse,
    response_model=MapView,
    responses=with_etag(200) | refusals("unauthenticated", "forbidden", "not-found", "wrong-state", "invalid-request"),
)
def read_map(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.READ_PROPOSALS)],
    language: InLanguage,
    proposal_id: PathId,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="an older version; none: the current")] = None,
) -> GeoJsonResponse:
    """Draw a proposal: a line for every leg along its streets, a point for every visit.

    If the city's roads have changed since it was planned, so that a leg has no way any more: 409.
    """
    with reading(context.engine) as session:
        shown = find_proposal(session, principal, Permission.READ_PROPOSALS, proposal_id, version)
        drawn = map_of(context.desk, session, shown)
        timezone = timezone_of(session)
    facts = {
        "proposal_id": proposal_id,
        "version": shown.version.version,
        "service_date": shown.proposal.service_date.isoformat(),
        "timezone": str(timezone),
    }
    tag = tag_of(shown.version.version, shown.proposal.state, language)
    return GeoJsonResponse(drawn | facts, headers={"ETag": tag, "Content-Language": language})
