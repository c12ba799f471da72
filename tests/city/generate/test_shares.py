"""Sharing out a whole number: exact, fair, and never less than the least."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from city.generate.shares import apportion


@given(st.integers(0, 5_000), st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(0, 3))
def test_shares_add_up_and_none_is_below_the_least(total: int, weights: list[float], least: int) -> None:
    shares = apportion(total, weights, at_least=least)
    assert shares.sum() == max(total, least * len(weights))
    assert shares.min() >= least


@given(st.integers(0, 5_000), st.lists(st.floats(0.1, 1e6), min_size=1, max_size=40))
def test_every_share_is_the_exact_one_rounded_up_or_down(total: int, weights: list[float]) -> None:
    exact = np.array(weights) / np.sum(weights) * total
    assert (np.abs(apportion(total, weights) - exact) < 1 + 1e-6).all()


def test_largest_remainders_get_what_is_left() -> None:
    assert apportion(10, [4.5, 3.4, 2.1]).tolist() == [5, 3, 2]
    assert apportion(3, [100, 1, 1], at_least=1).tolist() == [1, 1, 1]
