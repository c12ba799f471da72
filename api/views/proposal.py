"""A proposal as a person reads it: what it costs, where every truck goes and why, what is left out and why."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from agents.proposals import Proposal, ProposalKind, ProposalState, Shown
from agents.reasons import Standing, StopReason, sentences
from agents.summary import Alternative, Note, Summary, Wish
from api.views.names import Names
from city.hours import service_moment
from city.streams import Stream
from city.wording import Language, say
from routing.difference import Difference
from routing.plan import Route, Visit, VisitKind


class SummaryView(BaseModel):
    """The proposal in numbers and in one sentence."""

    text: str = Field(examples=["3 trucks, 41 stops, 87.2 km, 9.4 h, 6.1 t; 4 stops left out, the riskiest at 12 %"])
    distance_m: int
    duration_s: int
    collected_kg: int
    collected_l: int
    trucks: int
    trips: int
    stops: int
    left_out: int = Field(description="stops with a need that are not served")
    left_out_required: int = Field(description="those of them that ought to be served")
    riskiest_left_out: float | None = Field(description="highest probability of overflow among those left out")
    riskiest_left_out_stop: str | None
    cost_cents: int


class NoteView(BaseModel):
    """Something the operator should know."""

    text: str
    code: str
    numbers: dict[str, Any]


class MovedView(BaseModel):
    """A stop that another truck serves now."""

    stop_id: str
    from_truck_id: str
    to_truck_id: str
    was_at: datetime
    is_at: datetime


class AddedView(BaseModel):
    """A stop that was not served before."""

    stop_id: str
    truck_id: str
    is_at: datetime


class DroppedView(BaseModel):
    """A stop that is not served any more."""

    stop_id: str
    truck_id: str
    was_at: datetime
    constraint: str | None = Field(description="what keeps it out; none: it is not asked for any more")


class DelayedView(BaseModel):
    """A stop that the same truck serves at another time."""

    stop_id: str
    truck_id: str
    was_at: datetime
    is_at: datetime


class UnloadingView(BaseModel):
    """A truck that unloads elsewhere, more often or less often; facilities by id, in order."""

    truck_id: str
    before: list[str]
    after: list[str]


class DifferenceView(BaseModel):
    """What a change of a running day changes, old beside new."""

    text: str = Field(description="in the caller's language", examples=["14 stops move, 2 are left out"])
    said: list[str] = Field(description="every change in a sentence: moved, added, dropped, unloading elsewhere, times")
    moved: list[MovedView]
    added: list[AddedView]
    dropped: list[DroppedView]
    delayed: list[DelayedView] = Field(description="stops that the same truck serves at another time")
    reordered: list[str] = Field(description="trucks that serve stops they keep in another order")
    unloading: list[UnloadingView]
    trucks: list[str] = Field(description="every truck whose crew drives otherwise; nobody else's dispatch changes")
    extra_cents: int = Field(description="of the rest of the day; negative: less")
    extra_m: int
    extra_s: int


class ProposalLine(BaseModel):
    """A proposal in a list."""

    id: str
    kind: ProposalKind = Field(description="the plan of a shift, or a change of the one that is being driven")
    base_id: str | None = Field(description="of a change: the plan in force that it changes")
    district_id: str
    district: str = Field(description="name, in the caller's language")
    timezone: str = Field(description="the city's, IANA name", examples=["Asia/Shanghai"])
    service_date: date
    shift_id: str
    shift: str
    state: ProposalState
    version: int
    created_at: datetime
    expires_at: datetime = Field(description="when it is too late to decide; nothing is dispatched then")
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str
    summary: SummaryView
    notes: list[NoteView] = Field(description="what else to know before deciding")


class BinEvidenceView(BaseModel):
    """What was known of a bin when the proposal was made."""

    bin_id: str
    level: float | None = Field(description="0..1 of the usable volume; none: unknown")
    sigma: float | None
    rate_per_h: float
    probability: float | None = Field(description="that it overflows before the next chance to serve it")
    expected_l: float
    emptied_at: datetime | None
    heard_at: datetime | None
    need: str | None


class ReasonView(BaseModel):
    """Why, as a code and numbers."""

    rule: str
    numbers: dict[str, Any]
    required: bool
    prize_cents: int = Field(description="what serving it is worth, if it is not required")
    probability: float
    next_chance_at: datetime | None
    bins: list[BinEvidenceView]
    changed_by: str | None = Field(description="the account that added or dropped it by hand")


class StopView(BaseModel):
    """A stop: bins of one stream at one point."""

    id: str = Field(examples=["p-1024/dry"])
    point_id: str
    name: str
    lon: float | None
    lat: float | None
    stream: Stream
    demand_kg: int
    demand_l: int
    locked: bool = Field(description="a person tied it to its truck")
    why: list[str] = Field(description="in the caller's language, the decision first, then the evidence")
    reason: ReasonView


class LeftOutView(StopView):
    """A stop that is not served."""

    standing: Standing
    constraint: str | None = Field(description="what keeps it out, as a code; `why` has it in words")


class FacilityView(BaseModel):
    """Where a truck starts, unloads or ends."""

    id: str
    name: str
    lon: float | None
    lat: float | None


class VisitView(BaseModel):
    """One place on a route."""

    kind: VisitKind
    arrives_at: datetime
    starts_at: datetime = Field(description="later than the arrival if the truck must wait")
    departs_at: datetime
    load_kg: int = Field(description="on board when it leaves")
    load_l: int
    stop: StopView | None = None
    facility: FacilityView | None = None


class RouteView(BaseModel):
    """One truck's shift."""

    truck_id: str
    plate: str
    leaves_at: datetime
    returns_at: datetime
    distance_m: int
    duration_s: int
    stops: int
    trips: int
    collected_kg: int
    visits: list[VisitView]


class AlternativeView(BaseModel):
    """Another plan in numbers, beside the one proposed."""

    wish: Wish = Field(description="what it is best in")
    text: str = Field(description="in the caller's language")
    trucks: int
    distance_m: int
    duration_s: int
    cost_cents: int
    stops: int
    left_out_required: int
    changed: int | None = Field(description="stops on another truck than the last time; none: there was none")
    plan_changed: int | None = Field(description="the same of the plan proposed")


class ProposalView(ProposalLine):
    """A proposal with its routes."""

    difference: DifferenceView | None = Field(description="of a change")
    alternatives: list[AlternativeView]
    invalid_if: list[NoteView] = Field(description="what would make it wrong, as the registry stands")
    author: str = Field(description="who made this version: the planner, or the account that edited")
    routes: list[RouteView]
    left_out: list[LeftOutView] = Field(description="the riskiest first")


def line_of(proposal: Proposal, summary: Summary, names: Names) -> ProposalLine:
    """Show a proposal in a list."""
    return ProposalLine(
        **_head(proposal, names),
        summary=summary_of(summary, names.language),
        notes=[_note(note, names.language) for note in summary.notes],
    )


def _note(note: Note, language: Language) -> NoteView:
    return NoteView(text=note.say(language), code=note.code, numbers=note.numbers)


def _alternative(other: Alternative, language: Language) -> AlternativeView:
    text = say(
        "api",
        f"alternative.{other.wish}",
        language,
        trucks=other.trucks,
        km=other.distance_m / 1000,
        hours=other.duration_s / 3600,
        money=other.cost_cents / 100,
        changed=other.changed or 0,
        plan_changed=other.plan_changed or 0,
    )
    return AlternativeView(text=text, **other.model_dump())


def summary_of(summary: Summary, language: Language) -> SummaryView:
    """Show the numbers, and say them."""
    numbers = summary.model_dump(exclude={"notes", "alternatives", "invalid_if"})
    said = say(
        "api",
        "summary.routes",
        language,
        trucks=summary.trucks,
        stops=summary.stops,
        km=summary.distance_m / 1000,
        hours=summary.duration_s / 3600,
        tonnes=summary.collected_kg / 1000,
    )
    if summary.left_out:
        said += say(
            "api", "summary.left_out", language, left_out=summary.left_out, riskiest=summary.riskiest_left_out or 0.0
        )
    return SummaryView(text=said, **numbers)


def view_of(shown: Shown, names: Names) -> ProposalView:
    """Show a proposal with everything in it."""
    left = [reason for reason in shown.reasons.values() if reason.standing is not Standing.SERVED]
    left.sort(key=lambda reason: (-reason.probability, reason.stop_id))
    return ProposalView(
        **line_of(shown.proposal, shown.summary, names).__dict__,
        difference=None if shown.difference is None else difference_of(shown, shown.difference, names),
        alternatives=[_alternative(one, names.language) for one in shown.summary.alternatives],
        invalid_if=[_note(note, names.language) for note in shown.summary.invalid_if],
        author=shown.version.author,
        routes=[_route(shown, route, names) for route in shown.plan.routes],
        left_out=[
            LeftOutView(
                **_stop(shown, reason, names).__dict__,
                standing=reason.standing,
                constraint=reason.unserved.reason if reason.unserved else reason.excluded,
            )
            for reason in left
        ],
    )


def difference_of(shown: Shown, changes: Difference, names: Names) -> DifferenceView:
    """Show what a change changes."""

    def at(second: int) -> datetime:
        return moment_of(shown.proposal, second, names.timezone)

    language = names.language
    said = [one.said(language) for one in changes.moved] + [one.said(language) for one in changes.added]
    said += [one.said(language) for one in changes.dropped]
    said += [one.said(language) for one in changes.unloading] + [one.said(language) for one in changes.delayed]
    return DifferenceView(
        text=changes.said(language),
        said=said,
        moved=[
            MovedView(
                stop_id=one.stop_id, from_truck_id=one.from_truck_id, to_truck_id=one.to_truck_id,
                was_at=at(one.before_s), is_at=at(one.after_s),
            )
            for one in changes.moved
        ],
        added=[AddedView(stop_id=one.stop_id, truck_id=one.truck_id, is_at=at(one.start_s)) for one in changes.added],
        dropped=[
            DroppedView(
                stop_id=one.stop_id, truck_id=one.truck_id, was_at=at(one.before_s),
                constraint=one.why.reason if one.why else None,
            )
            for one in changes.dropped
        ],
        delayed=[
            DelayedView(stop_id=one.stop_id, truck_id=one.truck_id, was_at=at(one.before_s), is_at=at(one.after_s))
            for one in changes.delayed
        ],
        reordered=list(changes.reordered),
        unloading=[
            UnloadingView(truck_id=one.truck_id, before=list(one.before), after=list(one.after))
            for one in changes.unloading
        ],
        trucks=list(changes.trucks),
        extra_cents=changes.extra_cents,
        extra_m=changes.extra_m,
        extra_s=changes.extra_s,
    )  # fmt: skip


def _head(proposal: Proposal, names: Names) -> dict[str, Any]:
    same = (
        "id", "kind", "base_id", "district_id", "service_date", "shift_id", "state", "version", "created_at",
        "expires_at", "decided_at", "decided_by", "decision_reason",
    )  # fmt: skip
    return {name: getattr(proposal, name) for name in same} | {
        "district": names.districts.get(proposal.district_id, proposal.district_id),
        "timezone": str(names.timezone),
        "shift": names.shifts.get(proposal.shift_id, proposal.shift_id),
    }


def _route(shown: Shown, route: Route, names: Names) -> RouteView:
    visits = [_visit(shown, route.truck_id, visit, names) for visit in route.visits]
    return RouteView(
        truck_id=route.truck_id,
        plate=names.plates.get(route.truck_id, route.truck_id),
        leaves_at=visits[0].departs_at,
        returns_at=visits[-1].arrives_at,
        distance_m=route.distance_m,
        duration_s=route.duration_s,
        stops=len(route.stop_ids),
        trips=route.trips,
        collected_kg=sum(shown.reasons[stop_id].demand_kg for stop_id in route.stop_ids),
        visits=visits,
    )


def _visit(shown: Shown, truck_id: str, visit: Visit, names: Names) -> VisitView:
    arrives, starts, departs = (
        moment_of(shown.proposal, second, names.timezone)
        for second in (visit.arrival_s, visit.start_s, visit.departure_s)
    )
    stop = facility = None
    if visit.kind is VisitKind.STOP:
        stop = _stop(shown, shown.reasons[visit.subject_id], names)
    elif visit.kind is VisitKind.UNLOAD:
        facility = facility_of(visit.subject_id, names)
    elif visit.kind is not VisitKind.BREAK and truck_id in names.depots:
        facility = facility_of(names.depots[truck_id], names)
    return VisitView(
        kind=visit.kind,
        arrives_at=arrives,
        starts_at=starts,
        departs_at=departs,
        load_kg=visit.load_kg,
        load_l=visit.load_l,
        stop=stop,
        facility=facility,
    )


def _stop(shown: Shown, reason: StopReason, names: Names) -> StopView:
    place = names.points.get(reason.point_id)
    return StopView(
        id=reason.stop_id,
        point_id=reason.point_id,
        name=reason.point_name,
        lon=place and place.lon,
        lat=place and place.lat,
        stream=reason.stream,
        demand_kg=reason.demand_kg,
        demand_l=reason.demand_l,
        locked=reason.stop_id in shown.version.locks,
        why=sentences(reason, names.language, names.timezone),
        reason=ReasonView.model_validate(reason, from_attributes=True),
    )


def facility_of(facility_id: str, names: Names) -> FacilityView:
    """Show a facility by name and place."""
    name, lon, lat = names.facilities.get(facility_id, (facility_id, None, None))
    return FacilityView(id=facility_id, name=name, lon=lon, lat=lat)


def moment_of(proposal: Proposal, second: int, timezone: ZoneInfo) -> datetime:
    """Return the moment of a second of the proposal's service day."""
    return service_moment(proposal.service_date, second, timezone)
