"""Somebody signed in to a Dustcart elsewhere: where it is, their session, and what they have read, kept in one file."""

import json
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import httpx

from api.cli import PROGRAM
from api.errors import ApiError

PREFIX = "/api/v1"
TIMEOUT_S = 30.0
# ETags of the proposals read last; a decision is about one of them.
KEPT_TAGS = 200
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Method = Literal["GET", "POST"]


@dataclass
class Remote:
    """A signed-in person's side of the connection.

    Attributes
    ----------
    language
        What they chose when they signed in.
    seen
        ETag of every proposal they read, by id: what their decisions are about.
    """

    url: str
    token: str
    language: str = "en"
    seen: dict[str, str] = field(default_factory=dict)
    asked_language: str | None = field(default=None, repr=False)

    @classmethod
    def sign_in(cls, url: str, credential: dict[str, str], language: str) -> Self:
        """Sign in and remember it.

        Raises
        ------
        ApiError
            If the server cannot be reached or refuses.
        """
        remote = cls(url=url.rstrip("/"), token="", language=language)
        remote.token = remote.call("POST", "/sign-in", body=credential).json()["token"]
        remote.keep()
        return remote

    @classmethod
    def remembered(cls, language: str | None = None) -> Self:
        """Return whoever is signed in on this machine.

        Raises
        ------
        ApiError
            If nobody is.
        """
        try:
            return cls(**json.loads(_file().read_bytes()), asked_language=language)
        except (FileNotFoundError, ValueError, TypeError):
            raise ApiError(f"nobody is signed in here; run '{PROGRAM} review sign-in URL CODE' first") from None

    def call(
        self,
        method: Method,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        about: str | None = None,
    ) -> httpx.Response:
        """Ask the server.

        Parameters
        ----------
        about
            The proposal that a change is about, as it was read last.

        Raises
        ------
        ApiError
            If the server cannot be reached or refuses, with its reason; or if the proposal was not read yet.
        """
        headers = {"Accept-Language": self.asked_language or self.language}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if about is not None:
            if about not in self.seen:
                raise ApiError(f"look at it first: '{PROGRAM} review show {about}'; a decision is about what was seen")
            headers["If-Match"] = self.seen[about]
        try:
            with httpx.Client(verify=ssl.create_default_context(), trust_env=False, timeout=TIMEOUT_S) as client:
                answer = client.request(method, self.url + PREFIX + path, params=query, json=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(
                f"{self.url} does not answer: {error}. Is the address right, and is the server up?"
            ) from error
        if answer.is_error:
            raise ApiError(_refusal(answer))
        return answer

    def read_all(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Read every page of a list."""
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.call("GET", path, query={**query, "limit": 200} | ({"cursor": cursor} if cursor else {})).json()
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def note_seen(self, proposal_id: str, answer: httpx.Response) -> None:
        """Remember which version of a proposal was read."""
        self.seen.pop(proposal_id, None)
        self.seen[proposal_id] = answer.headers["ETag"]
        self.seen = dict(list(self.seen.items())[-KEPT_TAGS:])
        self.keep()

    def keep(self) -> None:
        """Write it down where only its owner can read it."""
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            kept = {"url": self.url, "token": self.token, "language": self.language, "seen": self.seen}
            file.write(json.dumps(kept).encode())
        fresh.replace(path)

    def forget(self) -> None:
        """Take the session off this machine."""
        _file().unlink(missing_ok=True)


def is_open_to_listeners(url: str) -> bool:
    """Whether what is sent to an address can be read on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK


def _file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "dustcart" / "session.json"


def _refusal(answer: httpx.Response) -> str:
    """Say why the server refused, as it says itself."""
    try:
        problem = answer.json()
        parts = [problem["title"] + ".", problem["detail"]]
        parts += [f"{fault['pointer']}: {fault['message']}." for fault in problem.get("errors") or []]
        parts += problem.get("violations") or []
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code} {answer.reason_phrase}; is this a Dustcart?"
    return " ".join(parts)
