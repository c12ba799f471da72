"""The gate reads a whole body in bounded time, or none."""

from typing import Any

import anyio
import pytest

from api.gate import Gate


def test_a_body_that_does_not_come_is_given_up_and_half_a_body_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.gate.BODY_TIMEOUT_S", 0.01)
    reached: list[Any] = []
    sent: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        reached.append(await receive())

    async def send(message: Any) -> None:
        sent.append(message)

    async def never() -> Any:
        await anyio.sleep_forever()

    half = iter([{"type": "http.request", "body": b'{"a"', "more_body": True}, {"type": "http.disconnect"}])

    async def leaves() -> Any:
        return next(half)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-length", b"9"), (b"content-type", b"application/json")],
    }
    anyio.run(Gate(inner, 100), dict(scope), never, send)
    assert sent[0]["status"] == 408
    sent.clear()
    anyio.run(Gate(inner, 100), dict(scope), leaves, send)
    assert (reached, sent) == ([], [])
