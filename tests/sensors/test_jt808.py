"""JT/T 808: frames of real terminals read as they should, and nothing they might send breaks the reading."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from city.marks import canonical_terminal
from sensors.decoders import decode
from sensors.errors import IntakeError
from sensors.jt808.frame import LONGEST, Cutter, Frame, read_frame, write_frame
from sensors.jt808.message import alone
from sensors.position import Position
from sensors.uplink import Unusable
from tests.sensors.terminals import NOW, PHONE, between, position, real_frames

frames_of_streams = st.lists(
    st.builds(
        Frame,
        message=st.integers(0, 0xFFFF),
        phone=st.from_regex(r"\A[0-9]{12}\Z"),
        serial=st.integers(0, 0xFFFF),
        body=st.binary(max_size=60) | st.just(b"\x7e\x7d\x7d\x01"),
    )
    | st.builds(Frame, st.just(0x0200), st.just("0" * 20), st.just(7), st.binary(max_size=9), version=st.just(1)),
    max_size=5,
)


def test_real_frames_read_as_another_decoder_reads_them(shared_data: Path) -> None:
    frames = real_frames(shared_data)
    assert len(frames) == 14
    for expected in frames:
        if not expected["checksum_ok"]:
            with pytest.raises(IntakeError, match="declares a body of 50 bytes and ends after 40") as caught:
                decode("jt808", bytes.fromhex(expected["hex"]))
            assert caught.value.code == "truncated"
            continue
        frame = read_frame(between(expected["hex"]))
        assert (f"{frame.message:#x}", frame.phone, len(frame.body)) == (
            expected["id"],
            expected["phone"],
            expected["len_body"],
        )
        found = decode("jt808", bytes.fromhex(expected["hex"]))
        if expected["id"] == "0x200":
            (place,) = found
            assert isinstance(place, Position)
            at = datetime.strptime(expected["time"] + "+0800", "%y%m%d%H%M%S%z")
            assert (place.lat, place.lon) == (pytest.approx(expected["lat"]), pytest.approx(expected["lon"]))
            assert (place.at, place.fixed, place.truck) == (at, expected["fix"], canonical_terminal(frame.phone))
            assert (place.speed_kmh, place.heading_deg) == (expected["speed_kmh"], expected["dir"])


def test_a_real_batch_brings_its_positions_late_each_with_its_own_time(shared_data: Path) -> None:
    (batch,) = (frame for frame in real_frames(shared_data) if frame["id"] == "0x704")
    places = decode("jt808", bytes.fromhex(batch["hex"]))
    assert [place.at.isoformat() for place in places if isinstance(place, Position)] == [
        f"2018-05-14T12:{minute}+00:00" for minute in ("28:47", "29:17", "29:47", "30:06")
    ]
    for place in places:
        assert isinstance(place, Position)
        assert decode("jt808", place.alone) == [place]


def test_a_batch_that_ends_early_keeps_what_is_whole(shared_data: Path) -> None:
    (batch,) = (frame for frame in real_frames(shared_data) if frame["id"] == "0x704")
    frame = read_frame(between(batch["hex"]))
    *whole, cut = decode("jt808", write_frame(replace(frame, body=frame.body[:-30])))
    assert len(whole) == 3
    assert isinstance(cut, Unusable)
    assert (cut.index, cut.code, cut.device_id) == (3, "truncated", "30300000245")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("7e7e", "truncated"),
        ("7e00027e", "truncated"),
        ("7e0002000004304832546500b7cb7e", "wrong_checksum"),
        ("7e0002000004304832546500b77d7e", "wrong_shape"),
        ("7e000200000a304832546500b7c47e", "no_device"),
        ("7e0002040004304832546500b7ce7e", "wrong_shape"),
    ],
)
def test_bad_frames_are_named(frame: str, code: str) -> None:
    with pytest.raises(IntakeError) as caught:
        decode("jt808", bytes.fromhex(frame))
    assert caught.value.code == code


def test_headers_of_2019_and_before_are_told_apart() -> None:
    older, newer = position(NOW), position(NOW, phone=PHONE.zfill(20), version=1)
    assert len(newer) - len(older) == 5
    assert decode("jt808", older) == decode("jt808", newer)


def test_south_and_west_are_below_nought() -> None:
    frame = read_frame(position(NOW)[1:-1])
    (place,) = decode("jt808", alone(PHONE, frame.body[:4] + (0b1110).to_bytes(4) + frame.body[8:]))
    assert isinstance(place, Position)
    assert (place.lon, place.lat) == (pytest.approx(-121.4702), pytest.approx(-31.231))


def test_a_time_that_is_none_is_refused() -> None:
    frame = read_frame(position(NOW)[1:-1])
    with pytest.raises(IntakeError) as caught:
        decode("jt808", alone(PHONE, frame.body[:22] + bytes(6)))
    assert caught.value.code == "no_time"


@given(frames_of_streams, st.lists(st.integers(1, 40), min_size=1), st.binary(max_size=20))
@example([Frame(0x7E01, PHONE, 0, b"~}}\x01")], [1], b"")
def test_a_stream_gives_the_same_frames_however_it_is_cut(frames: list[Frame], cuts: list[int], noise: bytes) -> None:
    written = [write_frame(frame) for frame in frames]
    stream = noise.replace(b"\x7e", b"") + b"".join(written)
    cutter, pieces, place = Cutter(), [], 0
    while place < len(stream):
        length = cuts[place % len(cuts)]
        pieces += cutter.feed(stream[place : place + length])
        place += length
    read = []
    for piece in pieces:
        with suppress(IntakeError):
            read.append(read_frame(piece))
    assert read[-len(frames) :] == frames if frames else not read


def test_a_flag_that_a_terminal_forgot_to_escape_is_mended(shared_data: Path) -> None:
    (frame,) = (one for one in real_frames(shared_data) if "2007e88" in one["hex"])
    cutter = Cutter()
    sent = bytes.fromhex(frame["hex"])
    pieces = cutter.feed(sent[:40]) + cutter.feed(sent[40:] + position(NOW))
    assert [read_frame(piece).phone for piece in pieces] == [frame["phone"], PHONE]


def test_a_forgotten_flag_near_the_end_of_a_part_is_mended_too() -> None:
    part = Frame(0x0704, PHONE, 1, bytes(30) + b"\x7e\x01", part=1, parts=2)
    cutter = Cutter()
    pieces = cutter.feed(write_frame(part).replace(b"\x7d\x02", b"\x7e") + position(NOW))
    assert [read_frame(piece).phone for piece in pieces] == [PHONE, PHONE]
    assert read_frame(pieces[0]) == part


def test_a_frame_that_declares_too_much_takes_no_other_with_it() -> None:
    beat = write_frame(Frame(0x0002, PHONE, 9))
    cut = position(NOW)[:-20] + b"\x7e"
    cutter = Cutter()
    pieces = cutter.feed(cut + beat * 5) + cutter.feed(cut)
    assert pieces == [cut[1:-1], *[beat[1:-1]] * 5]
    assert cutter.close() == [cut[1:-1]]


def test_what_never_ends_is_given_up_and_the_next_frame_is_read() -> None:
    cutter = Cutter()
    pieces = [piece for _ in range(100) for piece in cutter.feed(b"x" * 1000)]
    assert [len(piece) for piece in pieces] == [LONGEST + 1]
    (frame,) = cutter.feed(position(NOW))
    assert read_frame(frame).phone == PHONE


@given(st.binary(max_size=120) | st.lists(st.binary(max_size=60), max_size=3).map(b"\x7e".join))
def test_no_bytes_break_the_decoder(body: bytes) -> None:
    with suppress(IntakeError):
        decode("jt808", body)


@given(st.sampled_from([0x0200, 0x0201, 0x0704]), st.binary(max_size=200))
def test_no_body_breaks_the_decoder(message: int, body: bytes) -> None:
    with suppress(IntakeError):
        decode("jt808", write_frame(Frame(message, PHONE, 1, body)))
