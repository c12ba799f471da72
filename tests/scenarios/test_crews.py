"""Crews drive what was planned, nearly when it was planned."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from city.streams import Stream
from routing.plan import VisitKind
from scenarios.crews import PlannedVisit, Tour, departures, hindrance_at, weight_on_scale

SIX = datetime(2026, 3, 3, 22, tzinfo=UTC)


def tour(name: str = "d1-1", published: datetime = SIX - timedelta(hours=1), stops: int = 60) -> Tour:
    visits = [PlannedVisit(VisitKind.START, None, None, None, SIX, SIX)]
    for number in range(stops):
        arrives = SIX + timedelta(minutes=6 * number + 4)
        visits.append(
            PlannedVisit(
                VisitKind.STOP, f"p{number}/dry", f"p{number}", Stream.DRY, arrives, arrives + timedelta(minutes=2)
            )
        )
    return Tour(name, "crew", "truck", published, tuple(visits))


def test_crews_keep_near_their_plan_and_never_go_back_in_time() -> None:
    for number in range(50):
        driven = tour(f"d{number}-1")
        left = departures(driven, 1)
        assert list(left) == sorted(left)
        late = [
            (real - visit.departs_at) / timedelta(minutes=1) for real, visit in zip(left, driven.visits, strict=True)
        ]
        assert max(map(abs, late)) < 25


def test_a_dispatch_published_late_begins_late() -> None:
    published = SIX + timedelta(hours=2)
    assert departures(tour(published=published), 1)[0] >= published


def test_the_same_seed_drives_the_same_way() -> None:
    assert departures(tour(), 1) == departures(tour(), 1)
    assert departures(tour(), 1) != departures(tour(), 2)


def test_about_two_stops_of_a_hundred_cannot_be_served() -> None:
    found = [hindrance_at(tour(f"d{number}-1"), f"p{stop}/dry", 1) for number in range(100) for stop in range(60)]
    assert sum(reason is not None for reason in found) / len(found) == pytest.approx(0.019, abs=0.006)


def test_scales_scatter_around_the_true_weight() -> None:
    weights = np.array([weight_on_scale(200.0, tour(), f"p{stop}/dry", 1) for stop in range(500)])
    assert weights.mean() == pytest.approx(200, rel=0.03)
    assert weights.std() == pytest.approx(24, rel=0.2)
