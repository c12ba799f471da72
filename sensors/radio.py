"""How well a frame was heard: the best of the gateways that received it, as its network server tells.

It says nothing of the bin, so whatever is wrong with it is left out and never spoils the reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# LoRaWAN's spreading factors; 5 and 6 came with newer radios.
LEAST_SPREADING, MOST_SPREADING = 5, 12
# No receiver hears less, no transmitter of this trade comes in stronger.
WEAKEST_DBM, STRONGEST_DBM = -200.0, 30.0
LEAST_SNR_DB, MOST_SNR_DB = -60.0, 60.0
LONGEST_GATEWAY_ID = 64


@dataclass(frozen=True, slots=True)
class Radio:
    """How one frame was heard.

    Parameters
    ----------
    gateway_id
        The gateway that heard it best, in lower case; none if nobody says.
    rssi_dbm, snr_db
        Received signal strength, and its ratio to noise.
    spreading_factor
        5..12; the higher, the farther a frame reaches and the more energy it takes.
    """

    gateway_id: str | None = None
    rssi_dbm: float | None = None
    snr_db: float | None = None
    spreading_factor: int | None = None


UNHEARD = Radio()


def best(receptions: Any, *, gateway: Sequence[str], snr: str = "snr", spreading: Any = None) -> Radio:
    """Return the reception with the strongest signal.

    Parameters
    ----------
    receptions
        What should be a list of objects, one for each gateway.
    gateway
        Where an object names its gateway: keys to follow one after the other.
    snr
        The key of the ratio to noise.
    spreading
        The frame's spreading factor, as it came.
    """
    factor = spreading_factor(spreading)
    listed = receptions if isinstance(receptions, list) else []
    heard = [_heard(one, gateway, snr, factor) for one in listed if isinstance(one, dict)]
    return max(heard, key=_strength, default=Radio(spreading_factor=factor))


def within(value: Any, *path: str) -> Any:
    """Follow keys into objects; none where one of them is missing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def spreading_factor(value: Any) -> int | None:
    """Read a spreading factor, a number or the beginning of a data rate such as ``SF9 BW125 4/5``."""
    if isinstance(value, str):
        digits = value.removeprefix("SF").split("BW")[0].strip()
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 2 else None
    if isinstance(value, int) and not isinstance(value, bool) and LEAST_SPREADING <= value <= MOST_SPREADING:
        return value
    return None


def _heard(reception: Mapping[str, Any], gateway: Sequence[str], snr: str, factor: int | None) -> Radio:
    return Radio(
        gateway_id=_name(within(reception, *gateway)),
        rssi_dbm=_within(reception.get("rssi"), WEAKEST_DBM, STRONGEST_DBM),
        snr_db=_within(reception.get(snr), LEAST_SNR_DB, MOST_SNR_DB),
        spreading_factor=factor,
    )


def _strength(radio: Radio) -> float:
    return WEAKEST_DBM if radio.rssi_dbm is None else radio.rssi_dbm


def _within(value: Any, lowest: float, highest: float) -> float | None:
    """Return a number if it is one between bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if lowest <= value <= highest else None


def _name(value: Any) -> str | None:
    if not isinstance(value, str) or not (name := value.strip().lower()):
        return None
    return name if len(name) <= LONGEST_GATEWAY_ID and name.isprintable() else None
