"""The edits themselves: what each does to a plan, and what makes it impossible. Nothing is read or written here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agents.errors import EditRefusedError, NotFoundError
from agents.reasons import Standing, StopReason
from agents.stop_ids import stop_id_of
from city.streams import Stream
from routing.diagnosis import why_never
from routing.errors import RoutingError
from routing.insertion import insert, remove
from routing.plan import Plan, Route, Unserved, UnservedReason
from routing.pricing import cost_of
from routing.problem import Lock, Place, Problem, Stop
from routing.schedule import Misfit, places_of, schedule


@dataclass(frozen=True, slots=True)
class DropStop:
    """Leave a stop out of this proposal."""

    stop_id: str


@dataclass(frozen=True, slots=True)
class AddStop:
    """Serve a stop that was left out, or any stream at any point of the district; `truck_id` ``None``: the cheapest."""

    point_id: str
    stream: Stream
    truck_id: str | None = None


@dataclass(frozen=True, slots=True)
class MoveStop:
    """Put a stop on another truck, or elsewhere on the same one.

    Attributes
    ----------
    position
        How many stops the truck serves before it; ``None``: wherever it costs least.
    """

    stop_id: str
    truck_id: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class LockStop:
    """Keep a stop on the truck that serves it, whatever is planned anew."""

    stop_id: str


@dataclass(frozen=True, slots=True)
class UnlockStop:
    """Take a lock off."""

    stop_id: str


Edit = DropStop | AddStop | MoveStop | LockStop | UnlockStop


@dataclass(frozen=True, slots=True)
class Draft:
    """A version being edited.

    Attributes
    ----------
    problem
        With the locks in force.
    reasons
        Why each stop is in or out, by stop id.
    actor
        Who edits.
    """

    problem: Problem
    plan: Plan
    reasons: Mapping[str, StopReason]
    actor: str

    def explained(self, stop_id: str, **changes: object) -> "Draft":
        """Return it with one reason changed by the actor."""
        changed = self.reasons[stop_id].model_copy(update={**changes, "changed_by": self.actor})
        return replace(self, reasons={**self.reasons, stop_id: changed})


def dropped(draft: Draft, edit: DropStop) -> Draft:
    """Take a stop out of the plan; it stays in the problem, so that it can be added again."""
    _serving(draft, edit.stop_id)
    _must_not_be_locked(draft, edit.stop_id)
    without = replace(draft, plan=_without(draft, edit.stop_id))
    left = Unserved(edit.stop_id, UnservedReason.TAKEN_OUT)
    return without.explained(edit.stop_id, standing=Standing.DROPPED, unserved=left)


def added(draft: Draft, edit: AddStop) -> Draft:
    """Serve a stop of the problem that the plan leaves out."""
    stop_id = stop_id_of(edit.point_id, edit.stream)
    if (route := draft.plan.route_of(stop_id)) is not None:
        raise EditRefusedError("already_served", stop_id=stop_id, truck_id=route.truck_id)
    plan = _cheapest(draft, draft.plan, stop_id, edit.truck_id)
    return replace(draft, plan=plan).explained(stop_id, standing=Standing.SERVED, unserved=None, excluded=None)


def moved(draft: Draft, edit: MoveStop) -> Draft:
    """Serve a stop on another truck, or at another place on the same."""
    route = _serving(draft, edit.stop_id)
    if route.truck_id != edit.truck_id:
        _must_not_be_locked(draft, edit.stop_id)
    rest = _without(draft, edit.stop_id)
    if edit.position is None:
        plan = _cheapest(draft, rest, edit.stop_id, edit.truck_id)
    else:
        plan = _put(draft, rest, edit.stop_id, edit.truck_id, edit.position)
    return replace(draft, plan=plan)


def locked(draft: Draft, edit: LockStop) -> Draft:
    """Lock a stop to the truck that serves it."""
    route = _serving(draft, edit.stop_id)
    if edit.stop_id in draft.problem.truck_of_locked:
        raise EditRefusedError("already_locked", stop_id=edit.stop_id, truck_id=route.truck_id)
    locks = (*draft.problem.locks, Lock(edit.stop_id, route.truck_id))
    return replace(draft, problem=replace(draft.problem, locks=locks))


def unlocked(draft: Draft, edit: UnlockStop) -> Draft:
    """Take the lock of a stop off."""
    if edit.stop_id not in draft.problem.stop_by_id:
        raise NotFoundError("unknown_stop", stop_id=edit.stop_id)
    if edit.stop_id not in draft.problem.truck_of_locked:
        raise EditRefusedError("not_locked", stop_id=edit.stop_id)
    locks = tuple(lock for lock in draft.problem.locks if lock.stop_id != edit.stop_id)
    return replace(draft, problem=replace(draft.problem, locks=locks))


def _serving(draft: Draft, stop_id: str) -> Route:
    route = draft.plan.route_of(stop_id)
    if route is not None:
        return route
    if stop_id not in draft.reasons:
        raise NotFoundError("unknown_stop", stop_id=stop_id)
    raise EditRefusedError("not_served", stop_id=stop_id)


def _must_not_be_locked(draft: Draft, stop_id: str) -> None:
    truck_id = draft.problem.truck_of_locked.get(stop_id)
    if truck_id is not None:
        raise EditRefusedError("is_locked", stop_id=stop_id, truck_id=truck_id)


def _without(draft: Draft, stop_id: str) -> Plan:
    try:
        return remove(draft.problem, draft.plan, stop_id)
    except RoutingError as error:
        # Without the stop the route may wait less and miss a window, or need a way that is not there.
        raise EditRefusedError("cannot_drive_without", stop_id=stop_id, detail=str(error)) from error


def _cheapest(draft: Draft, plan: Plan, stop_id: str, truck_id: str | None) -> Plan:
    if truck_id is not None and truck_id not in draft.problem.truck_by_id:
        raise NotFoundError("unknown_truck", truck_id=truck_id)
    ways = insert(draft.problem, plan, stop_id, truck_id)
    if ways:
        return ways[0].plan
    if truck_id is not None:
        raise EditRefusedError("no_room_on_truck", stop_id=stop_id, truck_id=truck_id)
    never = why_never(draft.problem, draft.problem.stop_by_id[stop_id])
    why = never or Unserved(stop_id, UnservedReason.NO_TIME_LEFT)
    raise EditRefusedError("no_room", violations=(why.reason.value,), stop_id=stop_id, unserved=why)


def _put(draft: Draft, plan: Plan, stop_id: str, truck_id: str, position: int) -> Plan:
    """Serve a stop after so many others of a truck. Of places between the same two stops, before and after unloading,
    the cheaper one counts.
    """
    problem = draft.problem
    truck = problem.truck_by_id.get(truck_id)
    if truck is None:
        raise NotFoundError("unknown_truck", truck_id=truck_id)
    routes = {route.truck_id: route for route in plan.routes}
    if truck_id not in routes:
        return _cheapest(draft, plan, stop_id, truck_id)
    places: list[Place] = list(places_of(problem, routes[truck_id]))
    stop = problem.stop_by_id[stop_id]
    gaps = [gap for gap in range(len(places) + 1) if sum(isinstance(place, Stop) for place in places[:gap]) == position]
    timed = [schedule(problem, truck, [*places[:gap], stop, *places[gap:]]) for gap in gaps]
    fitting = [route for route in timed if isinstance(route, Route)]
    if not fitting:
        obstacles = sorted({misfit.obstacle.value for misfit in timed if isinstance(misfit, Misfit)})
        raise EditRefusedError(
            "no_room_there", violations=tuple(obstacles), stop_id=stop_id, truck_id=truck_id, position=position
        )
    routes[truck_id] = min(fitting, key=lambda route: (route.duration_s, route.distance_m))
    ordered = tuple(routes[truck.id] for truck in problem.trucks if truck.id in routes)
    unserved = tuple(left for left in plan.unserved if left.stop_id != stop_id)
    return Plan(ordered, unserved, cost_of(problem, ordered, unserved))
