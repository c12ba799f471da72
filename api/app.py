"""The HTTP application: every resource behind one gate, over one engine and one clock. Nothing is global."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from starlette.staticfiles import StaticFiles

from agents.editing import open_desk
from agents.roads import CityRoads
from api import openapi, problems
from api.context import Context
from api.gate import Gate
from api.resources import (
    alarms,
    audit,
    bins,
    decisions,
    devices,
    dispatches,
    districts,
    documentation,
    edits,
    emptyings,
    events,
    explanations,
    health,
    intake,
    lifts,
    maps,
    me,
    needs,
    observations,
    positions,
    proposals,
    sensors,
    service_records,
    sign_in,
    work_orders,
)
from api.version import installed_version
from city.clock import Clock, SystemClock
from city.settings import Settings

PREFIX = "/api/v1"
RESOURCES = tuple(
    resource.router
    for resource in (
        sign_in,
        me,
        proposals,
        decisions,
        edits,
        explanations,
        maps,
        dispatches,
        service_records,
        events,
        needs,
        alarms,
        work_orders,
        districts,
        bins,
        emptyings,
        lifts,
        observations,
        positions,
        devices,
        sensors,
        intake,
        audit,
    )
)


def create_app(
    engine: Engine,
    clock: Clock,
    settings: Settings,
    *,
    wall: Clock | None = None,
    roads: CityRoads | None = None,
) -> FastAPI:
    """Build the whole API.

    Parameters
    ----------
    engine
        A database with the current schema. Whoever opened it closes it.
    clock
        The city's time.
    wall
        The real time, by which sessions and codes run out; the machine's own unless a test moves it.
    roads
        The city's road graphs, where agents in the same process have them already.
    """
    desk = open_desk(engine, clock, roads or CityRoads.of(engine, settings))
    context = Context(engine, clock, wall or SystemClock(), settings, desk)
    return _assemble(context, RESOURCES)


def create_intake_app(engine: Engine, clock: Clock, settings: Settings, *, wall: Clock | None = None) -> FastAPI:
    """Build the application of an intake process: it takes readings in and knows nothing else."""
    context = Context(engine, clock, wall or SystemClock(), settings, open_desk(engine, clock))
    return _assemble(context, (intake.router,))


def _assemble(context: Context, resources: Sequence[APIRouter]) -> FastAPI:
    app = FastAPI(
        title="Dustcart",
        version=installed_version(),
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.context = context
    problems.install(app)
    for router in resources:
        app.include_router(router, prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(documentation.router)
    app.mount("/docs/assets", StaticFiles(directory=documentation.ASSETS))
    app.add_middleware(Gate, max_body_bytes=context.settings.max_body_bytes)
    app.openapi = lambda: openapi.describe(app, resources)  # type: ignore[method-assign]
    return app
