"""The outermost layer: every request gets an id, a bounded body read in bounded time, safe headers, and an answer.

It reads the body before anything else does, so that a body too large or too slow is refused in one place, and it is
where an unforeseen exception becomes a problem that tells nothing about the inside.
"""

import logging
import re
import uuid
from collections.abc import Iterator
from email.message import Message

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from api.problems import Refusal, answer
from city.wording import preferred_language

BODY_TIMEOUT_S = 30.0
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_JSON = re.compile(r"application/([\w.+-]+\+)?json")

# Nothing here is meant to be framed, sniffed, cached by others or run as a page; /docs loosens this for itself.
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
log = logging.getLogger("dustcart.api")


class Gate:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    max_body_bytes
        Largest body that is read.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        answered = False

        async def send_safely(message: AsgiMessage) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                outgoing = MutableHeaders(scope=message)
                outgoing["X-Request-Id"] = request_id
                for name, value in SAFE_HEADERS.items():
                    outgoing.setdefault(name, value)
            await send(message)

        async def refuse(refusal: Refusal) -> None:
            language = preferred_language(headers.get("accept-language", ""))
            await answer(refusal, language, request_id)(scope, receive, send_safely)

        try:
            _check_type(headers)
            body = await self._read(headers, receive)
            if body is not None:
                await self._app(scope, _replay(body, receive), send_safely)
        except Refusal as refusal:
            log.info("request %s: %s %r: %s", request_id, scope["method"], scope["path"], refusal.slug)
            await refuse(refusal)
        except Exception:
            if answered:
                raise
            log.exception("request %s: %s %r failed", request_id, scope["method"], scope["path"])
            await refuse(Refusal("internal"))

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """Read the whole body; ``None`` if the caller left in the middle: half a body is no request."""
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > self._max_body_bytes:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        with anyio.move_on_after(BODY_TIMEOUT_S) as time:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > self._max_body_bytes:
                    raise self._too_large()
                chunks.append(chunk)
                if not message.get("more_body", False):
                    break
        if time.cancelled_caught:
            raise Refusal("body-too-slow", headers={"Connection": "close"}, seconds=round(BODY_TIMEOUT_S))
        return b"".join(chunks)

    def _too_large(self) -> Refusal:
        return Refusal("body-too-large", headers={"Connection": "close"}, limit=self._max_body_bytes)


def _check_type(headers: Headers) -> None:
    """Refuse a body that is not JSON in UTF-8, or that is compressed."""
    if not _has_body(headers):
        return
    declared = Message()
    declared["Content-Type"] = headers.get("content-type", "")
    charset = declared.get_content_charset("utf-8")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if (
        not _JSON.fullmatch(declared.get_content_type())
        or charset not in ("utf-8", "us-ascii")
        or encoding != "identity"
    ):
        raise Refusal("unsupported-media-type", headers={"Accept": "application/json"})


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _replay(body: bytes, receive: Receive) -> Receive:
    """Make a channel that gives the body that was read, then whatever comes after it."""
    messages: Iterator[AsgiMessage] = iter(({"type": "http.request", "body": body, "more_body": False},))

    async def replayed() -> AsgiMessage:
        return next(messages, None) or await receive()

    return replayed
