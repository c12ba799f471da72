"""A shift under way: the plan in force, how far its trucks are, and what happened in the words of `routing`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from agents.cycles import PlanningCycle
from agents.day_events import DayEvent, EventKind, events_of
from agents.day_records import dispatches_of, last_told, records_of
from agents.dispatches import OVER, Dispatch
from agents.editing import Desk
from agents.edits import AddStop, Draft
from agents.errors import AgentError
from agents.extending import extend
from agents.known_closures import known_closures
from agents.places import without
from agents.progress import Records, passed_over
from agents.proposals import Proposal, ProposalState, Shown, read_proposal
from agents.reasons import StopReason
from agents.replanning import Happening, Placed
from agents.roads import road_closures, shift_time
from agents.shifts import ShiftDay, shift_day
from agents.stop_ids import parse_stop_id
from agents.surroundings import Surroundings
from agents.whereabouts import coordinates, roads_of
from city.hours import service_second
from city.journal import CLOCK
from city.registry import Truck
from city.store import zone_of
from routing.events import FacilityClosed, NewStop, StopCancelled, TruckBrokeDown, TruckLate, WaysChanged
from routing.excerpt import only
from routing.matrix import Matrix
from routing.plan import Plan
from routing.problem import Lock, Problem
from routing.snapping import SNAP_LIMIT_M
from sensors.service import ServiceOutcome

# What trucks begin within this time is left to them: time to read a change and to decide.
LOOK_S = 300


@dataclass(frozen=True)
class Underway:
    """A shift under way, read at one moment.

    Attributes
    ----------
    shown
        The plan in force.
    standing
        The change that waits for a decision.
    problem
        What the plan in force solves, with the locks people have set since.
    stopped
        Trucks that go no further, and since when.
    taken_in
        The events as `routing` knows them.
    reasons
        Of stops that were not in the plan in force.
    without_effect
        Events that change nothing by themselves.
    """

    day: ShiftDay
    now: datetime
    now_s: int
    shown: Shown
    standing: Shown | None
    events: Sequence[DayEvent]
    problem: Problem
    records: Records
    stopped: Mapping[str, int]
    taken_in: Sequence[Happening]
    again: frozenset[str]
    reasons: Mapping[str, StopReason]
    without_effect: Sequence[DayEvent]
    closures: tuple[str, ...]

    @property
    def by_s(self) -> int:
        """Until when trucks go on as they are."""
        return self.now_s + LOOK_S


def read_underway(surroundings: Surroundings, session: Session, base: Proposal, cycle: PlanningCycle) -> Underway:
    """Read how a shift stands, and put the events of a cycle and of the change that waits into words of `routing`."""
    pending = session.exec(
        select(Proposal.id).where(Proposal.live_key == cycle.thread_id, Proposal.state == ProposalState.PENDING)
    ).one_or_none()
    standing = None if pending is None else read_proposal(session, pending)
    events = events_of(session, [cycle.number, *((standing.proposal.cycle_id,) if standing else ())])
    return under_way_after(surroundings, session, base, events, standing)


def under_way_after(
    surroundings: Surroundings | Desk,
    session: Session,
    base: Proposal,
    events: Sequence[DayEvent],
    standing: Shown | None = None,
) -> Underway:
    """Read how a shift stands, and put events into words of `routing`.

    Parameters
    ----------
    base
        The plan in force.
    standing
        The change that waits, whose locks count too.
    """
    day = shift_day(session, base.district_id, base.service_date, base.shift_id)
    shown = read_proposal(session, base.id)
    dispatches = dispatches_of(session, day.district_id, day.service_date, day.shift_id)
    now = surroundings.clock.now()
    problem = _locked(surroundings.problems.read(session, shown.version.problem_hash), shown, standing)
    problem = _without_idle(session, problem, shown.plan)
    records = records_of(session, dispatches)
    taking = _TakingIn(surroundings, session, day, shown, dispatches, records, now, problem, problem)
    if any(event.kind is EventKind.WAYS_CHANGED for event in events):
        taking.take_ways()
    for event in events:
        if event.kind is not EventKind.WAYS_CHANGED and not taking.take(event):
            taking.idle.append(event)
    return Underway(
        day=day,
        now=now,
        now_s=taking.second(now),
        shown=shown,
        standing=standing,
        events=events,
        problem=taking.problem,
        records=records,
        stopped={
            event.subject_id: taking.second(event.happened_at) for event in events if event.kind is EventKind.TRUCK_OUT
        },
        taken_in=taking.taken_in,
        again=frozenset(taking.again),
        reasons=taking.reasons,
        without_effect=taking.idle,
        closures=tuple(sorted(known_closures(session, now))),
    )


@dataclass
class _TakingIn:
    """Puts events into words of `routing`, one after the other.

    Attributes
    ----------
    shape
        The problem with the ways as they are from now on, and with the places of new stops.
    """

    surroundings: Surroundings | Desk
    session: Session
    day: ShiftDay
    shown: Shown
    dispatches: Mapping[str, Dispatch]
    records: Records
    now: datetime
    problem: Problem
    shape: Problem
    taken_in: list[Happening] = field(default_factory=list)
    again: set[str] = field(default_factory=set)
    reasons: dict[str, StopReason] = field(default_factory=dict)
    idle: list[DayEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        lost = passed_over(self.shown.plan, self.records)
        routed = {stop_id for route in self.shown.plan.routes for stop_id in route.stop_ids}
        self._routed = routed - frozenset[str]().union(*lost.values())

    def second(self, at: datetime) -> int:
        """Return a moment as seconds of the service day."""
        return service_second(self.day.service_date, at, self.day.zone)

    def take_ways(self) -> None:
        """Take all streets in as they are now."""
        begin = self.now + timedelta(seconds=LOOK_S)
        matrices = _ways_now(self.surroundings, self.session, self.day, self.problem, begin)
        self.shape = replace(self.problem, matrices=matrices)
        self.taken_in.append(WaysChanged(matrices))

    def take(self, event: DayEvent) -> bool:
        """Take an event in. Returns whether it can change anything."""
        subject = event.subject_id
        match event.kind:
            case EventKind.FACILITY_CLOSED:
                return self._close(event)
            case EventKind.TRUCK_OUT if self._on_the_road(subject):
                self.taken_in.append(TruckBrokeDown(subject))
            case EventKind.TRUCK_LATE if self._on_the_road(subject) and not self._told_since(event):
                self.taken_in.append(TruckLate(subject, event.more.by_s))
            case EventKind.STOP_CANCELLED if subject in self.problem.stop_by_id and not self._recorded(subject):
                self.taken_in.append(StopCancelled(subject))
            case EventKind.STOP_MISSED if subject in self.problem.stop_by_id and not self._served(subject):
                self._send_another(event)
            case EventKind.STOP_NEEDED if subject not in self._routed and not self._served(subject):
                return self._send(event)
            case _:
                return False
        return True

    def _on_the_road(self, truck_id: str) -> bool:
        dispatch = self.dispatches.get(truck_id)
        return truck_id in self.problem.truck_by_id and dispatch is not None and dispatch.state not in OVER

    def _close(self, event: DayEvent) -> bool:
        if event.subject_id not in self.problem.facility_by_id:
            return False
        more = event.more
        until_s = None if more.until_at is None else self.second(more.until_at)
        self.taken_in.append(FacilityClosed(event.subject_id, self.second(more.from_at or event.happened_at), until_s))
        return True

    def _told_since(self, event: DayEvent) -> bool:
        """Whether a crew has recorded a stop since somebody said that it is late: the record knows better how late."""
        dispatch = self.dispatches.get(event.subject_id)
        told = None if dispatch is None else last_told(self.session, dispatch.id)
        return told is not None and told > event.happened_at

    def _recorded(self, stop_id: str) -> bool:
        return any(stop_id in told for told in self.records.values())

    def _served(self, stop_id: str) -> bool:
        return any(stop_id in told and told[stop_id].outcome is ServiceOutcome.DONE for told in self.records.values())

    def _send_another(self, event: DayEvent) -> None:
        """Let every crew but one go to a stop: the one that could not serve it has told what it would find."""
        stop = self.problem.stop_by_id[event.subject_id]
        certificates = stop.certificates
        if (truck_id := event.more.truck_id) is not None:
            other = f"another crew than {truck_id}'s"
            certificates |= {other}
            trucks = (
                truck if truck.id == truck_id else replace(truck, certificates=truck.certificates | {other})
                for truck in self.problem.trucks
            )
            self.problem = replace(self.problem, trucks=tuple(trucks))
        self.again.add(stop.id)
        self._add(event, NewStop(replace(stop, required=True, certificates=certificates)))

    def _add(self, event: DayEvent, new: NewStop) -> None:
        """Let a stop be served by whoever can do it best, or by the truck that a person chose."""
        truck_id = event.more.by_truck_id
        self.taken_in.append(new if truck_id is None else Placed(new, truck_id))

    def _send(self, event: DayEvent) -> bool:
        """Ask for a stop to be served, also one that was not thought of."""
        known = self.problem.stop_by_id.get(event.subject_id)
        if known is not None:
            self.again.add(known.id)
            self._add(event, NewStop(replace(known, required=True)))
            return True
        point_id, stream = parse_stop_id(event.subject_id)
        draft = Draft(self.shape, self.shown.plan, {}, event.actor)
        begin = self.now + timedelta(seconds=LOOK_S)
        edit = AddStop(point_id, stream)
        try:
            wide = extend(
                self.session, self.surroundings.roads, self.shown.proposal, draft, edit, now=self.now, begin=begin
            )
        except AgentError:
            return False  # it is not open, or not in use, in what is left of the shift
        by_hand = None if event.actor == CLOCK else event.actor
        self.shape = wide.problem
        self.reasons[event.subject_id] = wide.reasons[event.subject_id].model_copy(update={"changed_by": by_hand})
        self._add(event, NewStop(wide.problem.stop_by_id[event.subject_id], wide.problem.whole_matrices))
        return True


def _locked(problem: Problem, shown: Shown, standing: Shown | None) -> Problem:
    """Put the locks of the plan in force, and of the change that waits, on what still fits them."""
    wanted = {**shown.version.locks, **(standing.version.locks if standing else {})}
    locks = tuple(
        Lock(stop_id, truck_id)
        for stop_id, truck_id in sorted(wanted.items())
        if stop_id in problem.stop_by_id
        and truck_id in problem.truck_by_id
        and problem.truck_by_id[truck_id].fits(problem.stop_by_id[stop_id])
    )
    return replace(problem, locks=locks)


def _without_idle(session: Session, problem: Problem, plan: Plan) -> Problem:
    """Leave trucks out that stayed at home and are out of service by now."""
    driving = {route.truck_id for route in plan.routes}
    rows = session.exec(select(Truck.id).where(col(Truck.id).in_(problem.truck_by_id), col(Truck.active)))
    kept = driving | set(rows)
    return only(problem, problem.stop_by_id.keys(), kept) if kept != problem.truck_by_id.keys() else problem


def _ways_now(
    surroundings: Surroundings | Desk, session: Session, day: ShiftDay, problem: Problem, begin: datetime
) -> tuple[Matrix, ...]:
    """Return all ways between the places of a problem as the streets are from a moment on."""
    when = shift_time(day.service_date, day.span, zone_of(session), begin)
    closures = road_closures(session, zone_of(session), when)
    where = coordinates(session, problem)
    by_profile = roads_of(session, surroundings.roads, problem, when, closures)
    found = []
    for profile, known in enumerate(problem.whole_matrices):
        streets = by_profile.get(profile)
        if streets is None:
            found.append(known)
            continue
        places = streets.locate(*where)
        found.append(without(places.matrix(), places.snaps.distance_m > SNAP_LIMIT_M))
    return tuple(found)
