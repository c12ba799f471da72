"""The dispatcher: what does each need deserve in this shift? The cheapest thing that serves it.

Nothing yet, an attendant who swaps the bin, a truck that must come, a truck if it pays, or a person who looks.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from agents.decisions import Decision, RouteWish, Rule
from agents.ground import Ground
from agents.needs import Evidence, Need, NeedAction, NeedReason
from agents.stop_ids import stop_id_of
from agents.windows import Closed
from city.hours import service_moment
from city.streams import Stream
from sensors.service import CouldNotReason

# A bin likelier than this to overflow before the next chance is collected now, whatever it costs. One in twenty keeps
# the points left out at a few per cent each, which is what operators accept without asking for the reason.
REQUIRED_PROBABILITY = 0.05
# What an avoided overflow is worth, in cents: a truck sent out for one bin (an hour of crew and machine at 90, 20 km at
# 4) and half an hour of cleaning up, 200 of the city's currency together.
OVERFLOW_CENTS = 20_000
# An attendant is asked to swap a bin that is likelier than not to overflow before a truck can be there.
SWAP_PROBABILITY = 0.5
# What a crew found that another visit of the same crew would find again.
PERSON_DECIDES = frozenset({CouldNotReason.CONTAMINATED, CouldNotReason.DAMAGED})


class NeedRow(NamedTuple):
    """What the dispatcher reads of an open need."""

    id: int
    point_id: str
    stream: Stream
    bin_id: str | None
    reason: NeedReason
    evidence: Evidence


def decide(ground: Ground, needs: Iterable[NeedRow]) -> dict[int, Decision]:
    """Decide on every need of a district for a shift. Returns decisions by need id."""
    by_stop: dict[str, list[NeedRow]] = defaultdict(list)
    for need in needs:
        by_stop[stop_id_of(need.point_id, need.stream)].append(need)
    return {need_id: decision for group in by_stop.values() for need_id, decision in _decide_stop(ground, group)}


def _decide_stop(ground: Ground, group: Sequence[NeedRow]) -> list[tuple[int, Decision]]:
    """Decide on all needs of one stop: an unknown bin is seen anyway when a truck must come for another reason."""
    hindrance = _hindrance(ground, group[0].point_id, group[0].stream)
    decided = [(need, _decide_need(ground, need, hindrance)) for need in group]
    if any(decision.route is RouteWish.REQUIRED for _, decision in decided):
        seen = Decision(action=NeedAction.WAIT, rule=Rule.VISITED_ANYWAY)
        decided = [(need, seen if decision.rule is Rule.NOTHING_KNOWN else decision) for need, decision in decided]
    return [(need.id, decision) for need, decision in decided]


def _decide_need(ground: Ground, need: NeedRow, hindrance: Decision | None) -> Decision:
    evidence = need.evidence
    match need.reason:
        case NeedReason.FIRE:
            return Decision(action=NeedAction.PERSON_LOOKS, rule=Rule.BIN_BURNS, numbers=_began(evidence))
        case _ if hindrance is not None and hindrance.rule is Rule.POINT_BURNS:
            return hindrance  # nobody swaps or looks into another bin there either
        case NeedReason.TILTED:
            return Decision(action=NeedAction.PERSON_LOOKS, rule=Rule.BIN_LIES, numbers=_began(evidence))
        case NeedReason.UNKNOWN_LEVEL:
            return Decision(
                action=NeedAction.PERSON_LOOKS,
                rule=Rule.NOTHING_KNOWN,
                numbers={"heard_at": _stamp(evidence.heard_at), "emptied_at": _stamp(evidence.emptied_at)},
            )
        case NeedReason.MISSED_SERVICE if evidence.missed_reason in PERSON_DECIDES:
            return Decision(action=NeedAction.PERSON_LOOKS, rule=Rule.PERSON_DECIDES, numbers=_missed(evidence))
        case NeedReason.OVERFLOWING | NeedReason.OVERFLOW_RISK if _is_swap(ground, need):
            return Decision(
                action=NeedAction.ATTENDANT_SWAP,
                rule=Rule.SWAP_UNTIL_TRUCK,
                numbers={"probability": evidence.full_by_service, "expected_at": _stamp(ground.expected_at)},
                route=RouteWish.REQUIRED if hindrance is None else None,
            )
    if hindrance is not None:
        return hindrance
    match need.reason:
        case NeedReason.OVERFLOWING:
            return _required(Rule.OVERFLOWING, {"level": evidence.level})
        case NeedReason.MISSED_SERVICE:
            return _required(Rule.MISSED_SERVICE, _missed(evidence))
        case NeedReason.RULE_INTERVAL:
            return _required(
                Rule.INTERVAL,
                {
                    "interval_h": evidence.interval_h,
                    "emptied_at": _stamp(evidence.emptied_at),
                    "due_at": _stamp(evidence.due_at),
                },
            )
    return _by_risk(evidence)


def _by_risk(evidence: Evidence) -> Decision:
    probability = evidence.full_by_next or 0.0
    numbers = {"probability": probability, "limit": REQUIRED_PROBABILITY, "next_at": _stamp(evidence.next_at)}
    if probability >= REQUIRED_PROBABILITY:
        return _required(Rule.OVERFLOW_LIMIT, numbers)
    return Decision(
        action=NeedAction.ROUTE_OPTIONAL,
        rule=Rule.OVERFLOW_PRIZE,
        numbers=numbers,
        route=RouteWish.OPTIONAL,
        prize_cents=round(OVERFLOW_CENTS * probability),
    )


def _required(rule: Rule, numbers: dict[str, Any]) -> Decision:
    return Decision(action=NeedAction.ROUTE_REQUIRED, rule=rule, numbers=numbers, route=RouteWish.REQUIRED)


def _is_swap(ground: Ground, need: NeedRow) -> bool:
    likely = need.reason is NeedReason.OVERFLOWING or (need.evidence.full_by_service or 0.0) >= SWAP_PROBABILITY
    return likely and ground.points[need.point_id].attended


def _hindrance(ground: Ground, point_id: str, stream: Stream) -> Decision | None:
    """Why no truck of this shift comes to a stop, as a decision to wait; ``None``: one may come.

    A stream that no shift carries at all is not kept back: the plan then says that there is no truck for it.
    """
    if (fire := ground.alarming.burning.get(point_id)) is not None:
        return _wait(Rule.POINT_BURNS, {"bin_id": fire.bin_id, "began_at": _stamp(fire.began_at)})
    coming = ground.underway.get(stop_id_of(point_id, stream))
    if coming is not None:
        return _wait(Rule.TRUCK_ON_ITS_WAY, {"truck": coming.truck_id, "arrives_at": _stamp(coming.arrives_at)})
    if stream not in ground.day.streams and stream in ground.next_chance:
        return _wait(Rule.OTHER_SHIFT, {"next_at": _stamp(ground.next_at(stream))})
    if ground.open_windows(point_id):
        return None
    if not ground.usual_windows(point_id):
        return _wait(Rule.WINDOW_OUTSIDE_SHIFT, {"hours": ground.points[point_id].hours})
    return _wait(Rule.POINT_CLOSED, {"until_at": _reopens_at(ground, ground.closed_points[point_id])})


def _wait(rule: Rule, numbers: dict[str, Any]) -> Decision:
    return Decision(action=NeedAction.WAIT, rule=rule, numbers=numbers)


def _covers(ground: Ground, closed: Closed) -> bool:
    within = ground.within
    return closed.from_s < within.end_s and (closed.until_s is None or closed.until_s > within.start_s)


def _reopens_at(ground: Ground, closed: Sequence[Closed]) -> str | None:
    """When the last of the closures ends; ``None``: not known."""
    ends = [part.until_s for part in closed if _covers(ground, part)]
    known = [until_s for until_s in ends if until_s is not None]
    if len(known) < len(ends):
        return None
    return service_moment(ground.day.service_date, max(known), ground.zone).isoformat()


def _missed(evidence: Evidence) -> dict[str, Any]:
    return {"missed_at": _stamp(evidence.missed_at), "missed_reason": evidence.missed_reason}


def _began(evidence: Evidence) -> dict[str, Any]:
    return {"began_at": _stamp(evidence.began_at)}


def _stamp(at: Any) -> str | None:
    return None if at is None else at.isoformat()


def read_needs(session: Session, ground: Ground) -> list[NeedRow]:
    """Read the open needs of a district at points in use."""
    columns = [col(getattr(Need, name)) for name in NeedRow._fields]
    rows = session.connection().execute(
        sa.select(*columns)
        .where(col(Need.district_id) == ground.day.district_id, col(Need.open_key).is_not(None))
        .order_by(col(Need.id))
    )
    return [
        NeedRow(row.id, row.point_id, row.stream, row.bin_id, row.reason, Evidence.model_validate(row.evidence))
        for row in rows
        if row.point_id in ground.points
    ]


def keep_decisions(session: Session, decisions: dict[int, Decision]) -> None:
    """Write down what was decided about each need, and why."""
    if not decisions:
        return
    table = Need.__table__  # type: ignore[attr-defined]
    session.connection().execute(
        table.update()
        .where(table.c.id == sa.bindparam("need_id"))
        .values(action=sa.bindparam("action"), action_reason=sa.bindparam("action_reason")),
        [
            {"need_id": need_id, "action": decision.action, "action_reason": decision.model_dump(mode="json")}
            for need_id, decision in decisions.items()
        ],
    )
