"""Every way a request can be refused: its address, status and words. Answers follow RFC 9457.

A problem's type is ``/problems/<slug>`` on this server, a page that says what it means and what to do. Its sentences
are in ``wording/``; the server's own faults say nothing about the inside.
"""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from agents.errors import (
    AgentError,
    ConflictError,
    EditRefusedError,
    NotFoundError,
    RefusedError,
    StaleVersionError,
)
from api.context import context_of
from api.fields import KIND
from api.signing_in import SignInBusyError, SignInLockedError, SignInRefusedError
from city.database import transaction
from city.journal import record
from city.wording import Language, catalogue, preferred_language, say
from sensors.errors import ChangedDutyError, DutyError, MovedDutyError, NoReasonError, UnknownDutyError

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("dustcart.api")

STATUS: dict[str, int] = {
    "malformed": 400,
    "unauthenticated": 401,
    "sign-in-refused": 401,
    "forbidden": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "body-too-slow": 408,
    "wrong-state": 409,
    "conflict": 409,
    "changed-since-read": 412,
    "body-too-large": 413,
    "unsupported-media-type": 415,
    "invalid-request": 422,
    "refused": 422,
    "reason-missing": 422,
    "edit-refused": 422,
    "nothing-usable": 422,
    "read-first": 428,
    "too-many-attempts": 429,
    "internal": 500,
    "busy": 503,
    "unavailable": 503,
}
_OF_STATUS = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


class FieldFault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="`body`, `query`, `path` or `header`")
    pointer: str = Field(description="JSON pointer into the body, or the parameter's name", examples=["/reason"])
    code: str = Field(description="stable name of the fault", examples=["missing"])
    message: str = Field(description="what is wrong, in English", examples=["Field required"])


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457). A type may add members of its own."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="address of the page that explains it", examples=["/problems/not-found"])
    title: str = Field(description="the kind of problem, in the caller's language", examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="what happened this time, in the caller's language")
    request_id: str = Field(description="to find the request in the server's log")
    errors: list[FieldFault] | None = Field(default=None, description="only with `invalid-request` and `malformed`")


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error of the program
    """Raised anywhere below an endpoint to answer with a problem.

    Parameters
    ----------
    slug
        Which problem, a key of `STATUS`.
    headers
        Headers the answer must carry.
    members
        Members of the document beyond those of RFC 9457.
    detail
        What makes the sentence of the room that refused, instead of the type's own.
    numbers
        What the type's own sentence wants.
    """

    def __init__(
        self,
        slug: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        detail: Callable[[Language], str] | None = None,
        **numbers: Any,
    ) -> None:
        super().__init__(slug)
        self.slug = slug
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        self.detail = detail
        self.numbers = numbers

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.slug]

    def say(self, language: Language) -> str:
        """Say what happened this time."""
        if self.detail is not None:
            return self.detail(language)
        return say("api", f"problem.{self.slug}.detail", language, **self.numbers)


def answer(refusal: Refusal, language: Language, request_id: str) -> Response:
    """Turn a refusal into the response."""
    document = {
        "type": f"/problems/{refusal.slug}",
        "title": say("api", f"problem.{refusal.slug}.title", language),
        "status": refusal.status,
        "detail": refusal.say(language),
        "request_id": request_id,
        **refusal.members,
    }
    return Response(
        json.dumps(document, ensure_ascii=False, default=str),
        status_code=refusal.status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": language, "Vary": "Accept-Language", **refusal.headers},
    )


def answer_to(request: Request, refusal: Refusal) -> Response:
    """Turn a refusal into the response to a request."""
    language = preferred_language(request.headers.get("accept-language", ""))
    return answer(refusal, language, request.state.request_id)


def _of_validation(error: RequestValidationError) -> Refusal:
    """Say what is wrong where. What was sent is not repeated: it may be a password."""
    faults = [
        FieldFault(
            where=str(fault["loc"][0]),
            pointer=_place(fault, error.body),
            code=fault["type"],
            message=fault["ctx"]["error"] if fault["type"] == "json_invalid" else fault["msg"],
        ).model_dump()
        for fault in error.errors()
    ]
    malformed = any(fault["code"] == "json_invalid" for fault in faults)
    return Refusal(
        "malformed" if malformed else "invalid-request", members={"errors": faults}, count=len(faults),
        first=f"{faults[0]['pointer']}: {faults[0]['message']}",
    )  # fmt: skip


def _place(fault: Mapping[str, Any], body: Any) -> str:
    """Say which field is at fault: a JSON pointer (RFC 6901) into the body, or a parameter's name."""
    where, *path = fault["loc"]
    if where != "body":
        return ".".join(map(str, path))
    if fault["type"].startswith("union_tag"):
        path.append(KIND)
    elif len(path) > 1 and isinstance(body, dict) and path[0] == body.get(KIND):
        del path[0]  # which of the body's kinds was read; it is no part of the body
    return "".join(f"/{escaped(str(step))}" for step in path)


def escaped(step: str) -> str:
    """Write a name as a step of a JSON pointer."""
    return step.replace("~", "~0").replace("/", "~1")


def _of_http(error: HTTPException) -> Refusal:
    """Translate what the framework refuses by itself."""
    slug = _OF_STATUS.get(error.status_code, "malformed" if error.status_code < 500 else "internal")
    return Refusal(slug, headers=error.headers, first="")


def _of_refused(error: RefusedError) -> Refusal:
    return _of_agents("reason-missing" if error.code == "reason_missing" else "refused", error)


def _of_agents(slug: str, error: AgentError | DutyError, **members: Any) -> Refusal:
    """Let the agents, or the sensors' room, say in their own words what they refuse."""
    return Refusal(slug, detail=error.say, members={"code": error.code, **members})


TRANSLATIONS: dict[type[Exception], Callable[[Any], Refusal]] = {
    Refusal: lambda refusal: refusal,
    RequestValidationError: _of_validation,
    HTTPException: _of_http,
    NotFoundError: lambda error: _of_agents("not-found", error),
    StaleVersionError: lambda error: _of_agents("changed-since-read", error),
    ConflictError: lambda error: _of_agents("wrong-state", error),
    UnknownDutyError: lambda error: _of_agents("not-found", error),
    ChangedDutyError: lambda error: _of_agents("changed-since-read", error),
    MovedDutyError: lambda error: _of_agents("wrong-state", error),
    NoReasonError: lambda error: _of_agents("reason-missing", error),
    EditRefusedError: lambda error: _of_agents("edit-refused", error, violations=error.violations),
    RefusedError: _of_refused,
    SignInRefusedError: lambda _: Refusal("sign-in-refused", headers={"WWW-Authenticate": "Bearer"}),
    SignInLockedError: lambda error: Refusal(
        "too-many-attempts", headers={"Retry-After": str(error.seconds)}, minutes=-(-error.seconds // 60)
    ),
    SignInBusyError: lambda _: Refusal("busy", headers={"Retry-After": "1"}),
    OperationalError: lambda _: Refusal("unavailable", headers={"Retry-After": "5"}),
    PoolTimeoutError: lambda _: Refusal("unavailable", headers={"Retry-After": "5"}),
}


def install(app: FastAPI) -> None:
    """Make the application answer every translated exception with a problem."""

    async def handle(request: Request, error: Exception) -> Response:
        translate = next(TRANSLATIONS[kind] for kind in type(error).__mro__ if kind in TRANSLATIONS)
        refusal = translate(error)
        actor = getattr(request.state, "actor", None)
        log.log(
            logging.ERROR if refusal.status >= 500 else logging.INFO,
            "request %s: %s %r by %s: %s",
            request.state.request_id,
            request.method,
            request.url.path,
            actor or "nobody",
            refusal.slug,
            exc_info=error if refusal.status >= 500 else None,
        )
        if actor and refusal.slug == "forbidden" and request.method != "GET":
            await run_in_threadpool(_audit, request, actor)
        return answer_to(request, refusal)

    for kind in TRANSLATIONS:
        app.add_exception_handler(kind, handle)


def _audit(request: Request, actor: str) -> None:
    """Keep that somebody tried to change what is not theirs to change."""
    context = context_of(request)
    with transaction(context.engine) as session:
        record(
            session,
            at=context.clock.now(),
            actor=actor,
            action="access.refused",
            subject=f"operation/{request.scope['route'].name}",
            after={"method": request.method, "path": request.url.path},
        )


def refusals(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Document, for OpenAPI, which problems an operation answers with."""
    documented: dict[int | str, dict[str, Any]] = {}
    for slug in slugs:
        status = STATUS[slug]
        entry = documented.setdefault(
            status,
            {
                "description": HTTPStatus(status).phrase,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        entry["content"][MEDIA_TYPE]["examples"][slug] = {"value": _example(slug)}
    return documented


class _Dots(dict[str, str]):
    """Stands for numbers that only a real refusal has."""

    def __missing__(self, name: str) -> str:
        return "..."


def _example(slug: str) -> dict[str, Any]:
    sentences = catalogue("api", "en")
    return {
        "type": f"/problems/{slug}",
        "title": sentences[f"problem.{slug}.title"],
        "status": STATUS[slug],
        "detail": sentences[f"problem.{slug}.detail"].format_map(_Dots()),
        "request_id": "5f0c9d4e7b1a4c6e8d2f3a4b5c6d7e8f",
    }
