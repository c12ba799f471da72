"""``dustcart serve``, ``intake`` and ``work``: the processes of an installation."""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from fastapi import FastAPI
from sqlalchemy import Engine

from api.cli.database import open_current
from api.cli.printing import Json, notices, print_json
from api.server import Part
from city.clock import Clock, SystemClock
from city.heap import settle
from city.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on, instead of DUSTCART_HOST.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on, instead of DUSTCART_PORT.")]


def serve(host: Host = None, port: Port = None, *, as_json: Json = False) -> None:
    """Serve the HTTP API until told to stop (SIGTERM, Ctrl-C)."""
    from api.app import create_app

    _listen(create_app, host, port, as_json=as_json)


def intake(
    host: Host = None,
    port: Port = None,
    *,
    client_id: Annotated[
        str | None,
        typer.Option(
            help="Name of the session at the broker, instead of DUSTCART_MQTT_CLIENT_ID; one for each process."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in telemetry over HTTP, and from a broker and terminals of trucks where configured, until told to stop.

    HTTP: POST /api/v1/intake/FORMAT with an access key of the role `device` (dustcart admin key).

    MQTT 5: DUSTCART_MQTT_URL names the broker, DUSTCART_MQTT_TOPICS what to subscribe to and in which format it
    speaks, for example in dustcart.toml:

        mqtt_url = "mqtts://broker.example:8883"
        mqtt_ca_file = "/etc/dustcart/broker-ca.pem"
        mqtt_user = "dustcart"
        mqtt_topics = { "application/+/device/+/event/up" = "chirpstack" }

    and the password in DUSTCART_MQTT_PASSWORD. A message is acknowledged after it is stored, with quality of service 1
    and a session that the broker keeps, so nothing is lost while this process, the broker or the database is away.
    What cannot be used is kept as a dead letter (dustcart sensors letters) and acknowledged too.

    JT/T 808 over TCP: DUSTCART_TERMINALS_PORT opens a port for the terminals of trucks, on DUSTCART_TERMINALS_HOST. The
    protocol protects nothing, so let only the private network of their SIM cards reach it. A position is acknowledged
    after it is stored; the trucks' column `terminal` says whose it is.

    Several processes share the work with topics like "$share/intake/application/+/device/+/event/up", each with a
    --client-id of its own.
    """
    from functools import partial

    from api.app import create_intake_app
    from api.server import bind
    from sensors.broker import broker_of
    from sensors.intake import receive_all
    from sensors.jt808.server import Door
    from sensors.jt808.server import serve as serve_terminals
    from sensors.mqtt import listen
    from sensors.reports import knows_truck

    def parts(engine: Engine, clock: Clock, settings: Settings) -> list[Part]:
        take = partial(receive_all, engine, clock)
        found: list[Part] = []
        if (broker := broker_of(settings)) is not None:
            found.append(partial(listen, broker, take))
        if settings.terminals_port is not None:
            door = Door(60 * settings.terminals_idle_minutes, settings.terminals_at_most)
            listener = bind(settings.terminals_host, settings.terminals_port, setting="DUSTCART_TERMINALS_PORT")
            found.append(partial(serve_terminals, listener, door, take, partial(knows_truck, engine)))
        return found

    _listen(create_intake_app, host, port, as_json=as_json, parts=parts, mqtt_client_id=client_id)


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


def _listen(
    create: Callable[..., FastAPI],
    host: str | None,
    port: int | None,
    *,
    as_json: bool,
    parts: Callable[[Engine, Clock, Settings], Sequence[Part]] = lambda *_: (),
    **more: str | None,
) -> None:
    from api.server import address_of, bind, run

    _log()
    given: dict[str, Any] = {"host": host, "port": port, **more}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    engine = open_current(settings)
    clock = SystemClock()
    beside = parts(engine, clock, settings)
    listener = bind(settings.host, settings.port)
    if as_json:
        print_json({"address": address_of(listener)})
    notices().print(f"listening on {address_of(listener)}", highlight=False)
    app = create(engine, clock, settings)
    settle()
    try:
        run(app, listener, beside)
    finally:
        engine.dispose()


def _log() -> None:
    """Send what the process has to say about itself to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
