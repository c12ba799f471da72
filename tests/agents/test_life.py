"""The life of proposals under random days: whatever people, clocks and retries do, nothing forbidden ever happens."""

import itertools
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.engine import make_url
from sqlmodel import select

from agents.dispatches import DispatchVisit, list_dispatches
from agents.editing import AddStop, DropStop, Edit, LockStop, MoveStop, UnlockStop, apply, open_desk
from agents.errors import AgentError, ConflictError, RefusedError
from agents.proposals import LIVE, TRANSITIONS, Proposal, ProposalState, list_proposals, read_proposal
from agents.publish import publish
from agents.review import approve, expire, reject
from agents.shifts import shift_day
from agents.worker import Worker
from city.clock import ManualClock
from city.database import open_engine, reading
from city.journal import AuditRecord
from city.settings import Settings
from city.streams import Stream
from tests.agents.conftest import Inserting
from tests.agents.town import PLANNING, SERVICE_DATE, know

people = st.sampled_from(["ann", "bob"])
versions_back = st.sampled_from([0, 0, 0, 1])
points = st.integers(0, 7)
streams = st.sampled_from([Stream.DRY, Stream.WET])
trucks = st.sampled_from(["garden-truck-1", "garden-truck-2"])


def stop(point: int, stream: Stream) -> str:
    return f"garden-{point}/{stream}"


edits = st.one_of(
    st.builds(lambda point, stream: DropStop(stop(point, stream)), points, streams),
    st.builds(AddStop, points.map("garden-{}".format), streams, st.none() | trucks),
    st.builds(
        lambda point, stream, truck, position: MoveStop(stop(point, stream), truck, position),
        points, streams, trucks, st.none() | st.integers(0, 3),
    ),
    st.builds(lambda point, stream: LockStop(stop(point, stream)), points, streams),
    st.builds(lambda point, stream: UnlockStop(stop(point, stream)), points, streams),
)  # fmt: skip


class Days(RuleBasedStateMachine):
    """One shift of one district, and everything that may happen to its proposals."""

    source: Path

    @initialize()
    def begin(self) -> None:
        """Copy the town; three bins are full."""
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "town.sqlite"
        shutil.copy(self.source, path)
        self.engine = open_engine(f"sqlite:///{path}")
        know(self.engine, 0.97, "garden-1-dry", "garden-2-dry", "garden-5-wet", rate_per_h=0.03)
        self.clock = ManualClock(PLANNING)
        self.worker = Worker(self.engine, self.clock, Settings(), machine=self.clock, solvers=Inserting(1))
        self.desk = open_desk(self.engine, self.clock, self.worker.roads)
        self.worker.step()

    def teardown(self) -> None:
        """Close everything."""
        self.worker.close()
        self.engine.dispose()
        self.folder.cleanup()

    def newest(self) -> Proposal:
        """Return the newest proposal."""
        with reading(self.engine) as session:
            return list_proposals(session, district_ids=["garden"])[0]

    @rule(actor=people, back=versions_back)
    def approve(self, actor: str, back: int) -> None:
        """Somebody approves a version that may be an old one."""
        seen = self.newest()
        version = max(1, seen.version - back)
        if seen.state is ProposalState.PENDING and version == seen.version and self.clock.now() < seen.expires_at:
            done = approve(self.engine, self.clock, proposal_id=seen.id, version=version, actor=actor)
            assert done.state is ProposalState.APPROVED
        else:
            with suppress(ConflictError):
                again = approve(self.engine, self.clock, proposal_id=seen.id, version=version, actor=actor)
                assert (again.decided_by, again.version) == (actor, version)
                assert again.state in (ProposalState.APPROVED, ProposalState.PUBLISHED)

    @rule(actor=people, back=versions_back, reason=st.sampled_from(["", "no"]))
    def reject(self, actor: str, back: int, reason: str) -> None:
        """Somebody rejects, with or without a reason."""
        seen = self.newest()
        with suppress(ConflictError, RefusedError):
            done = reject(
                self.engine,
                self.clock,
                proposal_id=seen.id,
                version=max(1, seen.version - back),
                actor=actor,
                reason=reason,
            )
            assert reason
            assert done.state is ProposalState.REJECTED

    @rule(actor=people, back=versions_back, wish=edits)
    def edit(self, actor: str, back: int, wish: Edit) -> None:
        """Somebody edits."""
        seen = self.newest()
        with suppress(AgentError):
            done = apply(self.desk, proposal_id=seen.id, version=max(1, seen.version - back), edit=wish, actor=actor)
            assert done.version == seen.version + 1
            assert seen.state is ProposalState.PENDING

    @rule()
    def publish_behind_everybodys_back(self) -> None:
        """Something publishes that was not asked to."""
        with suppress(ConflictError):
            publish(self.engine, self.clock, self.newest().id)

    @rule()
    def work(self) -> None:
        """The worker has its turn."""
        self.worker.step()

    @rule(minutes=st.sampled_from([1, 30, 100]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.clock.advance(timedelta(minutes=minutes))
        expire(self.engine, self.clock.now())

    @rule(actor=people)
    def ask_again(self, actor: str) -> None:
        """Somebody asks for another plan."""
        with reading(self.engine) as session:
            day = shift_day(session, "garden", SERVICE_DATE, "morning")
        with suppress(ConflictError, RefusedError):
            self.worker.plan(day, actor=actor)

    @invariant()
    def nothing_forbidden_has_happened(self) -> None:
        """Compare what the journal tells with what is there."""
        with reading(self.engine) as session:
            proposals = {proposal.id: proposal for proposal in list_proposals(session)}
            dispatches = list_dispatches(session)
            told: dict[str, list[AuditRecord]] = defaultdict(list)
            for entry in session.exec(select(AuditRecord).order_by(AuditRecord.id)):  # type: ignore[arg-type]
                kind, _, name = entry.subject.partition("/")
                if kind == "proposal" and entry.action != "proposal.edited":
                    told[name].append(entry)
            visits = session.exec(select(DispatchVisit)).all()
            shown = {dispatch.proposal_id: read_proposal(session, dispatch.proposal_id) for dispatch in dispatches}
            standing = [
                proposal
                for proposal in proposals.values()
                if proposal.state in LIVE and proposal.district_id == "garden"
            ]
            locked = {
                proposal_id: read_proposal(session, proposal_id)
                for proposal_id, proposal in proposals.items()
                if proposal.version > 1
            }
        assert len([one for one in standing if one.service_date == SERVICE_DATE and one.shift_id == "morning"]) <= 1
        for proposal_id, entries in told.items():
            states = [ProposalState(entry.after["state"]) for entry in entries]
            assert states[0] is ProposalState.PENDING
            for before, after in itertools.pairwise(states):
                assert after in TRANSITIONS[before]
            assert proposals[proposal_id].state is states[-1]
        for dispatch in dispatches:
            approvals = [entry for entry in told[dispatch.proposal_id] if entry.action == "proposal.approved"]
            assert [entry.after["version"] for entry in approvals] == [dispatch.proposal_version]
            assert proposals[dispatch.proposal_id].state is ProposalState.PUBLISHED
            plan = shown[dispatch.proposal_id].plan
            route = next(route for route in plan.routes if route.truck_id == dispatch.truck_id)
            sent = [visit for visit in visits if visit.dispatch_id == dispatch.id and visit.stop_id]
            assert tuple(visit.stop_id for visit in sorted(sent, key=lambda visit: visit.sequence)) == route.stop_ids
        for edited in locked.values():
            for stop_id, truck_id in edited.version.locks.items():
                serving = edited.plan.route_of(stop_id)
                assert serving is not None
                assert serving.truck_id == truck_id


def test_no_day_ever_reaches_a_forbidden_state(towns: Callable[[str], str]) -> None:
    Days.source = Path(str(make_url(towns("sqlite")).database))
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Days,
        settings=settings(max_examples=12, stateful_step_count=15, suppress_health_check=list(HealthCheck)),
    )
