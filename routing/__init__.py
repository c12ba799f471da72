"""Routing, usable alone: a `Problem` goes in, a `Plan` that `verify` accepts comes out. No database in here."""

from routing.consequences import Consequences
from routing.difference import Difference
from routing.errors import RoutingError
from routing.events import Event, FacilityClosed, NewStop, StopCancelled, TruckBrokeDown, TruckLate, WaysChanged
from routing.explain import Explanation, explain
from routing.files import dump_problem, load_problem, plan_from_json, plan_to_json, problem_from_json, problem_to_json
from routing.insertion import Insertion, insert, move, remove
from routing.matrix import UNREACHABLE, Matrix
from routing.plan import Cost, Plan, Route, Unserved, UnservedReason, Visit, VisitKind
from routing.pricing import co2_g
from routing.problem import Break, Facility, Lock, Preferences, Problem, Relation, RelationKind, Stop, TimeWindow, Truck
from routing.replan import Replan, replan
from routing.schedule import Misfit, schedule
from routing.solve import Budget, Progress, solve
from routing.split import split
from routing.verify import verify
from routing.violations import Verification, Violation, ViolationCode

__all__ = [
    "UNREACHABLE",
    "Break",
    "Budget",
    "Consequences",
    "Cost",
    "Difference",
    "Event",
    "Explanation",
    "Facility",
    "FacilityClosed",
    "Insertion",
    "Lock",
    "Matrix",
    "Misfit",
    "NewStop",
    "Plan",
    "Preferences",
    "Problem",
    "Progress",
    "Relation",
    "RelationKind",
    "Replan",
    "Route",
    "RoutingError",
    "Stop",
    "StopCancelled",
    "TimeWindow",
    "Truck",
    "TruckBrokeDown",
    "TruckLate",
    "Unserved",
    "UnservedReason",
    "Verification",
    "Violation",
    "ViolationCode",
    "Visit",
    "VisitKind",
    "WaysChanged",
    "co2_g",
    "dump_problem",
    "explain",
    "insert",
    "load_problem",
    "move",
    "plan_from_json",
    "plan_to_json",
    "problem_from_json",
    "problem_to_json",
    "remove",
    "replan",
    "schedule",
    "solve",
    "split",
    "verify",
]
