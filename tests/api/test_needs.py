"""Needs over HTTP: the most urgent first, with what the dispatcher made of them, page by page."""

from datetime import timedelta

from agents.decisions import Decision, RouteWish, Rule
from agents.needs import Evidence, Need, NeedAction, NeedReason
from api.accounts import EVERYWHERE, Role
from city.database import transaction
from city.streams import Stream
from tests.api.people import ELSEWHERE, HERE, People

# Hours until each need's deadline; none: it has none.
DEADLINES = [None, 5, 1, None, 5, 3]


def make_needs(people: People) -> None:
    now = people.clock.now()
    decision = Decision(
        action=NeedAction.ROUTE_REQUIRED,
        rule=Rule.OVERFLOW_LIMIT,
        numbers={"probability": 0.92, "limit": 0.2, "next_at": now.isoformat()},
        route=RouteWish.REQUIRED,
    )
    with transaction(people.engine) as session:
        for number, hours in enumerate(DEADLINES):
            district = ELSEWHERE if number == 1 else HERE
            session.add(
                Need(
                    district_id=district,
                    point_id=f"{district}-p0",
                    stream=Stream.DRY,
                    bin_id=f"{district}-p0-dry",
                    reason=NeedReason.OVERFLOW_RISK,
                    open_key=None if number == 5 else f"key {number}",
                    evidence=Evidence(level=0.81, sigma=0.06).model_dump(mode="json"),
                    confidence=0.9,
                    deadline=None if hours is None else now + timedelta(hours=hours),
                    opened_at=now,
                    updated_at=now,
                    action=NeedAction.ROUTE_REQUIRED if number else None,
                    action_reason=decision.model_dump(mode="json") if number else {},
                )
            )
            session.flush()


def test_needs_come_by_urgency_in_pages_of_any_size(people: People) -> None:
    make_needs(people)
    client = people.client((Role.OPERATOR, EVERYWHERE))
    for limit in (1, 2, 50):
        seen, cursor = [], None
        while True:
            query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/v1/needs", params=query).json()
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert [need["id"] for need in seen] == [3, 2, 5, 1, 4], limit
    assert "92%" in seen[0]["why"]
    assert (seen[3]["action"], seen[3]["why"]) == (None, None)
    assert seen[0]["point"] == "0 Renmin Road"
    assert seen[0]["evidence"]["level"] == 0.81


def test_needs_are_filtered_and_kept_to_ones_districts(people: People) -> None:
    make_needs(people)
    client = people.client((Role.VIEWER, HERE))

    def ids(**query: object) -> list[int]:
        return [need["id"] for need in client.get("/api/v1/needs", params=query).json()["items"]]

    assert ids() == [3, 5, 1, 4]
    assert ids(closed=True) == [6]
    assert ids(action="route_required") == [3, 5, 4]
    assert ids(reason="unknown_level") == []
    assert client.get("/api/v1/needs", params={"district": ELSEWHERE}).status_code == 404
