"""What requests are made of: names, texts and numbers that every database can hold."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

from city.wording import Language, preferred_language

# No control characters: PostgreSQL cannot store NUL, and the rest only forges lines in logs and on terminals.
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]+$"
ID_RULES = {"pattern": _PRINTABLE, "max_length": 200}

PathId = Annotated[str, Path(**ID_RULES)]
QueryId = Annotated[str | None, Query(**ID_RULES)]
_MOMENT = {"examples": ["2026-03-03T07:15:00+08:00"]}
Since = Annotated[AwareDatetime | None, Query(description="only from this moment on, with its offset", **_MOMENT)]
Until = Annotated[AwareDatetime | None, Query(description="only before this moment, with its offset", **_MOMENT)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]


# The member that says which of several kinds of body it is.
KIND = "edit"


def _without_control(text: str) -> str:
    if any(sign < " " and sign not in "\n\t" for sign in text):
        raise ValueError("contains control characters")
    return text


Text = Annotated[str, StringConstraints(max_length=2000, strip_whitespace=True), AfterValidator(_without_control)]


class Body(BaseModel):
    """A request body: nothing beside its fields is accepted, no number that is not one."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


def language_of(request: Request, response: Response) -> Language:
    """Return the caller's language, and say in the answer which one it was."""
    language = preferred_language(request.headers.get("accept-language", ""))
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return language


InLanguage = Annotated[Language, Depends(language_of)]
