"""Edits of proposals: drop, add, move, lock, unlock; tried for their cost, or made as a new version."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi import Body as BodyField
from pydantic import BaseModel, Field

from agents import editing
from agents.editing import EditOutcome
from api.access import Permission, Principal, needs
from api.conditions import IfMatch, seen_version, with_etag
from api.context import Here
from api.fields import KIND, Body, Id, InLanguage, PathId
from api.problems import refusals
from api.resources.proposals import find_proposal, tag_of
from api.views.proposal import SummaryView, summary_of
from city.database import reading
from city.streams import Stream
from city.wording import Language, say

router = APIRouter(tags=["proposals"])

_EXAMPLES = {
    "move": {
        "summary": "to another truck",
        "value": {"edit": "move", "stop_id": "p-1024/dry", "truck_id": "t-12", "position": 3},
    },
    "drop": {"summary": "leave out", "value": {"edit": "drop", "stop_id": "p-1024/dry"}},
    "add": {"summary": "serve too", "value": {"edit": "add", "point_id": "p-77", "stream": "wet"}},
    "lock": {"summary": "keep where it is", "value": {"edit": "lock", "stop_id": "p-1024/dry"}},
}
Position = Annotated[int, Field(ge=0, le=100_000)]


class Drop(Body):
    """Leave a stop out."""

    edit: Literal["drop"]
    stop_id: Id

    def asked(self) -> editing.Edit:
        """Return it as the agents know it."""
        return editing.DropStop(self.stop_id)


class Add(Body):
    """Serve a stop that was left out, or any stream at any point of the district."""

    edit: Literal["add"]
    point_id: Id
    stream: Stream
    truck_id: Id | None = Field(default=None, description="none: the cheapest")

    def asked(self) -> editing.Edit:
        """Return it as the agents know it."""
        return editing.AddStop(self.point_id, self.stream, self.truck_id)


class Move(Body):
    """Put a stop on another truck, or elsewhere on the same one."""

    edit: Literal["move"]
    stop_id: Id
    truck_id: Id
    position: Position | None = Field(default=None, description="stops before it; none: where it costs least")

    def asked(self) -> editing.Edit:
        """Return it as the agents know it."""
        return editing.MoveStop(self.stop_id, self.truck_id, self.position)


class Lock(Body):
    """Keep a stop on its truck, whatever is planned anew."""

    edit: Literal["lock"]
    stop_id: Id

    def asked(self) -> editing.Edit:
        """Return it as the agents know it."""
        return editing.LockStop(self.stop_id)


class Unlock(Body):
    """Take a lock off."""

    edit: Literal["unlock"]
    stop_id: Id

    def asked(self) -> editing.Edit:
        """Return it as the agents know it."""
        return editing.UnlockStop(self.stop_id)


Edit = Annotated[Drop | Add | Move | Lock | Unlock, BodyField(discriminator=KIND, openapi_examples=_EXAMPLES)]


class EditCostView(BaseModel):
    """What an edit changes, new minus old."""

    cents: int = Field(description="of driving: fixed, by distance and by time")
    distance_m: int
    duration_s: int
    stops: int
    trucks: int


class EditView(BaseModel):
    """An edit and what comes of it."""

    preview: bool = Field(description="it was only tried; nothing is changed")
    version: int = Field(description="of the proposal after it")
    text: str = Field(
        description="in the caller's language",
        examples=["+4 min, +1.2 km, +8.30 in cost; then 3 trucks, 41 stops, 88.4 km, 9.5 h, 6.1 t"],
    )
    cost: EditCostView
    summary: SummaryView = Field(description="of the whole proposal after it")


@router.post(
    "/proposals/{proposal_id}/edits",
    responses=with_etag(200)
    | refusals(
        "malformed", "unauthenticated", "forbidden", "not-found", "wrong-state", "changed-since-read",
        "invalid-request", "edit-refused", "read-first",
    ),
)  # fmt: skip
def edit_proposal(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.DECIDE)],
    language: InLanguage,
    response: Response,
    proposal_id: PathId,
    body: Edit,
    preview: Annotated[bool, Query(description="only tell what it would cost")] = False,
    if_match: IfMatch = None,
) -> EditView:
    """Change a pending proposal by hand, or with `preview=true` only learn what that would cost.

    An edit makes a new version, whose ETag the answer carries; a decision on the old one is refused from then on.
    One that would break a rule of the plan is refused, naming the rule.
    """
    with reading(context.engine) as session:
        shown = find_proposal(session, principal, Permission.DECIDE, proposal_id)
    version = seen_version(if_match, shown.proposal.version)
    carry_out = editing.preview if preview else editing.apply
    outcome = carry_out(
        context.desk, proposal_id=proposal_id, version=version, edit=body.asked(), actor=principal.actor
    )  # fmt: skip
    stands_at = version if preview else outcome.version
    response.headers["ETag"] = tag_of(stands_at, shown.proposal.state, language)
    return _view(outcome, language, preview=preview)


def _view(outcome: EditOutcome, language: Language, *, preview: bool) -> EditView:
    summary = summary_of(outcome.summary, language)
    cost = outcome.cost
    text = say(
        "api",
        "edit.cost",
        language,
        minutes=cost.duration_s / 60,
        km=cost.distance_m / 1000,
        money=cost.cents / 100,
        routes=summary.text,
    )
    return EditView(
        preview=preview,
        version=outcome.version,
        text=text,
        cost=EditCostView.model_validate(cost, from_attributes=True),
        summary=summary,
    )
