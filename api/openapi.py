"""The API's own description: OpenAPI 3.1, with the roles of every operation and the one shape of every problem."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.access import ROLES_WITH, Permission, permission_of
from api.problems import ProblemDocument, refusals

DESCRIPTION = """
Waste collection, from what bins report to routes that a person approved.

**Signing in.** People send the token of `POST /api/v1/sign-in`, machines an access key; both as
`Authorization: Bearer ...`. Roles hold in a district or everywhere; objects of other districts answer 404.

**Changing things.** A change names what it is about: send the `ETag` you read as `If-Match`. Without it: 428. If the
thing changed in between: 412.

**Problems** are `application/problem+json` (RFC 9457). The type is a page on this server that says what to do.

**Units** are metres, seconds, kilograms and litres; fill levels are fractions of the usable volume; positions are
WGS 84; moments are UTC. **Language**: texts for people follow `Accept-Language` (English, Chinese).
"""

TAGS = [
    {"name": "signing in", "description": "Who is asking."},
    {"name": "proposals", "description": "What the agents want to do, waiting for a decision."},
    {"name": "dispatches", "description": "Approved routes in the hands of crews, and what crews report."},
    {"name": "events", "description": "What happens during a shift, and who could serve one more stop."},
    {"name": "needs", "description": "What deserves attention, with evidence."},
    {"name": "city", "description": "Districts and bins."},
    {"name": "alarms", "description": "What is wrong right now, and who is on it."},
    {"name": "work orders", "description": "Jobs that are not a route: repairs, with their evidence."},
    {"name": "telemetry", "description": "Devices, trucks and people, and what they report."},
    {"name": "audit", "description": "Who did what."},
    {"name": "operations", "description": "For those who run the server."},
]

# What any operation may answer with besides its own; the gate and the framework see to it.
_WITH_BODY = ("body-too-slow", "body-too-large", "unsupported-media-type")
_ALWAYS = ("internal", "unavailable")


def describe(app: FastAPI, routers: Iterable[APIRouter]) -> dict[str, Any]:
    """Build the document of an application, once.

    Parameters
    ----------
    routers
        The routers it was put together from, which know what permission each operation asks for.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=DESCRIPTION.strip(),
            routes=app.routes,
            tags=TAGS,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        permissions = _permissions(routers)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for operations in document["paths"].values():
            for operation in operations.values():
                _complete(operation, permissions.get(operation["operationId"]))
        app.openapi_schema = document
    return app.openapi_schema


def _complete(operation: dict[str, Any], permission: Permission | None) -> None:
    """Add to an operation what holds for all of its kind."""
    operation["summary"] = operation["summary"].capitalize()
    common = _ALWAYS + (_WITH_BODY if "requestBody" in operation else ())
    for status, answer in refusals(*common).items():
        operation["responses"].setdefault(str(status), answer)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    if permission is not None:
        roles = sorted(role.value for role in ROLES_WITH[permission])
        operation["x-roles"] = roles
        operation["description"] = f"{operation.get('description', '')}\n\nRoles: {', '.join(roles)}.".strip()


def _permissions(routers: Iterable[APIRouter]) -> dict[str, Permission]:
    """Find the permission of every operation that asks for one, by the operation's id."""
    found = {}
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                for permission in filter(None, map(permission_of, _calls(route.dependant))):
                    found[route.name] = permission
    return found


def _calls(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
