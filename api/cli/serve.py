"""``dustcart serve``, ``intake`` and ``work``: the processes of an installation."""

import logging
import signal
import threading
from collections.abc import Callable
from typing import Annotated, Any

import typer
from fastapi import FastAPI

from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json
from city.clock import SystemClock
from city.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on, instead of DUSTCART_HOST.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on, instead of DUSTCART_PORT.")]


def serve(host: Host = None, port: Port = None, *, as_json: Json = False) -> None:
    """Serve the HTTP API until told to stop (SIGTERM, Ctrl-C)."""
    from api.app import create_app

    _listen(create_app, host, port, as_json=as_json)


def intake(host: Host = None, port: Port = None, *, as_json: Json = False) -> None:
    """Serve only the intake of telemetry, as a process of its own."""
    from api.app import create_intake_app

    _listen(create_intake_app, host, port, as_json=as_json)


def work() -> None:
    """Run the agents: start planning cycles when they are due, carry out decisions, until told to stop."""
    from agents.worker import Worker

    _log()
    settings = Settings()
    engine = open_current(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    notices().print("the agents are at work; Ctrl-C stops them")
    try:
        Worker(engine, SystemClock(), settings).run(stop)
    finally:
        engine.dispose()


def _listen(create: Callable[..., FastAPI], host: str | None, port: int | None, *, as_json: bool) -> None:
    from api.server import address_of, bind, run

    _log()
    given: dict[str, Any] = {"host": host, "port": port}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    engine = open_current(settings)
    listener = bind(settings.host, settings.port)
    if as_json:
        print_json({"address": address_of(listener)})
    notices().print(f"listening on {address_of(listener)}", highlight=False)
    try:
        run(create(engine, SystemClock(), settings), listener)
    finally:
        engine.dispose()


def _log() -> None:
    """Send what the process has to say about itself to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
