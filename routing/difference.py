"""What changed from one plan to another, stop by stop, as data and as sentences."""

from dataclasses import dataclass

from city.hours import format_time
from city.wording import Language, say
from routing.plan import Plan, Route, Unserved, Visit, VisitKind


@dataclass(frozen=True, slots=True)
class Moved:
    """A stop that another truck serves now.

    Attributes
    ----------
    before_s, after_s
        When its service was to begin, and when it does now.
    """

    stop_id: str
    from_truck_id: str
    to_truck_id: str
    before_s: int
    after_s: int

    @property
    def by_s(self) -> int:
        """How much later it is served; negative: earlier."""
        return self.after_s - self.before_s

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        return say(
            "routing",
            "difference.moved",
            language,
            stop=self.stop_id,
            old=self.from_truck_id,
            new=self.to_truck_id,
            before=format_time(self.before_s),
            after=format_time(self.after_s),
        )


@dataclass(frozen=True, slots=True)
class Added:
    """A stop that was not served before."""

    stop_id: str
    truck_id: str
    start_s: int

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        at = format_time(self.start_s)
        return say("routing", "difference.added", language, stop=self.stop_id, truck=self.truck_id, at=at)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A stop that is not served any more.

    Attributes
    ----------
    why
        What keeps it out; ``None``: it is no longer asked for.
    """

    stop_id: str
    truck_id: str
    before_s: int
    why: Unserved | None

    def said(self, language: Language = "en") -> str:
        """Say it in one or two sentences."""
        at = format_time(self.before_s)
        dropped = say("routing", "difference.dropped", language, stop=self.stop_id, truck=self.truck_id, at=at)
        if self.why is None:
            return dropped
        return dropped + ("" if language == "zh" else " ") + self.why.said(language)


@dataclass(frozen=True, slots=True)
class Delayed:
    """A stop that the same truck serves at another time."""

    stop_id: str
    truck_id: str
    before_s: int
    after_s: int

    @property
    def by_s(self) -> int:
        """How much later it is served; negative: earlier."""
        return self.after_s - self.before_s

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        return say(
            "routing",
            "difference.delayed" if self.by_s > 0 else "difference.earlier",
            language,
            stop=self.stop_id,
            truck=self.truck_id,
            minutes=-(-abs(self.by_s) // 60),
            after=format_time(self.after_s),
        )


@dataclass(frozen=True, slots=True)
class Unloading:
    """A truck that unloads elsewhere, more often or less often; facilities by id, in order."""

    truck_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def said(self, language: Language = "en") -> str:
        """Say it in one sentence."""
        before, after = (", ".join(ids) or "-" for ids in (self.before, self.after))
        return say("routing", "difference.unloading", language, truck=self.truck_id, before=before, after=after)


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, each in the order of the plan it is read from: the old one for `dropped`, else the new one.

    Attributes
    ----------
    delayed
        Stops that keep their truck and get another time, earlier ones too.
    reordered
        Trucks that serve stops they keep in another order.
    unloading
        Trucks that unload otherwise.
    trucks
        Every truck with another route than before, in whatever way.
    extra_cents, extra_m, extra_s
        What trucks cost, drive and take more; negative: less.
    """

    moved: tuple[Moved, ...] = ()
    added: tuple[Added, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    delayed: tuple[Delayed, ...] = ()
    reordered: tuple[str, ...] = ()
    unloading: tuple[Unloading, ...] = ()
    trucks: tuple[str, ...] = ()
    extra_cents: int = 0
    extra_m: int = 0
    extra_s: int = 0

    @property
    def changes(self) -> int:
        """How many stops have another truck, or are served where they were not, or the other way round."""
        return len(self.moved) + len(self.added) + len(self.dropped)

    def said(self, language: Language = "en") -> str:
        """Sum it up in one sentence."""
        return say(
            "routing",
            "difference.summary",
            language,
            moved=len(self.moved),
            added=len(self.added),
            dropped=len(self.dropped),
            delayed=sum(late.by_s > 0 for late in self.delayed),
            most_min=max((-(-late.by_s // 60) for late in self.delayed if late.by_s > 0), default=0),
            trucks=len(self.trucks),
            extra_km=round(self.extra_m / 1000, 1) + 0.0,
            extra_min=round(self.extra_s / 60),
        )


def difference(old: Plan, new: Plan, extra: tuple[int, int, int] | None = None) -> Difference:
    """Compare two plans of the same day.

    Parameters
    ----------
    extra
        Cents, metres and seconds more, where the plans' own figures do not compare; by default from these.
    """
    before, after = _served(old), _served(new)
    whys = {gone.stop_id: gone for gone in new.unserved}
    routes = {route.truck_id: route for route in old.routes}
    news = {route.truck_id: route for route in new.routes}
    moved, added, delayed = [], [], []
    for stop_id, (truck_id, start_s) in after.items():
        was = before.get(stop_id)
        if was is None:
            added.append(Added(stop_id, truck_id, start_s))
        elif was[0] != truck_id:
            moved.append(Moved(stop_id, was[0], truck_id, was[1], start_s))
        elif was[1] != start_s:
            delayed.append(Delayed(stop_id, truck_id, was[1], start_s))
    dropped = [
        Dropped(stop_id, truck_id, start_s, whys.get(stop_id))
        for stop_id, (truck_id, start_s) in before.items()
        if stop_id not in after
    ]
    both = [truck_id for truck_id in news if truck_id in routes]
    unloading = [
        Unloading(truck_id, earlier, later)
        for truck_id in dict.fromkeys([*routes, *news])
        if (earlier := _unloadings(routes.get(truck_id))) != (later := _unloadings(news.get(truck_id)))
    ]
    return Difference(
        tuple(moved),
        tuple(added),
        tuple(dropped),
        tuple(delayed),
        tuple(truck_id for truck_id in both if _reordered(routes[truck_id], news[truck_id])),
        tuple(unloading),
        tuple(
            truck_id
            for truck_id in dict.fromkeys([*routes, *news])
            if _visits(routes.get(truck_id)) != _visits(news.get(truck_id))
        ),
        *(extra or _extra(old, new)),
    )


def _served(plan: Plan) -> dict[str, tuple[str, int]]:
    """Return truck and begin of service by stop."""
    return {
        visit.subject_id: (route.truck_id, visit.start_s)
        for route in plan.routes
        for visit in route.visits
        if visit.kind is VisitKind.STOP
    }


def _unloadings(route: Route | None) -> tuple[str, ...]:
    return tuple(visit.subject_id for visit in _visits(route) if visit.kind is VisitKind.UNLOAD)


def _visits(route: Route | None) -> tuple[Visit, ...]:
    return route.visits if route else ()


def _reordered(old: Route, new: Route) -> bool:
    kept = set(old.stop_ids) & set(new.stop_ids)
    return [stop_id for stop_id in old.stop_ids if stop_id in kept] != [
        stop_id for stop_id in new.stop_ids if stop_id in kept
    ]


def _extra(old: Plan, new: Plan) -> tuple[int, int, int]:
    return (
        new.cost.driving_cents - old.cost.driving_cents,
        new.distance_m - old.distance_m,
        new.duration_s - old.duration_s,
    )
