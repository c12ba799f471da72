"""When a truck is where: a sequence as numbers, the leaving time of the shortest route, where pauses cost least."""

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from routing.pieces import NEVER_S, Ints, Pieces, chained, piece_of
from routing.problem import Break, Place, Problem, Stop, TimeWindow, Truck
from routing.standing import Standing


@dataclass(frozen=True, slots=True)
class Course:
    """A sequence as numbers. The last place is home.

    Attributes
    ----------
    leaves
        When the truck may go on from where it stands.
    windows, dwell_s
        When one may begin at each place (none: at any time) and how long one stays.
    travel_s, travel_m
        From the place before, for the first place from where the truck stands.
    pauses
        Positions that are pauses: one stays where one was, and the way there is none.
    """

    leaves: TimeWindow
    windows: list[tuple[TimeWindow, ...]]
    dwell_s: list[int]
    travel_s: list[int]
    travel_m: list[int]
    pauses: frozenset[int] = frozenset()

    @classmethod
    def of(cls, problem: Problem, truck: Truck, places: Sequence[Place], standing: Standing | None = None) -> Self:
        """Look a truck's sequence up in its matrix."""
        standing = standing or Standing.of(problem, truck)
        matrix = problem.matrices[truck.profile]
        where = [standing.location, *(place.location for place in places), truck.end_location]
        return cls(
            standing.leaves,
            [place.windows for place in places] + [(truck.shift,)],
            [place.service_s if isinstance(place, Stop) else place.unloading_s for place in places] + [0],
            matrix.duration_s[where[:-1], where[1:]].tolist(),
            matrix.distance_m[where[:-1], where[1:]].tolist(),
        )

    @property
    def work_s(self) -> int:
        """Driving, serving and pausing, without any waiting: no schedule is shorter."""
        return sum(self.travel_s) + sum(self.dwell_s)

    def paused(self, position: int, windows: tuple[TimeWindow, ...], duration_s: int) -> Self:
        """Return the course with a pause before the way to the place at a position."""
        before, after = slice(None, position), slice(position, None)
        return replace(
            self,
            windows=[*self.windows[before], windows, *self.windows[after]],
            dwell_s=[*self.dwell_s[before], duration_s, *self.dwell_s[after]],
            travel_s=[*self.travel_s[before], 0, *self.travel_s[after]],
            travel_m=[*self.travel_m[before], 0, *self.travel_m[after]],
            pauses=frozenset({position, *(number + (number >= position) for number in self.pauses)}),
        )

    def starts_from(self, leaving_s: int) -> list[int] | int:
        """Begin everywhere as early as one may; the position of the first place where one is too late, if any."""
        starts: list[int] = []
        now = leaving_s
        for position, windows in enumerate(self.windows):
            now += self.travel_s[position]
            for window in windows:
                if now <= window.end_s:
                    now = max(now, window.start_s)
                    break
            else:
                if windows:
                    return position
            starts.append(now)
            now += self.dwell_s[position]
        return starts

    def latest_arrivals(self, home_s: int) -> list[int]:
        """Return the latest arrival at every place that still brings the truck home at a time known to be possible."""
        arrivals = [0] * len(self.windows)
        now = home_s
        for position in range(len(self.windows) - 1, -1, -1):
            now -= self.dwell_s[position]
            windows = self.windows[position]
            if windows:
                last = next(window for window in reversed(windows) if window.start_s <= now)
                now = min(now, last.end_s)
            arrivals[position] = now
            now -= self.travel_s[position]
        return arrivals

    def shortest(self) -> tuple[int, list[int]] | int:
        """Choose the leaving time of the shortest route, the earliest of these; or say where every one is too late.

        The time of return is a rising function of the leaving time: flat while waiting swallows the delay, then
        one for one, with a jump where a place falls into its next window. The shortest route leaves at the end of a
        flat piece, or anywhere on a piece that rises; so it is enough to look at one time on each piece.
        """
        found: tuple[int, list[int]] | None = None
        leaving_s = self.leaves.start_s
        while leaving_s <= self.leaves.end_s:
            starts = self.starts_from(leaving_s)
            if isinstance(starts, int):
                return starts if found is None else found
            latest_s = min(self.latest_arrivals(starts[-1])[0] - self.travel_s[0], self.leaves.end_s)
            if latest_s > leaving_s:
                leaving_s = latest_s
                starts = self.starts_from(leaving_s)
                assert not isinstance(starts, int)  # noqa: S101 - leaving later for the same return
            if found is None or starts[-1] - leaving_s < found[1][-1] - found[0]:
                found = leaving_s, starts
            leaving_s = self._next_piece(leaving_s, starts)
        return found if found is not None else len(self.windows) - 1

    def _next_piece(self, leaving_s: int, starts: list[int]) -> int:
        """Return the first leaving time at which some place no longer fits into its present window."""
        slack = self.leaves.end_s - leaving_s
        now = leaving_s
        for position, windows in enumerate(self.windows):
            start = starts[position]
            if windows:
                end_s = next(window.end_s for window in windows if start <= window.end_s)
                slack = min(slack, end_s - start)
            if start > now + self.travel_s[position]:
                break  # the wait here swallows any delay
            now = start + self.dwell_s[position]
        return leaving_s + slack + 1

    def pieces(self) -> tuple[Ints, Ints]:
        """Return the course up to the way to every place, without that way, and from every place on; see `chained`."""
        own = [piece_of(*place) for place in zip(self.windows, self.dwell_s, strict=True)]
        heads, tails = chained(
            np.array([(self.leaves.start_s, self.leaves.end_s, 0), *own], dtype=np.int64),
            np.array(self.travel_s, dtype=np.int64),
        )
        return heads[:-1], tails[1:]

    def positions_for(self, window: TimeWindow, duration_s: int, first: int = 0) -> list[tuple[int, int]]:
        """Rank the places before the way to which a pause may come, by the least duration that leaves the whole route.

        Parameters
        ----------
        first
            Position to begin with.

        Returns
        -------
        list of (int, int)
            Durations and positions. The durations are lower bounds where places have several windows, else exact.
        """
        heads, tails = self.pieces()
        paused = Pieces(*heads[first:].T).then(0, (window.start_s, window.end_s, duration_s))
        least_s = paused.then(np.array(self.travel_s[first:]), Pieces(*tails[first:].T)).duration_s.tolist()
        found = zip(least_s, range(first, len(self.windows)), strict=True)
        return sorted(one for one in found if one[0] < NEVER_S)


@dataclass(frozen=True, slots=True)
class Timed:
    """A course with its pauses, and the times found for it."""

    course: Course
    leaving_s: int
    starts_s: list[int]

    @property
    def duration_s(self) -> int:
        """From going on to coming home."""
        return self.starts_s[-1] - self.leaving_s


def timed(course: Course, truck: Truck, standing: Standing) -> Timed | int | None:
    """Time a course with the pauses that its truck needs.

    Breaks come where the route gets shortest. Rests for driving come before the driving gets too long, again where the
    route gets shortest.

    Returns
    -------
    Timed, int or None
        The position of the first place where the truck is too late even without pauses; ``None`` where only the pauses
        keep the course from being driven.
    """
    without = course.shortest()
    if isinstance(without, int):
        return without
    if not standing.breaks and truck.max_driving_s is None:
        return Timed(course, *without)
    left_s, home_s = without[0] - standing.out_s, without[1][-1]
    if truck.max_driving_s is None and not any(left_s < pause.window.end_s < home_s for pause in standing.breaks):
        return Timed(course, *without)
    return _with_breaks(course, standing.breaks, 0, truck, standing)


def _with_breaks(
    course: Course, breaks: tuple[Break, ...], first: int, truck: Truck, standing: Standing
) -> Timed | None:
    """Find what to do about breaks: be home before they are due, leave after, or have them where it costs least.

    Parameters
    ----------
    first
        Position from which on breaks may still be put.
    """
    if not breaks:
        return _with_rests(course, truck, standing)
    pause, others = breaks[0], breaks[1:]
    due_s = pause.window.end_s
    best: Timed | None = None

    def keep_better(found: Timed | None) -> None:
        nonlocal best
        if found is not None and (best is None or found.duration_s < best.duration_s):
            best = found

    (home,) = course.windows[-1]
    work_s = course.work_s
    if home.start_s <= due_s and course.leaves.start_s + work_s <= due_s:
        back = [*course.windows[:-1], (TimeWindow(home.start_s, min(home.end_s, due_s)),)]
        keep_better(_with_breaks(replace(course, windows=back), others, first, truck, standing))
    if not truck.begun and due_s <= course.leaves.end_s and due_s + work_s <= home.end_s:
        later = TimeWindow(max(course.leaves.start_s, due_s), course.leaves.end_s)
        keep_better(_with_breaks(replace(course, leaves=later), others, first, truck, standing))
    for least_s, position in course.positions_for(pause.window, pause.duration_s, first):
        if standing.out_s + least_s > truck.longest_s or (best is not None and least_s >= best.duration_s):
            break
        with_pause = course.paused(position, (pause.window,), pause.duration_s)
        keep_better(_with_breaks(with_pause, others, position + 1, truck, standing))
    return best


def _with_rests(course: Course, truck: Truck, standing: Standing) -> Timed | None:
    """Add rests where there would be too much driving without."""
    if truck.max_driving_s is not None:
        driven_s, since = standing.driven_s, 0
        for position, way_s in enumerate(course.travel_s):
            if position in course.pauses and course.dwell_s[position] >= truck.rest_s:
                driven_s, since = 0, position + 1
            driven_s += way_s
            if driven_s > truck.max_driving_s:
                return _rested(course, truck, standing, since, position)
    found = course.shortest()
    return None if isinstance(found, int) else Timed(course, *found)


def _rested(course: Course, truck: Truck, standing: Standing, first: int, last: int) -> Timed | None:
    """Rest where the route gets shortest and the driving after it lasts up to the position where it got too long."""
    driven_s = list(itertools.accumulate(course.travel_s[last : None if first == 0 else first - 1 : -1]))
    most = bisect.bisect_right(driven_s, truck.max_driving_s or 0)
    whenever = TimeWindow(-NEVER_S, NEVER_S)
    ranked = course.positions_for(whenever, truck.rest_s, last - most + 1) if most else []
    for _, position in sorted(ranked, key=lambda option: (option[0], -option[1])):
        if position <= last:
            found = _with_rests(course.paused(position, (), truck.rest_s), truck, standing)
            if found is not None:
                return found
    return None
