"""Whether this process lives, and whether it can work. For whoever restarts or routes to it; no credential needed."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.context import Here
from api.problems import Refusal, refusals
from city.migrate import is_current

router = APIRouter(tags=["operations"])


class HealthView(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyView(BaseModel):
    """The process can work."""

    status: Literal["ready"] = "ready"
    database: str = Field(description="which kind of database it works with", examples=["postgresql"])


@router.get("/health")
async def read_health() -> HealthView:
    """Say that the process lives. Asks nothing of the database; restart the process if this does not answer."""
    return HealthView()


@router.get("/ready", responses=refusals("unavailable"))
def read_ready(context: Here) -> ReadyView:
    """Say whether requests can be served: the database answers and has the schema of this version."""
    if not is_current(context.engine):
        raise Refusal("unavailable", headers={"Retry-After": "30"})
    return ReadyView(database=context.engine.dialect.name)
