"""Order: whatever the order of arrival, a bin ends in the same state, with the same readings and the same verdicts."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, delete
from sqlmodel import SQLModel, col, select

from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Bin, CollectionPoint, District, PointKind, StreamRule
from city.streams import Stream
from sensors.delivery import Message
from sensors.devices import Mounting, register_devices
from sensors.diary import BinDiary
from sensors.intake import receive_all
from sensors.levels import BinDay, BinState
from sensors.service import ServiceOutcome, ServiceRecord, record_service
from sensors.telemetry import Reading, Verdict
from sensors.timeline import REACH_DAYS

BEGIN = datetime(2026, 3, 2, 5, 20, tzinfo=UTC)
END = BEGIN + timedelta(days=9)
HOUR = timedelta(hours=1)
HEIGHT_CM, DEPTH_CM = 120, 100

Delivery = dict[str, Any] | ServiceRecord


@pytest.fixture
def watched(engine: Engine) -> Engine:
    """Return a database with one bin that two devices look into."""
    with transaction(engine) as session:
        session.add(District(id="d", name="D"))
        session.add(StreamRule(stream=Stream.DRY, density_kg_per_l=0.1))
        session.flush()
        session.add(CollectionPoint(id="p", district_id="d", kind=PointKind.STREET, name="P", lon=0, lat=0))
        session.flush()
        session.add(Bin(id="b", point_id="p", stream=Stream.DRY, usable_volume_l=240, depth_cm=DEPTH_CM))
    assert (
        register_devices(
            engine,
            [Mounting(name, "b", "", HEIGHT_CM) for name in ("one", "two")],
            at=BEGIN,
            actor="ann",
        )
        == ()
    )
    return engine


def _life(chance: np.random.Generator) -> Iterator[tuple[datetime, Delivery]]:
    """Yield what happens to a bin: it fills, is emptied with and without a record, and its sensors err."""
    level, at, sequence = 0.2, BEGIN, 0
    while at < END:
        level += float(chance.gamma(0.15, 0.12))
        if level > 0.9:
            level = 0.04
            if chance.random() < 0.6:
                weight_kg = float(chance.uniform(5, 25)) if chance.random() < 0.5 else None
                yield (
                    at - timedelta(minutes=20),
                    ServiceRecord(
                        point_id="p",
                        stream=Stream.DRY,
                        at=at - timedelta(minutes=20),
                        outcome=ServiceOutcome.DONE,
                        weight_kg=weight_kg,
                        actor="crew",
                    ),
                )
        seen = float(chance.uniform(0, 1.1)) if chance.random() < 0.08 else level + float(chance.normal(0, 0.02))
        said = {"device": "one" if chance.random() < 0.8 else "two", "at": at.isoformat(), "sequence": sequence % 50}
        yield at, said | {"distance_cm": round(HEIGHT_CM - DEPTH_CM * seen, 1), "tilted": bool(chance.random() < 0.03)}
        at += HOUR * float(chance.choice([0.5, 1, 1, 1, 3, 9]))
        sequence += 1


def _deliver(engine: Engine, deliveries: list[Delivery], sizes: np.random.Generator) -> None:
    with transaction(engine) as session:
        for table in (Reading, BinState, BinDay, BinDiary, ServiceRecord):
            session.execute(delete(table))
    clock = ManualClock(END)
    while deliveries:
        first = deliveries[0]
        if isinstance(first, ServiceRecord):
            with transaction(engine) as session:
                record_service(session, ServiceRecord.model_validate(first.model_dump()), END)
            deliveries = deliveries[1:]
            continue
        size = int(sizes.integers(1, 8))
        ready = [delivery for delivery in deliveries[:size] if isinstance(delivery, dict)]
        messages = [Message("dustcart", json.dumps(part).encode()) for part in (ready[:2], ready[2:]) if part]
        receipts = receive_all(engine, clock, messages)
        assert not any(receipt.rejected for receipt in receipts)
        deliveries = [delivery for delivery in deliveries if not any(delivery is one for one in ready)]


def _outcome(engine: Engine) -> tuple[object, ...]:
    with reading(engine) as session:
        readings = session.exec(select(Reading).order_by(col(Reading.at), col(Reading.frame_key))).all()
        state = session.get_one(BinState, "b")
        diary = session.get_one(BinDiary, "b")
    kept = [(one.device_id, one.frame_key, one.verdict, one.verdict_reason, one.verdict_numbers) for one in readings]
    return kept, _columns(state), _columns(diary)


def _columns(row: SQLModel) -> dict[str, object]:
    return row.model_dump()


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival_within_the_reach_ends_the_same(watched: Engine, seed: int) -> None:
    chance = np.random.default_rng(seed)
    life = list(_life(chance))
    _deliver(watched, [delivery for _, delivery in life], chance)
    in_order = _outcome(watched)
    assert {Verdict.OK, Verdict.SPIKE} <= {verdict for _, _, verdict, _, _ in in_order[0]}  # type: ignore[attr-defined]
    reach_h = REACH_DAYS * 24 - 0.1
    # The first to arrive must be of the first days, or the bin's past begins after what comes late.
    delays = [0.0, *chance.uniform(0, reach_h, len(life) - 1)]
    shuffled = [
        life[place][1]
        for place in np.argsort([at.timestamp() + 3600 * d for (at, _), d in zip(life, delays, strict=True)])
    ]
    repeated = [delivery for delivery in shuffled if isinstance(delivery, dict) and chance.random() < 0.2]
    _deliver(watched, shuffled + repeated, chance)
    assert _outcome(watched) == in_order


def test_what_is_too_late_to_place_is_kept_and_moves_nothing(watched: Engine) -> None:
    chance = np.random.default_rng(11)
    life = [delivery for _, delivery in _life(chance)]
    late = next(delivery for delivery in life[8:] if isinstance(delivery, dict))
    life.remove(late)
    _deliver(watched, life, chance)
    before = _outcome(watched)[1]
    (receipt,) = receive_all(watched, ManualClock(END), [Message("dustcart", json.dumps(late).encode())])
    assert receipt.stored == 1
    kept, after, _ = _outcome(watched)
    assert after == before
    assert [verdict for _, _, verdict, _, _ in kept].count(Verdict.LATE) == 1  # type: ignore[attr-defined]


def test_a_frame_is_known_again_from_another_gateway_or_sent_again(watched: Engine) -> None:
    frame = {"device": "one", "distance_cm": 50.0, "sequence": 7}

    def stored(at: datetime, **more: object) -> int:
        body = json.dumps(frame | more | {"at": at.isoformat()}).encode()
        return receive_all(watched, ManualClock(END), [Message("dustcart", body)])[0].stored

    assert stored(BEGIN) == 1
    assert stored(BEGIN + timedelta(seconds=2)) == 0
    assert stored(BEGIN - timedelta(seconds=30)) == 0
    assert stored(BEGIN + timedelta(minutes=4)) == 0
    # The counter started again, or wrapped: the same number an hour later is another frame.
    assert stored(BEGIN + HOUR) == 1
    # Another content under the same number: the device restarted within minutes.
    assert stored(BEGIN + timedelta(minutes=1), distance_cm=49.0) == 1
    assert stored(BEGIN + timedelta(minutes=1), sequence=8) == 1
    # Without a counter only the very same moment and content is the same.
    assert stored(BEGIN, sequence=None) == 1
    assert stored(BEGIN, sequence=None) == 0
    assert stored(BEGIN + timedelta(seconds=2), sequence=None) == 1
