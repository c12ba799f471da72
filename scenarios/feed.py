"""What happens in the simulated city, a line each: read from the outbox, worded for whoever watches the demo."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from agents.cycles import Outcome, PlanningCycle
from agents.dispatches import Dispatch, DispatchState
from agents.needs import Need
from agents.proposals import Proposal, ProposalState, read_proposal
from agents.said import said
from city.database import reading
from city.hours import service_moment
from city.journal import OutboxEvent
from city.registry import District, Shift
from city.store import zone_of
from city.wording import Language, name_in, say
from sensors.service import ServiceOutcome, ServiceRecord


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened.

    Attributes
    ----------
    at
        The city's time.
    code, numbers
        What it was; `say` words it.
    """

    at: datetime
    code: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def say(self, language: Language) -> str:
        """Word it for a person."""
        line = say("scenarios", f"feed.{self.code}", language, **self.numbers)
        return (
            line + say("scenarios", "feed.left_out", language, **self.numbers) if self.numbers.get("left_out") else line
        )


class Feed:
    """Follows what happens from now on.

    Parameters
    ----------
    engine
        The city's database.
    language
        Of the names of districts and shifts.
    """

    def __init__(self, engine: Engine, language: Language) -> None:
        self._engine = engine
        self._language = language
        with reading(engine) as session:
            self.zone = zone_of(session)
            self._last = _newest(session)
            self._districts = _names(session.exec(select(District)), language)
            self._shifts = _names(session.exec(select(Shift)), language)

    def waiting(self) -> list[Line]:
        """Return a line for every proposal that waits for a decision; what happened before is not told any more."""
        with reading(self._engine) as session:
            self._last = _newest(session)
            found = session.exec(select(Proposal).where(Proposal.state == ProposalState.PENDING).order_by(Proposal.id))
            return [Line(one.created_at, *self._waits(session, one.id)) for one in found.all()]

    def news(self) -> list[Line]:
        """Return what happened since the last call, in order."""
        with reading(self._engine) as session:
            events = session.exec(
                select(OutboxEvent).where(col(OutboxEvent.id) > self._last).order_by(col(OutboxEvent.id))
            ).all()
            if events:
                self._last = events[-1].id or self._last
            return [line for event in events for line in self._lines(session, event)]

    def status(self, now: datetime, readings: int) -> Line:
        """Return where the city stands; `readings` is how many it took in."""
        day_begins = service_moment(now.astimezone(self.zone).date(), 0, self.zone)
        with reading(self._engine) as session:
            outcomes = dict(
                session.exec(
                    select(ServiceRecord.outcome, func.count())
                    .where(col(ServiceRecord.at) >= day_begins, col(ServiceRecord.dispatch_id).is_not(None))
                    .group_by(ServiceRecord.outcome)
                ).all()
            )
            return Line(
                now,
                "status",
                {
                    "readings": readings,
                    "needs": _count(session, Need, col(Need.open_key).is_not(None)),
                    "waiting": _count(session, Proposal, col(Proposal.state) == ProposalState.PENDING),
                    "trucks": _count(session, Dispatch, col(Dispatch.state) == DispatchState.STARTED),
                    "served": outcomes.get(ServiceOutcome.DONE, 0),
                    "could_not": outcomes.get(ServiceOutcome.COULD_NOT, 0),
                },
            )

    def _lines(self, session: Session, event: OutboxEvent) -> Iterator[Line]:
        kind, _, subject_id = event.subject.partition("/")
        match (kind, event.kind.partition(".")[2]):
            case ("proposal", "pending"):
                yield Line(event.at, *self._waits(session, subject_id))
            case ("proposal", "published"):
                dispatches = _count(session, Dispatch, col(Dispatch.proposal_id) == subject_id)
                yield Line(event.at, "proposal_published", {"proposal_id": subject_id, "dispatches": dispatches})
            case ("proposal", "withdrawn"):
                why = said(f"withdrawn.{event.payload['code']}", self._language, {})
                yield Line(event.at, "proposal_withdrawn", {"proposal_id": subject_id, "reason": why})
            case ("proposal", what):
                yield Line(event.at, f"proposal_{what}", {"proposal_id": subject_id, "version": None, **event.payload})
            case ("cycle", "quiet" | "failed" as what):
                cycle = session.get_one(PlanningCycle, int(subject_id))
                reason = Outcome.model_validate(cycle.outcome).say(self._language)
                yield Line(event.at, f"cycle_{what}", {**self._place(cycle), "reason": reason})
            case ("dispatch", "finished"):
                yield Line(event.at, "dispatch_finished", {"dispatch_id": subject_id, **_outcomes(session, subject_id)})

    def _waits(self, session: Session, proposal_id: str) -> tuple[str, dict[str, Any]]:
        shown = read_proposal(session, proposal_id)
        summary = shown.summary
        numbers = {
            "proposal_id": proposal_id,
            **self._place(shown.proposal),
            "time": shown.proposal.expires_at.astimezone(self.zone).strftime("%H:%M"),
            "trucks": summary.trucks,
            "stops": summary.stops,
            "km": summary.distance_m / 1000,
            "hours": summary.duration_s / 3600,
            "tonnes": summary.collected_kg / 1000,
            "left_out": summary.left_out,
            "riskiest": summary.riskiest_left_out or 0.0,
        }
        return "proposal_pending", numbers

    def _place(self, of: Proposal | PlanningCycle) -> dict[str, str]:
        return {
            "district": self._districts.get(of.district_id, of.district_id),
            "shift": self._shifts.get(of.shift_id, of.shift_id),
        }


def _names(rows: Iterable[District | Shift], language: Language) -> dict[str, str]:
    return {row.id: name_in(language, row.name, row.name_zh) for row in rows}


def _newest(session: Session) -> int:
    return session.exec(select(func.max(OutboxEvent.id))).one() or 0


def _count(session: Session, table: Any, condition: Any) -> int:
    return int(session.exec(select(func.count()).select_from(table).where(condition)).one())


def _outcomes(session: Session, dispatch_id: str) -> dict[str, int]:
    found = dict(
        session.exec(
            select(ServiceRecord.outcome, func.count())
            .where(ServiceRecord.dispatch_id == dispatch_id)
            .group_by(ServiceRecord.outcome)
        ).all()
    )
    return {"served": found.get(ServiceOutcome.DONE, 0), "could_not": found.get(ServiceOutcome.COULD_NOT, 0)}
