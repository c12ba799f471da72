"""Turn restrictions: relations of OpenStreetMap become forbidden turns from one segment into another."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from city.importing.osm_access import MODES
from city.importing.osm_conditions import Tags, clauses


class Restriction(NamedTuple):
    """A turn restriction that binds a truck."""

    relation: int
    only: bool
    turning_round: bool
    from_ways: tuple[int, ...]
    via_nodes: tuple[int, ...]
    via_ways: tuple[int, ...]
    to_ways: tuple[int, ...]


class Arc(NamedTuple):
    """A segment in a direction one may drive: its row, and the ids of the nodes it leads from and to."""

    segment: int
    tail: int
    head: int


class Outcome(StrEnum):
    """What became of a restriction."""

    USED = "used"
    # Its ways are no streets for vehicles, lie outside the file, or do not meet where it says.
    ELSEWHERE = "elsewhere"
    # A way goes on beyond the junction, so it does not say which side it means.
    AMBIGUOUS = "ambiguous"
    # It runs over ways that others use too, which no pair of segments can express.
    OVER_WAYS = "over_ways"


class Turns(NamedTuple):
    """Forbidden turns as (from segment, id of the node, to segment), and what became of each restriction."""

    forbidden: frozenset[tuple[int, int, int]]
    outcomes: tuple[tuple[Restriction, Outcome], ...]


def restriction(relation: int, tags: Tags, members: Iterable[tuple[str, int, str]]) -> Restriction | None:
    """Read a relation; ``None`` if it is no restriction, or does not bind trucks.

    Parameters
    ----------
    relation, tags
        Its id and tags.
    members
        Kind (``n``, ``w`` or ``r``), id and role of each.
    """
    if tags.get("type") != "restriction":
        return None
    modes = MODES[:-1]
    keys = (*(f"restriction:{mode}" for mode in modes), "restriction")
    rule = next((tags[key] for key in keys if key in tags), "")
    if not rule:
        # Forbidden at some hours is forbidden: a plan must hold throughout its shift.
        rule = next((clause.value for key in keys for clause in clauses(tags, key).read), "")
    exempt = {mode.strip() for mode in tags.get("except", "").split(";")}
    if not rule.startswith(("no_", "only_")) or exempt & set(modes):
        return None
    by_role: dict[tuple[str, str], list[int]] = defaultdict(list)
    for kind, member, role in members:
        by_role[kind, role].append(member)
    return Restriction(
        relation,
        rule.startswith("only_"),
        rule == "no_u_turn",
        *(tuple(by_role[key]) for key in (("w", "from"), ("n", "via"), ("w", "via"), ("w", "to"))),
    )


class Crossings:
    """Which way leads where: the arcs of every way, and those that meet in every node."""

    def __init__(self, arcs_of_ways: Iterable[tuple[int, Arc]]) -> None:
        self._of_way: dict[int, list[Arc]] = defaultdict(list)
        self._into: dict[int, list[Arc]] = defaultdict(list)
        self._out_of: dict[int, list[Arc]] = defaultdict(list)
        for way, arc in arcs_of_ways:
            self._of_way[way].append(arc)
            self._into[arc.head].append(arc)
            self._out_of[arc.tail].append(arc)

    def forbid(self, restrictions: Sequence[Restriction]) -> Turns:
        """Turn restrictions into forbidden turns."""
        forbidden: set[tuple[int, int, int]] = set()
        outcomes = []
        for one in sorted(restrictions):
            turns = self._over_ways(one) if one.via_ways else self._at_node(one)
            if isinstance(turns, Outcome):
                outcomes.append((one, turns))
            else:
                forbidden |= turns
                outcomes.append((one, Outcome.USED))
        return Turns(frozenset(forbidden), tuple(outcomes))

    def _at_node(self, one: Restriction) -> set[tuple[int, int, int]] | Outcome:
        if len(one.via_nodes) != 1:
            return Outcome.ELSEWHERE
        (node,) = one.via_nodes
        arriving = [arc for way in one.from_ways for arc in self._of_way.get(way, ()) if arc.head == node]
        leaving = [arc for way in one.to_ways for arc in self._of_way.get(way, ()) if arc.tail == node]
        if not arriving or not leaving:
            return Outcome.ELSEWHERE
        if one.turning_round and one.from_ways == one.to_ways:
            return {(arc.segment, node, arc.segment) for arc in arriving}
        if len(arriving) > len(one.from_ways) or len(leaving) > len(one.to_ways):
            return Outcome.AMBIGUOUS
        return set(self._forbidden(arriving, node, leaving, only=one.only))

    def _over_ways(self, one: Restriction) -> set[tuple[int, int, int]] | Outcome:
        """Express a restriction over one street between two junctions by a pair of segments where that is exact.

        It is where the street is entered only from the way that the restriction starts on, or (if it forbids) left
        only into the one it ends on. Turning round in the street itself does not count.
        """
        if len(one.via_ways) != 1 or len(one.from_ways) != 1 or len(one.to_ways) != 1:
            return Outcome.OVER_WAYS
        paths = [
            (before, over, after)
            for over in self._of_way.get(one.via_ways[0], ())
            for before in self._of_way.get(one.from_ways[0], ())
            for after in self._of_way.get(one.to_ways[0], ())
            if before.head == over.tail and over.head == after.tail
        ]
        if not paths:
            return Outcome.ELSEWHERE if one.via_ways[0] not in self._of_way else Outcome.OVER_WAYS
        if len(paths) > 1:
            return Outcome.AMBIGUOUS
        ((before, over, after),) = paths
        if {arc.segment for arc in self._into[over.tail]} - {over.segment} == {before.segment}:
            return set(self._forbidden([over], over.head, [after], only=one.only))
        leads_to = {arc.segment for arc in self._out_of[over.head]} - {over.segment}
        if not one.only and leads_to == {after.segment}:
            return set(self._forbidden([before], over.tail, [over], only=False))
        return Outcome.OVER_WAYS

    def _forbidden(
        self, arriving: Sequence[Arc], node: int, leaving: Sequence[Arc], *, only: bool
    ) -> Iterator[tuple[int, int, int]]:
        allowed = {arc.segment for arc in leaving}
        for before in arriving:
            for after in self._out_of[node] if only else leaving:
                if not only or after.segment not in allowed:
                    yield before.segment, node, after.segment
