"""Signing in and out."""

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Response
from fastapi import Body as BodyField
from pydantic import BaseModel, Field, StringConstraints, model_validator

from api.access import Anyone
from api.context import Here
from api.fields import Body, Id
from api.problems import Refusal, refusals
from api.sessions import close_session
from api.signing_in import sign_in_with_code, sign_in_with_password
from city.database import transaction
from city.journal import record

router = APIRouter(tags=["signing in"])

_EXAMPLES: dict[str, Any] = {
    "password": {"summary": "with a password", "value": {"name": "li.wei", "password": "correct horse battery"}},
    "code": {"summary": "with a one-time code", "value": {"code": "7Q2M-X0PK-94TD-HJ3C"}},
}


class SignIn(Body):
    """A name and its password, or a one-time code."""

    name: Id | None = None
    password: Annotated[str, StringConstraints(min_length=1, max_length=1000)] | None = None
    code: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="as it was given, or without its dashes, in any case"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.name is None, self.password is None, self.code is None) not in (
            (False, False, True),
            (True, True, False),
        ):
            raise ValueError("give either name and password, or code")
        return self


class SessionView(BaseModel):
    """A new session."""

    token: str = Field(description="send it as `Authorization: Bearer <token>`; it is shown only now")
    account: str = Field(description="who is signed in", examples=["li.wei"])
    expires_at: datetime = Field(description="when it ends at the latest; it ends earlier when it is not used")


@router.post(
    "/sign-in", responses=refusals("malformed", "sign-in-refused", "invalid-request", "too-many-attempts", "busy")
)
def sign_in(context: Here, body: Annotated[SignIn, BodyField(openapi_examples=_EXAMPLES)]) -> SessionView:
    """Sign in with a name and password or with a one-time code.

    Whether a name exists cannot be told from the answer or its time. Five wrong passwords in a row lock a name for
    fifteen minutes; a one-time code still works then.
    """
    if body.code is not None:
        opened = sign_in_with_code(context, body.code)
    else:
        opened = sign_in_with_password(context, body.name or "", body.password or "")
    return SessionView(token=opened.token, account=opened.account_id, expires_at=opened.expires_at)


@router.post("/sign-out", status_code=204, responses=refusals("unauthenticated", "forbidden"))
def sign_out(context: Here, principal: Anyone) -> Response:
    """End the session whose token this request carries. An access key has no session: 403."""
    if principal.session_hash is None:
        raise Refusal("forbidden", roles="a signed-in person")
    with transaction(context.engine) as session:
        close_session(session, principal.session_hash)
        record(
            session,
            at=context.clock.now(),
            actor=principal.actor,
            action="sign_in.closed",
            subject=f"account/{principal.actor}",
        )
    return Response(status_code=204)
