"""The districts the caller has something to do with."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlmodel import col, select

from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import InLanguage
from api.problems import refusals
from city.database import reading
from city.registry import City, District
from city.wording import Language

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
        city = session.get(City, 1)
        found = session.exec(query).all()
    timezone = city.timezone if city else "UTC"
    return DistrictsView(
        items=[DistrictView(id=one.id, name=name_of(one, language), timezone=timezone) for one in found]
    )  # fmt: skip


def name_of(district: District, language: Language) -> str:
    """Return a district's name in a language, the other one if it has none."""
    return (district.name_zh if language == "zh" else district.name) or district.name
