"""The districts the caller has something to do with."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import col, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage
from api.problems import refusals
from api.views.names import timezone_of
from city.database import reading
from city.registry import District
from city.wording import name_in

router = APIRouter(tags=["city"])


class DistrictView(BaseModel):
    """A part of the city that plans for itself."""

    id: str = Field(examples=["huangpu"])
    name: str = Field(description="in the caller's language", examples=["Huangpu"])
    timezone: str = Field(description="IANA name of the city's time zone", examples=["Asia/Shanghai"])


class DistrictsView(BaseModel):
    """All of them; a city has few enough for one answer."""

    items: list[DistrictView]


@router.get("/districts", responses=refusals("unauthenticated", "forbidden"))
def list_districts(
    context: Here, principal: Annotated[Principal, needs(Permission.READ_CITY)], language: InLanguage
) -> DistrictsView:
    """List the districts in which the caller has a role."""
    allowed = principal.districts(Permission.READ_CITY)
    query = select(District).order_by(col(District.id))
    if allowed is not None:
        query = query.where(col(District.id).in_(allowed))
    with reading(context.engine) as session:
        timezone = str(timezone_of(session))
        found = session.exec(query).all()
    return DistrictsView(
        items=[
            DistrictView(id=one.id, name=name_in(language, one.name, one.name_zh), timezone=timezone) for one in found
        ]
    )
