"""Intake: stored before it is acknowledged, once however often it comes, and nothing a stranger sends is lost."""

import base64
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from city.clock import CLOCK_TOLERANCE, ManualClock
from city.database import reading, transaction
from city.journal import AuditRecord
from city.registry import Bin
from city.store import save
from sensors.delivery import Message
from sensors.devices import Mounting, read_mountings, register_devices
from sensors.errors import IntakeError
from sensors.intake import MOST_BYTES, receive, receive_all
from sensors.letters import list_letters
from sensors.levels import BinState, LevelSource, states_of, unknown_since
from sensors.moments import OLDEST
from sensors.retry import Retried, retry_letters
from sensors.service import ServiceOutcome, ServiceRecord, record_service
from sensors.telemetry import DeadLetter, Device, Reading, Verdict
from tests.city.small_city import small_city

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
DEVICE = "24e124713d000001"
HEIGHT_CM = 120
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands at four in the morning."""
    return ManualClock(NOW)


@pytest.fixture
def bin_(engine: Engine) -> Bin:
    """Return a bin of the small city with a device above it."""
    data = small_city()
    save(engine, data)
    watched = data.bins[0]
    refused = register_devices(
        engine, [Mounting(DEVICE.upper(), watched.id, "milesight-em400-tld", HEIGHT_CM)], at=NOW, actor="ann"
    )
    assert refused == ()
    return watched


def said(level: float, at: datetime, bin_: Bin, **more: object) -> dict[str, object]:
    """Return a reading in the project's own form."""
    return {"device": DEVICE, "at": at.isoformat(), "distance_cm": HEIGHT_CM - level * bin_.depth_cm, **more}


def send(engine: Engine, clock: ManualClock, *elements: object) -> tuple[int, int, list[str]]:
    """Send one message; return stored, duplicates and the codes of what was refused."""
    receipt = receive(engine, clock, format="dustcart", body=json.dumps(elements).encode())
    return receipt.stored, receipt.duplicates, [rejection.code for rejection in receipt.rejected]


def verdicts(engine: Engine) -> list[Verdict]:
    """Return the verdicts of all readings by event time."""
    with reading(engine) as session:
        return list(session.exec(select(Reading.verdict).order_by(col(Reading.at))))


def test_a_reading_becomes_the_level_of_its_bin(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    assert send(engine, clock, said(0.4, NOW - HOUR, bin_)) == (1, 0, [])
    with reading(engine) as session:
        state = states_of(session, [bin_.id])[bin_.id]
    assert state.fill_level == pytest.approx(0.4)
    assert (state.as_of, state.source) == (NOW - HOUR, LevelSource.SENSOR)
    assert state.sigma > 0
    assert unknown_since(state, NOW) is None
    assert unknown_since(state, NOW + 24 * HOUR) == NOW - HOUR


def test_what_was_delivered_twice_is_stored_once(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    first, second = said(0.4, NOW - HOUR, bin_, sequence=7), said(0.41, NOW, bin_, sequence=8)
    assert send(engine, clock, first, second, first) == (2, 1, [])
    assert send(engine, clock, second, first) == (0, 2, [])
    assert len(verdicts(engine)) == 2


def test_a_counter_that_starts_again_hides_nothing(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    assert send(engine, clock, said(0.4, NOW - HOUR, bin_, sequence=1))[0] == 1
    assert send(engine, clock, said(0.4, NOW, bin_, sequence=1))[0] == 1


def test_the_order_of_arrival_does_not_matter_within_a_message(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    elements = [said(0.1 * step, NOW - (5 - step) * HOUR, bin_) for step in range(5)]
    seen = set()
    for order in itertools.islice(itertools.permutations(elements), 0, 120, 17):
        with transaction(engine) as session:
            for row in [*session.exec(select(Reading)), *session.exec(select(BinState))]:
                session.delete(row)
        send(engine, clock, *order)
        with reading(engine) as session:
            state = session.get_one(BinState, bin_.id)
        seen.add((state.fill_level, state.sigma, state.rate_per_h, state.as_of))
    assert len(seen) == 1


def test_a_late_reading_does_not_turn_back_the_level(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    send(engine, clock, said(0.3, NOW - 9 * HOUR, bin_), said(0.6, NOW, bin_))
    assert send(engine, clock, said(0.4, NOW - 6 * HOUR, bin_)) == (1, 0, [])
    with reading(engine) as session:
        state = session.get_one(BinState, bin_.id)
    assert (state.fill_level, state.as_of) == (pytest.approx(0.6, abs=0.03), NOW)
    assert verdicts(engine) == [Verdict.OK, Verdict.OK, Verdict.OK]


def test_a_reading_that_is_later_than_anything_can_be_placed_is_only_kept(
    engine: Engine, clock: ManualClock, bin_: Bin
) -> None:
    send(engine, clock, *(said(0.1 * step, NOW - (8 - step) * 24 * HOUR, bin_) for step in range(8)))
    with reading(engine) as session:
        before = session.get_one(BinState, bin_.id)
    assert send(engine, clock, said(0.9, NOW - 6.5 * 24 * HOUR, bin_)) == (1, 0, [])
    assert verdicts(engine)[2] is Verdict.LATE
    with reading(engine) as session:
        assert session.get_one(BinState, bin_.id) == before


def test_a_spike_is_not_believed_and_an_emptying_is(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    levels = [0.50, 0.51, 0.52, 0.53, 0.95, 0.54, 0.55, 0.56, 0.57, 0.05, 0.05, 0.06, 0.07]
    for step, level in enumerate(levels):
        send(engine, clock, said(level, NOW - (len(levels) - step) * HOUR, bin_))
    judged = dict(zip(levels, verdicts(engine), strict=True))
    assert judged[0.95] is Verdict.SPIKE
    assert judged[0.05] is Verdict.OK
    with reading(engine) as session:
        state = session.get_one(BinState, bin_.id)
    assert state.fill_level == pytest.approx(0.07, abs=0.05)
    assert state.emptied_at is not None
    assert state.emptied_at >= NOW - 4 * HOUR


@pytest.mark.parametrize(
    ("more", "verdict", "reason"),
    [
        ({"tilted": True}, Verdict.TILTED, "tilted"),
        ({"distance_cm": 255}, Verdict.SENTINEL, "sentinel"),
        ({"distance_cm": 180}, Verdict.OUT_OF_RANGE, "below_bottom"),
        ({"distance_cm": None}, Verdict.NO_LEVEL, "no_level"),
    ],
)
def test_a_reading_that_says_nothing_of_the_level_is_kept_with_the_reason(
    engine: Engine, clock: ManualClock, bin_: Bin, more: dict[str, object], verdict: Verdict, reason: str
) -> None:
    assert send(engine, clock, said(0.4, NOW, bin_) | more)[0] == 1
    with reading(engine) as session:
        row = session.exec(select(Reading)).one()
        state = session.get_one(BinState, bin_.id)
    assert (row.verdict, row.verdict_reason) == (verdict, reason)
    assert (state.fill_level, state.heard_at) == (None, NOW)


def test_what_is_refused_is_named_kept_and_counted_and_the_rest_is_stored(
    engine: Engine, clock: ManualClock, bin_: Bin
) -> None:
    register_devices(engine, [Mounting("revoked", bin_.id, "", HEIGHT_CM, active=False)], at=NOW, actor="ann")
    good = said(0.4, NOW - HOUR, bin_)
    bad = [
        good | {"device": "nobody"},
        good | {"device": "revoked"},
        said(0.4, NOW + CLOCK_TOLERANCE + timedelta(seconds=1), bin_),
        said(0.4, NOW - OLDEST - HOUR, bin_),
        good | {"battery_percent": 900},
        good | {"at": "yesterday"},
        good | {"device": 7},
        "not a reading",
    ]
    codes = ["unknown_device", "revoked_device", "future", "too_old"]
    stored, _, refused = send(engine, clock, *bad, good)
    assert stored == 1
    assert refused[:4] == codes
    assert len(refused) == len(bad)
    send(engine, clock, *bad)
    with reading(engine) as session:
        letters = session.exec(select(DeadLetter)).all()
    assert {letter.times for letter in letters} == {2}
    assert len(letters) == len(bad)
    assert all(letter.reason and letter.body for letter in letters)


def test_a_dead_letter_can_be_replayed_once_its_device_is_registered(
    engine: Engine, clock: ManualClock, bin_: Bin
) -> None:
    send(engine, clock, said(0.4, NOW, bin_) | {"device": "newcomer"}, said(0.4, NOW, bin_))
    register_devices(engine, [Mounting("newcomer", None, "", HEIGHT_CM)], at=NOW, actor="ann")
    send(engine, clock, said(0.4, NOW, bin_) | {"device": "still a stranger"})
    assert retry_letters(engine, clock) == Retried(tried=2, stored=1, still_dead=1)
    with reading(engine) as session:
        assert [letter.device_id for letter in list_letters(session)] == ["still a stranger"]


def test_a_stranger_in_a_table_of_many_lines_spoils_no_other(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    head = "time_ms,device,event,height_cm,voltage_mv,temperature_c,tilt_deg,tx_event"
    lines = [f"{int(NOW.timestamp() * 1000)},{name},,80,3500,20,0,1" for name in (DEVICE, "stranger")]
    receipt = receive(engine, clock, format="fes-csv", body="\n".join([head, *lines]).encode())
    assert (receipt.stored, [(one.code, one.index) for one in receipt.rejected]) == (1, [("unknown_device", 1)])
    with reading(engine) as session:
        (letter,) = list_letters(session)
    assert letter.body.decode() == f"{head}\n{lines[1]}\n"


def test_of_a_list_of_entities_the_refused_one_is_kept(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    def container(name: str) -> dict[str, object]:
        return {"id": name, "type": "WasteContainer", "fillingLevel": 0.4, "dateObserved": NOW.isoformat()}

    entities = [{"id": "w", "type": "WeatherObserved"}, container(DEVICE), container("ghost")]
    receipt = receive(engine, clock, format="fiware", body=json.dumps(entities).encode())
    assert (receipt.stored, [(one.device_id, one.index) for one in receipt.rejected]) == (1, [("ghost", 2)])
    with reading(engine) as session:
        (letter,) = list_letters(session)
    assert json.loads(letter.body)["id"] == "ghost"


def test_a_letter_that_fails_for_another_reason_stays_as_it_was(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    send(engine, clock, said(0.4, NOW, bin_) | {"device": "late"})
    register_devices(engine, [Mounting("late", None, "", HEIGHT_CM)], at=NOW, actor="ann")
    clock.advance(OLDEST + HOUR)
    for _ in range(2):
        assert retry_letters(engine, clock) == Retried(tried=1, stored=0, still_dead=1)
    with reading(engine) as session:
        (letter,) = list_letters(session)
    assert (letter.code, letter.times) == ("unknown_device", 1)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 100_000, b'{"device":', b"null", b"x" * (MOST_BYTES + 1)])
def test_garbage_is_refused_whole_and_kept(engine: Engine, clock: ManualClock, body: bytes) -> None:
    for name in ("dustcart", "chirpstack", "no-such-format"):
        receipt = receive(engine, clock, format=name, body=body)
        assert (receipt.stored, len(receipt.rejected)) == (0, 1)
    with reading(engine) as session:
        assert len(session.exec(select(DeadLetter)).all()) == 3


def _envelopes(folder: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for path in sorted(folder.glob("Milesight_EM400-TLD_*_uplink_payload*.json")):
        if "ChirpStack" in path.name:
            yield "chirpstack", json.loads(path.read_text())
        if "ThingsStack" in path.name:
            yield "thethingsstack", json.loads(path.read_text())


def test_real_envelopes_are_taken_in_for_registered_devices(
    engine: Engine, clock: ManualClock, bin_: Bin, shared_data: Path
) -> None:
    taken = 0
    for format_, envelope in _envelopes(shared_data / "payloads" / "thingsboard"):
        body = json.dumps(envelope).encode()
        receipt = receive(engine, ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), format=format_, body=body)
        unknown = [rejection for rejection in receipt.rejected if rejection.code == "unknown_device"]
        assert unknown or receipt.rejected[0].code == "too_old"
        for rejection in unknown:
            assert rejection.device_id is not None
            register_devices(
                engine, [Mounting(rejection.device_id, None, "milesight-em400-tld", HEIGHT_CM)], at=NOW, actor="ann"
            )
        if format_ == "chirpstack":
            envelope["time"] = NOW.isoformat()
            again = json.dumps(envelope).encode()
            taken += receive(engine, clock, format=format_, body=again).stored
    assert taken > 0


def test_two_intakes_at_once_store_every_reading_once(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    batch = [said(0.2 + step / 100, NOW - (50 - step) * HOUR, bin_, sequence=step) for step in range(50)]
    body = json.dumps(batch).encode()
    stored: list[int] = []
    threads = [
        Thread(target=lambda: stored.append(receive(engine, clock, format="dustcart", body=body).stored))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [0, 0, 0, 50]


def _serve(engine: Engine, bin_: Bin, at: datetime, outcome: ServiceOutcome = ServiceOutcome.DONE) -> None:
    with transaction(engine) as session:
        record = ServiceRecord(point_id=bin_.point_id, stream=bin_.stream, at=at, outcome=outcome, actor="crew")
        record_service(session, record, NOW)


def test_a_service_record_empties_the_bins_of_its_stream_only(engine: Engine, bin_: Bin) -> None:
    _serve(engine, bin_, NOW - HOUR)
    with reading(engine) as session:
        known = {state.bin_id: state for state in session.exec(select(BinState))}
        alike = session.exec(select(Bin.id).where(Bin.point_id == bin_.point_id, Bin.stream == bin_.stream)).all()
    assert known.keys() == set(alike)
    assert known[bin_.id].emptied_at == NOW - HOUR
    assert known[bin_.id].source is LevelSource.SERVICE_RECORD
    assert (known[bin_.id].fill_level or 0) < 0.1


def test_what_could_not_be_served_stays_as_full_as_it_was(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    send(engine, clock, said(0.9, NOW - 2 * HOUR, bin_))
    _serve(engine, bin_, NOW - HOUR, ServiceOutcome.COULD_NOT)
    with reading(engine) as session:
        assert session.get_one(BinState, bin_.id).fill_level == pytest.approx(0.9)


def test_a_reading_after_a_late_record_has_the_last_word(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    send(engine, clock, said(0.3, NOW, bin_))
    _serve(engine, bin_, NOW - 2 * HOUR)
    with reading(engine) as session:
        state = session.get_one(BinState, bin_.id)
    assert (state.fill_level, state.emptied_at) == (pytest.approx(0.3, abs=0.05), NOW - 2 * HOUR)


def test_a_record_from_the_future_is_refused_and_changes_nothing(engine: Engine, bin_: Bin) -> None:
    with pytest.raises(IntakeError, match="future"):
        _serve(engine, bin_, NOW + HOUR)
    with reading(engine) as session:
        assert session.exec(select(ServiceRecord)).all() == []


def test_devices_are_registered_from_a_table_and_wrong_rows_are_named(
    engine: Engine, bin_: Bin, tmp_path: Path
) -> None:
    table = tmp_path / "devices.csv"
    table.write_text(
        f"device,bin,model,mounting_height_cm\nA-1,{bin_.id},,110\nA-2,no-such-bin,,110\nA-3,,,0\nA-4,,milesight-em400-tdl,110\n"
    )
    refused = register_devices(engine, read_mountings(table), at=NOW, actor="ann")
    assert [(bad.mounting.device_id, bad.code) for bad in refused] == [
        ("A-2", "unknown_bin"),
        ("A-3", "impossible_value"),
        ("A-4", "unknown_model"),
    ]
    assert "milesight-em400-tld" in refused[2].reason
    with reading(engine) as session:
        assert {device.id for device in session.exec(select(Device))} == {DEVICE, "A-1"}


def test_registering_and_moving_devices_is_in_the_journal_and_the_same_table_again_is_not(
    engine: Engine, bin_: Bin
) -> None:
    register_devices(engine, [Mounting("A-1", None, "", 110), Mounting("A-2", bin_.id, "", 110)], at=NOW, actor="ann")
    register_devices(
        engine, [Mounting("A-1", bin_.id, "", 110), Mounting("A-2", bin_.id, "", 110)], at=NOW, actor="bob"
    )
    with reading(engine) as session:
        told = session.exec(select(AuditRecord).where(col(AuditRecord.subject) != f"device/{DEVICE}")).all()
    assert [(one.actor, one.action, one.subject) for one in told] == [
        ("ann", "device.registered", "device/A-1"),
        ("ann", "device.registered", "device/A-2"),
        ("bob", "device.changed", "device/A-1"),
    ]
    assert (told[2].before["bin_id"], told[2].after["bin_id"]) == (None, bin_.id)
    assert [one.district_id for one in told] == [None, "north", "north"]


def test_a_table_of_devices_without_a_column_is_refused_by_name(tmp_path: Path) -> None:
    table = tmp_path / "devices.csv"
    table.write_text("device,bin\nA-1,x\n")
    with pytest.raises(IntakeError, match="mounting_height_cm"):
        read_mountings(table)


def test_the_bytes_of_a_frame_are_kept_as_they_came(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    payload = bytes.fromhex("01755C0367F7000482E80305000 0".replace(" ", ""))
    event = {
        "deviceInfo": {"devEui": DEVICE},
        "time": NOW.isoformat(),
        "fCnt": 4,
        "fPort": 85,
        "data": base64.b64encode(payload).decode(),
    }
    assert receive(engine, clock, format="chirpstack", body=json.dumps(event).encode()).stored == 1
    with reading(engine) as session:
        row = session.exec(select(Reading)).one()
    assert (row.raw["payload"], row.distance_cm, row.battery_percent) == (payload.hex(), 100.0, 92.0)


def test_messages_of_one_call_are_judged_each_by_itself(engine: Engine, clock: ManualClock, bin_: Bin) -> None:
    good, other = said(0.4, NOW - HOUR, bin_), said(0.41, NOW, bin_)
    messages = [Message("dustcart", json.dumps(body).encode()) for body in (good, [good, other], {"device": 1})]
    messages.append(Message("dustcart", b"{"))
    receipts = receive_all(engine, clock, messages)
    assert [(one.stored, one.duplicates, [bad.code for bad in one.rejected]) for one in receipts] == [
        (1, 0, []),
        (1, 1, []),
        (0, 0, ["no_device"]),
        (0, 0, ["not_json"]),
    ]


def test_intakes_that_meet_over_the_same_bins_in_another_order_do_not_block_each_other(
    engine: Engine, clock: ManualClock, bin_: Bin
) -> None:
    with reading(engine) as session:
        bins = session.exec(select(Bin.id).order_by(col(Bin.id))).all()
    names = [f"meter-{number}" for number in range(len(bins))]
    assert len(names) > 1
    register_devices(
        engine, [Mounting(name, id_, "", HEIGHT_CM) for name, id_ in zip(names, bins, strict=True)], at=NOW, actor="ann"
    )
    failed: list[Exception] = []

    def deliver(order: list[str], first: int) -> None:
        try:
            for step in range(first, first + 20):
                at = NOW - (50 - step) * HOUR
                send(engine, clock, *({"device": name, "at": at.isoformat(), "fill_level": 0.3} for name in order))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test fails by it
            failed.append(error)

    threads = [Thread(target=deliver, args=(order, first)) for order, first in ((names, 0), (names[::-1], 20))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(verdicts(engine)) == 2 * 20 * len(names)


def test_the_same_record_again_changes_nothing_and_another_one_is_refused(engine: Engine, bin_: Bin) -> None:
    def record(at: datetime, weight_kg: float) -> ServiceRecord:
        return ServiceRecord(
            point_id=bin_.point_id,
            stream=bin_.stream,
            dispatch_id="d-1",
            stop_id="s-1",
            at=at,
            outcome=ServiceOutcome.DONE,
            weight_kg=weight_kg,
            actor="crew",
        )

    for _ in range(2):
        with transaction(engine) as session:
            record_service(session, record(NOW - HOUR, 12.0), NOW)
    with pytest.raises(IntakeError, match="weight_kg") as caught, transaction(engine) as session:
        record_service(session, record(NOW - HOUR, 13.0), NOW)
    assert caught.value.code == "record_contradicts"
    with reading(engine) as session:
        assert len(session.exec(select(ServiceRecord)).all()) == 1
