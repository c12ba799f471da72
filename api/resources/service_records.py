"""Service records: a crew says that a stop was done, or why it could not be."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import AwareDatetime, Field

from agents.dispatches import DispatchState
from agents.records import record_service
from api.access import Permission, Principal, needs
from api.context import Here
from api.fields import ID_RULES, Body, PathId, Text
from api.problems import refusals
from api.resources.dispatches import find_dispatch
from api.views.dispatch import ServiceRecordView
from city.database import reading
from sensors.service import CouldNotReason, ServiceOutcome

router = APIRouter(tags=["dispatches"])

StopId = Annotated[str, Path(**ID_RULES, description="the stop's id; its slash may be written as %2F or as it is")]


class ServiceRecordBody(Body):
    """What became of a stop."""

    outcome: ServiceOutcome
    reason: CouldNotReason | None = Field(default=None, description="why not; with `could_not`, and only then")
    at: AwareDatetime | None = Field(
        default=None, description="when it happened, with its offset; none: now", examples=["2026-03-03T07:15:00+08:00"]
    )
    weight_kg: float | None = Field(default=None, ge=0, le=100_000, examples=[86.5])
    bin_count: int | None = Field(default=None, ge=0, le=10_000, examples=[3])
    note: Text = ""


class RecordedView(ServiceRecordView):
    """What is known of the stop now."""

    dispatch_id: str
    stop_id: str
    dispatch_state: DispatchState = Field(description="where the dispatch stands after it")


@router.post(
    "/dispatches/{dispatch_id}/stops/{stop_id:path}/service-record",
    status_code=201,
    responses=refusals(
        "malformed", "unauthenticated", "forbidden", "not-found", "wrong-state", "invalid-request", "refused"
    )
    | {200: {"model": RecordedView, "description": "It was known already, in the same words"}},
)
def record_stop(
    *,
    context: Here,
    principal: Annotated[Principal, needs(Permission.RECORD_SERVICE)],
    response: Response,
    dispatch_id: PathId,
    stop_id: StopId,
    body: ServiceRecordBody,
) -> RecordedView:
    """Record that a stop was served, or could not be and why; the bins' states follow at once.

    Sending the same again is safe: 200 instead of 201, and nothing changes. A record that says otherwise than the
    first is 409. Records may arrive late, with the time at which it happened.
    """
    with reading(context.engine) as session:
        find_dispatch(session, principal, Permission.RECORD_SERVICE, dispatch_id)
    recorded = record_service(
        context.engine,
        context.clock,
        dispatch_id=dispatch_id,
        stop_id=stop_id,
        outcome=body.outcome,
        actor=principal.actor,
        at=body.at,
        reason=body.reason,
        weight_kg=body.weight_kg,
        bin_count=body.bin_count,
        note=body.note,
    )
    if recorded.repeated:
        response.status_code = 200
    said = ServiceRecordView.model_validate(recorded.record, from_attributes=True)
    return RecordedView(
        **said.__dict__, dispatch_id=dispatch_id, stop_id=stop_id, dispatch_state=recorded.dispatch_state
    )  # fmt: skip
