"""Running an application on a port, and what listens beside it, until somebody says stop."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.errors import ApiError

# How long requests under way may take to finish once the server was told to stop.
GRACE_S = 10
BACKLOG = 2048


def bind(host: str, port: int, *, setting: str = "--port or DUSTCART_PORT") -> socket.socket:
    """Take a port, 0 a free one; connections wait in its queue until a server serves it.

    Parameters
    ----------
    setting
        Where another one is chosen, for the error.

    Raises
    ------
    ApiError
        If the port cannot be had, saying why.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ApiError(
            f"cannot listen on {host} port {port}: {error.strerror or error}. Choose another with {setting};"
            " 0 takes a free one"
        ) from error


def address_of(listener: socket.socket) -> str:
    """Return the URL at which a bound socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: FastAPI) -> uvicorn.Server:
    """Make the server of an application. ``run(sockets=[...])`` serves; ``should_exit = True`` ends it gracefully."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


# Something that runs in the server's event loop until the event is set.
Part = Callable[[asyncio.Event], Awaitable[None]]


def run(app: FastAPI, listener: socket.socket, parts: Sequence[Part] = ()) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first.

    Parameters
    ----------
    parts
        What runs beside the server and is told to stop when it stops. One that fails stops everything, and its error
        is raised.
    """
    # uvicorn raises the signal again when it is done; being asked to stop is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _nothing)
    asyncio.run(_run_all(server_of(app), listener, parts))


async def _run_all(server: uvicorn.Server, listener: socket.socket, parts: Sequence[Part]) -> None:
    stop = asyncio.Event()

    async def serve() -> None:
        await server.serve(sockets=[listener])

    async def ending_all(run_part: Awaitable[None]) -> None:
        try:
            await run_part
        finally:
            stop.set()
            server.should_exit = True

    await asyncio.gather(*(ending_all(one) for one in (serve(), *(part(stop) for part in parts))))


def _nothing(_number: int, _frame: Any) -> None:
    pass
