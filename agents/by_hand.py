"""What people fixed by hand in a pending proposal, and how a plan made anew keeps it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlmodel import Session, select

from agents.decisions import Decision, RouteWish, Rule
from agents.ground import Ground
from agents.needs import NeedAction
from agents.outlook import BinOutlook
from agents.proposals import Proposal, ProposalState, read_proposal
from agents.reasons import Standing
from agents.shifts import ShiftDay
from agents.stop_ids import parse_stop_id
from agents.stops import Candidate, Grouped, JudgedNeed, candidate
from agents.summary import Note
from routing.plan import Plan
from routing.problem import Lock, Problem

ADDED = Decision(action=NeedAction.ROUTE_REQUIRED, rule=Rule.ADDED_BY_PERSON, route=RouteWish.REQUIRED)


@dataclass(frozen=True, slots=True)
class ByHand:
    """The proposal that a new one will supersede, and what people fixed in it: a plan made anew does not undo it.

    Attributes
    ----------
    proposal_id, version
        Which version of which proposal; ``None``: none is pending.
    plan
        Its routes, for the new plan to start from.
    locks
        Truck id of every locked stop, by stop id.
    dropped, added
        Who took a stop out, and who put one in, by stop id.
    """

    proposal_id: str | None = None
    version: int = 0
    plan: Plan | None = None
    locks: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)

    def is_of(self, proposal: Proposal) -> bool:
        """Whether this is what stands in a proposal now."""
        return (self.proposal_id, self.version) == (proposal.id, proposal.version)


def read_by_hand(session: Session, day: ShiftDay) -> ByHand:
    """Read what people fixed in the pending proposal of a shift, if there is one."""
    pending = session.exec(
        select(Proposal.id).where(Proposal.live_key == day.thread_id, Proposal.state == ProposalState.PENDING)
    ).one_or_none()
    if pending is None:
        return ByHand()
    shown = read_proposal(session, pending)
    changed = {stop_id: reason for stop_id, reason in shown.reasons.items() if reason.changed_by is not None}
    dropped = {stop_id for stop_id, reason in changed.items() if reason.standing is Standing.DROPPED}
    return ByHand(
        proposal_id=pending,
        version=shown.version.version,
        plan=shown.plan,
        locks=shown.version.locks,
        dropped={stop_id: reason.changed_by or "" for stop_id, reason in changed.items() if stop_id in dropped},
        added={stop_id: reason.changed_by or "" for stop_id, reason in changed.items() if stop_id not in dropped},
    )


def keep_added(
    ground: Ground, bins: Iterable[BinOutlook], grouped: Grouped, by_hand: ByHand
) -> tuple[Grouped, list[Note]]:
    """Make the stops that people put in required, with a need or without, and say which had to be given up."""
    bins_by_stop: dict[str, list[BinOutlook]] = defaultdict(list)
    for outlook in bins:
        bins_by_stop[outlook.stop_id].append(outlook)
    candidates: dict[str, Candidate] = {stop.stop_id: stop for stop in grouped.candidates}
    lost = []
    for stop_id in sorted(by_hand.added):
        point_id, stream = parse_stop_id(stop_id)
        if stop_id in candidates:
            candidates[stop_id] = replace(candidates[stop_id], required=True, prize_cents=0)
        elif bins_by_stop[stop_id] and ground.open_windows(point_id):
            wish = JudgedNeed(point_id, stream, None, None, ADDED)
            candidates[stop_id] = candidate(ground, bins_by_stop[stop_id], [wish])
        else:
            lost.append(Note(code="added_given_up", numbers={"stop_id": stop_id}))
    kept_back = tuple(stop for stop in grouped.kept_back if stop.stop_id not in candidates)
    return Grouped(tuple(candidates[stop_id] for stop_id in sorted(candidates)), kept_back), lost


def keep_locks(problem: Problem, by_hand: ByHand) -> tuple[Problem, list[Note]]:
    """Keep the locks whose stop and truck are still there and fit, and say which had to be given up."""
    kept, lost = [], []
    for stop_id, truck_id in sorted(by_hand.locks.items()):
        stop, truck = problem.stop_by_id.get(stop_id), problem.truck_by_id.get(truck_id)
        if stop is not None and truck is not None and truck.fits(stop):
            kept.append(Lock(stop_id, truck_id))
        else:
            lost.append(Note(code="lock_given_up", numbers={"stop_id": stop_id, "truck": truck_id}))
    return replace(problem, locks=tuple(kept)), lost
