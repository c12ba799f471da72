"""Speeds, sizes and weights in every way that maps write them."""

import pytest

from city.importing.osm_units import length_cm, speed_kmh, weight_kg


@pytest.mark.parametrize(
    ("text", "kmh"),
    [
        ("50", 50),
        ("50 km/h", 50),
        ("30 mph", 48.28),
        ("20mph", 32.19),
        ("10 knots", 18.52),
        ("walk", 7),
        ("none", None),
        ("signals", None),
        ("variable", None),
        ("DE:urban", 50),
        ("DE:rural", 100),
        ("CN:rural", 70),
        ("FR:rural", 80),
        ("DE:motorway", None),
        ("DE:living_street", 7),
        ("FR:zone30", 30),
        ("DE:zone:30", 30),
        ("DE:30", 30),
        ("GB:nsl_single", 96.56),
        ("GB:nsl_dual", 112.65),
        ("GB:zone:20", 32.19),
    ],
)
def test_speeds_are_read(text: str, kmh: float | None) -> None:
    assert speed_kmh(text) == (None if kmh is None else pytest.approx(kmh, abs=0.01))


@pytest.mark.parametrize(
    ("text", "cm"),
    [
        ("3.5", 350),
        ("3,5", 350),
        ("3.5 m", 350),
        ("3.8m", 380),
        ("350 cm", 350),
        ("12'6\"", 381),
        ("12'", 365),
        ("12 ft 6 in", 381),
        ("default", None),
        ("below_default", None),
        ("none", None),
    ],
)
def test_heights_and_widths_are_read_and_never_rounded_up(text: str, cm: int | None) -> None:
    assert length_cm(text) == cm


@pytest.mark.parametrize(
    ("text", "kg"),
    [
        ("7.5", 7500),
        ("3.5 t", 3500),
        ("2.8t", 2800),
        ("3500 kg", 3500),
        ("10000 lbs", 4535),
        ("12 st", 10886),
        ("18 lt", 18288),
        ("none", None),
    ],
)
def test_weights_are_read(text: str, kg: int | None) -> None:
    assert weight_kg(text) == kg


@pytest.mark.parametrize("read", [speed_kmh, length_cm, weight_kg])
@pytest.mark.parametrize("text", ["", "fast", "-5", "0", "3.5.2", "12 apples", "de:urban"])
def test_what_is_no_value_is_not_guessed(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=r"is no|is not above zero"):
        read(text)
