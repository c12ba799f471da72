"""What the bytes of a device mean, by its model; every module in this folder that defines a codec registers it."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sensors.errors import IntakeError
from sensors.uplink import Measured, Uplink, checked


@dataclass(frozen=True, slots=True)
class Codec:
    """How to read one family of devices.

    Parameters
    ----------
    read
        From the device's bytes to what was measured; raises `IntakeError` only. None: only a network server can.
    read_decoded
        The same from what the maker's own codec in a network server gives.
    """

    read: Callable[[bytes], Measured] | None
    read_decoded: Callable[[Mapping[str, Any]], Measured]


_by_model: dict[str, Codec] = {}
_by_port: dict[int, Codec] = {}
_dead_zones_cm: dict[str, float] = {}


def register(
    codec: Codec,
    *,
    models: Iterable[str],
    ports: Iterable[int] = (),
    dead_zones_cm: Mapping[str, float] | None = None,
) -> None:
    """Make a codec known for its models, and for ports where a device's model is not registered.

    Parameters
    ----------
    dead_zones_cm
        By model, how near nothing can be measured, where the maker says so.
    """
    _dead_zones_cm.update(dead_zones_cm or {})
    for model in models:
        if model in _by_model:
            raise ValueError(f"two codecs for the model {model!r}")
        _by_model[model] = codec
    for port in ports:
        if port in _by_port:
            raise ValueError(f"two codecs for port {port}")
        _by_port[port] = codec


@cache
def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def models() -> tuple[str, ...]:
    """Name every model whose bytes can be read."""
    _load()
    return tuple(sorted(_by_model))


def dead_zone_cm(model: str) -> float:
    """Return how near a model measures nothing; 0 if that is not known."""
    _load()
    return _dead_zones_cm.get(model, 0.0)


def read(uplink: Uplink, model: str) -> Measured:
    """Return what an uplink measured.

    The device's own bytes win over what a network server made of them, because its codec may be anybody's.

    Parameters
    ----------
    uplink
        As it came out of its envelope.
    model
        The device's registered model; empty if nobody said, and then the port decides.

    Raises
    ------
    IntakeError
        ``unknown_model`` if neither model nor port tells how to read it, or whatever is wrong with the bytes.
    """
    if uplink.measured is not None:
        return uplink.measured
    _load()
    codec = _by_model.get(model) if model else _by_port.get(uplink.port or 0)
    if codec is not None and codec.read is not None and uplink.payload:
        return checked(codec.read(uplink.payload))
    if uplink.decoded is not None:
        return checked((codec or _by_model["generic"]).read_decoded(uplink.decoded))
    if not uplink.payload:
        return Measured()
    raise IntakeError(
        "unknown_model",
        f"nothing here can read the {len(uplink.payload)} bytes of {uplink.device_id}"
        f" (model {model or 'not registered'}, port {uplink.port});"
        f" register the device with one of: {', '.join(models())}",
    )
