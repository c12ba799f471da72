"""Mends the routes of a day that something happened to, with the fewest changes that keep it feasible.

In this order: everything is timed anew as it is; a route that does not work any more unloads elsewhere, or gives up
the stops that cost least to serve elsewhere; stops without a truck are inserted where they cost least beside each
other; one that nobody can take may push one other stop out that finds a place elsewhere. Nobody's order changes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from city.hours import DAY_S
from routing.errors import RoutingError
from routing.gaps import Gaps
from routing.plan import Route
from routing.pricing import route_cents
from routing.problem import Place, Problem, Stop, TimeWindow, Truck
from routing.schedule import Misfit, places_of, schedule, tidy
from routing.sharing import Sharing
from routing.standing import Standing

# How many stops are tried for giving up when a route is too long, and for making room for another; the nearest and
# dearest of them come first, and each costs a few milliseconds.
TRIED = 8


@dataclass(frozen=True, slots=True)
class Mended:
    """Routes that keep every rule, and the stops that found no place on them."""

    routes: dict[str, Route]
    left: tuple[Stop, ...]


def mend(
    problem: Problem,
    tours: Mapping[str, Sequence[Place]],
    old: Mapping[str, Route],
    orphans: Sequence[Stop],
    wanted: Sequence[Stop] = (),
) -> Mended:
    """Make routes of tours that may not work any more, and place stops that have no truck.

    Parameters
    ----------
    tours
        What every truck was still to visit.
    old
        The routes before; those that stay as they were come first where trucks share something.
    orphans
        Stops to place.
    wanted
        Stops that had no place before, to be served if room was made for them.
    """
    out = [truck for truck in problem.trucks if tours.get(truck.id) or truck.begun]
    timed = {truck.id: schedule(problem, truck, tours.get(truck.id, ())) for truck in out}
    kept = [
        route
        for truck_id, route in timed.items()
        if isinstance(route, Route) and truck_id in old and route.visits == old[truck_id].visits
    ]
    gaps = Gaps(problem, kept, away=timed.keys() - {route.truck_id for route in kept})
    broken: list[Truck] = []
    for truck in out:
        if truck.id not in gaps.routes:
            again = gaps.sharing(truck.id).schedule(truck, tours.get(truck.id, ()))
            if isinstance(again, Route):
                gaps.replace(truck.id, again)
            else:
                broken.append(truck)
    homeless = list(orphans)
    for truck in broken:
        route, given_up = _repaired(problem, truck, tours.get(truck.id, ()), gaps)
        gaps.replace(truck.id, route)
        homeless += _not_taken_back(gaps, truck, given_up)
    left = _placed(problem, gaps, homeless)
    for stop in [stop for stop in left if problem.must_serve(stop)]:
        if _push_in(problem, gaps, stop):
            left.remove(stop)
    _placed(problem, gaps, wanted)
    return Mended(dict(gaps.routes), tuple(left))


def able_to_return(problem: Problem) -> tuple[Problem, dict[str, int]]:
    """Let trucks that cannot keep their shift any more, whatever they leave out, come home when they can.

    Returns
    -------
    Problem and dict
        The problem with longer shifts, and the time of return by truck id of those that got one.

    Raises
    ------
    RoutingError
        If a truck has something on board that no facility takes any more.
    """
    late: dict[str, int] = {}
    trucks = []
    for truck in problem.trucks:
        returning = _returning(problem, truck)
        if returning is not truck:
            late[truck.id] = returning.shift.end_s
        trucks.append(returning)
    return (replace(problem, trucks=tuple(trucks)) if late else problem), late


def _returning(problem: Problem, truck: Truck) -> Truck:
    if not truck.begun:
        return truck
    stream = Standing.of(problem, truck).stream
    ends = [[gate] for gate in problem.facilities if stream in gate.streams] if stream else [[]]
    if any(isinstance(schedule(problem, truck, end), Route) for end in ends):
        return truck
    # A crew that is late has no time for the pauses it was to have, if even the longest day has none.
    for patient in (_patient(truck), replace(_patient(truck), breaks=(), max_driving_s=None)):
        ways = [timed for end in ends if isinstance(timed := schedule(problem, patient, end), Route)]
        if ways:
            home = min(ways, key=lambda route: route.duration_s)
            home_s = home.visits[-1].arrival_s
            return replace(
                patient,
                shift=TimeWindow(truck.shift.start_s, max(truck.shift.end_s, home_s)),
                max_duration_s=truck.max_duration_s,
                max_overtime_s=max(truck.max_overtime_s, home.duration_s - truck.max_duration_s),
            )
    raise RoutingError(
        f"truck {truck.id} cannot come home: it has {truck.begun[-1].load_kg} kg of {stream or 'nothing'} on board, "
        f"and no facility that takes it is open and within reach; open one for it, or report the truck as broken down"
    )


def _patient(truck: Truck) -> Truck:
    """Give a truck a day more."""
    shift = TimeWindow(truck.shift.start_s, truck.shift.end_s + DAY_S)
    return replace(truck, shift=shift, max_overtime_s=truck.max_overtime_s + DAY_S)


def _repaired(problem: Problem, truck: Truck, wanted: Sequence[Place], gaps: Gaps) -> tuple[Route | None, list[Stop]]:
    """Time a tour; unload elsewhere if need be; else give up stops until it works."""
    sharing = gaps.sharing(truck.id)
    loaded = bool(Standing.of(problem, truck).stream)
    places = tidy(wanted, loaded=loaded)
    given_up: list[Stop] = []
    if not places and not truck.begun:
        return None, given_up
    places, found = _unloading_where_it_works(problem, truck, places, sharing, loaded=loaded)
    while not isinstance(found, Route):
        stops = [place for place in places if isinstance(place, Stop)]
        if not stops:
            raise RoutingError(f"truck {truck.id} cannot drive on with what it has on board: {found.obstacle}")
        giving = _to_give_up(problem, truck, places, stops, gaps, loaded=loaded)
        given_up.append(giving)
        places = tidy((place for place in places if place is not giving), loaded=loaded)
        if not places and not truck.begun:
            return None, given_up
        places, found = _unloading_where_it_works(problem, truck, places, sharing, loaded=loaded)
    return found, given_up


def _not_taken_back(gaps: Gaps, truck: Truck, given_up: Sequence[Stop]) -> list[Stop]:
    """Put stops back on their own truck that fit there after all, those given up last first; return the others."""
    left = []
    for stop in reversed(given_up):
        way = next(iter(gaps.ways(stop, truck.id)), None) if truck.id in gaps.routes else None
        if way is None:
            left.append(stop)
        else:
            gaps.replace(truck.id, way[1])
    return left


def _unloading_where_it_works(
    problem: Problem, truck: Truck, places: list[Place], sharing: Sharing, *, loaded: bool
) -> tuple[list[Place], Route | Misfit]:
    """Choose where a tour unloads: as it is if that works, else the cheapest that works, else what comes nearest."""
    found = sharing.schedule(truck, places)
    while isinstance(found, Misfit):
        variants = list(_elsewhere(problem, truck, places, loaded=loaded))
        timed = [(sharing.schedule(truck, variant), variant) for variant in variants]
        works = [(route, variant) for route, variant in timed if isinstance(route, Route)]
        if works:
            found, places = min(works, key=lambda pair: route_cents(truck, pair[0]))
            break
        excesses = [_excess(problem, truck, variant) for variant in variants]
        best = min(range(len(variants)), key=excesses.__getitem__, default=None)
        if best is None or excesses[best] >= _excess(problem, truck, places):
            break
        found, places = timed[best]
    return places, found


def _elsewhere(problem: Problem, truck: Truck, places: Sequence[Place], *, loaded: bool) -> Iterator[list[Place]]:
    """Yield a tour with one unloading at another facility, or left out, or one more at the end if it lacks one."""
    standing = Standing.of(problem, truck)
    stream = standing.stream
    for position, place in enumerate(places):
        if isinstance(place, Stop):
            stream = place.stream
            continue
        for other in problem.facilities:
            if other is not place and stream in other.streams:
                yield [*places[:position], other, *places[position + 1 :]]
        if position < len(places) - 1:
            yield tidy([*places[:position], *places[position + 1 :]], loaded=loaded)
        stream = ""
    if stream:
        yield from ([*places, other] for other in problem.facilities if stream in other.streams)


def _to_give_up(
    problem: Problem, truck: Truck, places: Sequence[Place], stops: Sequence[Stop], gaps: Gaps, *, loaded: bool
) -> Stop:
    """Choose the stop to take off a tour that does not work.

    If one is enough, the one whose loss costs least, serving it elsewhere included; else the one that helps most.
    Locked stops come last.
    """
    free = [stop for stop in stops if stop.id not in problem.truck_of_locked] or list(stops)
    sharing = gaps.sharing(truck.id)
    enough: list[tuple[int, Stop]] = []
    helps: list[tuple[tuple[int, int], int, int, Stop]] = []
    for number, stop in enumerate(free):
        rest = tidy((place for place in places if place is not stop), loaded=loaded)
        weight = stop.priority if problem.must_serve(stop) else 0
        if not rest and not truck.begun:
            enough.append((0, stop))
            continue
        found = sharing.schedule(truck, rest)
        if isinstance(found, Route):
            enough.append((route_cents(truck, found), stop))
        else:
            helps.append((_excess(problem, truck, rest), weight, number, stop))
    if not enough:
        return min(helps, key=lambda help_: help_[:3])[3]

    def price(cents: int, stop: Stop) -> tuple[int, int]:
        elsewhere = min((extra for extra, _ in gaps.ways(stop)), default=None)
        if elsewhere is not None and (problem.must_serve(stop) or elsewhere < stop.prize_cents):
            return 0, cents + elsewhere
        return (stop.priority if problem.must_serve(stop) else 0), cents + stop.prize_cents

    cheapest = sorted(enumerate(enough), key=lambda found: (problem.must_serve(found[1][1]), found[1][0], found[0]))
    tried = [entry for _, entry in (*cheapest[:TRIED], *sorted(cheapest, key=lambda found: found[1][0])[:TRIED])]
    return min(tried, key=lambda entry: price(*entry))[1]


def _excess(problem: Problem, truck: Truck, places: Sequence[Place]) -> tuple[int, int]:
    """Rank how far a tour is from working: by seconds too long if that is all, else by how early it fails."""
    timed = schedule(problem, _patient(truck), places)
    if isinstance(timed, Misfit):
        return 1, -timed.position
    late_s = timed.visits[-1].arrival_s - truck.shift.end_s
    return 0, max(late_s, timed.duration_s - truck.longest_s)


def _placed(problem: Problem, gaps: Gaps, homeless: Iterable[Stop]) -> list[Stop]:
    """Insert stops by regret: next the one that loses most if its best truck goes to another. Return what is left."""
    open_ways = {stop.id: _ways(gaps, stop) for stop in homeless}
    left: list[Stop] = []
    waiting = list(homeless)
    while waiting:
        best = max(waiting, key=lambda stop: _urgency(problem, stop, open_ways[stop.id]))
        waiting.remove(best)
        ways = open_ways[best.id]
        extra, route = min(ways.values(), key=lambda way: way[0], default=(0, None))
        if route is None or not (problem.must_serve(best) or extra < best.prize_cents):
            left.append(best)
            continue
        alike = gaps.idle_alike(route.truck_id)
        gaps.replace(route.truck_id, route)
        bound = problem.facilities_are_shared or bool(problem.relations or problem.before_locked)
        for stop in waiting:
            if bound:
                open_ways[stop.id] = _ways(gaps, stop)
                continue
            for truck_id in (route.truck_id, *alike[1:2]):
                open_ways[stop.id].pop(truck_id, None)
                open_ways[stop.id] |= _ways(gaps, stop, truck_id)
    return left


def _ways(gaps: Gaps, stop: Stop, only: str | None = None) -> dict[str, tuple[int, Route]]:
    return {route.truck_id: (extra, route) for extra, route in gaps.ways(stop, only)}


def _urgency(problem: Problem, stop: Stop, ways: Mapping[str, tuple[int, Route]]) -> tuple[bool, int, float, int]:
    extras = sorted(extra for extra, _ in ways.values())
    must = problem.must_serve(stop)
    if not extras:
        return must, stop.priority, 0, 0
    regret = extras[1] - extras[0] if len(extras) > 1 else float("inf")
    return must, stop.priority, regret, stop.prize_cents


def _push_in(problem: Problem, gaps: Gaps, stop: Stop) -> bool:
    """Serve a stop that must be served in the place of one other that finds a place elsewhere, or may be left out.

    Of the stops near it that no person and no truck holds fast, the one whose way out costs least.
    """
    best: tuple[int, int, tuple[Route, ...]] | None = None
    for truck_id, route in list(gaps.routes.items()):
        truck = problem.truck_by_id[truck_id]
        if not truck.fits(stop) or problem.truck_of_locked.get(stop.id, truck_id) != truck_id:
            continue
        loaded = bool(Standing.of(problem, truck).stream)
        places = places_of(problem, route)
        seconds = problem.matrices[truck.profile].duration_s
        free = [place for place in places if isinstance(place, Stop) and place.id not in problem.truck_of_locked]
        free.sort(
            key=lambda other: int(seconds[stop.location, other.location]) + int(seconds[other.location, stop.location])
        )
        for other in free[:TRIED]:
            rest = tidy((place for place in places if place is not other), loaded=loaded)
            shorter = gaps.sharing(truck_id).schedule(truck, rest) if rest or truck.begun else None
            if isinstance(shorter, Misfit):
                continue
            trial = _exchanged(problem, gaps, (truck, route, shorter), stop, other)
            if trial is not None and (best is None or trial[:2] < best[:2]):
                best = trial
    if best is None:
        return False
    for route in best[2]:
        gaps.replace(route.truck_id, route)
    return True


def _exchanged(
    problem: Problem, gaps: Gaps, without: tuple[Truck, Route, Route | None], stop: Stop, other: Stop
) -> tuple[int, int, tuple[Route, ...]] | None:
    """Return what it costs to put a stop in another's place and that one elsewhere, and the routes that change."""
    truck, route, shorter = without
    gaps.replace(truck.id, shorter)
    try:
        into = next(iter(gaps.ways(stop, truck.id)), None)
        if into is None:
            return None
        gaps.replace(truck.id, into[1])
        out = min(gaps.ways(other), key=lambda way: way[0], default=None)
        spent = route_cents(truck, into[1]) - route_cents(truck, route)
        if out is not None and (problem.must_serve(other) or out[0] < other.prize_cents):
            changed = (out[1],) if out[1].truck_id == truck.id else (into[1], out[1])
            return 0, spent + out[0], changed
        if problem.must_serve(other):
            return None if other.priority >= stop.priority else (other.priority, spent, (into[1],))
        return 0, spent + other.prize_cents, (into[1],)
    finally:
        gaps.replace(truck.id, route)
