"""Who the caller is to this server."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access import ROLES_WITH, Anyone, Permission
from api.accounts import Role
from api.problems import refusals

router = APIRouter(tags=["signing in"])


class GrantView(BaseModel):
    """A role, in one district or everywhere."""

    role: Role
    district_id: str | None = Field(description="none: in every district")


class MeView(BaseModel):
    """The caller."""

    actor: str = Field(description="what the audit calls them", examples=["li.wei"])
    name: str = Field(examples=["Li Wei"])
    grants: list[GrantView]
    permissions: list[Permission] = Field(description="what they may do in at least one district")


@router.get("/me", responses=refusals("unauthenticated"))
def read_me(principal: Anyone) -> MeView:
    """Say who the credential stands for, and what they may do."""
    return MeView(
        actor=principal.actor,
        name=principal.name,
        grants=[GrantView(role=role, district_id=district or None) for role, district in sorted(principal.grants)],
        permissions=[permission for permission in ROLES_WITH if principal.may(permission)],
    )
