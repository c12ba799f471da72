"""Patience: what cannot be stored now is tried again, whatever the reason, and the log says why."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import OperationalError

from sensors.delivery import Message, Receipt
from sensors.patience import stored

MESSAGES = [Message("dustcart", b"{}")]
RECEIPTS = [Receipt(1, 0, ())]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("sensors.patience.FIRST_WAIT_S", 0.001)


def test_an_outage_is_told_in_a_line_and_an_error_of_ours_with_where_it_happened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: list[Exception] = [
        OperationalError("INSERT", {}, Exception("the database is away\nas ever")),
        KeyError("x"),
    ]

    def take(messages: Sequence[Message]) -> Sequence[Receipt]:
        assert messages == MESSAGES
        if errors:
            raise errors.pop(0)
        return RECEIPTS

    assert asyncio.run(stored(MESSAGES, take, asyncio.Event())) == RECEIPTS
    outage, ours = caplog.records
    assert outage.getMessage() == "1 messages cannot be stored: the database is away; next try in 0 s"
    assert (outage.levelname, outage.exc_info) == ("WARNING", None)
    assert ours.levelname == "ERROR"
    assert ours.exc_info is not None
    assert ours.exc_info[0] is KeyError


def test_who_is_told_to_stop_meanwhile_gives_up() -> None:
    async def stopped() -> Sequence[Receipt] | None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def take(_messages: Sequence[Message]) -> Sequence[Receipt]:
            loop.call_soon_threadsafe(stop.set)
            raise OSError("no room on the disk")

        return await stored(MESSAGES, take, stop)

    assert asyncio.run(stopped()) is None
