"""A history depends on the seed and on what was collected when, and on nothing else."""

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from city.streams import Stream
from scenarios.bins import Bins
from scenarios.errors import ScenarioError
from scenarios.mounting import mount
from scenarios.uplinks import Uplink
from scenarios.usage import draw_usage
from scenarios.world import World

START = datetime(2026, 3, 3, 21, 17, 5, tzinfo=UTC)


def make_world(bins: Bins, seed: int = 1) -> World:
    return World(bins, draw_usage(bins, seed), mount(bins, seed), seed, START)


def walk(world: World, minutes: list[float]) -> list[Uplink]:
    """Go from step to step, emptying one stop after the first."""
    sent: list[Uplink] = []
    at = START
    for step in minutes:
        at += timedelta(minutes=step)
        sent += world.advance(at)
    return sent


@settings(max_examples=25)
@given(cuts=st.lists(st.floats(0.01, 599.9), max_size=30))
def test_the_same_seed_gives_the_same_history_whatever_the_steps(bins: Bins, cuts: list[float]) -> None:
    at_once, in_steps = make_world(bins), make_world(bins)
    whole = walk(at_once, [600.0])
    ends = [*sorted(cuts), 600.0]
    parts = [uplink for end in ends for uplink in in_steps.advance(START + timedelta(minutes=end))]
    assert parts == whole
    assert np.array_equal(in_steps.levels, at_once.levels)


def test_another_seed_gives_another_history(bins: Bins) -> None:
    assert walk(make_world(bins, 1), [60.0]) != walk(make_world(bins, 2), [60.0])


def test_a_world_that_was_saved_goes_on_as_if_nothing_had_happened(bins: Bins, tmp_path: Path) -> None:
    unbroken, broken = make_world(bins), make_world(bins)
    walk(unbroken, [100.0])
    walk(broken, [100.0])
    broken.save(tmp_path / "world.npz")
    resumed = make_world(bins)
    resumed.restore(tmp_path / "world.npz")
    assert resumed.at == unbroken.at
    until = START + timedelta(hours=30)
    assert resumed.advance(until) == unbroken.advance(until)
    assert np.array_equal(resumed.levels, unbroken.levels)


def test_a_file_of_another_seed_is_refused(bins: Bins, tmp_path: Path) -> None:
    make_world(bins, 1).save(tmp_path / "world.npz")
    with pytest.raises(ScenarioError, match="another city or seed"):
        make_world(bins, 2).restore(tmp_path / "world.npz")


def test_a_damaged_file_is_refused(bins: Bins, tmp_path: Path) -> None:
    (tmp_path / "world.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ScenarioError, match=r"cannot be read"):
        make_world(bins).restore(tmp_path / "world.npz")


def test_what_is_collected_is_what_was_there(bins: Bins) -> None:
    world = make_world(bins)
    world.advance(START + timedelta(hours=20))
    rows = bins.of_stop["p001", Stream.DRY]
    volume_l = float((world.levels[rows] * bins.usable_volume_l[rows]).sum())
    collected = world.collect("p001", Stream.DRY)
    assert collected.volume_l == pytest.approx(volume_l)
    assert collected.weight_kg == pytest.approx(volume_l * 0.1)
    assert collected.bin_count == len(rows) == 2
    assert not world.levels[rows].any()
    assert world.collect("p001", Stream.DRY).volume_l == 0.0


def test_nothing_is_collected_where_no_bin_stands(bins: Bins) -> None:
    assert make_world(bins).collect("p001", Stream.HAZARDOUS).bin_count == 0


def test_attendants_swap_full_bins_and_the_truck_finds_their_waste(bins: Bins) -> None:
    attended = make_world(bins)
    unattended = make_world(dataclasses.replace(bins, attended=np.zeros(len(bins), dtype=bool)))
    until = START + timedelta(hours=36)
    attended.advance(until)
    unattended.advance(until)
    swapped = np.flatnonzero(attended.levels < unattended.levels)
    assert swapped.size
    assert bins.attended[swapped].all()
    point = bins.point_id[swapped[0]]
    stream = list(Stream)[bins.stream[swapped[0]]]
    with_swap, without = attended.collect(point, stream), unattended.collect(point, stream)
    assert with_swap.volume_l == pytest.approx(without.volume_l)
    assert with_swap.bin_count == without.bin_count + 1


def test_bins_fill_in_the_days_measured_on_real_streets(bins: Bins) -> None:
    """Edinburgh, summer 2016: a street bin takes 3.0 days, the middle half of them 2.1 to 4.6."""
    streets = bins.kind == 2
    world = make_world(bins, 7)
    before = world.levels[streets]
    world.advance(START + timedelta(days=14))
    days = 14 / (world.levels[streets] - before)
    assert 2.4 < np.median(days) < 3.7
    assert np.quantile(days, 0.25) > 1.5
    assert np.quantile(days, 0.75) < 6.0
