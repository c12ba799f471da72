"""Places far from every street of a truck: which street would be near, and why the truck cannot use it."""

from routing.cut import CutReason
from routing.far import Far, why_far
from routing.profile import TruckProfile
from routing.roads import RoadGraph
from tests.routing.roads.drawing import Street, draw
from tests.routing.roads.random_city import snap

CORNERS = [(0.0, 0.0), (100.0, 0.0), (100.0, 500.0), (2000.0, 0.0), (2100.0, 0.0)]


def test_the_nearest_street_left_out_is_named_with_its_reason() -> None:
    streets = [
        Street(0, 1),
        Street(1, 2, name="Cat Lane", max_width_cm=200),
        Street(3, 4, name="Over the River"),
    ]
    graph = RoadGraph.build(draw(CORNERS, streets), TruckProfile(width_cm=250))
    snaps = snap(graph, (50, 5), (105, 400), (2050, 8), (5000, 5000))
    near, beyond, nowhere = why_far(graph.cut, snaps)
    assert (near.place, near.reason, near.street) == (1, CutReason.TOO_SMALL_FOR_TRUCK, "Cat Lane")
    assert near.cut_m is not None
    assert round(near.cut_m) == 5
    assert round(near.street_m) == 400
    assert (beyond.place, beyond.reason, beyond.street) == (2, CutReason.NOT_CONNECTED, "Over the River")
    assert nowhere == Far(3, nowhere.street_m)


def test_where_all_streets_can_be_used_there_is_no_street_to_name() -> None:
    graph = RoadGraph.build(draw(CORNERS[:2], [Street(0, 1)]))
    (far,) = why_far(graph.cut, snap(graph, (50, 400)))
    assert far.reason is None
    assert not why_far(graph.cut, snap(graph, (50, 100)))
