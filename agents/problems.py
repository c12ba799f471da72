"""Routing problems as they were solved: stored once under their own hash, to change and to replay plans by."""

import hashlib
from collections import OrderedDict
from threading import Lock as Mutex

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, Session, SQLModel, select

from agents.errors import NotFoundError
from routing.files import dump_problem, load_problem
from routing.problem import Problem

# A problem of 1,000 stops takes about 100 ms to read; an operator who drags a stop asks many times for the same one.
KEPT = 8


class PlanningProblem(SQLModel, table=True):
    """A routing problem as it was solved. It never changes: its hash is its name."""

    __tablename__ = "planning_problem"

    hash: str = Field(primary_key=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False), description="compressed problem file")


def store_problem(session: Session, problem: Problem) -> str:
    """Store a problem in the caller's transaction, if it is not there already, and return its hash."""
    body = dump_problem(problem)
    name = hashlib.sha256(body).hexdigest()
    known = session.exec(select(PlanningProblem.hash).where(PlanningProblem.hash == name)).one_or_none()
    if known is None:
        session.add(PlanningProblem(hash=name, body=body))
        session.flush()
    return name


class Problems:
    """Problems read back from the database; the last few are kept, for they never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Problem] = OrderedDict()
        self._mutex = Mutex()

    def read(self, session: Session, name: str) -> Problem:
        """Return the problem of a hash.

        Raises
        ------
        NotFoundError
            If it is not stored: it was removed with the proposals of its time.
        """
        with self._mutex:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        stored = session.get(PlanningProblem, name)
        if stored is None:
            raise NotFoundError("unknown_problem", hash=name)
        problem = load_problem(stored.body)
        with self._mutex:
            self._kept[name] = problem
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return problem
