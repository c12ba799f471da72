"""``dustcart plan``: one planning cycle for a district and a date, printed as a rehearsal or proposed."""

import getpass
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from agents.cycles import Outcome, PlanningCycle
from agents.planner import Planned, Quiet
from agents.proposals import read_proposal
from agents.reasons import Standing, StopReason, sentences
from agents.rehearsal import rehearse
from agents.roads import CityRoads
from agents.shifts import ShiftDay, shift_day, shift_days, zone_of
from agents.solvers import Solvers
from agents.summary import Summary
from agents.surroundings import Surroundings
from agents.worker import Worker
from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json, results
from city.clock import SystemClock
from city.database import reading
from city.hours import format_time
from city.settings import Settings
from routing.files import plan_to_json
from routing.plan import Plan, VisitKind


def plan(
    district: Annotated[str, typer.Argument(metavar="DISTRICT", help="The district's id.")],
    service_date: Annotated[
        datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"], help="The service date, YYYY-MM-DD.")
    ],
    *,
    shift: Annotated[str | None, typer.Option(help="The shift's id; every shift of the date that is not over.")] = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="Let it become a proposal that waits for a decision.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one planning cycle: needs, stops, routes. Without --propose nothing is kept."""
    settings = Settings()
    engine = open_current(settings)
    clock = SystemClock()
    try:
        with reading(engine) as session:
            days = _days(session, district, service_date.date(), shift)
        if propose:
            with Worker(engine, clock, settings) as worker:
                cycles = [_proposed(worker, day) for day in days]
            _print_cycles(engine, cycles, as_json)
            return
        solvers = Solvers(settings.cores)
        surroundings = Surroundings(engine, clock, settings, CityRoads(engine), solvers)
        try:
            found = [(day, _rehearsed(surroundings, day)) for day in days]
        finally:
            solvers.close()
    finally:
        engine.dispose()
