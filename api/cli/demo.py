"""``dustcart demo``: a whole simulated city here, its bins, the agents and the API, in one process."""

import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from api.cli import PROGRAM
from api.cli.printing import Json, notices, results
from api.errors import ApiError
from city.settings import Settings

if TYPE_CHECKING:
    from api.demo import Demo
    from scenarios.demo import Home, Made
    from scenarios.feed import Feed, Line

POINTS, DISTRICTS, SEED = 600, 4, 1
# Simulated seconds per second: two hours to decide are eight minutes then, and a day passes in an hour and a half.
SPEED = 15.0
# Two hours to decide are a minute then, of which planning takes a sixth; and beyond it the simulated city, which says
# each reading over HTTP, falls behind its clock on two busy cores (docs/demo.md).
FASTEST = 120.0

STEPS = {
    "database": "setting up the database",
    "city": "building the city",
    "devices": "mounting the sensors",
    "history": "watching the bins for three days",
}
# Seconds between two looks at what happened, and between two lines on how things stand.
LOOK_EVERY_S = 0.5
STATUS_EVERY_S = 20.0

Language = Annotated[Literal["en", "zh"], typer.Option(help="Of what is told while it runs.")]
Directory = Annotated[Path | None, typer.Option("--data-dir", help="Where the city is kept. (default: var/demo)")]


def demo(
    *,
    points: Annotated[int | None, typer.Option(min=1, help=f"Collection points. (default: {POINTS})")] = None,
    districts: Annotated[int | None, typer.Option(min=1, help=f"Districts. (default: {DISTRICTS})")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help=f"Which city, which days. (default: {SEED})")] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=FASTEST, help="Simulated seconds per second.")] = SPEED,
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: DUSTCART_HOST, 127.0.0.1)")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the API. (default: DUSTCART_PORT, 8700)")
    ] = None,
    data_dir: Directory = None,
    anew: Annotated[bool, typer.Option("--anew", help="Throw the city away that is there, and begin again.")] = False,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Run a whole simulated day here: a city, its bins, the agents and the API.

    Nothing is dispatched until somebody approves. Ctrl-C stops; the next start goes on at the same simulated time.
    """
    from api.server import bind
    from scenarios.demo import Home

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings()
    listener = bind(host or settings.host, settings.port if port is None else port)
    with listener, Home(data_dir or settings.data_dir / "demo").locked() as home:
        made = _city_in(home, points, districts, seed, anew=anew)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        _run(home, made, listener, stop, speed=speed, language=language, as_json=as_json)


def _city_in(home: "Home", points: int | None, districts: int | None, seed: int | None, *, anew: bool) -> "Made":
    """Return the city that is in a directory; make it where there is none.

    Raises
    ------
    ApiError
        If there is one that is not the one asked for.
    """
    from scenarios.demo import Made, set_up

    found = home.made
    if found is not None and not anew:
        asked = Made(points=points or found.points, districts=districts or found.districts, seed=_or(seed, found.seed))
        if asked != found:
            raise ApiError(
                f"in {home.directory} is a city of {found.points} points in {found.districts} districts, seed"
                f" {found.seed}; start without --points, --districts and --seed to go on with it, with --anew to throw"
                " it away, or in another --data-dir"
            )
        return found
    made = Made(points=points or POINTS, districts=districts or DISTRICTS, seed=_or(seed, SEED))
    try:
        with _progress() as progress:
            set_up(home, made, progress)
    except KeyboardInterrupt:
        sys.exit(f"{PROGRAM}: stopped while the city was being made; the next start begins it again")
    return made


def _run(
    home: "Home",
    made: "Made",
    listener: socket.socket,
    stop: threading.Event,
    *,
    speed: float,
    language: Literal["en", "zh"],
    as_json: bool,
) -> None:
    from api.demo import running
    from scenarios.feed import Feed

    with running(home, made, speed, listener) as demo:
        feed = Feed(demo.engine, language)
        tell: Callable[[Line], None]
        if as_json:
            _write(event="ready", address=demo.address, account="operator", code=demo.code, at=demo.clock.now())
            tell = _write_line
        else:
            console = results()
            _welcome(console, demo, made, feed, speed)
            tell = _printer(console, feed, language)
        _follow(demo, feed, stop, tell)
    if demo.failure is not None:
        raise demo.failure
    if not as_json:
        notices().print(f"stopped; '{PROGRAM} demo' goes on from here", highlight=False)


def _follow(demo: "Demo", feed: "Feed", stop: threading.Event, tell: "Callable[[Line], None]") -> None:
    """Tell what happens until asked to stop, or until a part of the demo ends."""
    for line in feed.waiting():
        tell(line)
    status_s = time.monotonic()
    while not stop.wait(LOOK_EVERY_S) and not demo.broken.is_set():
        for line in feed.news():
            tell(line)
        if time.monotonic() - status_s >= STATUS_EVERY_S:
            tell(feed.status(demo.clock.now(), demo.city.told.readings))
            status_s = time.monotonic()


def _welcome(console: Console, demo: "Demo", made: "Made", feed: "Feed", speed: float) -> None:
    now = demo.clock.now().astimezone(feed.zone)
    call = f"curl -s {demo.address}/api/v1"
    bearer = "-H 'Authorization: Bearer TOKEN'"
    console.print(
        f"""
A city of {made.points} points in {made.districts} districts (seed {made.seed}).
There it is {now:%A, %d %B %Y, %H:%M}; an hour passes in {60 / speed:.1f} minutes.

  address   {demo.address}   (described at {demo.address}/docs)
  sign in   {demo.code}   as operator; works once, within a day

Decide in another terminal:
  {PROGRAM} review sign-in {demo.address} {demo.code}
  {PROGRAM} review                  what waits for a decision
  {PROGRAM} review show ID          its routes, and why each stop is there or left out
  {PROGRAM} review approve ID       now, and only now, it is sent out

or over HTTP:
  {call}/sign-in -H 'Content-Type: application/json' -d '{{"code": "{demo.code}"}}'
  {call}'/proposals?state=pending' {bearer}
  {call}/proposals/ID -i {bearer}
  {call}/proposals/ID/approve -X POST {bearer} -H 'If-Match: THE ETAG OF WHAT YOU READ'

Ctrl-C stops. What happens, in the city's time:""",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _printer(console: Console, feed: "Feed", language: Literal["en", "zh"]) -> "Callable[[Line], None]":
    def tell(line: "Line") -> None:
        when = line.at.astimezone(feed.zone)
        style = "bold" if line.code.startswith("proposal_pending") else "dim" if line.code == "status" else ""
        said = escape(f"{when:%a %H:%M}  {line.say(language)}")
        console.print(f"[{style}]{said}[/]" if style else said, highlight=False, soft_wrap=True)

    return tell


def _write_line(line: "Line") -> None:
    _write(event=line.code, at=line.at, **line.numbers)


def _write(*, event: str, at: datetime, **numbers: Any) -> None:
    """Write one JSON object on a line of its own."""
    sys.stdout.buffer.write(orjson.dumps({"event": event, "at": at, **numbers}) + b"\n")
    sys.stdout.buffer.flush()


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show how far the set-up is: a bar on a terminal, a line for each step elsewhere."""
    console = notices()
    if not console.is_terminal:
        begun: set[str] = set()

        def note(step: str, _done: float) -> None:
            if step not in begun:
                begun.add(step)
                console.print(f"{STEPS[step]} ...", highlight=False)

        yield note
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as progress:
        tasks = {step: progress.add_task(said, total=1.0, start=False, visible=False) for step, said in STEPS.items()}
        shown: list[str] = []

        def show(step: str, done: float) -> None:
            if step not in shown:
                for earlier in shown:
                    progress.update(tasks[earlier], completed=1.0)
                    progress.stop_task(tasks[earlier])
                shown.append(step)
                progress.start_task(tasks[step])
            progress.update(tasks[step], completed=done, visible=True)

        yield show
        for step in shown:
            progress.update(tasks[step], completed=1.0)


def _or(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given
