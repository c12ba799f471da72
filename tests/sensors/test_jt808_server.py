"""The server for terminals of trucks, over real sockets: it stores before it answers and outlives what it is sent."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import open_engine, reading, transaction
from city.marks import canonical_terminal
from city.migrate import upgrade
from city.registry import Truck
from city.store import save
from sensors.delivery import Message, Receipt
from sensors.intake import receive_all
from sensors.jt808.frame import Cutter, Frame, read_frame, write_frame
from sensors.jt808.server import MOST_WRONG, Door, IsRegistered, listening
from sensors.patience import Take
from sensors.reports import knows_truck
from sensors.telemetry import DeadLetter, PositionRecord
from tests.city.small_city import small_city
from tests.sensors.terminals import CHINA, NOW, PHONE, between, position, real_frames

MINUTE = timedelta(minutes=1)


@pytest.fixture
def town(tmp_path: Path) -> Engine:
    """Return the small city with a terminal in each truck."""
    engine = open_engine(f"sqlite:///{tmp_path / 'town.sqlite'}")
    upgrade(engine)
    data = small_city()
    data.trucks[0].terminal = canonical_terminal(PHONE)
    save(engine, data)
    return engine


class Terminal:
    """A truck's end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._cutter = Cutter()
        self._answers: list[Frame] = []

    async def send(self, received: bytes, *, apart: int | None = None) -> None:
        """Send bytes, in packets of so many."""
        step = apart or len(received)
        for place in range(0, len(received), step):
            self._writer.write(received[place : place + step])
            await self._writer.drain()

    async def answer(self) -> tuple[int, int, int, int]:
        """Return what comes back: kind, the serial and kind of message it is about, and the result."""
        frame = await self.frame()
        return (
            frame.message,
            int.from_bytes(frame.body[:2]),
            int.from_bytes(frame.body[2:4]),
            frame.body[4],
        )

    async def frame(self) -> Frame:
        while not self._answers:
            received = await asyncio.wait_for(self._reader.read(4096), 20)
            if not received:
                raise EOFError
            self._answers += [read_frame(piece) for piece in self._cutter.feed(received)]
        return self._answers.pop(0)


@asynccontextmanager
async def served(
    town: Engine, take: Take | None = None, is_registered: IsRegistered | None = None, **door: Any
) -> AsyncIterator[Callable[[], Any]]:
    """Serve terminals; yields how one connects."""
    clock = ManualClock(NOW)
    store: Take = take or partial(receive_all, town, clock)
    writers: list[asyncio.StreamWriter] = []
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with listening(listener, Door(**door), store, is_registered or partial(knows_truck, town)):

        async def connect() -> Terminal:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
            return Terminal(reader, writer)

        try:
            yield connect
        finally:
            for writer in writers:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()


def run(conversation: Coroutine[Any, Any, None]) -> None:
    asyncio.run(conversation)


def positions(town: Engine) -> list[PositionRecord]:
    with reading(town) as session:
        return list(session.exec(select(PositionRecord).order_by(col(PositionRecord.at))))


def letters(town: Engine) -> list[str]:
    with reading(town) as session:
        return sorted(session.exec(select(DeadLetter.code)))


def redated(between_flags: bytes, at: datetime) -> bytes:
    """Write a real frame again with the time of its positions moved to a moment."""
    frame = read_frame(between_flags)
    body = bytearray(frame.body)
    digits = bytes.fromhex(at.astimezone(CHINA).strftime("%y%m%d%H%M%S"))
    if frame.message == 0x0200:
        body[22:28] = digits
    elif frame.message == 0x0704:
        place = 3
        for index in range(int.from_bytes(body[:2])):
            late = (at - index * MINUTE).astimezone(CHINA)
            body[place + 24 : place + 30] = bytes.fromhex(late.strftime("%y%m%d%H%M%S"))
            place += 2 + int.from_bytes(body[place : place + 2])
    return write_frame(replace(frame, body=bytes(body)))


@pytest.mark.parametrize("apart", [1, 7, None], ids=["byte by byte", "split", "all at once"])
def test_real_terminals_are_stored_and_answered(town: Engine, shared_data: Path, apart: int | None) -> None:
    frames = real_frames(shared_data)
    with transaction(town) as session:
        template = session.get_one(Truck, "t-south").model_dump(exclude={"id", "terminal"})
        for phone in sorted({frame["phone"] for frame in frames} - {PHONE}):
            session.add(Truck(id=f"t-{phone}", terminal=canonical_terminal(phone), **template))
    sent = b""
    for number, frame in enumerate(frames):
        whole = frame["len_decl"] == frame["len_body"]
        sent += redated(between(frame["hex"]), NOW - number * MINUTE) if whole else bytes.fromhex(frame["hex"])
    # As it came: with a flag in it that is not escaped.
    sent = sent.replace(b"\x87\x02\x00\x7d\x02\x88", b"\x87\x02\x00\x7e\x88", 1)
    assert b"\x00\x7e\x88" in sent

    async def conversation() -> None:
        async with served(town) as connect:
            terminal = await connect()
            await terminal.send(sent, apart=apart)
            for frame in frames:
                if frame["len_decl"] != frame["len_body"]:
                    continue
                kind, serial, about, result = await terminal.answer()
                expected = read_frame(between(frame["hex"]))
                if frame["id"] == "0x100":
                    assert (kind, serial, about >> 8) == (0x8100, expected.serial, 0)
                else:
                    assert (kind, serial, about, result) == (0x8001, expected.serial, expected.message, 0)

    run(conversation())
    stored = positions(town)
    assert len(stored) == 10 + 4
    assert [place.fixed for place in stored].count(False) == 1
    assert letters(town) == ["truncated"]


def test_a_terminal_registers_shows_its_code_and_reports(town: Engine) -> None:
    async def conversation() -> None:
        async with served(town) as connect:
            terminal = await connect()
            await terminal.send(write_frame(Frame(0x0100, PHONE, 5, bytes(37))))
            registered = await terminal.frame()
            assert (registered.message, registered.phone) == (0x8100, PHONE)
            assert registered.body[:3] == bytes([0, 5, 0])
            code = registered.body[3:]
            await terminal.send(write_frame(Frame(0x0102, PHONE, 6, code)) + write_frame(Frame(0x0002, PHONE, 7)))
            assert await terminal.answer() == (0x8001, 6, 0x0102, 0)
            assert await terminal.answer() == (0x8001, 7, 0x0002, 0)
            await terminal.send(write_frame(Frame(0x0900, PHONE, 8, b"?")) + write_frame(Frame(0x0001, PHONE, 9, b"")))
            assert await terminal.answer() == (0x8001, 8, 0x0900, 3)
            await terminal.send(position(NOW, phone=PHONE.zfill(20), serial=65535, version=1))
            newer = await terminal.frame()
            assert (newer.version, newer.phone, newer.serial) == (1, PHONE.zfill(20), 4)

    run(conversation())
    assert [place.truck_id for place in positions(town)] == ["t-north"]


def test_strangers_are_told_so_and_what_they_say_is_kept(town: Engine) -> None:
    async def conversation() -> None:
        async with served(town) as connect:
            terminal = await connect()
            await terminal.send(write_frame(Frame(0x0100, "013900000000", 1, bytes(37))))
            assert (await terminal.frame()).body == bytes([0, 1, 4])
            await terminal.send(write_frame(Frame(0x0102, "013900000000", 2, b"guess")))
            assert (await terminal.answer())[3] == 1
            await terminal.send(position(NOW, phone="013900000000", serial=3))
            assert (await terminal.answer())[3] == 1
            await terminal.send(position(NOW + 60 * MINUTE, serial=4))
            assert (await terminal.answer())[3] == 2

    run(conversation())
    assert letters(town) == ["future", "unknown_truck"]


def test_after_garbage_the_next_frame_is_read_and_the_connection_lives_on(town: Engine) -> None:
    garbage = b"GET / HTTP/1.1\r\n\r\n" + bytes.fromhex("7e7e7eff7d7e") + b"\x7e" + b"z" * 5000
    damaged = bytearray(position(NOW - MINUTE))
    damaged[20] ^= 1

    async def conversation() -> None:
        async with served(town) as connect:
            terminal = await connect()
            await terminal.send(garbage + position(NOW - 2 * MINUTE, serial=1) + damaged + position(NOW, serial=2))
            assert await terminal.answer() == (0x8001, 1, 0x0200, 0)
            assert await terminal.answer() == (0x8001, 2, 0x0200, 0)

    run(conversation())
    assert [place.at for place in positions(town)] == [NOW - 2 * MINUTE, NOW]
    assert letters(town) == ["too_large", "wrong_checksum", "wrong_shape"]


def test_who_only_talks_garbage_is_cut_off(town: Engine) -> None:
    async def conversation() -> None:
        async with served(town) as connect:
            terminal = await connect()
            await terminal.send(b"\x7ehello" * (MOST_WRONG + 2))
            with pytest.raises((EOFError, ConnectionError)):
                await terminal.frame()

    run(conversation())
    assert letters(town) == ["truncated"]


def test_a_message_in_parts_is_stored_when_the_last_has_come_in_any_order(town: Engine) -> None:
    items = [read_frame(position(NOW - n * MINUTE)[1:-1]).body for n in range(3)]
    body = (3).to_bytes(2) + b"\x01" + b"".join(len(item).to_bytes(2) + item for item in items)
    pieces = [body[:20], body[20:50], body[50:]]
    parts = [write_frame(Frame(0x0704, PHONE, 65535 + n & 0xFFFF, piece, n + 1, 3)) for n, piece in enumerate(pieces)]

    async def conversation() -> None:
        async with served(town) as connect:
            terminal = await connect()
            await terminal.send(parts[2] + parts[0] + parts[0] + write_frame(Frame(0x0002, PHONE, 9)))
            assert (await terminal.answer())[1:3] == (9, 0x0002)
            await terminal.send(parts[1])
            assert [(await terminal.answer())[1] for _ in range(3)] == [65535, 0, 1]

    run(conversation())
    assert len(positions(town)) == 3


def test_nothing_is_answered_before_it_is_stored_and_an_outage_loses_nothing(
    town: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensors.patience.FIRST_WAIT_S", 0.01)
    back = threading.Event()
    clock = ManualClock(NOW)

    def take(messages: Sequence[Message]) -> Sequence[Receipt]:
        if not back.is_set():
            raise OperationalError("INSERT", {}, Exception("the database is away"))
        return receive_all(town, clock, messages)

    async def conversation() -> None:
        async with served(town, take) as connect:
            terminal = await connect()
            await terminal.send(position(NOW, serial=3))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(terminal.frame(), 0.2)
            assert positions(town) == []
            back.set()
            assert await terminal.answer() == (0x8001, 3, 0x0200, 0)

    run(conversation())
    assert len(positions(town)) == 1


def test_who_cannot_be_looked_up_makes_room_and_the_log_says_why_once(
    town: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def is_registered(terminal: str) -> bool:
        asked.append(terminal)
        raise OperationalError("SELECT", {}, Exception("the database is away\nas ever"))

    async def conversation() -> None:
        async with served(town, is_registered=is_registered, most_connections=1) as connect:
            for number in range(3):
                terminal = await connect()
                await terminal.send(write_frame(Frame(0x0102, PHONE, number, b"code")))
                with pytest.raises((EOFError, ConnectionError)):
                    await terminal.frame()

    run(conversation())
    assert len(asked) == 3
    assert [record.getMessage() for record in caplog.records if record.name == "sensors.jt808.server"] == [
        "terminals cannot be told whether they are registered: the database is away"
    ]


def test_who_falls_silent_is_cut_off_and_makes_room(town: Engine) -> None:
    async def conversation() -> None:
        async with served(town, idle_s=0.3, most_connections=1) as connect:
            silent, turned_away = await connect(), await connect()
            with pytest.raises((EOFError, ConnectionError)):
                await turned_away.frame()
            with pytest.raises((EOFError, ConnectionError)):
                await silent.frame()
            after = await connect()
            await after.send(position(NOW))
            assert (await after.answer())[3] == 0

    run(conversation())


def test_many_terminals_at_once_are_stored_together(town: Engine) -> None:
    calls: list[int] = []
    clock = ManualClock(NOW)

    def take(messages: Sequence[Message]) -> Sequence[Receipt]:
        calls.append(len(messages))
        return receive_all(town, clock, messages)

    async def report(connect: Callable[[], Any], number: int) -> None:
        terminal = await connect()
        await terminal.send(position(NOW - number * timedelta(seconds=1), serial=number))
        assert await terminal.answer() == (0x8001, number, 0x0200, 0)

    async def conversation() -> None:
        async with served(town, take) as connect:
            await asyncio.gather(*(report(connect, number) for number in range(60)))

    run(conversation())
    assert len(positions(town)) == sum(calls) == 60
    assert len(calls) < 60
