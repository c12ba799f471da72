"""One town of the demo's size, made once for all tests that look at it."""

import numpy as np
import pytest

from city.generate import generate
from city.generate.streets import Streets, build_streets
from city.store import CityData


@pytest.fixture(scope="session")
def town() -> CityData:
    """600 collection points in four districts."""
    return generate(600, 4, 1)


@pytest.fixture(scope="session")
def streets() -> Streets:
    """Streets of 24 square kilometres with a river, in metres."""
    return build_streets(24.0, np.random.default_rng(1))
