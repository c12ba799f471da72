"""Explanations over HTTP: why this truck, why not another, what a stop left out lacks."""

from api.accounts import Role
from tests.api.people import HERE, People, on_sqlite
from tests.api.proposing import make_proposal

pytestmark = on_sqlite


def test_a_stop_is_explained_by_its_truck_its_price_and_why_another_truck_does_not_serve_it(people: People) -> None:
    proposal = make_proposal(people.engine, people.clock, HERE)
    reader = people.client((Role.VIEWER, HERE), language="zh")
    path = f"/api/v1/proposals/{proposal}/stops/{HERE}-p0/dry/explanation"
    found = reader.get(path).json()
    assert found["truck_id"] == f"{HERE}-truck-1"
    assert found["price_cents"] > 0
    assert found["why_not"] is None
    asked = reader.get(path, params={"truck": f"{HERE}-truck-2"}).json()
    assert asked["why_not"]["extra_cents"] == 0, "the trucks are alike and could change places"
    assert f"{HERE}-truck-2" in asked["why_not"]["text"]
    own = reader.get(path, params={"truck": f"{HERE}-truck-1"}).json()
    assert own["why_not"]["extra_cents"] is None


def test_a_stop_left_out_says_why_and_what_is_not_in_the_plan_is_not_found(people: People) -> None:
    proposal = make_proposal(people.engine, people.clock, HERE)
    reader = people.client((Role.VIEWER, HERE))
    found = reader.get(f"/api/v1/proposals/{proposal}/stops/{HERE}-p3/dry/explanation").json()
    assert (found["truck_id"], bool(found["said"])) == (None, True)
    for path in (f"{HERE}-p9/dry/explanation", f"{HERE}-p0/dry/explanation?truck=nobody"):
        assert reader.get(f"/api/v1/proposals/{proposal}/stops/{path}").status_code == 404
