"""A number by itself: what it stands for is said by the device's registered model, ``distance-mm`` or ``fill-percent``.

For sources that name neither quantity nor unit, such as a datastream of SensorThings known by its id alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sensors.fields import numeric
from sensors.payloads import Codec, register
from sensors.uplink import Measured

RESULT = "result"


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a number of one kind becomes a measurement."""

    measured: Callable[[float], Measured]

    def read_decoded(self, values: Mapping[str, Any]) -> Measured:
        """Read the number."""
        value = numeric(values.get(RESULT), RESULT)
        return Measured() if value is None else self.measured(value)


QUANTITIES = {
    "distance-m": Quantity(lambda value: Measured(distance_cm=100.0 * value)),
    "distance-cm": Quantity(lambda value: Measured(distance_cm=value)),
    "distance-mm": Quantity(lambda value: Measured(distance_cm=value / 10.0)),
    "fill-level": Quantity(lambda value: Measured(fill_level=value)),
    "fill-percent": Quantity(lambda value: Measured(fill_level=value / 100.0)),
    "temperature-c": Quantity(lambda value: Measured(temperature_c=value)),
    "battery-percent": Quantity(lambda value: Measured(battery_percent=value)),
}

for _model, _quantity in QUANTITIES.items():
    register(Codec(None, _quantity.read_decoded), models=[_model])
