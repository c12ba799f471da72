"""Decoders by the name of the format they read; every module in this folder that defines one registers itself.

A decoder is pure: the bytes of one message in, what it says out, in the order of the message. It raises `IntakeError`
and nothing else, when the message as a whole is of no use.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache

from sensors.errors import IntakeError
from sensors.lift import Lift
from sensors.observation import Observation
from sensors.position import Position
from sensors.uplink import Unusable, Uplink

# What a message can say: a device's frame, or what a truck or a person reports.
Item = Uplink | Position | Lift | Observation

Decoder = Callable[[bytes], Sequence[Item | Unusable]]

_decoders: dict[str, Decoder] = {}
_tables: set[str] = set()


def decoder(name: str, *, table: bool = False) -> Callable[[Decoder], Decoder]:
    """Register a function as the decoder of a format.

    Parameters
    ----------
    table
        A file with a head and a line for each message, and not JSON.
    """

    def register(function: Decoder) -> Decoder:
        if name in _decoders:
            raise ValueError(f"two decoders for the format {name!r}")
        _decoders[name] = function
        if table:
            _tables.add(name)
        return function

    return register


@cache
def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def formats() -> tuple[str, ...]:
    """Name every format that can be read."""
    _load()
    return tuple(sorted(_decoders))


def tables() -> tuple[str, ...]:
    """Name those formats that are tables: files to be read, not messages that are delivered."""
    _load()
    return tuple(sorted(_tables))


def decode(format: str, body: bytes) -> Sequence[Item | Unusable]:  # noqa: A002 - the word callers use
    """Read one message.

    Raises
    ------
    IntakeError
        ``unknown_format``, or whatever makes the whole message useless.
    """
    _load()
    if (read := _decoders.get(format)) is None:
        raise IntakeError("unknown_format", f"format {format!r} is not known; known are {', '.join(formats())}")
    return read(body)
