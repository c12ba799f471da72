"""The streets of one kind of truck throughout a shift: what a plan may rely on although the hour of each way is open.

A plan is made before it is known which way is driven when, so one matrix must hold for the whole shift. Times are
means over the shift's hours. A street that is closed for part of it is driven through by nobody; places in it, and
places that only such streets lead to, are served while it is open, over streets that are open then too.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.hours import Span
from city.network import RoadClass
from city.road_rules import merged
from routing.conditions import StreetFactors
from routing.errors import RoutingError
from routing.hours import rules_in
from routing.matrix import UNREACHABLE, Matrix
from routing.roads import RoadGraph
from routing.snapping import Snaps
from routing.streets import largest_component, open_turns, speed_kmh
from routing.traffic import NO_TRAFFIC, Traffic
from routing.ways import Way

Spans = tuple[Span, ...]
Under = Callable[[RoadGraph, StreetFactors], RoadGraph]


class ShiftTime(NamedTuple):
    """When a shift is, in seconds after the service day's local midnight.

    Attributes
    ----------
    whole
        All of it: the hours that travel times are means of. They stay the same while the shift goes on.
    left
        What is left of it: closures count that fall into it.
    """

    service_date: date
    whole: Span
    left: Span


class Closing(NamedTuple):
    """An OSM way that is closed for a while, or slower.

    Attributes
    ----------
    span
        In seconds of the service day.
    slower
        How many times as long the way takes then; infinite: it is closed.
    """

    way_id: int
    span: Span
    slower: float = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class ShiftRoads:
    """The streets of a kind of truck during a shift. Make one with `of`; it may be used by several threads.

    Attributes
    ----------
    graph
        The streets with nothing closed, as fast as at quiet hours.
    left
        What is left of the shift.
    closings
        When streets are closed in it: each set of times that occurs, row 0 being never.
    closing
        Row in `closings` of each segment. Shape (segments,).
    slower
        How many times as long each segment takes. Shape (segments,).
    """

    graph: RoadGraph
    left: Span
    closings: tuple[Spans, ...]
    closing: NDArray[np.int64]
    slower: NDArray[np.float64]
    cores: int = 1
    _under: Under | None = None
    _graphs: dict[frozenset[Spans], RoadGraph] = field(default_factory=dict)
    _mutex: Lock = field(default_factory=Lock)

    @classmethod
    def of(
        cls,
        graph: RoadGraph,
        when: ShiftTime,
        closures: Iterable[Closing] = (),
        traffic: Traffic = NO_TRAFFIC,
        *,
        cores: int = 1,
        under: Under | None = None,
    ) -> "ShiftRoads":
        """Work out what closures, slowdowns, the streets' own rules and traffic mean for a shift.

        `under` puts a graph under conditions, for a caller that keeps those it has made; by default `RoadGraph.under`.

        Raises
        ------
        RoutingError
            If a way is said to be faster than it is.
        """
        network, profile = graph.network, graph.profile
        rules = rules_in(network, profile, when.service_date.weekday(), when.left)
        closed = [rule.closed for rule in rules]
        rows = {spans: row for row, spans in enumerate(dict.fromkeys([(), *closed]))}
        closing = np.array([rows[spans] for spans in closed], dtype=np.int64)[network.rule]
        closings = list(rows)
        slower = _slower(graph, when, traffic)
        for way_id, span, times in sorted(closures):
            if not times >= 1.0:
                raise RoutingError(f"way {way_id} is said to be {times} times slower; give 1 or more, infinite: closed")
            segments = np.flatnonzero(network.way_id == way_id)
            if np.isfinite(times):
                slower[segments] *= 1.0 + _share(span, when.whole) * (times - 1.0)
                continue
            closed_s = Span(max(span.start_s, when.left.start_s), min(span.end_s, when.left.end_s))
            for segment in segments.tolist() if closed_s.start_s < closed_s.end_s else ():
                both = tuple(merged([*closings[closing[segment]], closed_s]))
                if both not in rows:
                    rows[both] = len(closings)
                    closings.append(both)
                closing[segment] = rows[both]
        return cls(graph, when.left, tuple(closings), closing, slower, cores, under)

    @property
    def throughout(self) -> RoadGraph:
        """The streets that are open throughout."""
        return self.open_when(frozenset())

    def open_when(self, closings: frozenset[Spans]) -> RoadGraph:
        """Return the streets that are open throughout, or at least whenever one with one of some closings is."""
        with self._mutex:
            if closings not in self._graphs:
                # From the graph with the hour's traffic a closure changes a few tables, from the quiet one all of them.
                busy = self._put_under(self.graph, self.slower)
                closed = np.where(self._is_open(closings), self.slower, np.inf)
                self._graphs[closings] = self._put_under(busy, closed)
            return self._graphs[closings]

    def _put_under(self, graph: RoadGraph, factors: NDArray[np.float64]) -> RoadGraph:
        if np.array_equal(factors, graph.conditions.factor(graph.network)):
            return graph
        if self._under is not None:
            return self._under(graph, StreetFactors(factors))
        return graph.under(StreetFactors(factors), cores=self.cores)

    def _is_open(self, closings: frozenset[Spans]) -> NDArray[np.bool_]:
        by_row = np.array([not own or any(_within(own, other) for other in closings) for own in self.closings])
        return by_row[self.closing]

    def locate(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], at_kerb: NDArray[np.bool_] | None = None
    ) -> "ShiftPlaces":
        """Put places on the streets, and find out when each can be reached.

        Parameters
        ----------
        at_kerb
            Which places are served from the street, on their own side of it: a truck has no room to turn round there,
            so it must drive on as it came. The others have a yard to turn in. By default none.

        Raises
        ------
        RoutingError
            If a coordinate is not a number or not on the globe.
        """
        snaps = self.graph.snap(lon, lat)
        if at_kerb is not None:
            snaps = snaps.without_turning(at_kerb)
        return ShiftPlaces(self, snaps, self._closed_at(snaps))

    def _closed_at(self, snaps: Snaps) -> tuple[Spans, ...]:
        """Return when each place cannot be reached: its street is closed, or all that lead there are."""
        own = [self.closings[row] for row in self.closing[snaps.segment].tolist()]
        if len(self.closings) == 1:
            return tuple(own)
        found: list[Spans | None] = [None] * len(own)
        for closed, kept in self._reached():
            for place, segment in enumerate(snaps.segment.tolist()):
                if found[place] is None and kept[segment] and _within(own[place], closed):
                    found[place] = closed
            if None not in found:
                break
        never = (self.left,)
        return tuple(never if closed is None else closed for closed in found)

    def _reached(self) -> Iterable[tuple[Spans, NDArray[np.bool_]]]:
        """Yield closings, from none on to ever longer ones, and which segments can be reached outside those times."""
        partly = sorted(
            (spans for spans in self.closings if spans and spans != (self.left,)),
            key=lambda spans: (sum(span.end_s - span.start_s for span in spans), spans),
        )
        together: Spans = ()
        tried: list[Spans] = [()]
        for spans in partly:
            together = tuple(merged([*together, *spans]))
            tried += [one for one in (spans, together) if one not in tried]
        streets = self.graph.streets
        for closed in tried:
            edge_open = self._is_open(frozenset([closed]))[streets.segment]
            reached = largest_component(streets, open_turns(streets, edge_open), edge_open)
            kept = np.zeros(len(self.closing), np.bool_)
            kept[streets.segment[reached]] = True
            yield closed, kept


@dataclass(frozen=True, slots=True, eq=False)
class ShiftPlaces:
    """Places on the streets of a shift.

    Attributes
    ----------
    closed
        For each place, when it cannot be reached.
    """

    roads: ShiftRoads
    snaps: Snaps
    closed: tuple[Spans, ...]

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.snaps)

    def open_at(self, place: int) -> Sequence[Span]:
        """Return when a place can be reached; none: at no time of the shift."""
        gaps, start_s = [], self.roads.left.start_s
        for span in (*self.closed[place], Span(self.roads.left.end_s, self.roads.left.end_s)):
            if start_s < span.start_s:
                gaps.append(Span(start_s, span.start_s))
            start_s = span.end_s
        return gaps

    def matrix(self) -> Matrix:
        """Return duration and distance of the fastest way between all places, over streets open when it is driven.

        A way to or from a place that is closed at times leads over streets that are open whenever that place is.
        """
        matrix = self.roads.throughout.matrix(self.snaps, cores=self.roads.cores)
        kinds = dict.fromkeys(self.closed)
        never = (self.roads.left,)
        at = {kind: np.array([closed == kind for closed in self.closed], np.bool_) for kind in kinds}
        duration_s, distance_m = matrix.duration_s.copy(), matrix.distance_m.copy()
        pairs: dict[frozenset[Spans], list[tuple[Spans, Spans]]] = {}
        for pair in itertools.combinations_with_replacement(kinds, 2):
            pairs.setdefault(frozenset(pair) - {()}, []).append(pair)
        for closings, legs in pairs.items():
            if not closings:
                continue
            rows = np.flatnonzero(np.logical_or.reduce([at[kind] for leg in legs for kind in leg]))
            between = np.zeros((len(rows), len(rows)), np.bool_)
            for one, other in legs:
                between |= at[one][rows, None] & at[other][rows]
                between |= at[other][rows, None] & at[one][rows]
            if never in closings:
                ways = _no_way(len(rows))
            else:
                ways = self.roads.open_when(closings).matrix(self.snaps.pick(rows), cores=self.roads.cores)
            block = np.ix_(rows, rows)
            duration_s[block] = np.where(between, ways.duration_s, duration_s[block])
            distance_m[block] = np.where(between, ways.distance_m, distance_m[block])
        return Matrix(duration_s, distance_m)

    def ways(self, pairs: Sequence[tuple[int, int]]) -> list[Way]:
        """Return the fastest way from one place to another for some pairs of places, with the figures of the matrix.

        Raises
        ------
        RoutingError
            If there is no such place, or no way.
        """
        by_graph: dict[frozenset[Spans], list[int]] = {}
        for k, (start, end) in enumerate(pairs):
            # To a place that is never open no way is found on the streets that always are.
            kinds = frozenset(self.closed[place] for place in (start, end) if 0 <= place < len(self))
            kinds -= {(), (self.roads.left,)}
            by_graph.setdefault(kinds, []).append(k)
        found: dict[int, Way] = {}
        for kinds, legs in by_graph.items():
            graph = self.roads.open_when(kinds)
            found |= zip(legs, graph.ways(self.snaps, [pairs[k] for k in legs]), strict=True)
        return [found[k] for k in range(len(pairs))]


def _share(span: Span, whole: Span) -> float:
    """Return how much of a shift a span takes up."""
    within_s = min(span.end_s, whole.end_s) - max(span.start_s, whole.start_s)
    return max(within_s, 0) / (whole.end_s - whole.start_s)


def _no_way(size: int) -> Matrix:
    values = np.full((size, size), UNREACHABLE, np.int32)
    np.fill_diagonal(values, 0)
    return Matrix(values, values.copy())


def _within(spans: Spans, others: Spans) -> bool:
    """Whether each span lies in one of the others, which do not touch."""
    return all(any(o.start_s <= span.start_s and span.end_s <= o.end_s for o in others) for span in spans)


def _slower(graph: RoadGraph, when: ShiftTime, traffic: Traffic) -> NDArray[np.float64]:
    """Return how many times as long each segment takes: traffic, and slower speeds that rules ask for at some hours."""
    network, profile = graph.network, graph.profile
    by_class = traffic.during(when.service_date, when.whole)
    factor = np.array([by_class[road_class] for road_class in RoadClass])[network.road_class]
    usual_kmh = speed_kmh(network, profile)
    rules = rules_in(network, profile, when.service_date.weekday(), when.whole)
    for row, rule in enumerate(rules):
        here = network.rule == row
        longer = np.zeros(int(here.sum()))
        for span, kmh in rule.slow:
            longer += _share(span, when.whole) * np.maximum(usual_kmh[here] / (kmh * profile.share_of_limit) - 1.0, 0.0)
        factor[here] *= 1.0 + longer
    return factor
