"""Speeds, sizes and weights as OpenStreetMap writes them: units, feet and inches, words and country codes."""

import re

MPH = 1.609344
KNOT = 1.852
FOOT_CM, INCH_CM = 30.48, 2.54
POUND_KG, SHORT_TON_KG, LONG_TON_KG = 0.45359237, 907.18474, 1016.0469

# "Schrittgeschwindigkeit": German courts read 4 to 7 km/h into it, and ways are tagged with 7.
WALK_KMH = 7.0

# Limits that stand on no sign, https://wiki.openstreetmap.org/wiki/Default_speed_limits, km/h. Inside built-up areas
# nearly every country has 50.
URBAN_KMH = 50.0
RURAL_KMH = {
    **dict.fromkeys(("AT", "DE"), 100.0),
    **dict.fromkeys(("CZ", "ES", "HU", "IT", "PL", "RO", "RU", "UA"), 90.0),
    **dict.fromkeys(("CH", "DK", "FI", "FR", "NL", "NO"), 80.0),
    **dict.fromkeys(("CN", "SE"), 70.0),
}
MILES_CONTEXT_KMH = {
    "urban": 30 * MPH,
    "nsl_restricted": 30 * MPH,
    "nsl_single": 60 * MPH,
    "rural": 60 * MPH,
    "nsl_dual": 70 * MPH,
}
LIVING_STREET_KMH = {"DE": WALK_KMH, "AT": WALK_KMH}
LIVING_STREET_ELSEWHERE_KMH = 20.0

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_SPEED = re.compile(rf"^{_NUMBER}\s*(km/h|kmh|kph|mph|knots)?$")
_ZONE = re.compile(r"^(?:zone:?)?(\d{1,3})$")
_LENGTH = re.compile(rf"^{_NUMBER}\s*(m|cm|mm|ft|in)?$")
_FEET_AND_INCHES = re.compile(rf"^(\d+)\s*(?:'|ft|′)\s*(?:{_NUMBER}\s*(?:\"|''|in|″)?)?$")
_WEIGHT = re.compile(rf"^{_NUMBER}\s*(t|kg|lbs?|st|lt|cwt)?$")

_SPEED_UNITS = {"mph": MPH, "knots": KNOT}
_LENGTH_UNITS = {"m": 100.0, "cm": 1.0, "mm": 0.1, "ft": FOOT_CM, "in": INCH_CM}
_WEIGHT_UNITS = {"t": 1000.0, "kg": 1.0, "lb": POUND_KG, "lbs": POUND_KG, "st": SHORT_TON_KG, "lt": LONG_TON_KG}
_WEIGHT_UNITS["cwt"] = LONG_TON_KG / 20


def speed_kmh(text: str) -> float | None:
    """Read a ``maxspeed``, km/h; ``None`` where it names no fixed speed (``none``, ``signals``).

    Raises
    ------
    ValueError
        If it is no speed.
    """
    value = text.strip()
    if value in ("none", "signals", "variable", "unposted", "default"):
        return None
    if value == "walk":
        return WALK_KMH
    match = _SPEED.match(value)
    if match:
        return _positive(match[1], text) * _SPEED_UNITS.get(match[2], 1.0)
    country, colon, context = value.partition(":")
    if colon and country[:2].isupper():
        return _context_kmh(country[:2], context)
    raise ValueError(f"{text!r} is no speed")


def length_cm(text: str) -> int | None:
    """Read a height or width, whole centimetres, metres if it names no unit; ``None`` where there is no limit.

    Raises
    ------
    ValueError
        If it is no length.
    """
    value = text.strip()
    if value in ("default", "none", "no_sign", "no_indications", "below_default", "unsigned"):
        return None
    match = _LENGTH.match(value)
    if match:
        return int(_positive(match[1], text) * _LENGTH_UNITS[match[2] or "m"] + 1e-6)
    match = _FEET_AND_INCHES.match(value)
    if match:
        inches = float((match[2] or "0").replace(",", "."))
        return int(_positive(match[1], text) * FOOT_CM + inches * INCH_CM + 1e-6)
    raise ValueError(f"{text!r} is no length")


def weight_kg(text: str) -> int | None:
    """Read a weight, whole kilograms, tonnes if it names no unit; ``None`` where there is no limit.

    Raises
    ------
    ValueError
        If it is no weight.
    """
    value = text.strip()
    if value in ("default", "none", "no_sign", "unsigned"):
        return None
    match = _WEIGHT.match(value)
    if match:
        return int(_positive(match[1], text) * _WEIGHT_UNITS[match[2] or "t"] + 1e-6)
    raise ValueError(f"{text!r} is no weight")


def _context_kmh(country: str, context: str) -> float | None:
    in_miles = country in ("GB", "US")
    zone = _ZONE.match(context)
    if zone:
        return _positive(zone[1], context) * (MPH if in_miles else 1.0)
    if in_miles:
        return MILES_CONTEXT_KMH.get(context)
    if context == "living_street":
        return LIVING_STREET_KMH.get(country, LIVING_STREET_ELSEWHERE_KMH)
    if context == "urban":
        return URBAN_KMH
    # Limits of motorways and trunk roads lie above what trucks may drive anyway.
    return RURAL_KMH.get(country) if context == "rural" else None


def _positive(number: str, text: str) -> float:
    value = float(number.replace(",", "."))
    if value <= 0:
        raise ValueError(f"{text!r} is not above zero")
    return value
