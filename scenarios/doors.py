"""The public API, used as network servers and crews use it: uplinks in, dispatches out, records of service in."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from city.streams import Stream
from routing.plan import VisitKind
from scenarios.crews import PlannedVisit, Recorded, Tour
from scenarios.errors import ScenarioError
from scenarios.uplinks import Uplink
from sensors.service import CouldNotReason, ServiceOutcome

PREFIX = "/api/v1"
# Dispatches of one answer.
PAGE = 200


class ClosedError(ScenarioError):
    """The API does not answer, or answers that it cannot: what was to be sent must be sent again later."""


class Doors:
    """A client of the API with a network server's key and the crews' accounts.

    Parameters
    ----------
    client
        Speaks to the API; its base address is the API's.
    intake_key
        Access key of the network servers.
    code_of
        Gives a fresh one-time code for a crew's account.
    """

    def __init__(self, client: httpx.AsyncClient, intake_key: str, code_of: Callable[[str], str]) -> None:
        self._client = client
        self._intake = {"Authorization": f"Bearer {intake_key}", "Content-Type": "application/json"}
        self._code_of = code_of
        self._tokens: dict[str, str] = {}

    async def deliver(self, uplink: Uplink) -> bool:
        """Post one uplink; return whether it was taken in."""
        answer = await self._ask("POST", f"/intake/{uplink.format}", content=uplink.body(), headers=self._intake)
        return answer.is_success

    async def dispatches_under_way(self, crew_id: str) -> list[str]:
        """List the ids of the unfinished dispatches of a crew's district."""
        parameters = [("state", "published"), ("state", "started"), ("limit", str(PAGE))]
        found: list[str] = []
        while True:
            page = (await self._as_crew(crew_id, "GET", "/dispatches", params=parameters)).raise_for_status().json()
            found += [line["id"] for line in page["items"]]
            if page["next_cursor"] is None:
                return found
            parameters = [*parameters[:3], ("cursor", page["next_cursor"])]

    async def tour(self, crew_id: str, dispatch_id: str) -> Tour:
        """Read a dispatch the way its crew does."""
        answer = await self._as_crew(crew_id, "GET", f"/dispatches/{dispatch_id}")
        return tour_of(answer.raise_for_status().json(), crew_id)

    async def record(
        self,
        tour: Tour,
        stop_id: str,
        *,
        at: datetime,
        weight_kg: float | None,
        bin_count: int | None,
        hindrance: CouldNotReason | None,
    ) -> bool:
        """Record a visit as the tour's crew; return whether it was taken."""
        body: dict[str, Any] = {"at": at.isoformat()}
        if hindrance is None:
            body |= {"outcome": ServiceOutcome.DONE, "weight_kg": weight_kg, "bin_count": bin_count}
        else:
            body |= {"outcome": ServiceOutcome.COULD_NOT, "reason": hindrance}
        path = f"/dispatches/{tour.dispatch_id}/stops/{quote(stop_id)}/service-record"
        return (await self._as_crew(tour.crew_id, "POST", path, json=body)).is_success

    async def _as_crew(self, crew_id: str, method: str, path: str, **request: Any) -> httpx.Response:
        answer = await self._ask(method, path, headers=await self._bearer(crew_id), **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # The session has run out; a crew signs in again.
            del self._tokens[crew_id]
            answer = await self._ask(method, path, headers=await self._bearer(crew_id), **request)
        return answer

    async def _bearer(self, crew_id: str) -> dict[str, str]:
        if crew_id not in self._tokens:
            answer = await self._ask("POST", "/sign-in", json={"code": self._code_of(crew_id)})
            self._tokens[crew_id] = answer.raise_for_status().json()["token"]
        return {"Authorization": f"Bearer {self._tokens[crew_id]}"}

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = await self._client.request(method, f"{PREFIX}{path}", **request)
        except httpx.TransportError as error:
            raise ClosedError(f"{method} {path}: the API does not answer ({error})") from error
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise ClosedError(f"{method} {path}: the API answers {answer.status_code}")
        return answer


def tour_of(view: dict[str, Any], crew_id: str) -> Tour:
    """Read a dispatch as the API shows it; `crew_id` drives it if the dispatch names nobody."""
    return Tour(
        dispatch_id=view["id"],
        crew_id=view["crew_id"] or crew_id,
        truck_id=view["truck_id"],
        published_at=datetime.fromisoformat(view["published_at"]),
        visits=tuple(_visit(visit) for visit in view["visits"]),
        records=dict(_records(view["visits"])),
    )


def _visit(visit: dict[str, Any]) -> PlannedVisit:
    stop = visit["stop"]
    return PlannedVisit(
        kind=VisitKind(visit["kind"]),
        stop_id=stop["id"] if stop else None,
        point_id=stop["point_id"] if stop else None,
        stream=Stream(stop["stream"]) if stop else None,
        arrives_at=datetime.fromisoformat(visit["arrives_at"]),
        departs_at=datetime.fromisoformat(visit["departs_at"]),
    )


def _records(visits: Iterable[dict[str, Any]]) -> Iterable[tuple[str, Recorded]]:
    for visit in visits:
        stop = visit["stop"]
        if stop and stop["record"]:
            record = stop["record"]
            yield (
                stop["id"],
                Recorded(
                    at=datetime.fromisoformat(record["at"]),
                    outcome=ServiceOutcome(record["outcome"]),
                    weight_kg=record["weight_kg"] or 0.0,
                ),
            )
