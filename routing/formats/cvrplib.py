"""Capacitated routing instances of CVRPLIB and VRPLIB (``.vrp``).

An instance has one depot, customers and equal trucks that set out, visit customers and come back. As a `Problem` that
is one stream, a facility at the depot where unloading takes no time, and trucks that unload once. A metre is one unit
of the instance's distance and costs a cent, so that the plan's cost is the instance's objective; a second is one unit
too, because the instances limit a route's length and its service times as one sum. Demands are kilograms.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from routing.errors import RoutingError
from routing.formats.edge_weights import FORMATS, FULL, RULES, from_coordinates, from_matrix, parts_of_one
from routing.formats.fleets import trucks_that_hold
from routing.formats.instance import Format, Instance
from routing.formats.lines import Line, lines_of, number, shown, whole
from routing.matrix import UNREACHABLE, Matrix
from routing.problem import Facility, Problem, Stop, TimeWindow, Truck

STREAM = "load"
DEPOT = "depot"
# With cents by the kilometre, one cent for every metre.
CENTS_PER_KM = 1000
# Two matrices of this many nodes take 3.6 GB.
MAX_NODES = 21_000
MAX_COORDINATE = 2**30

TYPES = ("CVRP", "ACVRP", "VRP", "DCVRP", "CVRPTW", "VRPTW")
# Header words that mean the same.
SAME = {"VEHICLE": "VEHICLES", "TRUCKS": "VEHICLES", "NUM_VEHICLES": "VEHICLES", "MAX_DISTANCE": "DISTANCE"}
COORDINATES, WEIGHTS, DEMANDS, DEPOTS = "NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DEMAND_SECTION", "DEPOT_SECTION"
WINDOWS, SERVICES = "TIME_WINDOW_SECTION", "SERVICE_TIME_SECTION"
SECTIONS = (COORDINATES, WEIGHTS, DEMANDS, DEPOTS, WINDOWS, SERVICES)
# Sections that say nothing about the problem.
SHOW_ONLY = ("DISPLAY_DATA_SECTION",)

KEYS = ("NAME", "COMMENT", "TYPE", "DIMENSION", "CAPACITY", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT", "DISTANCE",
    "SERVICE_TIME", "VEHICLES", *SAME)  # fmt: skip
# A colon may be missing after a word that is known.
_HEADER = re.compile(rf"(?:([A-Z_]+)\s*:|({'|'.join(KEYS)})\s)\s*(.*)", re.IGNORECASE)
_SECTION = re.compile(r"([A-Z_]+_SECTION)\s*:?\s*", re.IGNORECASE)
_LIKELY = re.compile(r"^\s*(DIMENSION\b|NODE_COORD_SECTION|EDGE_WEIGHT_(TYPE\b|SECTION))", re.IGNORECASE | re.MULTILINE)


def looks_like_cvrplib(text: str) -> bool:
    """Whether a text is meant to be such an instance."""
    return _LIKELY.search(text) is not None


def read_cvrplib(text: str, name: str) -> Instance:
    """Read an instance.

    Parameters
    ----------
    name
        What it is called if it does not say so itself.

    Raises
    ------
    RoutingError
        If it is incomplete, contradicts itself or asks for what is not understood, naming the line.
    """
    return _Reader.of(text).instance(name)


@dataclass
class _Reader:
    """An instance taken apart: what its header says, and the lines of every section, sections in any order."""

    header: dict[str, tuple[Line, str]] = field(default_factory=dict)
    sections: dict[str, list[Line]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> "_Reader":
        reader = cls()
        inside: list[Line] | None = None
        remark = False  # which may go on over several lines
        for line in lines_of(text):
            if line.text.startswith("#"):
                continue
            if line.text.upper() == "EOF":
                break
            if section := _SECTION.fullmatch(line.text):
                inside = reader._open(line, section[1].upper())
            elif pair := _HEADER.fullmatch(line.text):
                remark = (pair[1] or pair[2]).upper() == "COMMENT"
                reader._note(line, (pair[1] or pair[2]).upper(), pair[3].strip().strip('"'))
                inside = None
            elif inside is None and not remark:
                raise line.fault(f"{shown(line.text)} belongs to no section and is no KEY : VALUE")
            elif inside is not None:
                inside.append(line)
        return reader

    def _open(self, line: Line, section: str) -> list[Line]:
        if section not in SECTIONS + SHOW_ONLY:
            raise line.fault(f"{section} is not understood; the sections read are {', '.join(SECTIONS)}")
        if section in self.sections:
            raise line.fault(f"{section} comes a second time")
        return self.sections.setdefault(section, [])

    def _note(self, line: Line, key: str, value: str) -> None:
        key = SAME.get(key, key)
        if key != "COMMENT" and key in self.header and self.header[key][1] != value:
            raise line.fault(f"{key} is {shown(value)}, but line {self.header[key][0].number} says otherwise")
        self.header[key] = (line, value)

    def instance(self, name: str) -> Instance:
        line, kind = self._said("TYPE", "CVRP")
        if kind.upper() not in TYPES:
            raise line.fault(f"TYPE is {shown(kind)}; the types read are {', '.join(TYPES)}")
        size = self._whole("DIMENSION")
        if size is None or not 1 <= size <= MAX_NODES:
            raise self._about("DIMENSION", f"should be a number of nodes from 1 to {MAX_NODES}")
        demand_lines = self._by_node(DEMANDS, 1, size)
        nodes = [node for node, _, _ in demand_lines]
        distances, per_unit = self._distances(nodes)
        depot = nodes.index(self._depot(nodes))
        demands = self._demands(demand_lines, depot)
        capacity = self._amount("CAPACITY")
        if capacity is None:
            raise self._about("CAPACITY", "is missing")
        parts = parts_of_one(np.array([*demands, capacity]))
        kg = [round(demand * parts) for demand in demands]
        services = self._services(nodes, per_unit)
        windows = self._windows(nodes, per_unit)
        horizon = _longest_route(kg, math.floor(capacity * parts), int(distances.max(initial=0)), max(services))
        limit = self._amount("DISTANCE")
        longest = horizon if limit is None else min(horizon, math.floor(limit * per_unit))
        stops = [
            Stop(str(nodes[row]), row, STREAM, kg[row], 0, services[row], windows[row])
            for row in range(size)
            if row != depot
        ]
        shift = windows[depot][0] if windows[depot] else TimeWindow(0, horizon)
        truck = Truck(
            "",
            depot,
            depot,
            frozenset({STREAM}),
            math.floor(capacity * parts),
            0,
            shift,
            min(longest, shift.end_s - shift.start_s),
            cents_per_km=CENTS_PER_KM,
            max_trips=1,
        )
        bound = limit is not None or any(windows)
        problem = Problem(
            tuple(stops),
            (Facility(DEPOT, depot, frozenset({STREAM}), 0),),
            trucks_that_hold(truck, stops, self._trucks(), only_by_load=not bound),
            (Matrix(distances, distances),),
        )
        numbers = {stop.id: number for number, stop in enumerate(stops, start=1)}
        return Instance(self._said("NAME", name)[1] or name, Format.CVRPLIB, problem, "", per_unit, numbers)

    def _said(self, key: str, otherwise: str) -> tuple[Line, str]:
        return self.header.get(key, (Line(1, ""), otherwise))

    def _about(self, key: str, what: str) -> RoutingError:
        if key not in self.header:
            return RoutingError(f"the file has no {key} in its header; it {what}")
        line, value = self.header[key]
        return line.fault(f"{key} is {shown(value)}; it {what}")

    def _amount(self, key: str) -> float | None:
        if key not in self.header:
            return None
        line, value = self.header[key]
        amount = number(line, value, key)
        if amount < 0:
            raise self._about(key, "cannot be negative")
        return amount

    def _whole(self, key: str) -> int | None:
        return whole(*self.header[key], key) if key in self.header else None

    def _trucks(self) -> int | None:
        count = self._whole("VEHICLES")
        if count is not None and count < 1:
            raise self._about("VEHICLES", "should be at least 1")
        return count

    def _by_node(self, section: str, values: int, size: int) -> list[tuple[int, list[float], Line]]:
        """Read a section that has one line for every node: its number and some values."""
        if section not in self.sections:
            raise RoutingError(f"the file has no {section}")
        rows: dict[int, tuple[int, list[float], Line]] = {}
        for line in self.sections[section]:
            words = line.words
            if len(words) != 1 + values:
                raise line.fault(f"{section} takes a node and {values} number(s) a line; here are {len(words)} words")
            node = whole(line, words[0], "a node")
            if node in rows:
                raise line.fault(f"node {node} comes a second time in {section}")
            rows[node] = (node, [number(line, word, f"a value of node {node}") for word in words[1:]], line)
        if len(rows) != size:
            raise RoutingError(f"{section} has {len(rows)} nodes; DIMENSION says {size}")
        return list(rows.values())

    def _of_nodes(self, section: str, values: int, nodes: Sequence[int]) -> list[tuple[int, list[float], Line]]:
        """Read such a section in the order of the nodes already known."""
        rows = {row[0]: row for row in self._by_node(section, values, len(nodes))}
        for node in nodes:
            if node not in rows:
                raise RoutingError(f"node {node} of {DEMANDS} is missing in {section}")
        return [rows[node] for node in nodes]

    def _distances(self, nodes: list[int]) -> tuple[NDArray[np.int32], int]:
        line, rule = self._said("EDGE_WEIGHT_TYPE", "EXPLICIT" if WEIGHTS in self.sections else "EUC_2D")
        rule = rule.upper()
        if rule == "EXPLICIT":
            where, layout = self._said("EDGE_WEIGHT_FORMAT", FULL)
            if layout.upper() not in FORMATS:
                raise where.fault(f"EDGE_WEIGHT_FORMAT is {shown(layout)}; those read are {', '.join(FORMATS)}")
            if WEIGHTS not in self.sections:
                raise RoutingError(f"EDGE_WEIGHT_TYPE is EXPLICIT, but the file has no {WEIGHTS}")
            return from_matrix(layout.upper(), len(nodes), self.sections[WEIGHTS])
        if rule not in RULES:
            raise line.fault(f"EDGE_WEIGHT_TYPE is {shown(rule)}; those read are EXPLICIT, {', '.join(RULES)}")
        placed = self._of_nodes(COORDINATES, 2, nodes)
        for node, values, at in placed:
            if max(map(abs, values)) > MAX_COORDINATE:
                raise at.fault(f"node {node} lies beyond {MAX_COORDINATE}")
        return from_coordinates(rule, np.array([values for _, values, _ in placed]))

    def _depot(self, nodes: list[int]) -> int:
        if DEPOTS not in self.sections:
            raise RoutingError(f"the file has no {DEPOTS}")
        named: list[int] = []
        for line in self.sections[DEPOTS]:
            for word in line.words:
                node = whole(line, word, "a depot")
                if node == -1:
                    break
                if node not in nodes:
                    raise line.fault(f"depot {node} is not one of the nodes")
                named.append(node)
        if len(named) != 1:
            raise RoutingError(f"{DEPOTS} names {len(named)} depots; instances with exactly one are read")
        return named[0]

    @staticmethod
    def _demands(rows: list[tuple[int, list[float], Line]], depot: int) -> list[float]:
        for node, (demand,), line in rows:
            if demand < 0:
                raise line.fault(f"node {node} has the demand {demand:g}; it cannot be negative")
        if rows[depot][1][0]:
            raise rows[depot][2].fault("the depot has a demand; it should be 0")
        return [demand for _, (demand,), _ in rows]

    def _services(self, nodes: list[int], per_unit: int) -> list[int]:
        depot = self._depot(nodes)
        if SERVICES in self.sections:
            rows = self._of_nodes(SERVICES, 1, nodes)
            times = [self._time(line, seconds, per_unit) for _, (seconds,), line in rows]
        else:
            every = self._amount("SERVICE_TIME") or 0.0
            times = [math.ceil(every * per_unit)] * len(nodes)
        return [0 if node == depot else seconds for node, seconds in zip(nodes, times, strict=True)]

    def _windows(self, nodes: list[int], per_unit: int) -> list[tuple[TimeWindow, ...]]:
        if WINDOWS not in self.sections:
            return [()] * len(nodes)
        windows: list[tuple[TimeWindow, ...]] = []
        for node, (opens, closes), line in self._of_nodes(WINDOWS, 2, nodes):
            if closes < opens:
                raise line.fault(f"the time window of node {node} ends before it starts")
            self._time(line, opens, per_unit)
            windows.append((TimeWindow(math.ceil(opens * per_unit), self._time(line, closes, per_unit)),))
        return windows

    @staticmethod
    def _time(line: Line, units: float, per_unit: int) -> int:
        if not 0 <= units * per_unit < UNREACHABLE:
            raise line.fault(f"{units:g} is no time; it should be from 0 to {UNREACHABLE // per_unit}")
        return math.floor(units * per_unit)


def _longest_route(kg: Sequence[int], capacity_kg: int, farthest: int, service: int) -> int:
    """Bound what any truck could drive and serve in a trip, by how many of the smallest demands it holds."""
    held, load = 0, 0
    for demand in sorted(kg):
        load += demand
        if load > capacity_kg:
            break
        held += 1
    return min((held + 1) * farthest + held * service, UNREACHABLE - 1)
